"""The loader of an Espressif chip, as esptool speaks to it: the one in its ROM, and the stub that esptool uploads.

What a chip says and understands is in Espressif's esptool documentation ("Serial Protocol"). No code of a chip is
executed: an uploaded stub is taken as such, and its further commands are understood from then on.

Every packet is between 0xC0 (SLIP). A request: 0, command, size (2), checksum (4), data; an answer: 1, command, size,
value (4), data, and a status that ends it. Numbers are little-endian.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import xor
from typing import ClassVar

from sluis_provision.rehearsal.nor import Nor

END, ESCAPED_END, ESCAPED_ESCAPE = b"\xc0", b"\xdb\xdc", b"\xdb\xdd"
HELD_MOST = 1 << 17
"""Bytes of an unfinished packet: some more than the largest block that esptool sends (16 kB, all of it escaped)."""
SEED = 0xEF
MAGIC = 0x40001000
"""Register that tells the chips apart, in all of them."""
INVALID, REFUSED, DAMAGED, NOT_WRITTEN = 0x05, 0x06, 0x07, 0x08
USER_COMMAND = 1 << 18
JEDEC_ID = 0x9F
MAKER = 0x40EF
"""Winbond's serial flash, as it identifies itself in its first two bytes."""


@dataclass(frozen=True, slots=True)
class Registers:
    """What esptool looks at to know a chip and its flash."""

    magic: int
    chip_id: int
    """As in the header of its images; -1 for the first chip, which is not asked."""
    mac: int
    """Address of the two words of its MAC."""
    spi: int
    """Base of the flash's controller."""
    command: int
    """From there: the register with the command."""
    word: int
    """From there: the first word that the flash answers."""


CHIPS = {
    "esp32": Registers(0x00F01D83, -1, 0x3FF5A004, 0x3FF42000, 0x24, 0x80),
    "esp32c3": Registers(0x1B31506F, 5, 0x60008844, 0x60002000, 0x20, 0x58),
    "esp32s3": Registers(0x00000009, 9, 0x60007044, 0x60002000, 0x20, 0x58),
}


@dataclass(slots=True)
class Faults:
    """What goes wrong, by the number of a block of data that the chip was ever sent, from 1; None for never."""

    lose: int | None = None
    """No answer to this block."""
    refuse: int | None = None
    """This block is refused."""
    dark: int | None = None
    """Power goes at this block."""
    noisy_above: int | None = None
    """The cable carries nothing whole at more baud than this."""
    stuck: int | None = None
    """The lowest bit of the flash at this address stays cleared."""
    blocks: int = 0
    """So many it was sent until now."""


class Loader:
    """From when a chip starts in its loader until it leaves it. `say(bytes, after_s)` is told every answer, and how
    long the flash keeps it waiting."""

    def __init__(self, chip: str, mac: bytes, flash: Nor, faults: Faults, say: Callable[[bytes, float], None]) -> None:
        self.baud = 115200
        """What the host has set; it is told."""
        self.left: str = ""
        """`run` or `load` when a command has made the chip start anew, `dark` when power went."""
        self._registers = CHIPS[chip]
        self._mac = mac
        self._flash = flash
        self._faults = faults
        self._say = say
        self._stub = False
        self._written: dict[int, int] = {}
        self._held = b""
        self._start = self._at = self._block = 0
        self._last = -1
        self._inflate = zlib.decompressobj()
        self._reading: _Reading | None = None

    def heard(self, data: bytes) -> None:
        """Bytes from the host. Those that come while it starts anew are lost."""
        if self.left:
            return
        for packet in self._packets(data):
            if self._reading is not None and len(packet) == 4:
                self._more(struct.unpack("<I", packet)[0])
            elif len(packet) >= 8 and packet[0] == 0:
                self._request(packet)
            if self.left:
                return

    def _packets(self, data: bytes) -> Iterator[bytes]:
        self._held = (self._held + data)[-HELD_MOST:]
        while True:
            before, found, after = self._held.partition(END)
            inside, closed, rest = after.partition(END)
            if not found or not closed:
                self._held = found + after if found else before[-1:]
                return
            # Two in a row: the first ended what was lost, the second begins.
            self._held = rest if inside else END + rest
            if inside:
                yield inside.replace(ESCAPED_END, END).replace(ESCAPED_ESCAPE, b"\xdb")

    def _request(self, packet: bytes) -> None:
        command, size, checksum = struct.unpack_from("<xBHI", packet)
        data = packet[8 : 8 + size]
        if self._faults.noisy_above is not None and self.baud > self._faults.noisy_above:
            return
        if command in DATA and not self._takes(command, data, checksum):
            return
        answer = self.COMMANDS.get(command)
        if answer is None or (command >= FIRST_OF_STUB and not self._stub):
            self._answer(command, error=INVALID)
            return
        try:
            answer(self, command, data)
        except (struct.error, zlib.error, AttributeError):
            self._answer(command, error=INVALID)

    def _takes(self, command: int, data: bytes, checksum: int) -> bool:
        """Whether a block of data is whole, and nothing goes wrong with it."""
        if reduce(xor, data[16:], SEED) != checksum & 0xFF:
            self._answer(command, error=DAMAGED)
            return False
        if command == MEMORY_DATA:
            return True
        self._faults.blocks += 1
        if self._faults.blocks == self._faults.dark:
            self.left = "dark"
        elif self._faults.blocks == self._faults.refuse:
            self._answer(command, error=NOT_WRITTEN)
        elif self._faults.blocks != self._faults.lose:
            return True
        return False

    def _answer(self, command: int, value: int = 0, data: bytes = b"", error: int = 0, after_s: float = 0) -> None:
        status = bytes((1 if error else 0, error)) + (b"" if self._stub else bytes(2))
        self._send(struct.pack("<BBHI", 1, command, len(data) + len(status), value) + data + status, after_s)

    def _send(self, packet: bytes, after_s: float = 0) -> None:
        escaped = packet.replace(b"\xdb", ESCAPED_ESCAPE).replace(END, ESCAPED_END)
        self._say(END + escaped + END, after_s)

    # -- commands: of the chip ----------------------------------------------------------------------------

    def _sync(self, command: int, _data: bytes) -> None:
        for _ in range(8):
            self._answer(command, 0 if self._stub else 0x20120707)

    def _read_register(self, command: int, data: bytes) -> None:
        (at,) = struct.unpack("<I", data)
        known = self._registers
        fixed = {
            MAGIC: known.magic,
            known.mac: int.from_bytes(self._mac[2:]),
            known.mac + 4: int.from_bytes(self._mac[:2]),
            known.spi: 0,  # its command is done
        }
        self._answer(command, fixed.get(at, self._written.get(at, 0)))

    def _write_register(self, command: int, data: bytes) -> None:
        for at, value, mask, _delay_us in struct.iter_unpack("<IIII", data):
            self._written[at] = (self._written.get(at, 0) & ~mask) | (value & mask)
            if at == self._registers.spi and value & USER_COMMAND:
                self._ask_flash()
        self._answer(command)

    def _ask_flash(self) -> None:
        """A command for the flash itself. esptool needs the answer to one: who made it, and how large it is."""
        known = self._registers
        asked = self._written.get(known.spi + known.command, 0) & 0xFF
        size = (self._flash.size - 1).bit_length()
        self._written[known.spi + known.word] = MAKER | size << 16 if asked == JEDEC_ID else 0

    def _security(self, command: int, _data: bytes) -> None:
        if self._registers.chip_id < 0:
            self._answer(command, error=INVALID)
        else:
            self._answer(command, data=struct.pack("<I8xII", 0, self._registers.chip_id, 0))

    def _agreed(self, command: int, _data: bytes) -> None:
        self._answer(command)

    def _memory_end(self, command: int, data: bytes) -> None:
        _stay, entry = struct.unpack("<II", data)
        self._answer(command)
        if entry:
            self._stub = True
            self._send(b"OHAI")

    # -- commands: flash ----------------------------------------------------------------------------------

    def _begin(self, command: int, data: bytes) -> None:
        size, _blocks, self._block, self._start = struct.unpack_from("<IIII", data)
        if self._start + size > self._flash.size:
            self._answer(command, error=REFUSED)
            return
        took_s = self._flash.erase(self._start, size) if size else 0
        self._at, self._last, self._inflate = self._start, -1, zlib.decompressobj()
        self._answer(command, after_s=took_s)

    def _plain(self, command: int, data: bytes) -> None:
        size, number = struct.unpack_from("<II", data)
        took_s = self._flash.program(self._start + number * self._block, data[16 : 16 + size])
        self._answer(command, after_s=took_s)

    def _packed(self, command: int, data: bytes) -> None:
        size, number = struct.unpack_from("<II", data)
        took_s = 0.0
        if number != self._last:  # one that is repeated was taken before
            content = self._inflate.decompress(data[16 : 16 + size])
            took_s = self._flash.program(self._at, content)
            self._at += len(content)
            self._last = number
        self._answer(command, after_s=took_s)

    def _end(self, command: int, data: bytes) -> None:
        self._answer(command)
        if struct.unpack_from("<I", data)[0] == 0:  # the stub's start does not look at the pin again
            self.left = "load" if self._stub else "run"

    def _digest(self, command: int, data: bytes) -> None:
        at, size = struct.unpack_from("<II", data)
        digest = hashlib.md5(self._flash.read(at, size), usedforsecurity=False)
        self._answer(command, data=digest.digest() if self._stub else digest.hexdigest().encode())

    # -- commands: of the stub ----------------------------------------------------------------------------

    def _erase_all(self, command: int, _data: bytes) -> None:
        self._answer(command, after_s=self._flash.erase(0, self._flash.size) / 4)  # by the whole, it is faster

    def _erase(self, command: int, data: bytes) -> None:
        self._answer(command, after_s=self._flash.erase(*struct.unpack("<II", data)))

    def _read(self, command: int, data: bytes) -> None:
        at, size, block, window = struct.unpack_from("<IIII", data)
        self._answer(command)
        self._reading = _Reading(self._flash.read(at, size), block, window * block)
        self._more(0)

    def _more(self, confirmed: int) -> None:
        """As much as the host may have unconfirmed."""
        reading = self._reading
        assert reading is not None
        while reading.sent < len(reading.content) and reading.sent - confirmed < reading.window:
            piece = reading.content[reading.sent : reading.sent + reading.block]
            reading.sent += len(piece)
            self._send(piece)
        if confirmed >= len(reading.content):
            self._send(hashlib.md5(reading.content, usedforsecurity=False).digest())
            self._reading = None

    def _run(self, _command: int, _data: bytes) -> None:
        self.left = "run"

    COMMANDS: ClassVar[dict[int, Callable[[Loader, int, bytes], None]]] = {
        0x02: _begin,
        0x03: _plain,
        0x04: _end,
        0x05: _agreed,
        0x06: _memory_end,
        0x07: _agreed,
        0x08: _sync,
        0x09: _write_register,
        0x0A: _read_register,
        0x0B: _agreed,
        0x0D: _agreed,
        0x0F: _agreed,
        0x10: _begin,
        0x11: _packed,
        0x12: _end,
        0x13: _digest,
        0x14: _security,
        0xD0: _erase_all,
        0xD1: _erase,
        0xD2: _read,
        0xD3: _run,
    }


DATA = (0x03, 0x07, 0x11)
MEMORY_DATA = 0x07
FIRST_OF_STUB = 0xD0


@dataclass(slots=True)
class _Reading:
    """Flash on its way to the host."""

    content: bytes
    block: int
    window: int
    sent: int = 0
