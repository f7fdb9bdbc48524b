"""A CEC adapter through the kernel's own interface, `/dev/cecN` (Linux 5.10 and later; linux/cec.h, and "CEC API" in
the kernel's userspace API guide).

The device is opened non-blocking: `transmit` hands a message over, and what became of it comes out of `receive` later,
under the same sequence number. Nothing here waits.
"""

from __future__ import annotations

import fcntl
import os
import struct
from dataclasses import dataclass

MESSAGE = struct.Struct("=QQIIII16sBBBBBBBx")
"""cec_msg: tx_ts, rx_ts, len, timeout, sequence, flags, msg[16], reply, rx_status, tx_status, four counters."""
LOG_ADDRS = struct.Struct("=4sHBBII15s4s4s4s48sx")
"""cec_log_addrs: log_addr[4], mask, cec_version, num, vendor_id, flags, osd_name[15], primary types, log_addr types,
all device types, features[4][12]."""
EVENT = struct.Struct("=QII64s")
"""cec_event: ts, event, flags, and a union."""
STATE = struct.Struct("=HH")
"""cec_event_state_change: physical address, mask of logical addresses."""
CAPS = struct.Struct("=32s32sIII")
"""cec_caps: driver, name, available_log_addrs, capabilities, version."""
WORD, SHORT = struct.Struct("=I"), struct.Struct("=H")

READ, WRITE = 2, 1


def request(direction: int, number: int, layout: struct.Struct) -> int:
    """The number of an ioctl of type 'a' (asm-generic/ioctl.h)."""
    return direction << 30 | layout.size << 16 | ord("a") << 8 | number


G_CAPS = request(READ | WRITE, 0, CAPS)
G_PHYS_ADDR = request(READ, 1, SHORT)
G_LOG_ADDRS = request(READ, 3, LOG_ADDRS)
S_LOG_ADDRS = request(READ | WRITE, 4, LOG_ADDRS)
TRANSMIT = request(READ | WRITE, 5, MESSAGE)
RECEIVE = request(READ | WRITE, 6, MESSAGE)
DQEVENT = request(READ | WRITE, 7, EVENT)
S_MODE = request(WRITE, 9, WORD)

INITIATOR_AND_FOLLOWER = 0x11
PLAYBACK, PLAYBACK_DEVICE, ALL_PLAYBACK = 3, 4, 0x10
"""Type of logical address, primary device type, and all device types of a player."""
VERSION_1_4 = 5
NO_VENDOR = 0xFFFFFFFF
NO_PLACE = 0xFFFF
"""Physical address of an adapter with nothing at the end of its cable."""

TX_OK, TX_NACK = 0x01, 0x04
RX_OK, RX_TIMEOUT, RX_FEATURE_ABORT = 0x01, 0x02, 0x04
STATE_CHANGE = 1


@dataclass(frozen=True, slots=True)
class Message:
    """A message on the bus, or what became of one that was sent."""

    data: bytes
    """Whole: the first byte holds the addresses of sender and receiver."""
    sequence: int = 0
    """0 for a message that came by itself."""
    tx_status: int = 0
    rx_status: int = 0

    @property
    def sender(self) -> int:
        return self.data[0] >> 4

    @property
    def is_broadcast(self) -> bool:
        return self.data[0] & 0xF == 0xF


def packed(data: bytes, reply: int = 0, timeout_ms: int = 0) -> bytearray:
    """A message to transmit; with `reply` the kernel waits so long for that opcode in answer."""
    if not 1 <= len(data) <= 16:
        raise ValueError(f"a CEC message has 1 to 16 bytes, not {len(data)}")
    return bytearray(MESSAGE.pack(0, 0, len(data), timeout_ms, 0, 0, data, reply, 0, 0, 0, 0, 0, 0))


def unpacked(raw: bytes | bytearray) -> Message:
    _, _, length, _, sequence, _, data, _, rx_status, tx_status, *_ = MESSAGE.unpack(raw)
    return Message(data[: min(length, 16)], sequence, tx_status, rx_status)


def claim(osd_name: str) -> bytearray:
    """What to ask for: the logical address of a player, with a name."""
    first = bytes([0, 0, 0])
    return bytearray(
        LOG_ADDRS.pack(
            bytes(4),
            0,
            VERSION_1_4,
            1,
            NO_VENDOR,
            0,
            osd_name.encode("ascii"),
            bytes([PLAYBACK_DEVICE]) + first,
            bytes([PLAYBACK]) + first,
            bytes([ALL_PLAYBACK]) + first,
            bytes(48),
        )
    )


class Adapter:
    """An open device. OSError from every call when the kernel says no or the device is gone."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            caps = bytearray(CAPS.size)
            fcntl.ioctl(self.fd, G_CAPS, caps)
            self.driver = CAPS.unpack(caps)[0].rstrip(b"\0").decode("ascii", "replace")
            fcntl.ioctl(self.fd, S_MODE, WORD.pack(INITIATOR_AND_FOLLOWER))
        except OSError:
            os.close(self.fd)
            raise

    def close(self) -> None:
        os.close(self.fd)

    def place(self) -> int:
        """The physical address, NO_PLACE where nothing is plugged in."""
        held = bytearray(SHORT.size)
        fcntl.ioctl(self.fd, G_PHYS_ADDR, held)
        return int(SHORT.unpack(held)[0])

    def address(self, osd_name: str) -> int | None:
        """Our logical address; None while there is none. Asks for one where nobody did."""
        held = bytearray(LOG_ADDRS.size)
        fcntl.ioctl(self.fd, G_LOG_ADDRS, held)
        addresses, mask, _, count, *_ = LOG_ADDRS.unpack(held)
        if not count:
            fcntl.ioctl(self.fd, S_LOG_ADDRS, claim(osd_name))
        return int(addresses[0]) if mask else None

    def transmit(self, data: bytes, reply: int = 0, timeout_ms: int = 0) -> int:
        """Hand a message over; its sequence number."""
        raw = packed(data, reply, timeout_ms)
        fcntl.ioctl(self.fd, TRANSMIT, raw)
        return unpacked(raw).sequence

    def receive(self) -> Message | None:
        """The next message, or None when there is none."""
        raw = bytearray(MESSAGE.size)
        try:
            fcntl.ioctl(self.fd, RECEIVE, raw)
        except (BlockingIOError, TimeoutError):
            return None
        return unpacked(raw)

    def changed(self) -> bool:
        """Whether the adapter's addresses changed since this was asked last."""
        found = False
        while True:
            raw = bytearray(EVENT.size)
            try:
                fcntl.ioctl(self.fd, DQEVENT, raw)
            except BlockingIOError:
                return found
            found = found or EVENT.unpack(raw)[1] == STATE_CHANGE
