"""A sensor that only advertises: what all drivers for such devices share.

Theory of operation. `sniff` announces a device with the points that its packet holds; further packets add to them
(`Announcement.merge`). Where only the device's own key opens the packet, `decode` announces them, in a fragment of its
own (`sealed`) so that nobody without the key can add to it.

A radio repeats. One packet is sent several times, and an unchanged measurement is sent for hours. What is heard again
within `REFRESH_S` proves that the device is there and says nothing else; after that its readings are told again, so
that they stay fresh. An occurrence (a button press) is told once: that of a packet with a number of its own never
again, that of another after `REPEAT_S` without it.

Limits. Without encryption anybody in reach can speak for a sensor. The signal is told once a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from sluis.model import ConfigError
from sluis.sdk import (
    Announcement,
    Ask,
    Decoded,
    Driver,
    Frame,
    Implausible,
    Kind,
    NotMine,
    Occurrence,
    Point,
    Sniffed,
)
from sluis.sdk.payload import dict_of, text_of
from sluis.wire.advertising import Advertisement
from sluis_drivers.bluetooth.heard import Heard, Parser, understood

REFRESH_S = 20.0
"""An unchanged packet tells its readings this often. Shorter fills the store with equal rows (300 sensors that repeat
seven times a second are 2,000 packets a second); longer and a sensor expected every 30 s would be called stale."""

REPEAT_S = 4.0
"""An unnumbered packet that is heard again within this time is the same packet. bthome-ble draws the line there too; a
person presses a button twice with more between them, or the device counts."""

SIGNAL_EVERY_S = 60.0
"""The signal strength differs with every packet; a trend needs no more than one value a minute."""

KNOWN_RSSI = range(-126, 21)
"""Signal strengths that a radio reports, dBm; 127 and -127 stand for "unknown"."""

RESTART_AFTER_S = 30.0
"""Nobody changes a battery faster. While the device is heard, a low counter is a recording of its first minutes."""

RANGES: Mapping[str, tuple[float, float]] = {
    "battery": (0, 100),
    "humidity": (0, 100),
    "moisture": (0, 100),
    "temperature": (-100, 400),
}
"""Plausible range by quantity; what is outside is shown as uncertain."""

EXEMPTIONS: Mapping[str, str] = {
    "trouble: flood": "what 2,048 packets mean is remembered, for all sensors together; the entries differ in size"
}
"""From rules of `sluis driver check`."""

EVERY = Ask(
    "every_s",
    "Seconds between two measurements",
    Kind.NUMBER,
    hint="Silence of 2.5 times as long is shown as stale. Leave it empty for this family's usual interval.",
)
BINDKEY = Ask(
    "bindkey",
    "Bind key",
    secret=True,
    hint="32 hexadecimal digits, from the device's own app or configuration page; only for a device that encrypts.",
)


class Advertiser(Driver):
    """Base of the drivers in this family: they name their library and judge what it says."""

    every_s: ClassVar[float] = 60.0
    """Expected interval of a measurement, seconds, where the device or a person says nothing else."""
    key_bytes: ClassVar[tuple[int, ...]] = ()
    """Lengths that a bind key may have."""
    restart_below: ClassVar[int] = 0
    """Counters below this may follow a higher one when the device was silent: its battery was changed."""

    signal = Point("signal_strength", "dBm", category="diagnostic")

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        self._bindkey = self._told_key()
        self._fragment = "sealed" if self._bindkey else "heard"
        gathered = dict_of(self.description.get(self._fragment))
        self._points = {key: self._point(key, dict_of(what)) for key, what in gathered.items()}
        self._essence: tuple[Any, ...] | None = None
        self._heard_us = self._told_us = 0
        self._signal_us: int | None = None
        self._counter: int | None = None

    def succeed(self, before: Self) -> None:
        if before._bindkey == self._bindkey:
            self._counter = before._counter
            self._heard_us, self._told_us, self._signal_us = before._heard_us, before._told_us, before._signal_us
            self._essence = before._essence if before._points.keys() == self._points.keys() else None

    @classmethod
    def parser(cls, key: bytes) -> Parser:
        """A new parser; the library is imported here, not before there is such a device."""
        raise NotImplementedError

    @classmethod
    def check(cls, said: Advertisement, source: str, key: bytes) -> None:
        """Refuse what the library would pass over in silence. FrameError when it is no good."""

    @classmethod
    def judged(cls, parser: Any, said: Advertisement, heard: Heard, key: bytes) -> Heard:
        """What it amounts to, with what only the parser object tells. FrameError when it is no good."""
        return heard

    def admit(self, heard: Heard, frame: Frame) -> None:
        """Whether this packet may follow the ones before it: counters only rise. Implausible when not."""
        if heard.counter is None:
            return
        held = self._counter
        if held is not None and heard.counter < held:
            silent = frame.stamp.mono_us - self._heard_us >= RESTART_AFTER_S * 1e6
            if not silent or heard.counter >= self.restart_below:
                raise Implausible(f"counter {heard.counter} after {held}: a recording")
        self._counter = heard.counter

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        heard = understood(cls, frame.source, frame.data)
        told = {"name": heard.name, "vendor": heard.vendor, "model": heard.model, "firmware": heard.firmware}
        return [Announcement(frame.source, "heard", heard.points, merge="add", **told)]

    def points(self) -> Iterable[Point]:
        return (*self._points.values(), type(self).signal)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != self.native_id:
            raise NotMine
        heard = understood(type(self), frame.source, frame.data, self._bindkey)
        if heard.sealed and not self._bindkey:
            raise Implausible(
                "encrypted, and its bind key was not told",
                hint="Tell it with: sluis configure DEVICE --set bindkey=KEY",
            )
        self.admit(heard, frame)
        now = frame.stamp.mono_us
        again = heard.essence == self._essence and now != self._heard_us
        repeated = again and (heard.numbered or now - self._heard_us < REPEAT_S * 1e6)
        silent = again and now - self._told_us < REFRESH_S * 1e6
        self._essence, self._heard_us = heard.essence, now
        if silent:
            return ()
        self._told_us = now
        return self._said(heard, frame, () if repeated else heard.occurrences)

    def _said(self, heard: Heard, frame: Frame, occurrences: Iterable[Occurrence]) -> list[Decoded]:
        said: list[Decoded] = [reading for reading in heard.readings if reading.point in self._points]
        said += [occurrence for occurrence in occurrences if occurrence.point in self._points]
        added = {key: what for key, what in heard.points.items() if key not in self._points}
        if added:
            said.append(Announcement(self.native_id, self._fragment, added, merge="add"))
        if frame.rssi_dbm is not None and frame.rssi_dbm in KNOWN_RSSI and self._signal_due(frame.stamp.mono_us):
            self._signal_us = frame.stamp.mono_us
            said.append(type(self).signal(frame.rssi_dbm))
        return said

    def _signal_due(self, now_us: int) -> bool:
        told = self._signal_us
        return told is None or told == now_us or now_us - told >= SIGNAL_EVERY_S * 1e6

    def _point(self, key: str, what: Mapping[str, Any]) -> Point:
        kind = Kind(text_of(what.get("kind")) or Kind.NUMBER)
        quantity = text_of(what.get("quantity"))
        lowest, highest = RANGES.get(quantity, (None, None)) if kind is Kind.NUMBER else (None, None)
        # A battery is told along with the rest, or seldom; its silence says nothing of its own.
        regular = quantity != "battery" and kind is not Kind.TRIGGER and not what.get("sleepy")
        return Point(
            quantity,
            text_of(what.get("unit")),
            kind=kind,
            minimum=lowest,
            maximum=highest,
            every_s=(self.setting("every_s") or self.every_s) if regular else None,
            category="diagnostic" if quantity in ("battery", "voltage") else "",
            key=key,
        )

    def _told_key(self) -> bytes:
        """The bind key that a person told. ConfigError when it is none."""
        told = str(self.setting("bindkey")).replace(":", "").replace(" ", "")
        try:
            key = bytes.fromhex(told)
        except ValueError:
            raise ConfigError("is not hexadecimal", where="bindkey") from None
        if key and len(key) not in self.key_bytes:
            digits = " or ".join(str(2 * length) for length in self.key_bytes)
            raise ConfigError(f"has {2 * len(key)} digits, not {digits}", where="bindkey")
        return key
