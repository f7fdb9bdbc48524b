"""Device health: one figure for each device with its reasons, worst first."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from pydantic import Field

from sluis.model import Actor, Device
from sluis.panel.api.guards import CanSee
from sluis.panel.api.shapes import Cursor, DeviceKey, Limit, Out, Page, pack, unpack
from sluis.panel.auth import HouseDep, device_for, sees
from sluis.panel.ports import Checkup, House

router = APIRouter(prefix="/api/v1", tags=["devices"])


class ReasonOut(Out):
    """Why points are off."""

    code: str = Field(examples=["battery-low"])
    points: int
    numbers: dict[str, float] = Field(description="What the sentence is filled in with.")


class HealthOut(Out):
    """How well a device is, and what that rests on; null for what is not known, which takes no points."""

    device: str
    name: str
    area: str
    at_us: int = Field(description="When it was looked at.")
    score: int = Field(description="100 is the best; 0 the worst.")
    reasons: list[ReasonOut] = Field(description="Heaviest first.")
    battery_percent: float | None
    battery_low: bool | None = Field(description="Where the device says no more than that.")
    battery_end_us: int | None = Field(description="When it is empty if it goes on as it does.")
    signal: float | None
    signal_unit: str
    signal_per_week: float | None = Field(description="What the signal gains in a week.")
    heard: int | None = Field(description="Reports that came in the whole hours of the last day.")
    expected: int | None = Field(description="Reports that were to come in them.")
    restarts: int | None = Field(description="In a week.")
    drops: int | None = Field(description="How often it was gone in a day, by its own word or its broker's.")
    clock_off_s: float | None = Field(description="Its own clock minus the gateway's.")
    firmware_age_s: float | None = Field(description="Since its firmware is what it is.")


@router.get("/health")
async def list_health(house: HouseDep, actor: CanSee, limit: Limit = 100, cursor: Cursor = "") -> Page[HealthOut]:
    """Devices you may see, worst first. All are looked at once an hour, the first time some minutes after a start."""
    known = {device.key: device for device in house.register.devices()}
    found = seen(house, actor, known)
    total, after = len(found), unpack(cursor, int, str)
    begin = 0 if after is None else next((n for n, one in enumerate(found) if _place(one) > tuple(after)), total)
    shown = found[begin : begin + limit]
    more = pack(*_place(shown[-1])) if begin + limit < total else ""
    items = [health_out(one, known[one.device]) for one in shown]
    return Page.model_construct(items=items, next=more, total=total)


@router.get("/devices/{device}/health")
async def get_health(house: HouseDep, actor: CanSee, device: DeviceKey) -> HealthOut:
    """How well a device is now, and why."""
    found = device_for(house, actor, device)
    return health_out(await house.wellness.of(device), found)


def seen(house: House, actor: Actor, known: Mapping[str, Device]) -> list[Checkup]:
    """What was found of the devices this actor may see, worst first."""
    return [one for one in house.wellness.worst_first() if one.device in known and sees(actor, known[one.device])]


def _place(checkup: Checkup) -> tuple[int, str]:
    return checkup.health.score, checkup.device


def health_out(checkup: Checkup, device: Device) -> HealthOut:
    """A checkup as the API tells it."""
    signs, signal = checkup.signs, checkup.signs.signal
    return HealthOut(
        device=device.key,
        name=device.label,
        area=device.area,
        at_us=checkup.at_us,
        score=checkup.health.score,
        reasons=[
            ReasonOut(code=one.code, points=one.points, numbers=dict(one.numbers)) for one in checkup.health.reasons
        ],
        battery_percent=signs.battery_pct,
        battery_low=signs.battery_low,
        battery_end_us=checkup.health.battery_end_us,
        signal=round(signal.level, 1) if signal else None,
        signal_unit=signal.unit if signal else "",
        signal_per_week=round(signal.per_week, 2) if signal and signal.per_week is not None else None,
        heard=signs.heard,
        expected=None if signs.expected is None else round(signs.expected),
        restarts=signs.restarts,
        drops=signs.drops,
        clock_off_s=signs.clock_off_s,
        firmware_age_s=signs.firmware_age_s,
    )
