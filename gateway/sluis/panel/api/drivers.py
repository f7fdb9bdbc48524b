"""What made drivers fail, and versions that were put aside."""

from __future__ import annotations

from fastapi import APIRouter

from sluis.panel.api.guards import CanRecord, CanSeeSystem
from sluis.panel.api.shapes import Key, Out
from sluis.panel.auth import HouseDep, everywhere

router = APIRouter(prefix="/api/v1/drivers", tags=["system"])


class FaultOut(Out):
    """One failure of a driver, with what caused it."""

    doing: str
    """`sniff`, `decode`, `poll` or `perform`."""
    error: str
    trace: str
    device: str
    """Key of the device; empty for none."""
    version: str
    at_us: int
    count: int
    """How often the same input made it fail."""
    line: str
    """The input as a line of a frames file, for `sluis driver replay`. Secrets are masked in it."""


@router.get("/{driver}/faults")
async def list_driver_faults(house: HouseDep, actor: CanSeeSystem, driver: Key) -> list[FaultOut]:
    """What made a driver fail, oldest first, each with its input. Empty for a driver that never failed."""
    everywhere(actor)
    return [FaultOut.model_validate(one) for one in house.system.driver_faults(driver)]


@router.post("/{driver}/release", status_code=204)
async def release_driver(house: HouseDep, actor: CanRecord, driver: Key) -> None:
    """Try a version of a driver again that was put aside because it failed too often."""
    everywhere(actor)
    await house.system.release_driver(driver, actor)
