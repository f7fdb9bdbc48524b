"""Samsung."""
