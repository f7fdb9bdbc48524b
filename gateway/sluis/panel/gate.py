"""A listening socket that lets in so many and no more.

Uvicorn counts connections only once their TLS handshake is done. Those that never begin it would each hold a file
descriptor for a minute, and a process without descriptors can open neither its database nor a folder: anybody on the
network could end the gateway without a password.
"""

from __future__ import annotations

import socket
from collections import Counter

OPEN_MAX = 400
"""Connections at once on one listener, with or without TLS. More than uvicorn serves (300), so that its polite 503
comes first; two listeners of them stay below the 1,024 descriptors that a process gets by default, of which the
gateway itself needs some forty."""

OPEN_OF_ONE = 200
"""Connections at once from one address: below what uvicorn serves, so that one machine gone mad leaves room for the
others. A browser keeps six and a stream; thirty of them may share an address."""


class Gate(socket.socket):
    """Accepts as a socket does, and hangs up at once on those that are too many."""

    def __init__(self, family: int = socket.AF_INET) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self.turned_away = 0
        self._open: list[tuple[str, socket.socket]] = []

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        """ConnectionAbortedError, which servers pass over, for one that is too many."""
        taken, address = super().accept()
        self._open = [pair for pair in self._open if pair[1].fileno() >= 0]
        if len(self._open) >= OPEN_MAX or Counter(host for host, _ in self._open)[address[0]] >= OPEN_OF_ONE:
            self.turned_away += 1
            taken.close()
            raise ConnectionAbortedError("too many connections")
        self._open.append((address[0], taken))
        return taken, address
