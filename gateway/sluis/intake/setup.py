"""What a person tells of a device, held against what its driver asks."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from sluis.model import BadChecksum, ConfigError, Frame, Kind, Value
from sluis.sdk import About, Ask, Driver

PROVEN_BY = 5
"""Frames that a key is tried on: of five, not every one was damaged on its way."""

SHARED = frozenset({"serial", "knx", "dmx", "cec"})
"""Kinds of link of which a gateway has several, with the same addresses on each: there a source begins with the name of
its link."""


def answers(about: About, given: Mapping[str, Any]) -> dict[str, Value]:
    """The answers, each of the kind that was asked for, with defaults for those not given.

    ConfigError names the answer that is missing, unknown or of the wrong kind.
    """
    asked = {ask.key: ask for ask in about.setup}
    for key in given:
        if key not in asked:
            near = difflib.get_close_matches(key, asked, 1)
            hint = f"did you mean {near[0]!r}?" if near else ""
            raise ConfigError("is not asked for", where=f"{about.key}: {key}", allowed=", ".join(asked), hint=hint)
    return {ask.key: _answer(about, ask, given.get(ask.key)) for ask in about.setup}


def check(cls: type[Driver], native_id: str, description: Mapping[str, Any]) -> None:
    """ConfigError where the driver itself finds fault with what was told (a map that cannot be read). Any other fault
    is the driver's own, and shown at the device."""
    try:
        cls(native_id, description)
    except ConfigError:
        raise
    except Exception:
        return


def product(cls: type[Driver], native_id: str, description: Mapping[str, Any]) -> tuple[str, str]:
    """Vendor and model by what was told; "" where the driver does not say, or fails."""
    try:
        vendor, model = cls(native_id, description).product()
        return str(vendor), str(model)
    except Exception:
        return "", ""


def prove(cls: type[Driver], native_id: str, description: Mapping[str, Any], frames: Sequence[Frame]) -> None:
    """ConfigError when a key opens none of the last frames of its device: then it is not this device's key."""
    last = frames[-PROVEN_BY:]
    if last and all(_closed(cls(native_id, description), frame) for frame in last):
        raise ConfigError("does not open what the device sends", where=cls.about.key, hint="Was it joined anew?")


def _closed(driver: Driver, frame: Frame) -> bool:
    try:
        list(driver.decode(frame))
    except BadChecksum:
        return True
    except Exception:
        return False
    return False


def _answer(about: About, ask: Ask, given: Any) -> Value:
    where = f"{about.key}: {ask.key}"
    if given is None or given == "":
        if ask.required:
            raise ConfigError("is missing", where=where, hint=ask.hint or ask.label)
        return ask.default
    if ask.options and str(given) not in ask.options:
        raise ConfigError(f"{given!r} cannot be chosen", where=where, allowed=", ".join(ask.options))
    if ask.kind is Kind.NUMBER:
        return _number(where, given)
    if ask.kind is Kind.SWITCH:
        return given if isinstance(given, bool) else str(given).lower() in ("1", "true", "yes", "on")
    return str(given)


def _number(where: str, given: Any) -> float:
    try:
        number = float(given)
    except (TypeError, ValueError):
        raise ConfigError(f"{given!r} is no number", where=where) from None
    return int(number) if number.is_integer() else number
