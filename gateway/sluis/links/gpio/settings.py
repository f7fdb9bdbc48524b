"""What can be set of the pins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sluis.model import ConfigError

FASTEST_HZ = 10_000
"""Highest frequency of a PWM output; the library makes it by software and refuses more."""


@dataclass(frozen=True, slots=True)
class PinSettings:
    """One pin of the header, reserved under a name."""

    name: str
    """What it is called, unique; a counter's total is kept under this name, also when it moves to another pin."""
    gpio: int
    """BCM number (`sluis board show` says where it is on the header)."""
    kind: Literal["input", "output", "pwm", "counter"] = "input"
    """`input` (a contact), `output` (a relay), `pwm` (a dimmed output), `counter` (pulses of a meter)."""
    pull: Literal["up", "down", "none"] = "up"
    """Resistor on the chip for an input or counter. A contact to ground wants `up`."""
    active_low: bool = False
    """Low is on: a contact to ground, a relay that pulls when its pin is low."""
    debounce_ms: float = -1.0
    """A level counts when it has held this long; -1 is 50 for an input and 5 for a counter."""
    safe: bool = False
    """What an output goes to in its safe state; a `pwm` output goes fully on or off."""
    at_start: Literal["safe", "last"] = "safe"
    """What an output does when the gateway starts: its safe state, or what it was last told."""
    at_stop: Literal["safe", "hold"] = "safe"
    """What an output does when the gateway stops in order; `hold` leaves the line as it is."""
    at_crash: Literal["safe", "hold"] = "safe"
    """What an output does when the gateway dies or hangs."""
    frequency_hz: float = 1000.0
    """Of a `pwm` output: 1 to 10000, made by software."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", self.name):
            raise ConfigError("lower-case letters, digits and dashes, at most 40", where=f"pin {self.name!r}.name")
        if not 0 <= self.gpio <= 53:
            raise ConfigError(f"is {self.gpio}", where=f"pin {self.name}.gpio", allowed="a BCM number")
        if not 1 <= self.frequency_hz <= FASTEST_HZ:
            raise ConfigError(f"is {self.frequency_hz:g}", where=f"pin {self.name}.frequency_hz", allowed="1 to 10000")
        if self.debounce_ms != -1 and not 0 <= self.debounce_ms <= 10_000:
            where = f"pin {self.name}.debounce_ms"
            raise ConfigError(f"is {self.debounce_ms:g}", where=where, allowed="-1, or 0 to 10000")

        if self.kind == "pwm" and "hold" in (self.at_stop, self.at_crash):
            raise ConfigError("a PWM output cannot hold: nobody makes its pulses then", where=f"pin {self.name}")

    @property
    def source(self) -> str:
        """Where its frames come from."""
        return f"GPIO{self.gpio}"

    @property
    def drives(self) -> bool:
        return self.kind in ("output", "pwm")

    @property
    def hold_us(self) -> int:
        """How long a level must hold, microseconds."""
        if self.debounce_ms >= 0:
            return int(self.debounce_ms * 1000)
        return 5_000 if self.kind == "counter" else 50_000


@dataclass(frozen=True, slots=True)
class GpioSettings:
    """Pins of the header: contacts, relays, pulse counters. Without a pin there is no such link."""

    factory: Literal["auto", "lgpio", "mock"] = "auto"
    """How pins are reached: `lgpio` is the real thing, `mock` is none (for trying out; System says so). `auto` is what
    GPIOZERO_PIN_FACTORY says, else `lgpio`."""
    board: str = ""
    """Profile of the board (`sluis board list`); "" recognises it."""
    hats: tuple[str, ...] = ()
    """Profiles of the HATs on the header: their pins are theirs."""
    buses: tuple[str, ...] = ()
    """Buses in use besides those of the HATs, by their names in the board's profile: `i2c1`, `uart0`, `spi0`, `w1`."""
    mock_dir: Path | None = None
    """Folder in which the mock shows its outputs as files and takes the levels of its inputs from a pipe `drive`."""
    report_s: float = 1.0
    """A counter that runs reports this often at most."""
    save_s: float = 60.0
    """How often totals are written to the card while they change; a power cut loses at most so much."""
    hang_s: float = 20.0
    """A gateway that says nothing for so long is taken for dead: outputs do what `at_crash` says."""
    pin: tuple[PinSettings, ...] = ()
    """The pins."""

    def __post_init__(self) -> None:
        for what, value, least in (
            ("report_s", self.report_s, 0.05),
            ("save_s", self.save_s, 1),
            ("hang_s", self.hang_s, 5),
        ):
            if value < least:
                raise ConfigError(f"is {value:g}", where=f"gpio.{what}", allowed=f"{least:g} or more")
        for one, other in _pairs(self.pin):
            if one.name == other.name:
                raise ConfigError(
                    f"GPIO{one.gpio} and GPIO{other.gpio} have the same name {one.name!r}", where="gpio.pin"
                )
            if one.gpio == other.gpio:
                raise ConfigError(f"GPIO{one.gpio} is wanted by {one.name!r} and by {other.name!r}", where="gpio.pin")


def _pairs(pins: tuple[PinSettings, ...]) -> Iterator[tuple[PinSettings, PinSettings]]:
    return ((one, other) for at, one in enumerate(pins) for other in pins[at + 1 :])
