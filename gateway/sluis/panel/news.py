"""What the live stream says: bus events as small JSON objects, encoded once for all listeners."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import msgspec

from sluis.model import (
    AlertChanged,
    AvailabilityChanged,
    BoardChanged,
    CommandChanged,
    Device,
    DeviceChanged,
    LinkChanged,
    Occurred,
    ReadingChanged,
    Value,
)
from sluis.twins import Twin


class News(msgspec.Struct, frozen=True, tag_field="kind"):
    """One thing that changed."""


class ReadingNews(News, frozen=True, tag="reading"):
    device: str
    point: str
    value: Value
    quality: str
    at_us: int
    stale: bool


class AvailabilityNews(News, frozen=True, tag="availability"):
    device: str
    availability: str
    reason: str
    at_us: int


class OccurrenceNews(News, frozen=True, tag="occurrence"):
    device: str
    point: str
    what: str
    at_us: int


class DeviceNews(News, frozen=True, tag="device"):
    device: str
    what: str
    name: str
    area: str
    state: str


class LinkNews(News, frozen=True, tag="link"):
    link: str
    up: bool
    reason: str
    at_us: int


class ReceiptNews(News, frozen=True, tag="receipt"):
    id: str
    device: str
    point: str
    value: Value | None
    stage: str
    final: bool
    detail: str
    code: str
    actor: str
    at_us: int


class AlertNews(News, frozen=True, tag="alert"):
    id: int
    what: str
    rule: str
    device: str
    point: str
    severity: str
    message: str
    at_us: int


class BoardNews(News, frozen=True, tag="board"):
    port: str
    step: str
    percent: int
    at_us: int


class PointNow(msgspec.Struct, frozen=True):
    """A point in a snapshot."""

    value: Value
    quality: str
    at_us: int
    stale: bool
    desired: Value | None = None


class DeviceNow(msgspec.Struct, frozen=True):
    """A device in a snapshot."""

    key: str
    name: str
    area: str
    availability: str
    reason: str
    since_us: int
    points: dict[str, PointNow]


@singledispatch
def news_of(event: Any) -> News:
    """A bus event as news."""
    raise TypeError(f"no news in {type(event).__name__}")


@news_of.register
def _(event: ReadingChanged) -> News:
    at_us = event.stamp.at_us
    return ReadingNews(event.device, event.point, event.value, event.quality.word, at_us, event.stale)


@news_of.register
def _(event: AvailabilityChanged) -> News:
    return AvailabilityNews(event.device, event.availability.value, event.reason, event.stamp.at_us)


@news_of.register
def _(event: Occurred) -> News:
    return OccurrenceNews(event.device, event.occurrence.point, event.occurrence.what, event.stamp.at_us)


@news_of.register
def _(event: DeviceChanged) -> News:
    device = event.device
    return DeviceNews(device.key, event.what, device.label, device.area, device.state.value)


@news_of.register
def _(event: LinkChanged) -> News:
    return LinkNews(event.link, event.up, event.reason, event.stamp.at_us)


@news_of.register
def _(event: CommandChanged) -> News:
    receipt, command = event.receipt, event.receipt.command
    return ReceiptNews(
        command.id,
        command.device,
        command.point,
        command.value,
        receipt.stage.value,
        receipt.stage.final,
        receipt.detail,
        receipt.code,
        command.actor.label,
        receipt.at_us,
    )


@news_of.register
def _(event: AlertChanged) -> News:
    return AlertNews(
        event.alert_id,
        event.what,
        event.rule,
        event.device,
        event.point,
        event.severity,
        event.message,
        event.stamp.at_us,
    )


@news_of.register
def _(event: BoardChanged) -> News:
    return BoardNews(event.port, event.step, event.percent, event.stamp.at_us)


def device_now(device: Device, twin: Twin) -> DeviceNow:
    """A device as the snapshot shows it."""
    desired = twin.desired
    points = {
        key: PointNow(
            held.value,
            held.quality.word,
            held.stamp.at_us,
            held.stale,
            desired[key].value if key in desired else None,
        )
        for key, held in ((key, twin.shown(key)) for key in twin.reported)
        if held is not None
    }
    availability, since_us = twin.availability.value, twin.since.at_us
    return DeviceNow(device.key, device.label, device.area, availability, twin.reason, since_us, points)


encode = msgspec.json.Encoder().encode
