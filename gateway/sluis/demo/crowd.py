"""Many generic devices on one connection, for benchmarks: `--crowd 500 --every 10`.

Each speaks the Sluis node telemetry format (docs/reference/node-telemetry.md): a retained announcement on
`sluis/<id>/announce`, readings on `sluis/<id>/telemetry` with a boot id and a sequence number. Sends are
spread evenly over the interval, as an unsynchronised building does.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from sluis.demo.office import Office
from sluis.demo.standin import Message, Now, StandIn, message

TELEMETRY_QOS = 1
PAD_BYTES = 256
"""Size of one telemetry message: the usual payload of the benchmarks."""


class Crowd(StandIn):
    """`size` devices, each sending every `every_s` seconds."""

    family = "sluis-node"
    native_id = "crowd"
    client_id = "sluis-demo-crowd"
    name = "crowd"
    filters = ("sluis/crowd/none",)
    topics = (">sluis/#",)
    will = message("sluis/crowd/status", "offline")

    def __init__(self, office: Office, chance: random.Random, *, size: int, every_s: float) -> None:
        super().__init__(office, chance)
        self.size = size
        self.every_s = every_s
        self.boot = f"{chance.getrandbits(32):08x}"
        self._sequence = [0] * size
        self._sent = 0
        self._started_s: float | None = None

    def device_id(self, number: int) -> str:
        return f"crowd-{number:04}"

    def connected(self, now: Now) -> Iterable[Message]:
        self._started_s, self._sent = now.s, 0
        for number in range(self.size):
            yield message(f"sluis/{self.device_id(number)}/announce", self._about(number), retain=True, qos=1)

    def tick(self, now: Now) -> Iterable[Message]:
        """As many as are due by now; device after device."""
        if self._started_s is None:
            return
        due = int((now.s - self._started_s) * self.size / self.every_s)
        while self._sent < due:
            yield self._telemetry(self._sent % self.size)
            self._sent += 1

    def _telemetry(self, number: int) -> Message:
        self._sequence[number] += 1
        body: dict[str, Any] = {"boot": self.boot, "seq": self._sequence[number]}
        body |= {"temperature": round(20 + number % 7 + self.chance.uniform(-0.2, 0.2), 2)}
        body |= {"humidity": round(45 + self.chance.uniform(-2, 2), 1), "battery": 96}
        return message(f"sluis/{self.device_id(number)}/telemetry", body, qos=TELEMETRY_QOS)

    def _about(self, number: int) -> dict[str, Any]:
        points = {
            "temperature": {"quantity": "temperature", "unit": "°C", "every_s": self.every_s},
            "humidity": {"quantity": "humidity", "unit": "%", "every_s": self.every_s},
        }
        points["battery"] = {"quantity": "battery", "unit": "%", "category": "diagnostic"}
        return {"name": f"Sensor {number}", "model": "crowd", "vendor": "Sluis", "firmware": "0.1", "points": points}
