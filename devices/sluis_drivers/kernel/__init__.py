"""Sensors that the kernel reads, as the kernel link tells of them."""
