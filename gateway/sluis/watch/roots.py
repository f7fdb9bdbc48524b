"""What a device that nobody can reach is waiting for: the link or device at the root of it."""

from __future__ import annotations

from sluis.model import Availability, DeviceState
from sluis.rules import Reach, Subject
from sluis.watch.ports import Devices

DEPTH = 16
"""Carriers behind carriers followed at most. Buildings have three (link, bridge, sub-bridge); more is a loop."""


def root_of(devices: Devices, key: str) -> tuple[str, str] | None:
    """(`link`, name) or (`device`, key) that is down and carries the device; None when it is not blocked."""
    root: tuple[str, str] | None = None
    for _ in range(DEPTH):
        kind, _, name = devices.twin(key).blocked_by.partition(":")
        if kind == "link":
            return kind, name
        if kind != "parent":
            break
        root, key = ("device", name), name
        if name not in {device.key for device in devices.devices()}:
            break
    return root


def affected_by(devices: Devices, subject: Subject) -> list[str]:
    """Devices in use that cannot be reached because this one, or this link, is down."""
    kind, _, name = subject.point.partition(":")
    root = ("device", subject.device) if subject.device else (kind, name)
    return [
        device.key
        for device in devices.devices(DeviceState.ADOPTED)
        if device.key != subject.device and root_of(devices, device.key) == root
    ]


def reach_of(devices: Devices, key: str, before: Reach | None) -> Reach:
    """What the rules are told about a device's reach; `before` is what they were told last."""
    twin = devices.twin(key)
    blocked = bool(twin.blocked_by)
    silent = not blocked and twin.availability is Availability.UNKNOWN
    returned = silent and before is not None and (before.blocked or before.returned)
    return Reach(twin.availability, blocked, returned)
