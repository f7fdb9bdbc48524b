"""Smart meters with a P1 port: see `sluis_drivers.dsmr.p1`."""
