"""Boards on the gateway's own ports: find them, write them, key and test them, put them in their place."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints

from sluis.panel.api.device_shapes import DeviceOut, device_out
from sluis.panel.api.guards import CanManageNodes, CanSeeNodes
from sluis.panel.api.nodes import ID
from sluis.panel.api.shapes import In, Label, Name, Out
from sluis.panel.auth import HouseDep, everywhere
from sluis.panel.bench import OURS, Bench, RunReport, Wish
from sluis.panel.errors import NoBench
from sluis.panel.ports import House
from sluis.panel.problems import MEDIA_TYPE

NONE: dict[int | str, dict[str, Any]] = {
    404: {
        "description": "No boards can be plugged in here, or none were written since the last tray was put away.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}

router = APIRouter(prefix="/api/v1", tags=["bench"], responses=NONE)

PDF = "application/pdf"
Port = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Ports = Annotated[list[Port], Field(min_length=1, max_length=64, examples=[["/dev/ttyUSB0"]])]
Choice = Annotated[str, StringConstraints(max_length=120)]


class SocketOut(Out):
    """A port that may have a board on it."""

    port: str
    place: str = Field(description="The USB socket it is plugged into.")
    words: str = Field(description="What the USB end says it is.")
    family: str = Field(description="`esp`, `rp2`, or empty where the USB end does not tell.")
    unusable: str = Field(description="Why a board there cannot be used; empty when it can.")
    hint: str
    asked: bool = Field(description="Whether the board was asked; then the following is what it said.")
    chip: str
    id: str
    revision: str
    flash_bytes: int
    version: str = Field(description="Of the MicroPython that it runs; empty for none, or not told.")


class LookAt(In):
    ports: Ports
    family: Literal["esp", "rp2", ""] = Field(default="", description="For ports that do not tell.")


class ProfileOut(Out):
    key: str
    name: str
    chip: str
    family: str
    image: str


class ImageOut(Out):
    key: str
    chip: str
    version: str
    file: str
    state: str = Field(description="`ready`, `approved`, `missing` or `damaged`.")
    url: str


class FirmwareOut(Out):
    key: str
    board: str
    version: str


class ChoicesOut(Out):
    """What can be written."""

    profiles: list[ProfileOut]
    images: list[ImageOut]
    firmwares: list[FirmwareOut]
    networks: list[str] = Field(description="Wi-Fi networks that nodes are told.")


class WishIn(In):
    """What is to be done to which boards."""

    ports: Ports
    profile: Choice = Field(examples=["esp32-c3"])
    image: Choice = Field(default="", description="Empty: the profile's; a key of the catalogue; `keep`: leave it.")
    firmware: Choice = Field(default=OURS, description="`ours`, the name of a release, or empty for none.")
    erase: bool = False
    key: bool = Field(default=True, description="Also give each its key, and test it.")
    again: bool = Field(default=False, description="Boards that are nodes already get a new key.")


class WishOut(Out):
    ports: list[str]
    profile: str
    image: str
    firmware: str
    erase: bool
    key: bool
    again: bool


class BoardOut(Out):
    """One board of a run."""

    port: str
    place: str
    id: str
    chip: str
    revision: str
    flash_bytes: int
    step: str = Field(description="`seen`, `probed`, `approved`, `writing`, `verified`, `booted`, `tested`, `done` ...")
    percent: int
    said: str
    failed_at: str
    code: str
    next: str = Field(description="What a person does now, where it failed.")
    started_us: int
    ended_us: int


class RunOut(Out):
    """The boards that are being written, or were last."""

    id: str
    by: str
    wish: WishOut
    image: str
    begun_at_us: int
    ended_at_us: int = Field(description="0 while it is under way.")
    boards: list[BoardOut]


class Placing(In):
    node: str = Field(pattern=ID, description="Number of a board that has passed its test.")
    name: Name
    area: Label = ""
    asset_number: Label = ""


@router.get("/bench")
async def get_bench(house: HouseDep, actor: CanSeeNodes) -> RunOut | None:
    """The run under way, else the last one; null when it was put away. The stream says `board` when a board moves."""
    everywhere(actor)
    run = bench_of(house).latest()
    return _out(run) if run is not None else None


@router.get("/bench/sockets")
async def list_sockets(house: HouseDep, actor: CanSeeNodes) -> list[SocketOut]:
    """Ports that may have a board on them. The boards are left alone."""
    everywhere(actor)
    return [SocketOut.model_validate(one) for one in await bench_of(house).sockets()]


@router.post("/bench/look")
async def look_at_boards(house: HouseDep, actor: CanManageNodes, wish: LookAt) -> list[SocketOut]:
    """Ask boards what they are: chip, revision, flash, number. It restarts them."""
    everywhere(actor)
    return [SocketOut.model_validate(one) for one in await bench_of(house).look(wish.ports, wish.family)]


@router.get("/bench/choices")
async def list_choices(house: HouseDep, actor: CanSeeNodes) -> ChoicesOut:
    """Kinds of boards, images, firmware and networks."""
    everywhere(actor)
    found = await bench_of(house).choices()
    networks = await house.nodes.networks.names() if house.nodes is not None else []
    return ChoicesOut(
        profiles=[ProfileOut.model_validate(one) for one in found.profiles],
        images=[ImageOut.model_validate(one) for one in found.images],
        firmwares=[FirmwareOut.model_validate(one) for one in found.firmwares],
        networks=networks,
    )


@router.post("/bench", status_code=202)
async def begin_run(house: HouseDep, actor: CanManageNodes, wish: WishIn) -> RunOut:
    """Write boards, all at once. What is wrong with the wish is said before anything is written."""
    everywhere(actor)
    return _out(await bench_of(house).begin(wish_of(wish), actor))


@router.post("/bench/stop")
async def stop_run(house: HouseDep, actor: CanManageNodes) -> RunOut:
    """Stop. Each board says where it was left; beginning again carries on from there."""
    everywhere(actor)
    return _out(await bench_of(house).stop(actor))


@router.delete("/bench", status_code=204)
async def put_away(house: HouseDep, actor: CanManageNodes) -> None:
    """Put the tray away. The boards keep what they have."""
    everywhere(actor)
    await bench_of(house).put_away(actor)


@router.get("/bench/report")
async def get_bench_report(house: HouseDep, actor: CanSeeNodes) -> dict[str, Any]:
    """What became of each board, as `sluis flash --report` writes it."""
    everywhere(actor)
    return dict(bench_of(house).report())


@router.get(
    "/bench/report.pdf",
    response_class=Response,
    responses={200: {"content": {PDF: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def print_bench_report(house: HouseDep, actor: CanSeeNodes, language: Literal["nl", "en"] = "nl") -> Response:
    """The same on paper."""
    everywhere(actor)
    return Response(await bench_of(house).report_pdf(language), media_type=PDF)


@router.post("/bench/place")
async def place_board(house: HouseDep, actor: CanManageNodes, wish: Placing) -> DeviceOut:
    """Take a board that has passed its test into use: its name, area and asset number."""
    everywhere(actor)
    found = await bench_of(house).place(
        wish.node, actor, name=wish.name, area=wish.area, asset_number=wish.asset_number
    )
    return device_out(house.register, found)


def bench_of(house: House) -> Bench:
    """NoBench where there is none."""
    if house.bench is None:
        raise NoBench
    return house.bench


def wish_of(wish: WishIn) -> Wish:
    told = wish.model_dump()
    return Wish(**{**told, "ports": tuple(wish.ports)})


def _out(run: RunReport) -> RunOut:
    return RunOut.model_validate(run)
