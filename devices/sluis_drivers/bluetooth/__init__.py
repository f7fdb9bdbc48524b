"""Bluetooth devices of no particular make, and what all drivers of advertising sensors share."""
