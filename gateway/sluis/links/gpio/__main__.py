"""`python -m sluis.links.gpio`: the keeper's process, started by the link."""

from sluis.links.gpio.keeper import main

main()
