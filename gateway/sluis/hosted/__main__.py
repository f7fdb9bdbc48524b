"""`python -m sluis.hosted`: a driver host. Started by the gateway, of no use to people."""

from sluis.hosted.child import main

main()
