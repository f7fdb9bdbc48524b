"""KNX installations."""
