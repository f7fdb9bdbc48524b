"""Devices and points as the API shows them."""

from __future__ import annotations

from pydantic import Field

from sluis.model import Device, Point, Value
from sluis.panel.api.shapes import In, Key, Label, Name, Out, Sentence
from sluis.panel.ports import Register
from sluis.twins import Twin


class ReportedOut(Out):
    """What a point last said."""

    value: bool | int | float | str
    quality: str
    at_us: int
    stale: bool


class PointOut(Out):
    """A point and what it last said."""

    key: str
    name: str
    quantity: str
    unit: str
    kind: str
    minimum: float | None
    maximum: float | None
    step: float | None
    options: tuple[str, ...]
    writable: bool
    every_s: float | None
    category: str
    proof: str
    reported: ReportedOut | None = None
    desired: bool | int | float | str | None = None


class DeviceOut(Out):
    """A device and whether it can be reached."""

    key: str
    name: str
    area: str
    state: str
    availability: str
    reason: str
    since_us: int
    driver: str
    native_id: str
    link: str
    asset_number: str
    vendor: str
    model: str
    serial: str
    firmware: str
    parent: str
    confidence: str
    """How sure its driver was when it was discovered: `certain`, `likely` or `possible`."""
    evidence: str
    """What that rested on, where it was not certain."""
    same_as: str
    """Key of the device that this is another path to; "" for none."""
    discovered_at_us: int
    adopted_at_us: int
    fault: str = ""
    """Why its driver does not work; "" when it does."""


class Adoption(In):
    """A person's decision to use a device."""

    name: Name
    area: Label = ""
    asset_number: Label = ""


class NewDevice(In):
    """A device that cannot announce itself, taken into use by a person."""

    driver: Name
    link: Name
    address: Name
    """On its link: `3` on a bus, `192.0.2.7:4352` on the network."""
    setup: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Answers to what the driver asks (`setup` of the driver)."""
    name: Label = ""
    area: Label = ""
    asset_number: Label = ""


class DeviceSetup(In):
    """Answers to what the driver asks; those left out stay."""

    setup: dict[str, bool | int | float | str]


class SameAs(In):
    """A person's word that two devices are one thing."""

    other: Key
    """Key of the device that this one is another path to."""


class DeviceSuccessor(In):
    """A person's word that a dead device's place is taken."""

    by: Key
    """Key of the device that takes its place; of the same driver and model."""
    force: bool = False
    """Also while the old one is heard."""
    reason: Sentence = ""


class DeviceChange(In):
    """What may be changed of a device; what is left out stays."""

    name: Name | None = None
    area: Label | None = None
    asset_number: Label | None = None


class FrameOut(Out):
    """One raw frame as received."""

    at_us: int
    link: str
    source: str
    size_bytes: int
    text: str
    """The bytes as UTF-8 where they are; "" otherwise. At most 4 KiB."""
    hex: str
    """The first 512 bytes in hex."""
    retained: bool
    rssi_dbm: int | None
    outcome: str


class CountersOut(Out):
    """Frames of one device since the gateway started."""

    received: int
    decoded: int
    not_mine: int
    bad: int
    duplicates: int
    flooded: int
    faults: int
    last_at_us: int | None


class AreaOut(Out):
    """An area and how it is doing."""

    name: str
    devices: int
    online: int
    offline: int
    unknown: int


def device_out(register: Register, device: Device) -> DeviceOut:
    """A device as the API shows it."""
    twin = register.twin(device.key)
    return DeviceOut.model_construct(
        key=device.key,
        name=device.label,
        area=device.area,
        state=device.state.value,
        availability=twin.availability.value,
        reason=twin.reason,
        since_us=twin.since.at_us,
        driver=device.driver,
        native_id=device.native_id,
        link=device.link,
        asset_number=device.asset_number,
        vendor=device.vendor,
        model=device.model,
        serial=device.serial,
        firmware=device.firmware,
        parent=device.parent,
        confidence=device.confidence,
        evidence=device.evidence,
        same_as=device.same_as,
        discovered_at_us=device.discovered_at_us,
        adopted_at_us=device.adopted_at_us,
        fault=register.fault(device.key),
    )


def reported_out(twin: Twin, key: str) -> ReportedOut | None:
    held = twin.shown(key)
    if held is None:
        return None
    return ReportedOut(value=held.value, quality=held.quality.word, at_us=held.stamp.at_us, stale=held.stale)


def desired_of(twin: Twin, key: str) -> Value | None:
    held = twin.desired.get(key)
    return held.value if held else None


def point_out(twin: Twin, point: Point) -> PointOut:
    return PointOut(
        key=point.key,
        name=point.name,
        quantity=point.quantity,
        unit=point.unit,
        kind=point.kind.value,
        minimum=point.minimum,
        maximum=point.maximum,
        step=point.step,
        options=tuple(point.options),
        writable=point.writable,
        every_s=point.every_s,
        category=point.category,
        proof=point.proof,
        reported=reported_out(twin, point.key),
        desired=desired_of(twin, point.key),
    )
