"""Drivers, `<vendor>/<model>.py`, and nothing else."""
