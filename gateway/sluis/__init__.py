"""Sluis: the gate between the physical things in a building and the people who look after them.

Rooms, from top to bottom (imports only point down; `lint-imports` checks it):

    cli -> demo -> app -> panel | links | store | hosted -> services -> runtime -> deciders -> sdk | wire -> model
"""

__version__ = "0.1.0"
