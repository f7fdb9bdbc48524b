"""Devices: list, look, adopt, change; raw frames and the Thing Description."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response

from sluis.model import Actor, Availability, Device, DeviceState, Frame, Role
from sluis.panel.api.device_shapes import (
    Adoption,
    AreaOut,
    CountersOut,
    DeviceChange,
    DeviceOut,
    DeviceSetup,
    DeviceSuccessor,
    FrameOut,
    NewDevice,
    PointOut,
    SameAs,
    device_out,
    point_out,
)
from sluis.panel.api.guards import CanAdopt, CanInspect, CanSee
from sluis.panel.api.listing import Wanted, devices_for, sort_key
from sluis.panel.api.shapes import Cursor, DeviceKey, Limit, Page, etag, must_match, pack, unpack
from sluis.panel.api.swapping import replaced
from sluis.panel.auth import HouseDep, device_for
from sluis.panel.errors import NotPermitted
from sluis.panel.ports import House
from sluis.wire.thing_description import thing_description

router = APIRouter(prefix="/api/v1", tags=["devices"])

Sort = Literal["name", "-name", "area", "-area", "vendor", "-vendor", "state", "-state", "since", "-since"]
Filter = Annotated[str, Query(max_length=120)]
IfMatch = Annotated[str | None, Header(max_length=200, description="The ETag of the version that is edited.")]


@router.get("/devices")
async def list_devices(
    house: HouseDep,
    actor: CanSee,
    area: Filter = "",
    driver: Filter = "",
    link: Filter = "",
    state: DeviceState = DeviceState.ADOPTED,
    availability: Availability | None = None,
    search: Filter = "",
    sort: Sort = "name",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[DeviceOut]:
    """Devices you may see, filtered, searched and sorted."""
    wanted = Wanted((state,), area, driver, link, availability, search, sort)
    return _page(house, actor, wanted, limit, cursor)


@router.post("/devices", status_code=201)
async def add_device(house: HouseDep, actor: CanAdopt, wish: NewDevice) -> DeviceOut:
    """Take into use a device that cannot announce itself: a meter on a bus, a projector on the network."""
    _holds_in(actor, wish.area)
    added = await house.register.add(
        wish.driver,
        wish.link,
        wish.address,
        setup=wish.setup,
        name=wish.name,
        area=wish.area,
        asset_number=wish.asset_number,
        actor=actor,
    )
    return device_out(house.register, added)


@router.patch("/devices/{device}/setup")
async def configure_device(house: HouseDep, actor: CanAdopt, device: DeviceKey, wish: DeviceSetup) -> DeviceOut:
    """Tell the driver of a device what it asks: a bind key, a register map. What is secret is never shown again."""
    device_for(house, actor, device, Role.TECHNICIAN)
    return device_out(house.register, await house.register.configure(device, wish.setup, actor))


@router.post("/devices/{device}/same-as")
async def relate_device(house: HouseDep, actor: CanAdopt, device: DeviceKey, wish: SameAs) -> DeviceOut:
    """Say that a device is another path to another one (its Bluetooth beside its MQTT). Both stay devices."""
    device_for(house, actor, device, Role.TECHNICIAN)
    device_for(house, actor, wish.other, Role.TECHNICIAN)
    return device_out(house.register, await house.register.relate(device, wish.other, actor))


@router.delete("/devices/{device}/same-as")
async def unrelate_device(house: HouseDep, actor: CanAdopt, device: DeviceKey) -> DeviceOut:
    """Undo that."""
    device_for(house, actor, device, Role.TECHNICIAN)
    return device_out(house.register, await house.register.unrelate(device, actor))


@router.post("/devices/{device}/replace")
async def replace_device(house: HouseDep, actor: CanAdopt, device: DeviceKey, wish: DeviceSuccessor) -> DeviceOut:
    """Another device of the same model takes the place of a dead one: its name, area, history, limits and rules."""
    device_for(house, actor, device, Role.TECHNICIAN)
    device_for(house, actor, wish.by, Role.TECHNICIAN)
    taken = await replaced(house, device, wish.by, actor, force=wish.force, reason=wish.reason)
    return device_out(house.register, taken)


@router.get("/discovered")
async def list_discovered(
    house: HouseDep, actor: CanInspect, search: Filter = "", limit: Limit = 100, cursor: Cursor = ""
) -> Page[DeviceOut]:
    """Devices that made themselves known and wait for somebody's decision."""
    return _page(house, actor, Wanted((DeviceState.DISCOVERED,), search=search), limit, cursor)


@router.post("/discovered/{device}/adopt")
async def adopt_device(house: HouseDep, actor: CanAdopt, device: DeviceKey, wish: Adoption) -> DeviceOut:
    """Take a discovered (or ignored, or retired) device into use."""
    device_for(house, actor, device, Role.TECHNICIAN)
    _holds_in(actor, wish.area)
    adopted = await house.register.adopt(
        device, name=wish.name, area=wish.area, asset_number=wish.asset_number, actor=actor
    )
    return device_out(house.register, adopted)


@router.post("/discovered/{device}/ignore")
async def ignore_device(house: HouseDep, actor: CanAdopt, device: DeviceKey) -> DeviceOut:
    """Say that a discovered device is not ours: it is not shown again."""
    device_for(house, actor, device, Role.TECHNICIAN)
    return device_out(house.register, await house.register.ignore(device, actor))


@router.get("/devices/{device}")
async def get_device(house: HouseDep, actor: CanSee, device: DeviceKey, response: Response) -> DeviceOut:
    """One device."""
    found = device_for(house, actor, device)
    response.headers["ETag"] = _tag(found)
    return device_out(house.register, found)


@router.patch("/devices/{device}")
async def change_device(
    house: HouseDep,
    actor: CanAdopt,
    device: DeviceKey,
    wish: DeviceChange,
    response: Response,
    if_match: IfMatch = None,
) -> DeviceOut:
    """Rename a device, move it to another area, or give it an asset number. Its key never changes."""
    held = device_for(house, actor, device, Role.TECHNICIAN)
    must_match(if_match, _tag(held))
    if wish.area is not None:
        _holds_in(actor, wish.area)
    changed = await house.register.update(device, **wish.model_dump(exclude_unset=True), actor=actor)
    response.headers["ETag"] = _tag(changed)
    return device_out(house.register, changed)


@router.post("/devices/{device}/retire")
async def retire_device(house: HouseDep, actor: CanAdopt, device: DeviceKey) -> DeviceOut:
    """Take a device out of use. Its history stays."""
    device_for(house, actor, device, Role.TECHNICIAN)
    return device_out(house.register, await house.register.retire(device, actor))


@router.post("/devices/{device}/rediscover")
async def rediscover_device(house: HouseDep, actor: CanAdopt, device: DeviceKey) -> DeviceOut:
    """Undo adopting or ignoring: the device is back among the discovered ones."""
    device_for(house, actor, device, Role.TECHNICIAN)
    return device_out(house.register, await house.register.rediscover(device, actor))


@router.get("/devices/{device}/points")
async def list_points(house: HouseDep, actor: CanSee, device: DeviceKey) -> list[PointOut]:
    """A device's points with what they last said."""
    device_for(house, actor, device)
    twin = house.register.twin(device)
    return [point_out(twin, point) for point in house.register.points(device).values()]


@router.get("/devices/{device}/frames")
async def list_frames(house: HouseDep, actor: CanInspect, device: DeviceKey) -> list[FrameOut]:
    """The last raw frames of a device with what became of each, newest first."""
    device_for(house, actor, device, Role.TECHNICIAN)
    return [_frame_out(frame, outcome) for frame, outcome in reversed(house.register.frames(device))]


@router.get("/devices/{device}/counters")
async def get_counters(house: HouseDep, actor: CanInspect, device: DeviceKey) -> CountersOut:
    """How many frames of a device arrived, and what became of them."""
    device_for(house, actor, device, Role.TECHNICIAN)
    counters = house.register.counters(device)
    names = ("received", "decoded", "not_mine", "bad", "duplicates", "flooded", "faults")
    last = counters.last_at.at_us if counters.last_at else None
    return CountersOut(**{name: getattr(counters, name) for name in names}, last_at_us=last)


@router.get("/devices/{device}/thing", response_model=dict[str, Any])
async def get_thing_description(house: HouseDep, actor: CanSee, device: DeviceKey, request: Request) -> dict[str, Any]:
    """The W3C WoT Thing Description 1.1 of a device: properties, actions and events with their forms."""
    found = device_for(house, actor, device)
    points = tuple(house.register.points(device).values())
    return thing_description(found, points, str(request.base_url).rstrip("/") + "/api/v1")


@router.get("/areas")
async def list_areas(house: HouseDep, actor: CanSee) -> list[AreaOut]:
    """The areas in use that you may see."""
    areas: dict[str, AreaOut] = {}
    for device in devices_for(house.register, actor, Wanted(sort="area")):
        if device.area:
            made = areas.setdefault(device.area, AreaOut(name=device.area, devices=0, online=0, offline=0, unknown=0))
            made.devices += 1
            word = house.register.twin(device.key).availability.value
            setattr(made, word, getattr(made, word) + 1)
    return list(areas.values())


def _page(house: House, actor: Actor, wanted: Wanted, limit: int, cursor: str) -> Page[DeviceOut]:
    found = devices_for(house.register, actor, wanted)
    total, after = len(found), unpack(cursor, str, str)
    if after is not None:
        found = _after(house, found, wanted.sort, (after[0], after[1]))
    shown = found[:limit]
    more = pack(*sort_key(house.register, shown[-1], wanted.sort)) if len(found) > limit else ""
    return Page.model_construct(items=[device_out(house.register, one) for one in shown], next=more, total=total)


def _after(house: House, found: list[Device], sort: str, last: tuple[str, str]) -> list[Device]:
    if sort.startswith("-"):
        return [device for device in found if sort_key(house.register, device, sort) < last]
    return [device for device in found if sort_key(house.register, device, sort) > last]


def _tag(device: Device) -> str:
    return etag(device.name, device.area, device.asset_number, device.state.value)


def _holds_in(actor: Actor, area: str) -> None:
    """NotPermitted when the actor would put a device where they hold no rights."""
    if actor.areas is not None and area not in actor.areas:
        raise NotPermitted(f"you have no rights in {area or 'the whole building'}")


def _frame_out(frame: Frame, outcome: str) -> FrameOut:
    try:
        text = frame.data[:4096].decode()
    except UnicodeDecodeError:
        text = ""
    return FrameOut(
        at_us=frame.stamp.at_us,
        link=frame.link,
        source=frame.source,
        size_bytes=len(frame.data),
        text=text,
        hex=frame.data[:512].hex(),
        retained=frame.retained,
        rssi_dbm=frame.rssi_dbm,
        outcome=outcome,
    )
