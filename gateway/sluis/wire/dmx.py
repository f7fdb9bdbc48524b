"""DMX universes over UDP: Art-Net and sACN packets, bytes out of values.

Art-Net 4 (Artistic Licence, protocol release V1.4dp), ArtDmx:

    "Art-Net" 00 | 00 50 | 00 0E | S P | U N | L L | slots

    the opcode low byte first, all other numbers of two bytes high byte first
    S sequence 1 to 255 | P physical port | U low byte of the universe, N its high 7 bits | LL number of slots, even

ANSI E1.31-2018, data packet: root layer, framing layer, DMP layer (sections 4 to 7); 638 bytes with 512 slots.
"""

from __future__ import annotations

import struct

SLOTS = 512
ARTNET_UNIVERSES = 0x7FFF
SACN_UNIVERSES = 63_999
PRIORITY = 100
"""sACN priority, 0 to 200; 100 is the standard's default. Of two senders the higher is obeyed."""


def artdmx(universe: int, sequence: int, slots: bytes) -> bytes:
    """One universe. `sequence` 1 to 255; slots are made even in number."""
    slots += b"\0" * (len(slots) % 2)
    head = b"Art-Net\0" + struct.pack("<H", 0x5000) + struct.pack(">HBB", 14, sequence, 0)
    return head + struct.pack("<H", universe) + struct.pack(">H", len(slots)) + slots


def sacn(cid: bytes, name: str, universe: int, sequence: int, slots: bytes) -> bytes:
    """One universe. `cid` is the sender's own 16 bytes, the same for ever; `sequence` 0 to 255."""
    count = len(slots) + 1  # with the start code
    dmp = struct.pack(">HBBHHH", _length(count + 10), 0x02, 0xA1, 0, 1, count) + b"\0" + slots
    source = name.encode()[:63].ljust(64, b"\0")
    framing = struct.pack(">HI", _length(len(dmp) + 77), 2) + source
    framing += struct.pack(">BHBBH", PRIORITY, 0, sequence, 0, universe)
    root = (
        struct.pack(">HH", 0x10, 0) + b"ASC-E1.17\0\0\0" + struct.pack(">HI", _length(len(framing) + len(dmp) + 22), 4)
    )
    return root + cid + framing + dmp


def _length(octets: int) -> int:
    """Flags (7) and length of a layer, from its own first byte on."""
    return 0x7000 | octets
