"""INKBIRD."""
