"""ACME R1: rain gauge with a tipping bucket, on a pin reserved as a counter.

Models: R1 (0.2 mm of rain a tip), R1-H (0.1 mm).

    <pin>    {"count": N, "level": L, "quiet_us": Q, "interval_us": I}     on every tip, and every 30 s

    N tips since the counter was first used | L the contact now | Q microseconds since the last tip, missing before it
    I microseconds between the last tips, missing before the second
"""

from __future__ import annotations

from collections.abc import Iterable

from sluis.sdk import About, Ask, Decoded, Driver, Frame, Implausible, Kind, LinkMatch, NotMine, Point
from sluis.sdk.payload import number_of, object_of

DRY_US = 3_600e6
"""An hour without a tip is dry weather: at 0.2 mm an hour nobody gets wet. Longer and the rain of this morning is still
in the figure at noon; shorter and drizzle flickers between rain and none."""


class AcmeR1(Driver):
    """One R1."""

    about = About(
        key="acme-r1",
        vendor="ACME",
        models=("R1", "R1-H"),
        match=LinkMatch(kinds=("gpio",)),
        sources=("ACME R1 leaflet, 2023-04, section 'Calibration'",),
        setup=(Ask("mm_per_tip", "Rain for one tip, mm", Kind.NUMBER, default=0.2, hint="On the label."),),
    )

    rain = Point("precipitation", "mm", minimum=0, every_s=30)
    intensity = Point("precipitation_intensity", "mm/h", minimum=0, maximum=400, every_s=30)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self.native_id:
            raise NotMine
        said = object_of(frame.data)
        tips = number_of(said.get("count"))
        if tips < 0:
            raise Implausible("fewer than no tips")
        mm = float(self.setting("mm_per_tip", 0.2))
        yield self.rain(round(tips * mm, 3))
        if "quiet_us" in said and "interval_us" in said:
            apart_us = max(number_of(said["quiet_us"]), number_of(said["interval_us"]), 1)
            yield self.intensity(round(mm * 3_600e6 / apart_us, 2) if apart_us < DRY_US else 0.0)
