"""Lights on DMX universes, over the network."""
