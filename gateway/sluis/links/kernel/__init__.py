"""Sensors that the kernel already reads: 1-Wire thermometers, IIO, hwmon."""
