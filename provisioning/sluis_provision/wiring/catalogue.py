"""What the firmware knows of parts, buses and boards, from what the child process tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluis.model.wiring import Catalogue, FieldInfo, KindInfo, PinsInfo, PointInfo


def catalogue(told: Mapping[str, Any]) -> Catalogue:
    """From the child's answer."""
    return Catalogue(
        version=told["version"],
        kinds={key: _kind(key, one) for key, one in told["parts"].items()},
        buses={
            kind: _fields({key: one for key, one in own.items() if key != "bus"}) for kind, own in told["buses"].items()
        },
        node=_fields(told["node"]),
        boards={key: _pins(one) for key, one in told["boards"].items()},
    )


def _kind(key: str, told: Mapping[str, Any]) -> KindInfo:
    points = tuple(_point(suffix, one) for suffix, one in told["points"].items())
    return KindInfo(key, told["about"], told["source"], told["check"], _fields(told["fields"]), points)


def _fields(told: Mapping[str, Any]) -> dict[str, FieldInfo]:
    return {key: FieldInfo(key=key, **_values(one)) for key, one in told.items()}


def _values(told: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: told[name] for name in FieldInfo.__dataclass_fields__ if name in told}
    return known | {"options": tuple(told.get("options", ()))}


def _point(suffix: str, told: Mapping[str, Any]) -> PointInfo:
    return PointInfo(
        suffix,
        str(told.get("kind", "number")),
        str(told.get("quantity", "")),
        str(told.get("unit", "")),
        told.get("writable") is True,
        told.get("min"),
        told.get("max"),
    )


def _pins(told: Mapping[str, Any]) -> PinsInfo:
    avoid = {int(pin): str(why) for pin, why in told["avoid"]}
    return PinsInfo(tuple(told["free"]), tuple(told["read_only"]), told["led"], avoid)
