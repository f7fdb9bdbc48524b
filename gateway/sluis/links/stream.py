"""Between paho and its socket: large reads, one write for many packets, PUBLISH handed over before paho sees it.

`PacketStream` looks like the socket that paho expects; `PacketClient` gives it to paho. Both are used by one thread.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import Any

import paho.mqtt.client as mqtt

from sluis.links.packets import Cutter, Oversize, Published

READ_BYTES = 65_536
"""Bytes asked of the kernel at once: some 200 messages of 256 bytes. Smaller costs a system call for each few
packets; larger gains nothing, as the kernel's own buffer is about this size."""

ROUNDS = 8
"""Reads in a row before the thread looks at what it has to send. Fewer and a burst costs more wake-ups; more and
acknowledgements wait behind it, and the broker resends what it thinks is lost."""

UNSENT_BYTES = 1_048_576
"""Written but not yet taken by the kernel; beyond it paho is told to wait. Smaller than one large publication and
that one could never go out in one piece; larger and a dead connection holds memory for nothing."""


class PacketStream:
    """A non-blocking socket that is read and written in large pieces."""

    def __init__(self, sock: socket.socket, max_payload_bytes: int) -> None:
        self._sock = sock
        self._cutter = Cutter(max_payload_bytes)
        self._unsent = bytearray()
        self.ended = False
        self.reason = ""
        """Why it ended."""

    # -- for the link's loop ------------------------------------------------------------------------------

    def receive(self) -> list[Published | Oversize]:
        """What has arrived and is PUBLISH; `ended` when there will be no more. Malformed when it is no MQTT."""
        found: list[Published | Oversize] = []
        for _ in range(ROUNDS):
            try:
                data = self._sock.recv(READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            except OSError as error:
                # What came before it is whole, and handed over.
                self.ended, self.reason = True, str(error)
                break
            if not data:
                self.ended, self.reason = True, "the broker closed the connection"
                break
            found += self._cutter.feed(data)
            if len(data) < READ_BYTES and not self.undecrypted:
                break
        return found

    @property
    def undecrypted(self) -> bool:
        """TLS may hold bytes that select cannot see."""
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    @property
    def others(self) -> bool:
        """Whether packets wait that paho is to read."""
        return bool(self._cutter.others)

    @property
    def unsent(self) -> bool:
        return bool(self._unsent)

    def queue(self, packets: bytes) -> None:
        """Whole packets of ours, between paho's."""
        self._unsent += packets

    def flush(self) -> None:
        """Write what the kernel takes now."""
        while self._unsent:
            try:
                sent = self._sock.send(self._unsent)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            del self._unsent[:sent]

    # -- what paho asks of a socket -----------------------------------------------------------------------

    def recv(self, size: int) -> bytes:
        """Bytes of whole packets that are not PUBLISH."""
        others = self._cutter.others
        if not others:
            if self.ended:
                return b""
            raise BlockingIOError
        data = bytes(others[:size])
        del others[:size]
        return data

    def send(self, data: bytes) -> int:
        if len(self._unsent) > UNSENT_BYTES:
            raise BlockingIOError
        self._unsent += data
        return len(data)

    def close(self) -> None:
        with suppress(OSError):
            self.flush()
        self._sock.close()

    def fileno(self) -> int:
        return self._sock.fileno()

    def setblocking(self, blocking: bool) -> None:
        self._sock.setblocking(blocking)


class PacketClient(mqtt.Client):
    """paho, reading and writing through a `PacketStream`."""

    stream: PacketStream | None = None

    def __init__(self, max_payload_bytes: int, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._max_payload_bytes = max_payload_bytes

    def _create_socket(self) -> PacketStream:  # type: ignore[override]  # it is all of a socket that paho uses
        # paho has no public way to hand it a socket; tests/links holds this seam to paho's newest version.
        sock = super()._create_socket()
        assert isinstance(sock, socket.socket)
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = PacketStream(sock, self._max_payload_bytes)
        return self.stream
