"""Sluis' own nodes."""
