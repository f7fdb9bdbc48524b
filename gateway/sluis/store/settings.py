"""Settings of the store."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KeepSettings:
    """How many days one class of points is kept at each resolution; 0 for ever."""

    raw_days: float = 30.0
    """Every reading as it came."""
    minute_days: float = 180.0
    """Minimum, mean, maximum, last and count of each minute."""
    hour_days: float = 3_650.0
    """The same of each hour."""

    def __post_init__(self) -> None:
        if min(self.raw_days, self.minute_days, self.hour_days) < 0:
            raise ValueError("days to keep cannot be negative")


@dataclass(frozen=True, slots=True)
class CardSettings:
    """What is known of the card or disk, to tell how long it lasts."""

    size_gb: float = 0.0
    """Size of the card; 0 takes the size of the file system the database is on."""
    cycles: int = 500
    """How often each cell can be written. 500 for a cheap card, 3,000 for a high-endurance one, 600 for most SSDs."""
    amplification: float = 8.0
    """Bytes the card writes for each byte it is given, for small writes. Card makers do not state it; measured on
    cards without cache it lies between 3 and 20."""
    life_years: float = 5.0
    """How long the card is to last; the daily budget follows from it."""
    budget_mb_per_day: float = 0.0
    """Megabytes that may be written a day; 0 computes it from the four settings above."""

    def __post_init__(self) -> None:
        if self.cycles < 1 or self.amplification < 1 or self.life_years <= 0:
            raise ValueError("cycles and amplification must be at least 1, life_years more than 0")


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where and how long readings are kept, and what is done to spare the card."""

    commit_interval_s: float = 0.25
    """Collect readings this long before one commit; 0 commits at once. Each commit costs some 8 KB of the card;
    acknowledgements wait for it, what people see does not."""
    stretch_to_s: float = 10.0
    """Longest interval the store chooses by itself when more is written than the card's budget allows."""
    pack_after_s: float = 7_200.0
    """Age at which readings are moved from the log to compressed blocks."""
    tail_rows: int = 200_000
    """Readings in the log at which they are moved earlier."""
    quota_mb: float = 4_000.0
    """Megabytes the database may use; oldest raw readings go first, rollups last. 0 for no limit."""
    reserve_mb: float = 8.0
    """A file of this size is deleted when the disk is full, so that alerts and the audit log still have room."""
    telemetry: KeepSettings = field(default_factory=KeepSettings)
    """Numbers: temperatures, powers."""
    state: KeepSettings = field(default_factory=lambda: KeepSettings(90.0, 365.0, 3_650.0))
    """Switches, choices and texts; occurrences go with the raw ones."""
    diagnostic: KeepSettings = field(default_factory=lambda: KeepSettings(7.0, 60.0, 730.0))
    """Points of the categories diagnostic and config: signal strength, uptime, memory."""
    records_days: float = 730.0
    """Days that alerts and commands are kept after their end; 0 for ever."""
    card: CardSettings = field(default_factory=CardSettings)
    """The card, for its projected life."""

    def __post_init__(self) -> None:
        if self.commit_interval_s < 0 or self.stretch_to_s < self.commit_interval_s:
            raise ValueError("commit_interval_s must lie between 0 and stretch_to_s")
        if self.tail_rows < 1_000:
            raise ValueError("tail_rows must be at least 1000")
