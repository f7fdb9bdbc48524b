"""Who is in the air: signal, last time, rate, and how much of what was sent was heard. Bounded.

An advertiser repeats itself at an interval of its own. The radio misses some of that: it listens in windows, and less
while it holds connections. The interval is learnt as the lower quarter of the gaps between the last arrivals (gaps are
stretched by what was missed, never shortened), and what one interval after the other should have brought is compared
with what came. A device that changes its interval shows a wrong share until its last arrivals are of the new one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from sluis.model import FrameError, Stamp
from sluis.wire.advertising import Advertisement, parse

DEVICES_MAX = 2_000
"""Devices remembered; the one heard longest ago gives way. Some 1.5 kB each. Phones change their address every quarter
of an hour, so without a bound this grows for ever."""

ARRIVALS = 32
"""Arrivals remembered of each. Fewer and the interval is a guess; more and a change is noticed late."""

REPEAT_US = 500_000
"""The same bytes from the same device within this long are one advertisement: it is sent on three channels, and several
times for safety. Longer and a steady value would look as if it were sent rarely."""

NEVER = Stamp(0, 0)

SMOOTH = 0.2
"""Share of a new signal strength in the shown one. Single values jump by 10 dB when somebody walks by."""


@dataclass(slots=True, eq=False)
class Heard:
    """One advertiser."""

    address: str
    data: bytes = b""
    last: Stamp = NEVER
    count: int = 0
    """Advertisements, repeats included."""
    rssi_dbm: float | None = None
    arrivals: deque[int] = field(default_factory=lambda: deque(maxlen=ARRIVALS))
    """Monotonic clock, µs, repeats left out."""

    def advertisement(self) -> Advertisement | None:
        """The last one; None when it is damaged."""
        try:
            return parse(self.data)
        except FrameError:
            return None

    def interval_s(self) -> float | None:
        """How often it advertises, as far as can be told; None before the fourth arrival."""
        gaps = sorted(later - earlier for earlier, later in pairwise(self.arrivals))
        return gaps[len(gaps) // 4] / 1e6 if len(gaps) >= 3 else None

    def share(self, now_us: int) -> float | None:
        """Heard of what was expected from the first remembered arrival until now, 0 to 1."""
        interval_s = self.interval_s()
        if not interval_s:
            return None
        expected = (now_us - self.arrivals[0]) / 1e6 / interval_s + 1
        return min(1.0, len(self.arrivals) / expected)

    def longest_gap_s(self) -> float:
        return max((later - earlier for earlier, later in pairwise(self.arrivals)), default=0) / 1e6


class Air:
    """All that one adapter hears."""

    def __init__(self) -> None:
        self.count = 0
        """Advertisements since start, repeats included."""
        self.repeats = 0
        self._devices: dict[str, Heard] = {}

    def hear(self, address: str, data: bytes, rssi_dbm: int | None, stamp: Stamp) -> bool:
        """Note an advertisement. False when it repeats the one before."""
        device = self._devices.pop(address, None) or Heard(address)
        self._devices[address] = device
        if len(self._devices) > DEVICES_MAX:
            del self._devices[next(iter(self._devices))]
        now_us = stamp.mono_us
        self.count += 1
        device.count += 1
        if rssi_dbm is not None:
            held = device.rssi_dbm
            device.rssi_dbm = rssi_dbm if held is None else held + SMOOTH * (rssi_dbm - held)
        repeated = data == device.data and now_us - device.last.mono_us < REPEAT_US and device.count > 1
        if repeated:
            self.repeats += 1
            return False
        device.data, device.last = data, stamp
        device.arrivals.append(now_us)
        return True

    def device(self, address: str) -> Heard | None:
        return self._devices.get(address)

    def __len__(self) -> int:
        return len(self._devices)

    def __iter__(self) -> Iterator[Heard]:
        """The last heard first."""
        return reversed(tuple(self._devices.values()))
