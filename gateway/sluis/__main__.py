"""`python -m sluis` is the same as the `sluis` command."""

from sluis.cli import main

main()
