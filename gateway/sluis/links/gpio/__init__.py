"""Pins of the header: contacts, relays, pulse counters."""
