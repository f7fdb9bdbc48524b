"""Ruuvi."""
