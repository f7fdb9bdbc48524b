"""The keeper's lines: what stands between a pin and the frames that tell of it. Runs in the keeper's process.

Times are microseconds. Edges come with a time of their own (the kernel's), of a clock whose zero nobody promises; only
differences of them are used.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from sluis.links.gpio.debounce import Change, Debounce

Say = Callable[["Line", int], None]
"""Told that a line has something to tell, and the age of that in microseconds."""

QUIET_US = 30_000_000
"""A line tells what it is at least this often, so that silence means something. Larger and a dead keeper is noticed
late; smaller and a contact that never moves fills the store."""


def now_us() -> int:
    return time.monotonic_ns() // 1000


class Line:
    """One reserved pin. `plan` is its `PinSettings` as a dictionary."""

    def __init__(self, plan: Mapping[str, Any], pin: Any, say: Say) -> None:
        self.name = str(plan["name"])
        self.source = f"GPIO{plan['gpio']}"
        self.plan = plan
        self._pin = pin
        self._low = bool(plan["active_low"])
        self._say = say
        self.told_us = now_us()

    def data(self) -> dict[str, Any]:
        """What a frame of this line holds."""
        raise NotImplementedError

    def due_us(self) -> int:
        """When `pass_time` is to be called."""
        return self.told_us + QUIET_US

    def pass_time(self, now: int) -> None:
        if now >= self.told_us + QUIET_US:
            self.tell(now)

    def tell(self, now: int, age_us: int = 0) -> None:
        self.told_us = now
        self._say(self, age_us)


class Input(Line):
    """A contact."""

    def __init__(self, plan: Mapping[str, Any], pin: Any, say: Say, edge: Callable[..., None]) -> None:
        super().__init__(plan, pin, say)
        pull = {"none": "floating"}.get(plan["pull"], plan["pull"])
        pin.input_with_pull(pull)
        self._bounce = Debounce(self._level(), int(plan["hold_us"]))
        self._apart = 0
        """The clock of the edges minus ours."""
        self._edge = edge
        pin.when_changed = self._changed

    def _level(self) -> bool:
        return bool(self._pin.state) != self._low

    def _changed(self, ticks: float, state: float) -> None:
        """In the thread of the library."""
        self._edge(self, bool(state) != self._low, int(ticks * 1e6), now_us())

    def edge(self, level: bool, at_us: int, arrived_us: int) -> None:
        self._apart = at_us - arrived_us
        self._take(self._bounce.edge(level, at_us))

    def due_us(self) -> int:
        due = self._bounce.due_us
        return super().due_us() if due is None else min(super().due_us(), due - self._apart)

    def pass_time(self, now: int) -> None:
        self._take(self._bounce.settle(now + self._apart))
        super().pass_time(now)

    def look(self, now: int) -> None:
        """Edges can get lost (the kernel keeps sixteen); the level itself cannot."""
        level = self._level()
        if self._bounce.due_us is None and level != self._bounce.level:
            self._take(self._bounce.edge(level, now + self._apart))

    def _take(self, changes: list[Change]) -> None:
        now = now_us()
        for change in changes:
            self.tell(now, max(0, now + self._apart - change.at_us))

    def data(self) -> dict[str, Any]:
        return {"level": int(self._bounce.level)}


class Counter(Input):
    """Pulses of a meter: the beginnings of on."""

    def __init__(
        self, plan: Mapping[str, Any], pin: Any, say: Say, edge: Callable[..., None], count: int, report_us: int
    ) -> None:
        super().__init__(plan, pin, say, edge)
        self.count = count
        self._report_us = report_us
        self._new = self._told_count = 0
        self._last_us = self._told_last_us = 0
        self._interval_us = 0

    def _take(self, changes: list[Change]) -> None:
        for change in changes:
            if change.level:
                self.count += 1
                self._new += 1
                self._last_us = change.at_us
        now = now_us()
        if self._new and now >= self.told_us + self._report_us:
            self.tell(now)

    def due_us(self) -> int:
        due = super().due_us()
        return min(due, self.told_us + self._report_us) if self._new else due

    def data(self) -> dict[str, Any]:
        """Also how far apart the last pulses were, and how long it is quiet: a rate is the smaller of the two."""
        if self._new:
            if self._told_last_us:
                self._interval_us = (self._last_us - self._told_last_us) // self._new
            self._told_last_us, self._new = self._last_us, 0
        said: dict[str, Any] = {"count": self.count, "level": int(self._bounce.level)}
        if self._last_us:
            said["quiet_us"] = max(0, now_us() + self._apart - self._last_us)
        if self._interval_us:
            said["interval_us"] = self._interval_us
        return said


class Output(Line):
    """A relay."""

    def __init__(self, plan: Mapping[str, Any], pin: Any, say: Say, on: bool) -> None:
        super().__init__(plan, pin, say)
        self._on = on
        pin.output_with_state(int(on != self._low))

    @property
    def value(self) -> float:
        return float(self._on)

    def set(self, value: float) -> None:
        self._on = bool(value)
        self._pin.state = int(self._on != self._low)
        self.tell(now_us())

    def rest(self) -> None:
        """Into the safe state."""
        self.set(float(self.plan["safe"]))

    def data(self) -> dict[str, Any]:
        return {"level": int(self._on)}


class Pwm(Output):
    """An output that is on for a part of the time."""

    def __init__(self, plan: Mapping[str, Any], pin: Any, say: Say, duty: float) -> None:
        super().__init__(plan, pin, say, bool(plan["safe"]))
        self._duty = float(plan["safe"])
        if duty != self._duty:
            self.set(duty)

    @property
    def value(self) -> float:
        return self._duty

    def set(self, value: float) -> None:
        """Fully on and fully off are plain levels, which nobody has to keep up."""
        self._duty = min(1.0, max(0.0, value))
        if self._duty in (0.0, 1.0):
            self._pin.frequency = None
            self._pin.state = int(bool(self._duty) != self._low)
        else:
            if self._pin.frequency is None:
                self._pin.frequency = self.plan["frequency_hz"]
            self._pin.state = 1 - self._duty if self._low else self._duty
        self.tell(now_us())

    def data(self) -> dict[str, Any]:
        return {"duty": round(self._duty, 4)}
