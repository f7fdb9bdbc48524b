"""What the templates draw of devices and points: values as text, with quality, age and control."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from sluis.model import Actor, Availability, Device, Kind, Point, Role, Value
from sluis.panel.i18n import Tongue
from sluis.panel.pages.words import ORDER, decimals_of, function_of, label_of, on_off_of, reason_of
from sluis.panel.ports import Register
from sluis.twins import Twin
from sluis.twins.twin import STALE_AFTER

AGE_LIMIT_S = 900.0
"""Age from which a value that comes only when it changes shows when that was, on its device's page. A quarter of an
hour: shorter and every window contact wears a badge; longer and nobody sees that a radio went quiet."""

QUICK = frozenset({"light", "outlet", "switch", ""})
"""Quantities that an area card offers a button for: what can be switched without thinking."""


@dataclass(frozen=True, slots=True)
class PointView:
    """One point, ready to draw."""

    device: str
    key: str
    label: str
    quantity: str
    unit: str
    kind: Kind
    category: str
    function: str
    writable: bool
    allowed: bool
    """Whether this visitor may command it."""
    reported: bool
    """Whether it has ever said anything."""
    value: Value | None
    text: str
    format: str
    on: str
    off: str
    quality: str
    stale: bool
    at_us: int
    limit_s: float | None
    """Age from which its age is shown; None for never (the device's availability tells)."""
    age_s: float
    desired: str
    options: tuple[str, ...]
    minimum: float | None
    maximum: float | None
    step: float | None

    @property
    def id(self) -> str:
        return f"{self.device}/{self.key}"

    @property
    def html_id(self) -> str:
        return "".join(letter if letter.isalnum() else "-" for letter in self.id)

    @property
    def action(self) -> str:
        return f"/devices/{quote(self.device)}/points/{quote(self.key, safe='')}"

    @property
    def control(self) -> str:
        """Which control it gets: `switch`, `number`, `choice`, `text`, `trigger` or "" for none."""
        return str(self.kind.value) if self.writable and self.allowed else ""

    @property
    def mark(self) -> str:
        """What is wrong with its value: `stale`, `bad`, `uncertain` or ""."""
        if not self.reported:
            return ""
        if self.stale or (self.limit_s is not None and self.age_s > self.limit_s):
            return "stale"
        return "" if self.quality == "good" else self.quality

    @property
    def has_range(self) -> bool:
        return self.minimum is not None and self.maximum is not None


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device, ready to draw."""

    device: Device
    points: tuple[PointView, ...]
    availability: str
    reason: str
    since_us: int
    fault: str

    @property
    def key(self) -> str:
        return self.device.key

    @property
    def name(self) -> str:
        return self.device.label

    @property
    def href(self) -> str:
        return f"/devices/{quote(self.device.key)}"

    @property
    def online(self) -> bool:
        return self.availability == "online"

    @property
    def mark(self) -> str:
        return "ok" if self.online else self.availability

    def of(self, *quantities: str) -> list[PointView]:
        """Its points of these quantities that have a value."""
        return [one for one in self.points if one.quantity in quantities and one.reported]


@dataclass(frozen=True, slots=True)
class Tile:
    """What one device says and takes within one function."""

    device: DeviceView
    function: str
    main: PointView
    more: tuple[PointView, ...]
    switch: PointView | None
    slider: PointView | None


def device_view(register: Register, device: Device, actor: Actor, tongue: Tongue, now_us: int) -> DeviceView:
    """A device as this person sees it."""
    twin = register.twin(device.key)
    may = actor.may(Role.OPERATOR, device.area) and twin.availability is not Availability.OFFLINE
    points = tuple(
        point_view(device, point, twin, may, tongue, now_us) for point in register.points(device.key).values()
    )
    reason = reason_of(twin.reason, tongue)
    fault = register.fault(device.key)
    return DeviceView(device, points, twin.availability.value, reason, twin.since.at_us, fault)


def point_view(device: Device, point: Point, twin: Twin, may: bool, tongue: Tongue, now_us: int) -> PointView:
    """A point as this person sees it."""
    held = twin.shown(point.key)
    wish = twin.desired.get(point.key)
    on, off = on_off_of(point, tongue)
    show = _Shower(point, on, off, tongue)
    return PointView(
        device=device.key,
        key=point.key,
        label=label_of(point, tongue),
        quantity=point.quantity or (point.key if point.key in ORDER else ""),
        unit=point.unit,
        kind=point.kind,
        category=point.category,
        function=function_of(point, device),
        writable=point.writable,
        allowed=may,
        reported=held is not None,
        value=held.value if held else None,
        text=show(held.value) if held else "–",
        format=f"n{decimals_of(point)}" if point.kind is Kind.NUMBER else point.kind.value,
        on=on,
        off=off,
        quality=held.quality.word if held else "",
        stale=held.stale if held else False,
        at_us=held.stamp.at_us if held else 0,
        limit_s=point.every_s * STALE_AFTER if point.every_s else None,
        age_s=max(0.0, (now_us - held.stamp.at_us) / 1e6) if held else 0.0,
        desired=show(wish.value) if wish and (held is None or held.value != wish.value) else "",
        options=point.options,
        minimum=point.minimum,
        maximum=point.maximum,
        step=point.step,
    )


class _Shower:
    """Writes a point's values."""

    def __init__(self, point: Point, on: str, off: str, tongue: Tongue) -> None:
        self._point, self._on, self._off, self._tongue = point, on, off, tongue

    def __call__(self, value: Value) -> str:
        if isinstance(value, bool):
            return self._on if value else self._off
        if isinstance(value, int | float):
            return self._tongue.number(value, decimals_of(self._point))
        return value


def tiles(views: Iterable[DeviceView]) -> Mapping[str, list[Tile]]:
    """Tiles by function, in the order of `words.FUNCTIONS`."""
    found: dict[str, list[Tile]] = {"climate": [], "light": [], "power": [], "sensors": []}
    for view in views:
        for function, points in _by_function(view).items():
            found[function].append(_tile(view, function, points))
    return {function: made for function, made in found.items() if made}


def _by_function(view: DeviceView) -> dict[str, list[PointView]]:
    """A device's everyday points by function. What is only of use beside something else joins that."""
    shown = [one for one in view.points if not one.category and (one.reported or one.control)]
    shown = shown or [one for one in view.points if one.reported][:1]
    groups: dict[str, list[PointView]] = {}
    for one in shown:
        groups.setdefault(one.function, []).append(one)
    if len(groups) > 1 and "sensors" in groups and not any(_is_main(one) for one in groups["sensors"]):
        rest = groups.pop("sensors")
        next(iter(groups.values())).extend(rest)
    if "light" in groups and "power" in groups:
        groups["light"].extend(groups.pop("power"))
    return groups


def _is_main(point: PointView) -> bool:
    return point.quantity in ORDER


def _tile(view: DeviceView, function: str, points: list[PointView]) -> Tile:
    ranked = sorted(points, key=lambda one: ORDER.index(one.quantity) if one.quantity in ORDER else len(ORDER))
    switch = next((one for one in ranked if one.control == "switch"), None)
    slider = next((one for one in ranked if one.control == "number" and one.has_range), None)
    main = switch or next((one for one in ranked if one.kind is not Kind.TRIGGER), ranked[0])
    more = tuple(one for one in ranked if one is not main and one.reported and one.kind is not Kind.TRIGGER)[:4]
    return Tile(view, function, main, more, switch, slider)


def quick_actions(views: Iterable[DeviceView], at_most: int = 2) -> list[tuple[DeviceView, PointView, str]]:
    """The few switches worth a button on an area's card, with their names: lights first."""
    found: list[tuple[DeviceView, PointView, str]] = []
    for view in views:
        switches = [one for one in view.points if _is_quick(one)]
        names = [view.name] if len(switches) == 1 else [one.label for one in switches]
        found += [(view, one, name) for one, name in zip(switches, names, strict=True)]
    return sorted(found, key=lambda one: one[1].function != "light")[:at_most]


def _is_quick(point: PointView) -> bool:
    return point.control == "switch" and not point.category and point.quantity in QUICK and point.reported
