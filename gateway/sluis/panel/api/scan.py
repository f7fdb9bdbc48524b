"""A scan: what is in the air and on the wires, and why each thing is not in use."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field, field_validator

from sluis.panel.api.guards import CanAdopt, CanInspect
from sluis.panel.api.shapes import In, Out
from sluis.panel.auth import HouseDep, everywhere

router = APIRouter(prefix="/api/v1/scan", tags=["devices"])


class ScanWish(In):
    """How long to listen."""

    for_s: float = Field(30, ge=1, le=120)


class HeardOut(Out):
    """One source that was heard."""

    link: str
    kind: str
    source: str
    first_us: int
    last_us: int
    count: int
    rssi_dbm: int | None
    sample: str
    """The beginning of its longest frame, in hex."""
    size_bytes: int
    drivers: list[str]
    """The drivers that looked at it."""
    device: str
    """Key of the device it belongs to; empty for none."""
    why: str
    """`in-use`, `waiting`, `ignored`, `retired`, `announcement`, `ours`, `nothing-made` or `no-driver`."""

    @field_validator("sample", mode="before")
    @classmethod
    def _hex(cls, sample: bytes) -> str:
        return sample.hex()


class DownOut(Out):
    name: str
    kind: str
    reason: str


class FreePortOut(Out):
    device: str
    setting: str
    """What to write in the setting `port` of a serial link."""
    words: str


class ScanOut(Out):
    left_s: float
    """How long it goes on; 0 when it is over."""
    left_out: int
    """Frames of sources for which there was no room."""
    heard: list[HeardOut]
    down: list[DownOut]
    """Links on which nothing can be heard."""
    free_ports: list[FreePortOut]
    """Serial ports that are there and not set up."""


@router.post("")
async def begin_scan(house: HouseDep, actor: CanAdopt, wish: ScanWish) -> ScanOut:
    """Listen to everything for a while, at most two minutes; on MQTT to all topics. What was heard before is gone."""
    everywhere(actor)
    return ScanOut.model_validate(await house.scanning.begin(wish.for_s, actor))


@router.get("")
async def get_scan(house: HouseDep, actor: CanInspect) -> ScanOut:
    """What the last scan has heard, with the reason for each thing that is not in use."""
    everywhere(actor)
    return ScanOut.model_validate(await house.scanning.report())
