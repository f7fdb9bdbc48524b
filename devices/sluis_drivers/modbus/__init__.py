"""Modbus devices by register maps: see `sluis_drivers.modbus.device`."""
