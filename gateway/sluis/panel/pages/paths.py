"""Two paths to one device: what speaks for it, and a person's word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form
from fastapi.responses import Response

from sluis.intake.kinship import Kinships
from sluis.model import Actor, Device, Role
from sluis.panel.auth import HouseDep, device_for, sees
from sluis.panel.i18n import N_
from sluis.panel.pages.guards import Technician
from sluis.panel.pages.toast import Toast, then
from sluis.panel.ports import House

router = APIRouter()

Other = Annotated[str, Form(max_length=120)]

EVIDENCE = {
    "address": N_("the same hardware address, %(detail)s"),
    "serial": N_("the same make and serial number, %(detail)s"),
    "near": N_("hardware addresses next to each other, %(detail)s"),
}
"""Why two devices seem to be one."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Another device that may be the same thing."""

    device: Device
    percent: int
    evidence: str
    """A message with `detail`."""
    detail: str


def proposals(house: House, actor: Actor, devices: Iterable[Device]) -> dict[str, list[Proposal]]:
    """What may be the same as each of these devices, as far as this person may see it; nothing for the related."""
    seen = {one.key: one for one in house.register.devices() if sees(actor, one)}
    kinships = Kinships(seen.values())
    return {
        one.key: [
            Proposal(seen[kin.other], round(kin.confidence * 100), EVIDENCE[kin.evidence], kin.detail)
            for kin in (kinships.of(one) if not one.same_as else ())
        ]
        for one in devices
    }


def paths_of(house: House, actor: Actor, device: Device) -> list[Device]:
    """The other devices that a person said are this one, as far as this person may see them."""
    return [
        one
        for one in house.register.devices()
        if sees(actor, one) and (one.key == device.same_as or one.same_as == device.key)
    ]


@router.post("/devices/{key}/same-as", include_in_schema=False)
async def relate(key: str, house: HouseDep, actor: Technician, other: Other = "") -> Response:
    """These are one thing; with no `other`: they are not."""
    found = device_for(house, actor, key, Role.TECHNICIAN)
    if other:
        device_for(house, actor, other, Role.TECHNICIAN)
        await house.register.relate(key, other, actor)
    else:
        await house.register.unrelate(key, actor)
    return then(f"/devices/{quote(key)}", Toast("saved", {"name": found.label}))
