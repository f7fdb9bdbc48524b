"""Backups: made on a schedule, encrypted, and proven by restoring them into a scratch place."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from pyrage import x25519

from sluis.model import Actor, SluisError
from sluis.model.commands import SYSTEM
from sluis.runtime import Clock
from sluis.store.archive import BackupError, Keys, about_archive, copy_database, unpack_archive, write_archive

log = logging.getLogger(__name__)

SUFFIX = ".sluis-backup"
HALF = ".new"
"""What is being written, here and by mosquitto, and takes its place when it is whole."""
LEFT_OUT = frozenset({"run", "backups", "log", "mosquitto", "sluis.db", "sluis.db-wal", "sluis.db-shm", "lost+found"})
"""Not backed up: what is only for this run, the backups themselves, programs, and the live database file."""


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """When backups are made, who can open them, how many are kept."""

    every_h: float = 24.0
    """Hours between two backups; 0 for none by themselves."""
    keep: int = 14
    """Backups kept; the oldest go first."""
    recipients: tuple[str, ...] = ()
    """Public keys (age1...) that open the backups."""
    passphrase_file: Path | None = None
    """File with the passphrase that opens the backups."""
    folder: Path | None = None
    """Where backups are written, e.g. a USB stick or a mounted share; nothing for `backups` in the data directory."""


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup file and what is known of it."""

    name: str
    at_us: int
    size_bytes: int
    verified_at_us: int | None = None
    problem: str = ""


class Audit(Protocol):
    async def record(self, actor: Actor, action: str, object: str, detail: Mapping[str, Any] = ...) -> None: ...


class Backups:
    """Makes, lists and proves backups of one data directory. `run` follows the schedule."""

    def __init__(
        self,
        data_dir: Path,
        settings: BackupSettings,
        clock: Clock,
        audit: Audit,
        *,
        config: Path | None = None,
        on_problem: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.folder = settings.folder or data_dir / "backups"
        self._data_dir = data_dir
        self._settings = settings
        self._clock = clock
        self._audit = audit
        self._config = config
        self._on_problem = on_problem
        self._busy = asyncio.Lock()

    async def list(self) -> Sequence[Backup]:
        """All backups, newest first."""
        return await asyncio.to_thread(self._list)

    async def create(self, actor: Actor = SYSTEM) -> Backup:
        """Make a backup and prove it. BackupError when either fails; a failed one is not kept."""
        async with self._busy:
            now = self._clock.stamp()
            name = datetime.fromtimestamp(now.at_us / 1e6, UTC).strftime("sluis-%Y%m%d-%H%M%S") + SUFFIX
            await asyncio.to_thread(self._create, name, now.at_us)
            await self._audit.record(actor, "backup.created", name)
            made = await asyncio.to_thread(self._prove, name, now.at_us)
            await asyncio.to_thread(self._prune)
        if made.problem:
            raise BackupError(f"the backup was made but cannot be restored: {made.problem}")
        return made

    async def verify(self, name: str, actor: Actor = SYSTEM) -> Backup:
        """Restore a backup into a scratch place and check it. LookupError-like BackupError when there is none."""
        async with self._busy:
            self._path(name)
            proven = await asyncio.to_thread(self._prove, name, self._clock.stamp().at_us)
            await self._audit.record(actor, "backup.verified", name, {"problem": proven.problem})
        return proven

    async def run(self) -> None:
        """Make one whenever the newest is older than the interval."""
        while self._settings.every_h > 0:
            every_us = self._settings.every_h * 3.6e9
            newest = next(iter(await self.list()), None)
            age_us = self._clock.stamp().at_us - newest.at_us if newest else every_us
            if age_us < 0 or age_us >= every_us:
                try:
                    await self.create()
                    self._on_problem("")
                except (SluisError, OSError) as error:
                    log.error("no backup made: %s", error)
                    self._on_problem(str(error))
                age_us = 0
            await self._clock.sleep(max(60.0, min(3600.0, (every_us - age_us) / 1e6)))

    # -- in a thread --------------------------------------------------------------------------------------

    def _list(self) -> Sequence[Backup]:
        found = [self._look(path) for path in self.folder.glob(f"*{SUFFIX}")] if self.folder.is_dir() else []
        return sorted(found, key=lambda backup: (backup.at_us, backup.name), reverse=True)

    def _look(self, path: Path) -> Backup:
        size = path.stat().st_size
        try:
            at_us = int(about_archive(path)["at_us"])
        except BackupError as error:
            return Backup(path.name, int(path.stat().st_mtime * 1e6), size, problem=str(error))
        proof = _proof_file(path)
        if proof.exists():
            return Backup(**{**json.loads(proof.read_text()), "size_bytes": size})
        return Backup(path.name, at_us, size)

    def _create(self, name: str, at_us: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / f".{name}.new"
        copy = self.folder / f".{name}.db"
        secret = self._settings.passphrase_file.read_text().strip() if self._settings.passphrase_file else ""
        recipients = [*self._settings.recipients, str(self._own_key().to_public())]
        try:
            copy_database(self._data_dir / "sluis.db", copy)
            about = {"at_us": at_us, "name": name}
            write_archive(target, copy, self._files(), about, recipients=recipients, secret=secret)
            with target.open("rb") as file:
                os.fsync(file.fileno())
            target.chmod(0o600)
            target.rename(self.folder / name)
        finally:
            for path in (target, copy):
                path.unlink(missing_ok=True)

    def _files(self) -> dict[str, Path]:
        files = {
            str(path.relative_to(self._data_dir)): path
            for top in sorted(self._data_dir.iterdir())
            if top.name not in LEFT_OUT and not top.name.startswith(".")
            for path in ([top] if top.is_file() else sorted(top.rglob("*")))
            if path.is_file() and not path.is_symlink() and path.suffix != HALF
        }
        if self._config is not None and self._config.is_file():
            files["configuration/sluis.toml"] = self._config
        return files

    def _prove(self, name: str, at_us: int) -> Backup:
        path = self._path(name)
        scratch = self.folder / f".{name}.scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        held = Backup(name, 0, path.stat().st_size)
        try:
            manifest = unpack_archive(path, scratch, Keys(identities=(str(self._own_key()),)))
            proven = Backup(name, manifest["about"]["at_us"], held.size_bytes, verified_at_us=at_us)
        except BackupError as error:
            proven = Backup(name, held.at_us, held.size_bytes, problem=str(error))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        _proof_file(path).write_text(json.dumps(asdict(proven)))
        return proven

    def _prune(self) -> None:
        for old in self._list()[max(1, self._settings.keep) :]:
            path = self.folder / old.name
            path.unlink(missing_ok=True)
            _proof_file(path).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if path.name != name or not name.endswith(SUFFIX) or not path.is_file():
            raise BackupError(f"there is no backup {name!r}", hint="List them with: sluis backup list")
        return path

    def _own_key(self) -> x25519.Identity:
        """The gateway's own key, with which it can prove its backups without the owner's secret."""
        file = self._data_dir / "pki" / "backup.key"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as out:
                out.write(f"{x25519.Identity.generate()}\n")
        return x25519.Identity.from_str(file.read_text().strip())


def _proof_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.proof.json")


def restore(file: Path, data_dir: Path, keys: Keys, at_us: int) -> Path | None:
    """Put a backup in the place of `data_dir`; where the old one was moved to, or None when there was none.

    The gateway must not be running. All or nothing: the backup is unpacked and checked beside the data directory
    first, then the two are exchanged by renaming.
    """
    fresh = data_dir.with_name(f".{data_dir.name}.restoring")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        unpack_archive(file, fresh, keys)
        aside = None
        if data_dir.exists():
            stamp = datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y%m%d-%H%M%S")
            aside = data_dir.with_name(f"{data_dir.name}.before-{stamp}")
            data_dir.rename(aside)
        fresh.rename(data_dir)
        data_dir.chmod(0o750)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return aside
