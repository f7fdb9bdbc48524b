"""Which registers are asked together: as few questions as the device allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sluis_drivers.modbus.mapping import Register, RegisterMap


@dataclass(frozen=True, slots=True)
class Block:
    """One question."""

    function: int
    address: int
    count: int
    every_s: float


def blocks(registers: RegisterMap) -> tuple[Block, ...]:
    """The questions that read a whole map: values of one function and one rhythm, with at most `max_gap` registers
    between two that nobody wants, and at most `max_block` in one answer."""
    lanes: dict[tuple[float, int], list[Register]] = {}
    for register in registers.registers:
        lanes.setdefault((register.every_s, register.function), []).append(register)
    return tuple(block for _, lane in sorted(lanes.items()) for block in _joined(lane, registers))


def _joined(lane: Iterable[Register], limits: RegisterMap) -> Iterable[Block]:
    begin = end = -1
    function, every_s = 0, 0.0
    for register in lane:  # in order of address
        fits = register.address - end <= limits.max_gap and register.end - begin <= limits.max_block
        if begin >= 0 and fits:
            end = max(end, register.end)
            continue
        if begin >= 0:
            yield Block(function, begin, end - begin, every_s)
        begin, end, function, every_s = register.address, register.end, register.function, register.every_s
    yield Block(function, begin, end - begin, every_s)
