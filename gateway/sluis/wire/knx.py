"""Group telegrams of KNX: the application layer's bytes, there and back.

After the KNX Standard 2.1, 03/03/07 Application Layer, sections 2.1 and 3.1 (A_GroupValue_Read, _Response, _Write).
Two bytes: six bits of transport layer (0 for group data), four of service, six of data; longer values follow.

    00 00            read
    00 40+D | 00 40 V...    response
    00 80+D | 00 80 V...    write

    D value of 1 to 6 bits | V... value of whole bytes
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sluis.model import Implausible, NotMine, Truncated

READ, RESPONSE, WRITE = 0, 1, 2
ADDRESS = re.compile(r"(?:[0-9]|[12][0-9]|3[01])/[0-7]/(?:[0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])")
"""A group address in three levels, main/middle/sub; 0/0/0 is the broadcast and no group."""
LONGEST = 254
"""Bytes of a value in an extended frame."""


@dataclass(frozen=True, slots=True)
class Group:
    """One group telegram's content."""

    service: int
    value: bytes = b""
    """Its value; one byte where it is `small`."""
    small: bool = False
    """A value of 1 to 6 bits, which travels inside the second byte."""


def parse(data: bytes) -> Group:
    """NotMine for other services, Truncated when there is too little."""
    if len(data) < 2:
        raise Truncated("a group telegram has two bytes or more")
    if len(data) > LONGEST + 2:
        raise Implausible("longer than a telegram can be")
    service, low = (data[0] & 0x03) << 2 | data[1] >> 6, data[1] & 0x3F
    if data[0] & 0xFC or service not in (READ, RESPONSE, WRITE):
        raise NotMine
    if service == READ:
        return Group(READ)
    if len(data) == 2:
        return Group(service, bytes([low]), small=True)
    return Group(service, data[2:])


def build(group: Group) -> bytes:
    """The bytes of a telegram's content."""
    low = group.value[0] & 0x3F if group.small else 0
    return bytes([0, group.service << 6 | low]) + (b"" if group.small or group.service == READ else group.value)


def is_address(text: str) -> bool:
    """Whether this is a group address in three levels."""
    return ADDRESS.fullmatch(text) is not None and text != "0/0/0"
