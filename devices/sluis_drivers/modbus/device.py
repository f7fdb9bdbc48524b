"""Any Modbus device, RTU on a serial pair or TCP, by a register map.

Models: those of the maps in `maps/`, and any other by a map of one's own (docs/drivers/modbus.md).

    RTU       U F D... CC            U unit 1-247 | F function | D data | C CRC-16, low byte first
    TCP       TT 00 00 LL U F D...   T transaction | L bytes from U on, both high byte first
    question  F AA NN                F 1 coils, 2 discrete inputs, 3 holding registers, 4 input registers
    answer    F B D...               A first address, from 0 | N how many | B bytes of D
    refusal   F+80 E                 E exception code
    write     5 AA FF00|0000, 6 AA DD, 15 | 16 AA NN B D..., 22 AA (and mask) (or mask)

An answer does not say which registers it holds: it is read by its question (`Frame.asked`). A write is followed by a
read of the same register, whose answer confirms it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sluis.model import ConfigError, LinkError, ReadOnly, Refused
from sluis.sdk import (
    About,
    Ask,
    Command,
    Decoded,
    Driver,
    Frame,
    Framing,
    Grade,
    Implausible,
    Kind,
    Link,
    LinkMatch,
    NotMine,
    Point,
    Station,
)
from sluis.sdk.payload import no_such_point
from sluis_drivers.modbus.mapping import NO_MAP, Register, RegisterMap, parsed, shipped
from sluis_drivers.modbus.messages import answer_to, question_of, read, write, write_bits
from sluis_drivers.modbus.plan import Block, blocks
from sluis_drivers.modbus.values import reading, wished

CUSTOM = "custom"
RTU = Framing("modbus-rtu", max_bytes=256)
TCP = Framing("length", length_at=4, length_bytes=2, length_adds=6, same=((0, 0, 2), (6, 6, 1)), max_bytes=260)
"""MBAP header: an answer repeats transaction and unit of its question."""

RTU_ANSWER_S = 1.0
"""How long a unit on a pair may take, where its map does not say; mbpoll gives as long. Longer and a dead unit costs
the others of its pair more; shorter and a slow one is taken for dead."""
TCP_ANSWER_S = 5.0
"""A gateway behind TCP waits for its units itself, and says with exception 11 that one is silent: that must arrive."""


class Modbus(Driver):
    """One unit. Its native id is `BUS/3` (RTU, unit 3) or `192.0.2.7:502` (TCP)."""

    about = About(
        key="modbus",
        vendor="Modbus",
        models=(),
        match=LinkMatch(kinds=("serial", "net")),
        sources=(
            "Modbus application protocol V1.1b3, sections 4 to 7",
            "Modbus over serial line V1.02, section 2",
            "Modbus messaging on TCP/IP V1.0b, section 3",
            "what stands in `source` of each map",
        ),
        grade=Grade.GOLD,
        setup=(
            Ask("map", "Register map", options=(*shipped(), CUSTOM), required=True, hint="Which model is it?"),
            Ask(CUSTOM, "Own register map", hint="TOML; where the map is `custom`. See docs/drivers/modbus.md."),
            Ask("unit", "Unit", Kind.NUMBER, default=1, hint="Modbus TCP only; on a serial pair it is the address."),
            Ask("every_s", "Ask every (s)", Kind.NUMBER, default=0, hint="At most so often; 0: as the map says."),
        ),
        requires=("pymodbus",),
        sdk=2,
        proven="pymodbus.simulator over TCP and RTU, counter-checked with mbpoll (libmodbus)",
    )

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        self._tcp = ":" in native_id
        self._map = self._told_map()
        self._unit = self._told_unit()
        self._answer_s = self._map.answer_s or (TCP_ANSWER_S if self._tcp else RTU_ANSWER_S)
        slowest = max(0.0, float(self.setting("every_s", 0) or 0))
        self._registers = {one.point.key: _slowed(one, slowest) for one in self._map.registers}
        self._blocks = blocks(replace(self._map, registers=tuple(self._registers.values())))
        self._rounds = itertools.count()

    def _told_map(self) -> RegisterMap:
        name = self.setting("map")
        if name == CUSTOM:
            text = str(self.setting(CUSTOM))
            if not text.strip():
                raise ConfigError("is missing; the map is to be a custom one", where=f"{self.about.key}: {CUSTOM}")
            return parsed(text, CUSTOM)
        if name and name not in shipped():
            raise ConfigError(f"there is no map {name!r}", where=f"{self.about.key}: map", allowed=", ".join(shipped()))
        return parsed(shipped()[name], name) if name else NO_MAP

    def _told_unit(self) -> int:
        if self._map is NO_MAP:
            return 0
        told = self.native_id.rpartition("/")[2] if "/" in self.native_id else self.setting("unit", 1)
        unit = int(told) if str(told).isascii() and str(told).isdigit() else -1
        low, high = (0, 255) if self._tcp else (1, 247)
        if not low <= unit <= high:
            raise ConfigError(f"{told!r} is no unit", where=f"{self.about.key}: unit", allowed=f"{low} to {high}")
        return unit

    def product(self) -> tuple[str, str]:
        return (self._map.vendor, self._map.product) if self._map.vendor else super().product()

    def station(self) -> Station:
        return Station(self.native_id, TCP if self._tcp else RTU, settings={"answer_s": self._answer_s})

    def points(self) -> Iterable[Point]:
        return [register.point for register in self._registers.values()]

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self.native_id:
            raise NotMine
        if not frame.asked:
            raise Implausible("an answer to nothing that was asked")
        question = question_of(frame.asked, self._tcp)
        if question.unit != self._unit:
            raise NotMine
        answer = answer_to(question, frame.data, self._tcp)
        if answer.refusal:
            raise Implausible(f"{answer.says} to function {question.function}, address {question.address}")
        found: list[Decoded] = []
        for register in self._registers.values():
            at = register.address - question.address
            if register.function == question.function and 0 <= at <= question.count - register.words:
                said = reading(register, answer.values[at : at + register.words])
                found += [said] if said is not None else []
        return found

    def poll_every_s(self) -> float | None:
        return min((block.every_s for block in self._blocks), default=None)

    async def poll(self, link: Link) -> None:
        """Ask the blocks whose turn it is: what is wanted every 60 s is asked at each sixth round of 10 s, and all of
        them after a loss. The count of rounds is all that this driver remembers, and only `poll` does."""
        turn, base_s = next(self._rounds), self.poll_every_s() or 1.0
        try:
            for block in self._blocks:
                if turn % max(1, round(block.every_s / base_s)) == 0:
                    await self._request(link, self._question(block))
        except LinkError:
            self._rounds = itertools.count()
            raise

    async def perform(self, link: Link, command: Command) -> None:
        """Write, and read back. The device's own refusal is the command's."""
        register = self._registers.get(command.point)
        if register is None:
            raise no_such_point(command.point)
        if not register.write_function:
            raise ReadOnly(f"{command.point} can be read, not written")
        question = self._write(register, command)
        told = await self._request(link, question)
        answer = answer_to(question_of(question, self._tcp), told.data, self._tcp)
        if answer.refusal:
            raise Refused(f"the device says {answer.says}")
        await self._request(link, self._question(register))

    def _write(self, register: Register, command: Command) -> bytes:
        value = wished(register, command)
        if register.write_function == 22:
            assert isinstance(value, list)  # a bit field is one register
            return write_bits(
                register.write_address, register.low, register.width, value[0], unit=self._unit, tcp=self._tcp
            )
        return write(register.write_function, register.write_address, value, unit=self._unit, tcp=self._tcp)

    def _question(self, wanted: Block | Register) -> bytes:
        count = wanted.count if isinstance(wanted, Block) else wanted.words
        return read(wanted.function, wanted.address, count, unit=self._unit, tcp=self._tcp)

    async def _request(self, link: Link, question: bytes) -> Frame:
        return await link.request(question, to=self.native_id, timeout_s=self._answer_s)


def _slowed(register: Register, slowest_s: float) -> Register:
    """Asked at most every `slowest_s`: its point is expected as rarely."""
    every_s = max(register.every_s, slowest_s)
    return replace(register, every_s=every_s, point=replace(register.point, every_s=every_s))
