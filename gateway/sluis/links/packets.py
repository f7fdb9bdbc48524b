"""MQTT 3.1.1 on the wire, as far as the hot path needs it: cut a stream into packets, read PUBLISH, write PUBACK.

Theory of operation. Nearly all packets a gateway receives are PUBLISH and nearly all it sends are PUBACK. paho reads
each packet with three system calls and some sixty microseconds of Python. So these two are done here, on whole
buffers, and everything else (CONNECT, SUBSCRIBE, our own publishing ...) stays paho's. Bytes in, values out; no socket.

    PUBLISH  0011dqqr  remaining length (1-4 bytes)  topic length (2)  topic  packet id (2, when qq > 0)  payload
    PUBACK   01000000  00000010                      packet id (2)
    d duplicate, qq quality of service, r retained; source: OASIS MQTT 3.1.1, sections 2.2, 3.3 and 3.4
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

PUBLISH = 0x30
PINGREQ = b"\xc0\x00"
_PUBACK = struct.Struct("!BBH")


class Malformed(ConnectionError):
    """The other side does not speak MQTT; only a new connection helps."""


class Published(NamedTuple):
    """A PUBLISH as it came."""

    topic: bytes
    payload: bytes
    mid: int
    """Packet id; 0 for quality of service 0."""
    retained: bool
    duplicate: bool


class Oversize(NamedTuple):
    """A PUBLISH that is too large to take in; its payload is thrown away as it arrives."""

    topic: bytes
    mid: int
    size: int
    """Bytes of topic and payload together."""


class Cutter:
    """Takes received bytes; gives PUBLISH packets, and leaves the rest in `others`, whole and in order."""

    def __init__(self, max_payload_bytes: int) -> None:
        self.others = bytearray()
        self._limit = max_payload_bytes
        self._tail = b""
        self._skip = 0

    def feed(self, data: bytes) -> list[Published | Oversize]:
        """Malformed when it is no MQTT."""
        buffer = self._tail + data if self._tail else data
        at, end = 0, len(buffer)
        found: list[Published | Oversize] = []
        if self._skip:
            at = min(self._skip, end)
            self._skip -= at
        while end - at >= 2:
            head, length, body = buffer[at], buffer[at + 1], at + 2
            if length & 0x80:
                length, body = _long_length(buffer, at + 1, end)
                if not body:
                    break
            stop = body + length
            publish = head & 0xF0 == PUBLISH
            if publish and length > self._limit:
                huge = self._oversize(buffer, head, body, length, end)
                if huge is None:
                    break
                if huge.size > self._limit:
                    found.append(huge)
                    self._skip = max(0, stop - end)
                    at = min(stop, end)
                    continue
            if stop > end:
                break
            if publish:
                found.append(_published(buffer, head, body, stop))
            else:
                self.others += buffer[at:stop]
            at = stop
        self._tail = buffer[at:]
        return found

    def _oversize(self, buffer: bytes, head: int, body: int, length: int, end: int) -> Oversize | None:
        """Topic and id of a large PUBLISH; None while they have not arrived yet."""
        qos = head >> 1 & 3
        if end - body < 2:
            return None
        stop = body + 2 + (buffer[body] << 8 | buffer[body + 1])
        if stop + 2 > body + length or qos > 1:
            raise Malformed("a PUBLISH contradicts itself")
        if end < stop + 2:
            return None
        mid = buffer[stop] << 8 | buffer[stop + 1] if qos else 0
        # Counted as payload alone: a limit of n bytes lets n bytes pass, whatever the topic.
        return Oversize(buffer[body + 2 : stop], mid, length - (stop - body) - 2 * bool(qos))


def _published(buffer: bytes, head: int, body: int, stop: int) -> Published:
    start = body + 2
    topic_end = start + (buffer[body] << 8 | buffer[body + 1]) if start <= stop else stop + 1
    qos = head & 0x06
    data = topic_end + 2 if qos else topic_end
    if data > stop or qos > 2:
        raise Malformed("a PUBLISH contradicts itself")
    mid = buffer[topic_end] << 8 | buffer[topic_end + 1] if qos else 0
    return Published(buffer[start:topic_end], buffer[data:stop], mid, head & 1 == 1, head & 8 == 8)


def _long_length(buffer: bytes, at: int, end: int) -> tuple[int, int]:
    """(remaining length, where the body starts); body 0 while it has not arrived."""
    length = 0
    for count in range(4):
        if at >= end:
            return 0, 0
        byte = buffer[at]
        at += 1
        length |= (byte & 0x7F) << 7 * count
        if not byte & 0x80:
            return length, at
    raise Malformed("a packet length of more than four bytes")


def pubacks(mids: Iterable[int]) -> bytes:
    """One PUBACK for each packet id."""
    pack = _PUBACK.pack
    return b"".join([pack(0x40, 2, mid) for mid in mids])


def publication(topic: str, payload: bytes, retained: bool) -> bytes:
    """A PUBLISH of quality of service 0. ValueError for a topic that cannot be one."""
    name = topic.encode()
    if not name or len(name) > 65_535 or any(char in topic for char in "+#\0"):
        raise ValueError(f"{topic!r} is no topic to publish on")
    body = struct.pack("!H", len(name)) + name + payload
    return bytes([PUBLISH | retained]) + _length(len(body)) + body


def _length(length: int) -> bytes:
    """Remaining length (section 2.2.3): seven bits a byte, the lowest first."""
    written = bytearray()
    while True:
        length, digit = divmod(length, 128)
        written.append(digit | (128 if length else 0))
        if not length:
            return bytes(written)
