"""What is heard while somebody looks: everything in the air and on the wires, with what became of it.

A scan lasts a while and ends by itself. Before the first one and between two of them intake only asks whether it is
on. What was heard stays readable until the next scan begins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from sluis.intake.register import Register
from sluis.model import Announcement, DeviceState, Frame, UnknownDevice
from sluis.runtime import Clock
from sluis.sdk import Driver
from sluis.wire.topics import matches

LONGEST_S = 120.0
"""A scan lasts no longer. On MQTT it subscribes to everything, which a busy broker and this gateway pay for; a sensor
that speaks every minute is heard within it."""

SEARCH_S = 10.0
"""Families that answer a broadcast are asked this often: one packet is lost easily, and a PJLink projector may take ten
seconds to answer. Shorter and a hall of projectors answers in one long burst."""

MOST = 2_000
"""Sources listed at most. A radio in a city hears some hundreds; without a bound whoever invents addresses fills the
memory. With 64 bytes of sample each this is about 1 MB."""

LOOKS = 8
"""How often drivers are asked about one source: when it is new and whenever it says more than before. Packets of one
device take turns, and its name may come late."""

SAMPLE = 64
"""Bytes of a frame that are kept to be shown."""

LEVELS = 2
"""Levels of an MQTT topic that make a source: the family and the device. One level and a broker full of devices is one
line, three and each device is a dozen."""


class Why(StrEnum):
    """What became of a source."""

    IN_USE = "in-use"
    WAITING = "waiting"
    """A device, and nobody has decided about it."""
    IGNORED = "ignored"
    RETIRED = "retired"
    """A device that was taken out of use."""
    ANNOUNCEMENT = "announcement"
    """Devices announce themselves here; no device of its own."""
    OURS = "ours"
    """What this gateway publishes itself, heard back."""
    NOTHING = "nothing-made"
    """A driver looked and made nothing of it."""
    UNKNOWN = "no-driver"
    """No driver knows such a thing."""


OF_STATE = {
    DeviceState.ADOPTED: Why.IN_USE,
    DeviceState.DISCOVERED: Why.WAITING,
    DeviceState.IGNORED: Why.IGNORED,
    DeviceState.RETIRED: Why.RETIRED,
}


@dataclass(slots=True)
class Heard:
    """One source."""

    link: str
    kind: str
    source: str
    """Address, station, or the first levels of a topic."""
    first_us: int
    last_us: int
    count: int = 0
    rssi_dbm: int | None = None
    sample: bytes = b""
    """The beginning of the longest frame."""
    size_bytes: int = 0
    """Of that frame."""
    drivers: tuple[str, ...] = ()
    """Keys of the drivers that looked."""
    device: str = ""
    """Key of the device it belongs to; "" for none."""
    why: Why = Why.UNKNOWN
    looks: int = 0
    found: set[tuple[str, str]] = field(default_factory=set)
    """(driver, native id) of the devices that drivers found in it."""
    announces: bool = False
    """A driver made something of it: a device, a part of one, a list of them."""
    ours: bool = True
    """Only what this gateway itself says was heard."""
    routed: set[str] = field(default_factory=set)
    """Keys of the devices in use that its frames belong to; the first few."""


class Scan:
    """One at a time, for the whole gateway. All methods run on the event loop."""

    def __init__(self, register: Register, clock: Clock, search: Callable[[], None] = lambda: None) -> None:
        """`search` asks families that answer a broadcast."""
        self.on = False
        self.left_out = 0
        """Frames of sources for which there was no room."""
        self.own_topics: frozenset[str] = frozenset()
        """Filters of what this gateway publishes."""
        self._register = register
        self._clock = clock
        self._search = search
        self._until_us = self._search_us = 0
        self._heard: dict[tuple[str, str], Heard] = {}

    def begin(self, for_s: float) -> float:
        """Begin anew, for so long (at most `LONGEST_S`); how long it will be."""
        lasts_s = min(max(for_s, 1.0), LONGEST_S)
        self._heard.clear()
        self.left_out = 0
        self._until_us = self._clock.stamp().mono_us + int(lasts_s * 1e6)
        self._switch(True)
        self._ask(self._clock.stamp().mono_us)
        return lasts_s

    def expire(self, mono_us: int) -> None:
        """End it when its time is over, and ask again meanwhile."""
        if self.on and mono_us >= self._until_us:
            self._switch(False)
        elif self.on and mono_us >= self._search_us:
            self._ask(mono_us)

    def _ask(self, mono_us: int) -> None:
        self._search_us = mono_us + int(SEARCH_S * 1e6)
        self._search()

    @property
    def left_s(self) -> float:
        """How long it goes on; 0 when it is over."""
        return max(0.0, (self._until_us - self._clock.stamp().mono_us) / 1e6) if self.on else 0.0

    def _switch(self, on: bool) -> None:
        self.on = self._register.everything = on
        self._register.filters_changed.set()

    def note(self, kind: str, frame: Frame) -> None:
        """A frame arrived."""
        source = root_of(kind, frame.source)
        one = self._heard.get((frame.link, source))
        if one is None:
            if len(self._heard) >= MOST:
                self.left_out += 1
                return
            one = Heard(frame.link, kind, source, frame.stamp.at_us, frame.stamp.at_us)
            self._heard[frame.link, source] = one
        one.ours = one.ours and any(matches(own, frame.source) for own in self.own_topics)
        one.count += 1
        one.last_us = frame.stamp.at_us
        one.rssi_dbm = frame.rssi_dbm if frame.rssi_dbm is not None else one.rssi_dbm
        longer = len(frame.data) > one.size_bytes
        if longer or one.count == 1:
            one.sample, one.size_bytes = frame.data[:SAMPLE], len(frame.data)
        if (longer or one.count <= LOOKS) and one.looks < LOOKS:
            one.looks += 1
            self._look(one, frame)

    def _look(self, one: Heard, frame: Frame) -> None:
        routed = self._register.routes.of(frame.link, frame.source)
        one.routed |= {entry.device.key for entry in routed}
        for cls in self._register.lookers(one.kind, frame):
            one.drivers = tuple(dict.fromkeys((*one.drivers, cls.about.key)))
            said = _said(cls, frame)
            one.announces = one.announces or bool(said)
            one.found |= {(cls.about.key, item.native_id) for item in said if isinstance(item, Announcement)}

    def heard(self) -> list[Heard]:
        """Every source with what has become of it until now, the strongest first on a radio, else by name."""
        owners = self._owners()
        for one in self._heard.values():
            one.device, one.why = self._verdict(one, owners)
        return sorted(self._heard.values(), key=lambda one: (one.link, -(one.rssi_dbm or 0), one.source))

    def _owners(self) -> dict[tuple[str, str], str]:
        """Device key by (link, source), for devices of every state; radios hear each other's devices."""
        owners: dict[tuple[str, str], str] = {}
        for entry in self._register:
            kind = self._register.links.get(entry.device.link, "")
            where = "" if kind == "ble" else entry.device.link
            if kind != "mqtt":
                owners.setdefault((where, entry.device.native_id), entry.device.key)
            for topic in entry.driver.topics() if entry.driver else ():
                root = root_of(kind, topic)
                if "+" not in root and "#" not in root:
                    owners.setdefault((where, root), entry.device.key)
        return owners

    def _verdict(self, one: Heard, owners: dict[tuple[str, str], str]) -> tuple[str, Why]:
        key = min(one.routed, default="") or owners.get(("" if one.kind == "ble" else one.link, one.source), "")
        if not key and one.announces:
            known = [self._register.by_native(driver, native_id) for driver, native_id in one.found]
            keys = [entry.device.key for entry in known if entry is not None]
            if one.kind == "mqtt" or len(keys) != 1:
                return "", Why.OURS if one.ours else Why.ANNOUNCEMENT  # a topic of its own is among its device's
            key = keys[0]
        try:
            return (key, OF_STATE[self._register.device(key).state]) if key else ("", _unowned(one))
        except UnknownDevice:  # it has withdrawn meanwhile
            return "", _unowned(one)


def _unowned(one: Heard) -> Why:
    if one.ours:
        return Why.OURS
    return Why.NOTHING if one.drivers else Why.UNKNOWN


def root_of(kind: str, source: str) -> str:
    """What makes one line of a scan out of the sources of one device."""
    if kind == "mqtt":
        return "/".join(source.split("/")[:LEVELS])
    return source.partition("/")[0] if kind in ("ble", "esphome") else source


def _said(cls: type[Driver], frame: Frame) -> list[object]:
    """What a family makes of a frame. Its faults are intake's to count."""
    try:
        return list(cls.sniff(frame))
    except Exception:  # a damaged frame, or a stranger's code
        return []
