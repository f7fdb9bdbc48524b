"""Points: what they say now, what they said, and why."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from sluis.model import Actor, Kind, Point, Quality, Role, UnknownPoint
from sluis.panel.api.commands import ReceiptOut, receipt_out
from sluis.panel.api.device_shapes import PointOut, ReportedOut, desired_of, point_out, reported_out
from sluis.panel.api.guards import CanCommand, CanSee
from sluis.panel.api.listing import Wanted, devices_for
from sluis.panel.api.shapes import INT64, Cursor, DeviceKey, Limit, Out, Page, PlainValue, PointKey, pack, unpack
from sluis.panel.auth import HouseDep, device_for
from sluis.panel.errors import Invalid
from sluis.panel.ports import House

router = APIRouter(prefix="/api/v1", tags=["points"])

From = Annotated[int, Query(ge=0, le=INT64, description="From this microsecond (UTC since 1970), inclusive.")]
Until = Annotated[int | None, Query(ge=0, le=INT64, description="Until this microsecond, exclusive; left out: now.")]

DAY_US = 86_400_000_000


class LatestOut(Out):
    """What one point says now."""

    device: str
    point: str
    unit: str
    reported: ReportedOut | None
    desired: bool | int | float | str | None


class StoredOut(Out):
    """One stored reading."""

    seq: int
    at_us: int
    value: bool | int | float | str
    quality: str


class BucketOut(Out):
    """One span of a series; values in the point's unit."""

    at_us: int
    min: float | None
    mean: float | None
    max: float | None
    last: float | None
    count: int


class ShareOut(Out):
    """One span of the past of a point that says words."""

    at_us: int
    counts: dict[str, int]
    last: bool | int | float | str


class SeriesOut(Out):
    """A point's past in equal spans; spans without readings are left out. Numbers and switches (0 and 1) are in
    `buckets`, the words of choices and texts in `shares`."""

    device: str
    point: str
    unit: str
    start_us: int
    end_us: int
    buckets: list[BucketOut]
    shares: list[ShareOut]


@router.get("/values")
async def list_values(
    house: HouseDep,
    actor: CanSee,
    device: Annotated[str, Query(max_length=120)] = "",
    area: Annotated[str, Query(max_length=120)] = "",
    limit: Limit = 1_000,
    cursor: Cursor = "",
) -> Page[LatestOut]:
    """What every point you may see says now, in pages of whole devices: a page may hold a few more than `limit`."""
    if device:
        device_for(house, actor, device)
    found = devices_for(house.register, actor, Wanted(area=area))
    shown = sorted(one.key for one in found if not device or one.key == device)
    after = unpack(cursor, str)
    items: list[LatestOut] = []
    for key in shown:
        if after is not None and key <= after[0]:
            continue
        items.extend(_latest(house, key))
        if len(items) >= limit:
            return Page(items=items, next=pack(key) if key != shown[-1] else "")
    return Page(items=items)


@router.get("/points/{device}/{point}")
async def get_point(house: HouseDep, actor: CanSee, device: DeviceKey, point: PointKey) -> PointOut:
    """One point with what it last said."""
    return point_out(house.register.twin(device), _point(house, actor, device, point))


@router.put("/points/{device}/{point}")
async def write_point(
    house: HouseDep,
    actor: CanCommand,
    device: DeviceKey,
    point: PointKey,
    value: Annotated[PlainValue | None, Body(examples=[True])] = None,
) -> ReceiptOut:
    """Command a point with a bare JSON value (null for a trigger) and answer with the outcome."""
    _point(house, actor, device, point)
    device_for(house, actor, device, Role.OPERATOR)
    receipt = await house.control.submit(device, point, value, actor)
    return receipt_out(await house.control.outcome(receipt.command.id))


@router.get("/points/{device}/{point}/readings")
async def list_readings(
    house: HouseDep,
    actor: CanSee,
    device: DeviceKey,
    point: PointKey,
    start_us: From = 0,
    end_us: Until = None,
    limit: Limit = 500,
    cursor: Cursor = "",
) -> Page[StoredOut]:
    """A point's readings as they were stored, oldest first."""
    _point(house, actor, device, point)
    after = unpack(cursor, int)
    end = _end(house, start_us, end_us)
    rows = await house.history.readings(device, point, start_us, end, limit + 1, after[0] if after else None)
    items = [
        StoredOut(seq=row.seq, at_us=row.at_us, value=row.value, quality=Quality(row.quality).word)
        for row in rows[:limit]
    ]
    return Page(items=items, next=pack(items[-1].seq) if len(rows) > limit else "")


@router.get("/points/{device}/{point}/series")
async def get_series(
    house: HouseDep,
    actor: CanSee,
    device: DeviceKey,
    point: PointKey,
    start_us: Annotated[int | None, Query(ge=0, le=INT64, description="A day before the end when left out.")] = None,
    end_us: Until = None,
    buckets: Annotated[int, Query(ge=1, le=2_000)] = 300,
) -> SeriesOut:
    """A point's past for a chart: minimum, mean, maximum and last value of each span."""
    found = _point(house, actor, device, point)
    end = end_us if end_us is not None else house.clock.stamp().at_us
    start = start_us if start_us is not None else max(0, end - DAY_US)
    _end(house, start, end)
    wanted = (device, point, start, end, buckets)
    made = SeriesOut(device=device, point=point, unit=found.unit, start_us=start, end_us=end, buckets=[], shares=[])
    if found.kind in (Kind.CHOICE, Kind.TEXT):
        made.shares = [ShareOut.model_validate(one) for one in await house.history.shares(*wanted)]
    else:
        made.buckets = [BucketOut.model_validate(one) for one in await house.history.series(*wanted)]
    return made


@router.get("/points/{device}/{point}/why")
async def explain_point(house: HouseDep, actor: CanSee, device: DeviceKey, point: PointKey) -> list[dict[str, Any]]:
    """Why a point is as it is: reading, rule, person or script, command, answer, effect; newest first."""
    _point(house, actor, device, point)
    return [dict(step) for step in await house.explain.why(device, point)]


def _point(house: House, actor: Actor, device: str, point: str) -> Point:
    device_for(house, actor, device)
    found = house.register.points(device).get(point)
    if found is None:
        raise UnknownPoint(f"{device} has no point {point!r}")
    return found


def _end(house: House, start_us: int, end_us: int | None) -> int:
    end = end_us if end_us is not None else house.clock.stamp().at_us
    if end < start_us:
        raise Invalid("end_us is before start_us")
    return end


def _latest(house: House, key: str) -> list[LatestOut]:
    twin = house.register.twin(key)
    return [
        LatestOut(
            device=key,
            point=point.key,
            unit=point.unit,
            reported=reported_out(twin, point.key),
            desired=desired_of(twin, point.key),
        )
        for point in house.register.points(key).values()
    ]
