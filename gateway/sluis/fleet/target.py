"""What may be updated, what it is updated to, and who of them it is for."""

from __future__ import annotations

import msgspec


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One node or device as it is now. None and "": not known, which is no reason against it."""

    key: str
    kind: str = "node"
    """Who carries its update out: `node`, or the driver of a device of another maker."""
    name: str = ""
    area: str = ""
    board: str = ""
    """Kind of board, or model."""
    family: str = ""
    """Of its chip: `esp`, `rp2`; "" for other makers' devices."""
    version: str = ""
    sequence: int = 0
    """Of the release that runs; 0 where there is none."""
    offers: str = ""
    """The newest version that its maker offers it, where it says so."""
    floor: int = 0
    """The highest sequence that it ever confirmed."""
    runtime: str = ""
    """MicroPython's version."""
    tags: tuple[str, ...] = ()
    pair: str = ""
    """Those with the same word here stand in for each other: they are in different waves, where there are as many."""
    online: bool = True
    battery_percent: float | None = None
    rssi_dbm: float | None = None
    free_bytes: int | None = None
    """Of its file system."""
    rollout: str = ""
    """Another rollout that has it now."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """What is rolled out."""

    name: str
    """Of the imported bundle; for other makers' devices driver, version and perhaps address."""
    version: str
    sequence: int = 0
    """0 where the maker's versions have no order that we know."""
    kind: str = "node"
    boards: tuple[str, ...] = ()
    """Boards and families that it is for; none: any."""
    runtime: str = ""
    """The oldest MicroPython that it runs on."""
    least: int = 0
    """The sequence that must run before; 0 for any."""
    size_bytes: int = 0
    url: str = ""
    """Where a device of another maker fetches it; "" for what its maker offers."""


class Selection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a person means. An empty list means any; all lists must agree."""

    areas: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    boards: tuple[str, ...] = ()
    """Boards, models or families."""
    versions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def takes(self, one: Target) -> bool:
        """An area includes the areas below it (`Floor 1` has `Floor 1/Kitchen`)."""
        return (
            (not self.areas or any(one.area == area or one.area.startswith(f"{area}/") for area in self.areas))
            and (not self.drivers or one.kind in self.drivers)
            and (not self.boards or one.board in self.boards or one.family in self.boards)
            and (not self.versions or one.version in self.versions)
            and (not self.tags or not set(self.tags).isdisjoint(one.tags))
            and (not self.keys or one.key in self.keys)
        )


class Bounds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must hold before one is touched."""

    battery_percent: float = 30.0
    """With less it may die while it writes."""
    rssi_dbm: float = -85.0
    """Weaker, and a download takes long and breaks off."""


FULL = 2
"""A release needs its size twice: the slot, and what is cut off by a block for each file."""


def preflight(one: Target, release: Release, bounds: Bounds) -> str:
    """Why it would fail, as a code that the panel has words for; "" when nothing speaks against it."""
    checks = {
        "kind": one.kind != release.kind,
        "board": bool(release.boards) and not {one.board, one.family} & set(release.boards),
        "has-it": one.version == release.version and one.sequence == release.sequence,
        "not-offered": release.kind != "node" and not release.url and one.offers != release.version,
        "rollback": bool(release.sequence) and release.sequence <= one.floor,
        "step-missing": one.sequence < release.least,
        "runtime": bool(release.runtime and one.runtime) and older(one.runtime, release.runtime),
        "rollout": bool(one.rollout),
        "offline": not one.online,
        "battery": one.battery_percent is not None and one.battery_percent < bounds.battery_percent,
        "signal": one.rssi_dbm is not None and one.rssi_dbm < bounds.rssi_dbm,
        "space": one.free_bytes is not None and one.free_bytes < FULL * release.size_bytes,
    }
    return next((code for code, against in checks.items() if against), "")


def older(version: str, than: str) -> bool:
    """By their numbers: 1.9.0 is older than 1.10.0."""
    return _numbers(version) < _numbers(than)


def _numbers(version: str) -> tuple[int, ...]:
    words = version.split("-")[0].split(".")
    return tuple(int(word) if word.isdigit() else 0 for word in words)
