"""What the panel is told about the gateway itself. `app` fills these in; nothing here is a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class LinkReport:
    """One link's health."""

    name: str
    kind: str
    """`mqtt`, `ble`, `serial`, ..."""
    up: bool
    since_us: int
    reason: str = ""
    """Why it is down; "" when up."""
    address: str = ""
    received: int = 0
    sent: int = 0
    waiting: int = 0
    """Frames taken from the link that are not acknowledged yet."""
    dropped: int = 0
    reconnects: int = 0
    last_error: str = ""
    rung: str = ""
    """The step of the recovery ladder it is on; "" while it is well."""
    recording: str = ""
    """The file that what passes is written to; "" when it is not."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What else there is to say, by the link's own names."""
    devices: int = 0
    """Devices in use on it."""
    reachable: int = 0
    """Of these, those that are heard. A link that is up and hears nobody is no good."""
    heard_us: int = 0
    """When the last frame of one of these came; 0 for never since the start."""

    @property
    def silent(self) -> bool:
        """Up, and yet none of its devices is reachable."""
        return self.up and self.devices > 0 and not self.reachable


@dataclass(frozen=True, slots=True)
class AskReport:
    """One thing that a driver asks of a person."""

    key: str
    label: str
    kind: str
    options: tuple[str, ...] = ()
    default: bool | int | float | str = ""
    required: bool = False
    secret: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class QueueReport:
    """One bounded queue."""

    name: str
    depth: int
    limit: int
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class SystemReport:
    """The gateway process and the machine it runs on."""

    version: str
    python: str
    started_at_us: int
    clock_trusted: bool
    memory_bytes: int
    """Resident size of the gateway process."""
    cpu_s: float
    """CPU seconds the process has used."""
    disk_free_bytes: int
    disk_total_bytes: int
    database_bytes: int
    broker: str
    """`supervised`, `external`, and what is wrong with it if anything is."""
    queues: tuple[QueueReport, ...] = ()
    counters: dict[str, int] = field(default_factory=dict)
    """Frames received, readings stored, ... since start; names as in /metrics without the prefix."""
    platform: str = ""
    """Board and operating system, for people."""
    warnings: tuple[str, ...] = ()
    """Sentences for people: undervoltage, throttling, a card near its end."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether each part that a reading passes through is ready."""

    store: bool
    broker: bool
    intake: bool

    @property
    def ready(self) -> bool:
        return self.store and self.broker and self.intake


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """Bytes one subsystem writes."""

    subsystem: str
    bytes_per_day: float


@dataclass(frozen=True, slots=True)
class StorageReport:
    """What is written to the card, and how long it lasts."""

    lines: tuple[BudgetLine, ...]
    total_bytes_per_day: float
    budget_bytes_per_day: float
    """What the card may take a day; writes are combined when over it."""
    card_life_years: float | None
    """None when nothing is known about the card yet."""
    bytes_per_reading: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class BackupReport:
    """One backup file, as `ports.Backup` wants it."""

    name: str
    at_us: int
    size_bytes: int
    verified_at_us: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class FaultReport:
    """One failure of a driver with its input."""

    doing: str
    error: str
    trace: str
    device: str
    version: str
    at_us: int
    count: int
    line: str


@dataclass(frozen=True, slots=True)
class DriverReport:
    """One driver, or a driver file that cannot be used."""

    key: str
    vendor: str
    models: tuple[str, ...]
    grade: str
    source: str
    """`built-in`, a file name, or an entry point."""
    devices: int = 0
    fault: str = ""
    """Traceback of a file that does not load; "" when it does."""
    faults: int = 0
    """How often it failed itself."""
    aside: str = ""
    """Which version of it was put aside, and why; "" for none."""
    documents: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    """Kinds of link its devices are on."""
    addable: bool = False
    """Its devices cannot announce themselves: a person adds them."""
    setup: tuple[AskReport, ...] = ()


@dataclass(frozen=True, slots=True)
class FreePort:
    """A serial port that is there, and that no link is set up for."""

    device: str
    setting: str
    """What to write in the setting `port`."""
    words: str
    """Maker and model, as the adapter says them."""


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan has heard until now."""

    left_s: float
    """How long it goes on; 0 when it is over."""
    left_out: int
    """Frames of sources for which there was no room."""
    heard: Sequence[Any]
    """`sluis.intake.scan.Heard`."""
    down: Sequence[LinkReport]
    """Links on which nothing can be heard."""
    free_ports: Sequence[FreePort]
