"""The gateway itself: links, queues, disk, drivers, settings, backups."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from sluis.panel.api.guards import CanMakeBackups, CanSeeBackups, CanSeeSettings, CanSeeSystem
from sluis.panel.api.shapes import Key, Out
from sluis.panel.auth import HouseDep, everywhere

router = APIRouter(prefix="/api/v1", tags=["system"])


class AskOut(Out):
    """One thing that a driver asks of a person."""

    key: str
    label: str
    kind: str
    options: list[str]
    default: bool | int | float | str
    required: bool
    secret: bool
    hint: str


class QueueOut(Out):
    name: str
    depth: int
    limit: int
    dropped: int


class SystemOut(Out):
    """The gateway process and its machine."""

    version: str
    python: str
    platform: str
    started_at_us: int
    clock_trusted: bool
    memory_bytes: int
    cpu_s: float
    disk_free_bytes: int
    disk_total_bytes: int
    database_bytes: int
    broker: str
    queues: list[QueueOut]
    counters: dict[str, int]
    warnings: list[str]


class BudgetLineOut(Out):
    subsystem: str
    bytes_per_day: float


class StorageOut(Out):
    """Bytes written per day per subsystem, and how long the card lasts at that."""

    lines: list[BudgetLineOut]
    total_bytes_per_day: float
    budget_bytes_per_day: float
    card_life_years: float | None
    bytes_per_reading: float
    note: str


class BackupOut(Out):
    name: str
    at_us: int
    size_bytes: int
    verified_at_us: int | None
    problem: str


class DriverOut(Out):
    key: str
    vendor: str
    models: list[str]
    grade: str
    source: str
    devices: int
    fault: str
    faults: int
    """How often it failed itself."""
    aside: str
    """Which version of it was put aside, and why; empty for none."""
    documents: list[str]
    kinds: list[str]
    addable: bool
    setup: list[AskOut]


@router.get("/system")
async def get_system(house: HouseDep, actor: CanSeeSystem) -> SystemOut:
    """Health of the gateway: versions, clock, memory, disk, broker, queues and drops."""
    return SystemOut.model_validate(await house.system.report())


@router.get("/drivers")
async def list_drivers(house: HouseDep, actor: CanSeeSystem) -> list[DriverOut]:
    """The drivers, and driver files that do not load with their traceback."""
    return [DriverOut.model_validate(one) for one in house.system.drivers()]


@router.get("/storage")
async def get_storage(house: HouseDep, actor: CanSeeSystem) -> StorageOut:
    """What is written to the card per day, and its projected life."""
    return StorageOut.model_validate(await house.system.storage())


@router.get("/settings")
async def get_settings(house: HouseDep, actor: CanSeeSettings) -> dict[str, dict[str, Any]]:
    """Every setting in use, by section. Secrets are masked."""
    everywhere(actor)
    return {section: dict(values) for section, values in house.system.settings().items()}


@router.get("/backups")
async def list_backups(house: HouseDep, actor: CanSeeBackups) -> list[BackupOut]:
    """The backups, newest first, and when each was last proven."""
    everywhere(actor)
    return [BackupOut.model_validate(one) for one in await house.backups.list()]


@router.post("/backups", status_code=201)
async def create_backup(house: HouseDep, actor: CanMakeBackups) -> BackupOut:
    """Make an encrypted backup of database, configuration and keys, now."""
    everywhere(actor)
    return BackupOut.model_validate(await house.backups.create(actor))


@router.post("/backups/{name}/verify")
async def verify_backup(house: HouseDep, actor: CanMakeBackups, name: Key) -> BackupOut:
    """Restore a backup into a scratch place and check it."""
    everywhere(actor)
    return BackupOut.model_validate(await house.backups.verify(name, actor))
