"""Backups: opened by whoever should, proven by restoring, refused when damaged, restored whole or not at all."""

from __future__ import annotations

import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest
from pyrage import x25519

from sluis.intake.ports import Batch, Row
from sluis.model import Actor, Device, Stamp
from sluis.runtime import ManualClock
from sluis.store.archive import BackupError, Keys, unpack_archive
from sluis.store.backups import Backups, BackupSettings, restore
from sluis.store.counting import numbers_of
from sluis.store.database import Database
from sluis.store.devices import Devices
from sluis.store.readings import Readings


class Recorder:
    def __init__(self) -> None:
        self.actions: list[str] = []

    async def record(self, actor: Actor, action: str, object: str, detail: Any = None) -> None:
        self.actions.append(action)


@pytest.fixture
async def data_dir(tmp_path: Path) -> Path:
    """A small site: one device with ten readings, rules, keys, a drop-in driver."""
    folder = tmp_path / "data"
    (folder / "pki").mkdir(parents=True)
    (folder / "pki" / "site-ca.key").write_text("secret")
    (folder / "drivers").mkdir()
    (folder / "drivers" / "mine.py").write_text("# driver")
    (folder / "run").mkdir()
    (folder / "run" / "cli-token").write_text("not for a backup")
    (folder / "rules.toml").write_text("# rules")
    database = Database(folder / "sluis.db")
    database.start()
    readings, devices = Readings(database, Stamp(0, 0)), Devices(database)
    await devices.save(Device("d", "sluis-node", "d", "mqtt"))
    ids = await devices.point_ids("d", ["count"])
    readings.append(Batch([Row(ids["count"], Stamp(n, n), n, 0) for n in range(10)])).result(10)
    database.close()
    return folder


def made(data_dir: Path, **settings: Any) -> tuple[Backups, Recorder]:
    audit = Recorder()
    return Backups(data_dir, BackupSettings(**settings), ManualClock(), audit), audit


async def test_a_backup_is_made_proven_and_audited(data_dir: Path) -> None:
    backups, audit = made(data_dir)
    backup = await backups.create()
    assert backup.problem == ""
    assert backup.verified_at_us is not None
    assert [one.name for one in await backups.list()] == [backup.name]
    assert audit.actions == ["backup.created"]
    assert not [path for path in backups.folder.iterdir() if path.name.endswith((".scratch", ".db", ".new"))]


async def test_it_restores_with_the_passphrase_to_the_same_site(data_dir: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    backups, _ = made(data_dir, passphrase_file=secret)
    backup = await backups.create()
    target = tmp_path / "elsewhere"
    assert restore(backups.folder / backup.name, target, Keys(passphrase="correct horse"), 0) is None
    assert numbers_of(target / "sluis.db", "d", "count") == list(range(10))
    assert (target / "pki" / "site-ca.key").read_text() == "secret"
    assert (target / "drivers" / "mine.py").read_text() == "# driver"
    assert not (target / "run").exists()


async def test_the_owners_key_opens_it_and_others_do_not(data_dir: Path, tmp_path: Path) -> None:
    owner, stranger = x25519.Identity.generate(), x25519.Identity.generate()
    backups, _ = made(data_dir, recipients=(str(owner.to_public()),))
    file = backups.folder / (await backups.create()).name
    unpack_archive(file, tmp_path / "one", Keys(identities=(str(owner),)))
    for keys in (Keys(identities=(str(stranger),)), Keys(passphrase="guess"), Keys()):
        with pytest.raises(BackupError, match="does not open"):
            unpack_archive(file, tmp_path / "two", keys)
    assert b"site-ca" not in file.read_bytes()


async def test_restoring_over_a_site_keeps_the_old_one_aside(data_dir: Path, tmp_path: Path) -> None:
    owner = x25519.Identity.generate()
    backups, _ = made(data_dir, recipients=(str(owner.to_public()),), folder=tmp_path / "stick")
    file = backups.folder / (await backups.create()).name
    (data_dir / "rules.toml").write_text("# changed")
    aside = restore(file, data_dir, Keys(identities=(str(owner),)), 1_700_000_000_000_000)
    assert aside is not None
    assert (aside / "rules.toml").read_text() == "# changed"
    assert (data_dir / "rules.toml").read_text() == "# rules"


async def test_a_wrong_key_leaves_everything_as_it_was(data_dir: Path, tmp_path: Path) -> None:
    backups, _ = made(data_dir, folder=tmp_path / "stick")
    file = backups.folder / (await backups.create()).name
    with pytest.raises(BackupError):
        restore(file, data_dir, Keys(passphrase="wrong"), 0)
    assert (data_dir / "rules.toml").exists()
    assert [path.name for path in tmp_path.iterdir() if "restoring" in path.name] == []


@pytest.mark.parametrize("where", [0.3, 0.6, 0.9])
async def test_one_flipped_bit_is_found(data_dir: Path, where: float) -> None:
    backups, _ = made(data_dir)
    backup = await backups.create()
    path = backups.folder / backup.name
    with tarfile.open(path) as tar:
        payload = tar.getmember("payload.age")
    data = bytearray(path.read_bytes())
    data[payload.offset_data + int(payload.size * where)] ^= 1
    path.write_bytes(bytes(data))
    proven = await backups.verify(backup.name)
    assert proven.verified_at_us is None
    assert "damaged" in proven.problem
    assert (await backups.list())[0].problem == proven.problem


async def test_a_torn_file_is_listed_with_its_problem(data_dir: Path) -> None:
    backups, _ = made(data_dir)
    backup = await backups.create()
    path = backups.folder / backup.name
    path.write_bytes(path.read_bytes()[:700])
    assert (await backups.verify(backup.name)).problem


async def test_only_the_newest_are_kept(data_dir: Path) -> None:
    clock = ManualClock()
    backups = Backups(data_dir, BackupSettings(keep=2), clock, Recorder())
    names = []
    for _ in range(4):
        names.append((await backups.create()).name)
        await clock.advance(60)
    assert [backup.name for backup in await backups.list()] == [names[3], names[2]]


async def test_an_unknown_name_and_a_path_are_refused(data_dir: Path) -> None:
    backups, _ = made(data_dir)
    for name in ("none.sluis-backup", "../data/sluis.db", "/etc/passwd"):
        with pytest.raises(BackupError, match="no backup"):
            await backups.verify(name)


async def test_a_site_at_work_is_backed_up(data_dir: Path) -> None:
    """Half-written files are left out; one that is removed or replaced meanwhile harms nobody."""
    (data_dir / "broker").mkdir(exist_ok=True)
    (data_dir / "broker" / "mosquitto.db.new").write_bytes(b"half")
    busy = data_dir / "broker" / "mosquitto.db"
    ended = threading.Event()

    def at_work() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            (data_dir / "broker" / "other.new").write_bytes(b"x" * (number % 977))
            (data_dir / "broker" / "other.new").rename(busy)
            busy.unlink()

    worker = threading.Thread(target=at_work)
    worker.start()
    try:
        for _ in range(5):
            backups, _log = made(data_dir)
            proven = await backups.create()
            assert proven.problem == "" and proven.verified_at_us
    finally:
        ended.set()
        worker.join()
