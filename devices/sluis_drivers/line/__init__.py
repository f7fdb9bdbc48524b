"""Devices that talk in lines, by a map of their dialogue."""
