"""Facts that nobody announces and that are looked for every few seconds: floods, driver faults, clock, rules file."""

from __future__ import annotations

from dataclasses import dataclass

from sluis.model import DeviceState
from sluis.runtime import Clock
from sluis.watch.ports import Devices
from sluis.watch.rulebook import RuleBook
from sluis.watch.wishes import Report

LOOK_S = 10.0
"""How often counters are compared. Smaller costs more on a site of thousands; larger and a flood is found late."""

QUIET_S = 60.0
"""How long a counter must stand still before its fact is over. Smaller and a device that misbehaves every half
minute opens and clears an alert each time."""


@dataclass(slots=True)
class _Seen:
    count: int
    grew_at_us: int | None = None


class Symptoms:
    """Compares counters with the look before."""

    def __init__(self, devices: Devices, rules: RuleBook, report: Report) -> None:
        self._devices = devices
        self._rules = rules
        self._report = report
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._present: set[tuple[str, str]] = set()

    async def run(self, clock: Clock) -> None:
        while True:
            await clock.sleep(LOOK_S)
            self.look(clock)

    def look(self, clock: Clock) -> None:
        now = clock.stamp()
        for device in self._devices.devices(DeviceState.ADOPTED):
            counters = self._devices.counters(device.key)
            self._compare("flood", device.key, counters.flooded, now.mono_us)
            self._compare("driver-fault", device.key, counters.faults, now.mono_us)
        self._say("clock-distrusted", not now.trusted, "gateway:clock")
        self._say("rules-broken", bool(self._rules.broken), "gateway:rules", self._rules.broken)

    def _compare(self, what: str, device: str, count: int, now_us: int) -> None:
        seen = self._seen.setdefault((what, device), _Seen(0))
        if count > seen.count:
            seen.grew_at_us = now_us
        seen.count = count
        present = seen.grew_at_us is not None and now_us - seen.grew_at_us < QUIET_S * 1e6
        key = (what, device)
        if present != (key in self._present):
            (self._present.add if present else self._present.discard)(key)
            self._report(what, present, device=device)

    def _say(self, what: str, present: bool, point: str, detail: str = "") -> None:
        key = (what, point)
        if present != (key in self._present):
            (self._present.add if present else self._present.discard)(key)
            self._report(what, present, point=point, detail=detail)
