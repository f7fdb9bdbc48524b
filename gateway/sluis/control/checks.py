"""What is checked before a command is accepted. Each check raises the `CommandError` that says what is wrong."""

from __future__ import annotations

import math
from typing import ClassVar

from sluis.model import (
    Actor,
    Availability,
    CommandError,
    Device,
    DeviceState,
    Kind,
    OutOfRange,
    Point,
    ReadOnly,
    Refused,
    Retry,
    Role,
    Value,
)
from sluis.model.firmware import starts_update
from sluis.rules.agreement import is_number
from sluis.twins import Twin

TEXT_MAX = 1_000
"""Characters of a text command. Displays and announcers take less; larger is a mistake or an attack."""

DEADLINE_MAX_S = 3_600.0
"""Longest deadline. Whoever wants something later than an hour wants a schedule, not a command that waits."""


class DeviceOffline(CommandError):
    """The device cannot be reached."""

    code = "command.device-offline"
    hint = "The device's page says since when and why. Check its power and its connection."
    retry = Retry.LATER


class Busy(CommandError):
    """Too many commands wait for this device."""

    code = "command.busy"
    hint = "Wait for the commands before it; the device's page lists them."
    retry = Retry.LATER


class UnknownCommand(CommandError, LookupError):
    """There is no command of this id."""

    code: ClassVar[str] = "command.unknown"
    hint = "Old commands are removed with the history they belong to."


def check_actor(actor: Actor, device: Device) -> None:
    if device.state is not DeviceState.ADOPTED:
        raise Refused(f"{device.label} is {device.state.value}, not in use", hint="Adopt it first.")
    if not actor.may(Role.OPERATOR, device.area):
        place = f" in {device.area}" if device.area else ""
        raise Refused(f"{actor.label} may not operate devices{place}", hint="Ask an administrator for that right.")


def check_firmware(actor: Actor, device: Device, point: Point) -> None:
    """Only a person, a token or a rollout starts an update of a device's own firmware, and only as a technician; by the
    device's own update button (quantity `update`) as well."""
    if not starts_update(point):
        return
    if actor.kind not in ("person", "token", "system") or not actor.may(Role.TECHNICIAN, device.area):
        raise Refused(
            f"{actor.label} may not update the firmware of {device.label}",
            hint="That takes a person or token of role technician, or a rollout.",
        )


def check_reach(device: Device, twin: Twin) -> None:
    if twin.blocked_by:
        raise DeviceOffline(f"{device.label} cannot be reached: {twin.blocked_by} is down")
    if twin.availability is Availability.OFFLINE:
        raise DeviceOffline(f"{device.label} is offline ({twin.reason})")


def check_deadline(deadline_s: float) -> float:
    if not math.isfinite(deadline_s) or not 0 < deadline_s <= DEADLINE_MAX_S:
        raise OutOfRange(f"a deadline of {deadline_s} s", hint=f"More than 0 s and at most {DEADLINE_MAX_S:g} s.")
    return deadline_s


def check_value(point: Point, value: Value | None) -> Value | None:
    """The value as the point takes it (a whole float for an int is fine). ReadOnly or OutOfRange when it cannot."""
    if not point.writable:
        raise ReadOnly(f"{point.key} can be read, not written")
    if point.kind is Kind.TRIGGER:
        return _trigger(point, value)
    if point.kind is Kind.SWITCH:
        return _switch(point, value)
    if point.kind is Kind.NUMBER:
        return _number(point, value)
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise OutOfRange(f"{point.key} takes text of at most {TEXT_MAX} characters, not {value!r:.80}")
    if point.kind is Kind.CHOICE or point.options:
        _option(point, value)
    return value


def _trigger(point: Point, value: Value | None) -> Value | None:
    if value is not None and not (isinstance(value, str) and (not point.options or value in point.options)):
        raise OutOfRange(f"{point.key} is an action and takes no value {value!r:.80}")
    return value


def _switch(point: Point, value: Value | None) -> bool:
    if not isinstance(value, bool):
        raise OutOfRange(f"{point.key} is on or off, not {value!r:.80}", hint="Send true or false.")
    return value


def _option(point: Point, value: str) -> None:
    if value not in point.options:
        raise OutOfRange(f"{point.key} has no option {value!r:.80}", hint=f"One of: {', '.join(point.options)}")


def _number(point: Point, value: Value | None) -> float:
    if not is_number(value) or not math.isfinite(value):
        raise OutOfRange(f"{point.key} takes a number, not {value!r:.80}")
    low = -math.inf if point.minimum is None else point.minimum
    high = math.inf if point.maximum is None else point.maximum
    if not low <= value <= high:
        raise OutOfRange(f"{point.key}: {value:g} is not within {low:g} and {high:g} {point.unit}".rstrip())
    if point.step:
        steps = (value - (point.minimum or 0)) / point.step
        if abs(steps - round(steps)) > 1e-6 * max(1.0, abs(steps)):
            raise OutOfRange(f"{point.key}: {value:g} is not on a step of {point.step:g}")
    return value
