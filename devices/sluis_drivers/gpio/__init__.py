"""Pins of the header, as the gpio link tells of them."""
