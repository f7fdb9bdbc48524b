"""A device as a W3C Web of Things Thing Description 1.1 (Recommendation of 5 December 2023).

Properties are points with a value, actions are trigger points that can be written, events are trigger points that
occur. Forms point at the API; security is its bearer token. Pure: device and points in, JSON out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from sluis.model import Device, Kind, Point

CONTEXT = "https://www.w3.org/2022/wot/td/v1.1"
TYPES = {Kind.NUMBER: "number", Kind.SWITCH: "boolean", Kind.CHOICE: "string", Kind.TEXT: "string"}


def thing_description(device: Device, points: Iterable[Point], base: str) -> dict[str, Any]:
    """The Thing Description of a device. `base` is the API's address, e.g. `https://sluis.local:8443/api/v1`."""
    held = list(points)
    made: dict[str, Any] = {
        "@context": [CONTEXT, {"sluis": "urn:sluis:terms:"}],
        "@type": "Thing",
        "id": f"urn:sluis:device:{quote(device.key, safe='')}",
        "title": device.label,
        "base": f"{base}/",
        "securityDefinitions": {"token": {"scheme": "bearer", "in": "header"}},
        "security": ["token"],
        "properties": {one.key: _property(device, one) for one in held if one.kind is not Kind.TRIGGER},
        "actions": {one.key: _action(device, one) for one in held if _is_action(one)},
        "events": {one.key: _event(device, one) for one in held if _is_event(one)},
    }
    made.update(_about(device))
    return {key: value for key, value in made.items() if value != {}}


def _about(device: Device) -> Mapping[str, Any]:
    """What is known of the hardware, in our own terms; empty terms are left out."""
    terms = {
        "sluis:vendor": device.vendor,
        "sluis:model": device.model,
        "sluis:serial": device.serial,
        "sluis:firmware": device.firmware,
        "sluis:area": device.area,
        "sluis:assetNumber": device.asset_number,
    }
    return {term: value for term, value in terms.items() if value}


def _property(device: Device, point: Point) -> dict[str, Any]:
    made = {"title": point.name or point.key, "readOnly": not point.writable, "observable": True, **_schema(point)}
    ops = ["readproperty"]
    forms = [{"href": _path(device, point), "op": ops, "contentType": "application/json"}]
    if point.writable:
        forms.append(_command_form(device, point, "writeproperty"))
    return {**made, "forms": forms}


def _schema(point: Point) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": TYPES[point.kind]}
    if point.unit:
        schema["unit"] = point.unit
    if point.quantity:
        schema["sluis:quantity"] = point.quantity
    if point.kind is Kind.NUMBER:
        limits = {"minimum": point.minimum, "maximum": point.maximum, "multipleOf": point.step}
        schema.update({term: value for term, value in limits.items() if value is not None})
    if point.kind is Kind.CHOICE and point.options:
        schema["enum"] = list(point.options)
    return schema


def _action(device: Device, point: Point) -> dict[str, Any]:
    return {"title": point.name or point.key, "safe": False, "forms": [_command_form(device, point, "invokeaction")]}


def _event(device: Device, point: Point) -> dict[str, Any]:
    data: dict[str, Any] = {"type": "string"}
    if point.options:
        data["enum"] = list(point.options)
    href = f"stream?devices={quote(device.key, safe='')}"
    form = {"href": href, "op": ["subscribeevent"], "subprotocol": "sse", "contentType": "text/event-stream"}
    return {"title": point.name or point.key, "data": data, "forms": [form]}


def _command_form(device: Device, point: Point, operation: str) -> dict[str, Any]:
    href = _path(device, point)
    return {"href": href, "op": [operation], "htv:methodName": "PUT", "contentType": "application/json"}


def _path(device: Device, point: Point) -> str:
    return f"points/{quote(device.key, safe='')}/{quote(point.key, safe='')}"


def _is_action(point: Point) -> bool:
    return point.kind is Kind.TRIGGER and point.writable


def _is_event(point: Point) -> bool:
    return point.kind is Kind.TRIGGER and not point.writable
