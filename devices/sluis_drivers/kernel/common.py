"""What the drivers of the kernel's sensors have in common."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

from sluis.sdk import Announcement, Availability, Frame, Implausible, NotMine, Presence, Truncated
from sluis.sdk.payload import dict_of, list_of, object_of, text_of

CHANNELS = 200
"""Channels of one sensor at most; the largest chips of hwmon have some sixty."""


class Measure(NamedTuple):
    """A kind of channel: our key, quantity, unit, and what the kernel's unit is multiplied with."""

    key: str
    quantity: str
    unit: str
    factor: float = 1.0


class Filed(Protocol):
    """A channel, known by the file that holds its value."""

    @property
    def file(self) -> str: ...


OneChannel = TypeVar("OneChannel", bound=Filed)


def announced(frame: Frame, vendor: str, model: str = "") -> Iterator[Announcement]:
    """A device for a sensor that the link found."""
    said = object_of(frame.data)
    yield Announcement(
        frame.source.removesuffix("/about"),
        "about",
        said,
        vendor=vendor,
        model=model or text_of(said.get("name")) or "sensor",
    )


def files_of(native_id: str, frame: Frame) -> dict[str, Any]:
    """File -> text, or what happened to the sensor. NotMine for another's frame."""
    if frame.source != native_id:
        raise NotMine
    return object_of(frame.data)


def trouble(said: Mapping[str, Any]) -> Presence | None:
    """What a frame says instead of a value."""
    for word in ("gone", "failed"):
        if word in said:
            return Presence(Availability.OFFLINE, reason=text_of(said[word]) or word)
    return None


def present(channels: Iterable[OneChannel], said: Mapping[str, Any]) -> list[OneChannel]:
    """Those channels that a frame has a value of. Truncated when there is none."""
    found = [channel for channel in channels if channel.file in said]
    if not found:
        raise Truncated("no channel of this sensor is in it")
    return found


def channels_of(description: Mapping[str, Any]) -> list[str]:
    """The files that hold a value, as the link announced them."""
    names = list_of(dict_of(description.get("about")).get("channels"))
    return [name for name in names[:CHANNELS] if isinstance(name, str) and name.isascii() and len(name) <= 60]


def label_of(description: Mapping[str, Any], file: str) -> str:
    return text_of(dict_of(dict_of(description.get("about")).get("labels")).get(file), 40)


def every_s(description: Mapping[str, Any], default: float) -> float:
    """How often the link reads it."""
    told = dict_of(description.get("about")).get("every_s")
    if isinstance(told, int | float) and not isinstance(told, bool) and 0 < told < 1e6:
        return float(told)
    return default


def number(text: object) -> float:
    """A number as the kernel writes it. Implausible for anything else."""
    try:
        value = float(text) if isinstance(text, str) and len(text) < 40 else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Implausible(f"{str(text)[:40]!r} is no number")
    return value
