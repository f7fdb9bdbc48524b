"""The building as a site walk meets it: devices to look at, points to drive."""

from __future__ import annotations

from collections.abc import Sequence

from sluis.control.control import Control
from sluis.intake import Register
from sluis.model import Actor, Availability, DeviceState, Point, Quality, Refused, Stage, Value
from sluis_provision.walk import Looked, Walked


class WalkedSite:
    """Implements the walk's `Site`."""

    def __init__(self, name: str, register: Register, control: Control) -> None:
        self.name = name
        self._register = register
        self._control = control

    def devices(self, area: str) -> Sequence[Walked]:
        """Devices in use in the area, by name."""
        found = [one for one in self._register.devices(DeviceState.ADOPTED) if one.area == area]
        return [
            Walked(
                one.key,
                one.label,
                tuple(self._register.points(one.key).values()),
                f"{one.vendor} {one.model}".strip(),
                one.serial,
                one.firmware,
            )
            for one in sorted(found, key=lambda one: one.label.casefold())
        ]

    def look(self, device: str, point: str) -> Looked:
        """What a point says, or whether the device is heard."""
        twin = self._register.twin(device)
        if not point:
            online = twin.availability is Availability.ONLINE
            rssi_dbm = next((frame.rssi_dbm for frame, _ in reversed(self._register.frames(device))), None)
            return Looked(online, "online" if online else f"{twin.availability.value}: {twin.reason}", None, rssi_dbm)
        held, declared = twin.shown(point), self._register.points(device).get(point)
        if held is None or declared is None:
            return Looked(False, "nothing was reported yet")
        text = _text(held.value, declared)
        if held.stale:
            return Looked(False, f"{text}, but that is old", held.value)
        if held.quality is not Quality.GOOD:
            return Looked(False, f"{text}, {held.quality.word}", held.value)
        return Looked(True, text, held.value)

    async def drive(self, device: str, point: str, value: Value, actor: Actor) -> Looked:
        """Command the point, and read what it then says, with its proof where it has one."""
        receipt = await self._control.submit(device, point, value, actor, reason="site walk")
        receipt = await self._control.outcome(receipt.command.id, proven=True)
        if receipt.stage not in (Stage.DONE, Stage.EFFECTIVE):
            raise Refused(receipt.detail or f"{point} was not confirmed ({receipt.stage.value})")
        seen, declared = self.look(device, point), self._register.points(device)[point]
        if not declared.proof:
            return seen
        proof = self.look(device, declared.proof)
        return Looked(seen.good and proof.good, f"{seen.found} ({proof.found})", seen.value)


def _text(value: Value, point: Point) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    number = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"{number} {point.unit}".strip()
