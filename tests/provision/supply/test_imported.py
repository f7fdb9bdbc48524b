"""Bundles on a gateway: nothing comes in unsigned, or older than what was here without a person's word."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sluis.model import StoreError
from sluis.wire.manifest import OutOfDate
from sluis.wire.signed import Damaged, Trust, Untrusted, trust_of
from sluis_provision.supply import imported as room
from sluis_provision.supply.imported import Imported, Record, Word, copying
from sluis_provision.supply.problem import Different, NoRoom, NoSuchBundle, Older
from tests.provision.bundle.conftest import FILES, Team

NOW = datetime(2026, 12, 1, tzinfo=UTC)


class Gateway:
    """One with a folder of bundles, and who releases for it."""

    def __init__(self, folder: Path, team: Team) -> None:
        self.work, self.team = folder / "work", team
        self.work.mkdir()
        self.imported = Imported(folder / "bundles")
        self.folder = folder / "bundles"
        self.trust: Trust = team.trust()

    def bundle(self, sequence: int = 12, *by: Any, **told: Any) -> Path:
        return self.team.write(self.work / "b.sluis", *by, sequence=sequence, **told)

    def take(self, file: Path, *, older: str = "", by: str = "anna") -> tuple[Record, bool]:
        word = Word(by, 1_000, "/media/stick", bool(older), older)
        return self.imported.take(copying(file), self.trust, NOW, word)


@pytest.fixture
def gateway(tmp_path: Path, team: Team) -> Gateway:
    return Gateway(tmp_path, team)


def test_a_bundle_comes_in_and_stays(gateway: Gateway) -> None:
    file = gateway.bundle()
    record, new = gateway.take(file)
    assert new
    assert (record.name, record.sequence, record.by, record.source) == (
        "any-0.12.0-12.sluis",
        12,
        "anna",
        "/media/stick",
    )
    assert record.bytes == file.stat().st_size and record.allowed == ""
    assert gateway.take(file, by="ben") == (record, False)
    held = gateway.imported.bundle(record.name, gateway.trust, NOW)
    assert held.contents() == FILES
    assert gateway.imported.state(record.name, gateway.trust, NOW) == ("ready", "")


def test_an_older_one_needs_a_reason(gateway: Gateway) -> None:
    gateway.take(gateway.bundle(13))
    file = gateway.bundle(12)
    with pytest.raises(Older, match="sequence 12 is older than 13"):
        gateway.take(file)
    with pytest.raises(Older):
        gateway.take(file, older="   ")
    record, _ = gateway.take(file, older="13 drains batteries")
    assert record.allowed == "13 drains batteries"
    assert [one.sequence for one in gateway.imported.records()] == [13, 12]
    assert gateway.imported.highest("any") == 13


def test_that_it_was_here_outlives_it(gateway: Gateway) -> None:
    record, _ = gateway.take(gateway.bundle(13))
    gateway.imported.remove(record.name)
    assert gateway.imported.records() == []
    assert not (gateway.folder / record.name).exists()
    with pytest.raises(Older):
        gateway.take(gateway.bundle(12))
    with pytest.raises(Different):
        gateway.take(gateway.bundle(13, files={"other.mpy": b"other"}))
    assert gateway.take(gateway.bundle(13))[1]


def test_other_boards_have_their_own_line(gateway: Gateway) -> None:
    gateway.take(gateway.bundle(13))
    assert gateway.take(gateway.bundle(12, board="rp2"))[0].allowed == ""


def test_two_releases_under_one_number_are_refused(gateway: Gateway) -> None:
    gateway.take(gateway.bundle(12))
    with pytest.raises(Different, match="another release"):
        gateway.take(gateway.bundle(12, board="rp2"))


@pytest.mark.parametrize("who", ["anna", "mallory"])
def test_too_few_signatures_do_not_come_in(gateway: Gateway, who: str) -> None:
    file = gateway.bundle(12, getattr(gateway.team, who))
    with pytest.raises(Untrusted):
        gateway.take(file, older="I know what I do")
    assert list(gateway.folder.iterdir()) == []


def test_damage_does_not_come_in(gateway: Gateway) -> None:
    file = gateway.bundle()
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(Damaged):
        gateway.take(file)
    with pytest.raises(Damaged, match="cannot be read"):
        gateway.take(file.with_name("none.sluis"))
    assert list(gateway.folder.iterdir()) == []


def test_expired_ones_do_not_come_in(gateway: Gateway) -> None:
    file = gateway.bundle(12, expires=int(NOW.timestamp()))
    with pytest.raises(OutOfDate):
        gateway.take(file)


def test_what_changes_later_is_seen(gateway: Gateway) -> None:
    record, _ = gateway.take(gateway.bundle())
    file = gateway.folder / record.name
    whole = file.read_bytes()
    file.write_bytes(whole[:-1_500] + bytes([whole[-1_500] ^ 1]) + whole[-1_499:])
    assert gateway.imported.state(record.name, gateway.trust, NOW)[0] == "damaged"
    file.write_bytes(gateway.team.bundle(files={"other.mpy": b"other"}))
    assert gateway.imported.state(record.name, gateway.trust, NOW) == (
        "damaged",
        f"{record.name} is not what was imported",
    )
    file.unlink()
    with pytest.raises(Damaged, match="cannot be read"):
        gateway.imported.bundle(record.name, gateway.trust, NOW)
    gateway.take(gateway.bundle())
    later = NOW + timedelta(days=9_000)
    assert gateway.imported.state(record.name, gateway.trust, later)[0] == "expired"
    ben_only = trust_of([gateway.team.ben.public.raw, gateway.team.mallory.public.raw], 2)
    assert gateway.imported.state(record.name, ben_only, NOW)[0] == "untrusted"


def test_new_signatures_replace_revoked_ones(gateway: Gateway) -> None:
    record, _ = gateway.take(gateway.bundle())
    gateway.trust = trust_of([gateway.team.anna.public.raw, gateway.team.mallory.public.raw], 2)
    assert gateway.imported.state(record.name, gateway.trust, NOW)[0] == "untrusted"
    assert gateway.take(gateway.bundle(12, gateway.team.anna, gateway.team.mallory)) == (record, False)
    assert gateway.imported.state(record.name, gateway.trust, NOW) == ("ready", "")


def test_a_stick_that_is_swapped_while_it_is_read_changes_nothing(gateway: Gateway) -> None:
    """What was checked is what is kept: the copy, not the stick."""
    good, bad = gateway.bundle(), gateway.bundle(files={"evil.mpy": b"evil"})
    good.write_bytes(gateway.team.bundle())
    evil = gateway.work / "evil.sluis"
    evil.write_bytes(gateway.team.bundle(gateway.team.mallory, files={"evil.mpy": b"evil"}))

    def bring(into: Path) -> None:
        shutil.copyfile(good, into)
        shutil.copyfile(evil, bad)

    record, _ = gateway.imported.take(bring, gateway.trust, NOW, Word("anna", 1, "stick"))
    assert gateway.imported.bundle(record.name, gateway.trust, NOW).contents() == FILES


def test_a_full_card_is_said_before_anything_is_copied(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    file = gateway.bundle()
    free = shutil.disk_usage(gateway.work).free
    monkeypatch.setattr(room, "SPARE_BYTES", free + 1)
    with pytest.raises(NoRoom):
        gateway.take(file)


def test_too_large_a_file_is_not_copied(gateway: Gateway) -> None:
    file = gateway.work / "large.sluis"
    with file.open("wb") as held:
        held.truncate(201 * 1024 * 1024)
    with pytest.raises(Damaged, match="too large"):
        gateway.take(file)


def test_a_damaged_index_lets_nothing_old_in(gateway: Gateway) -> None:
    gateway.take(gateway.bundle(13))
    (gateway.folder / "index.json").write_text("{")
    with pytest.raises(StoreError):
        gateway.take(gateway.bundle(12))


def test_unknown_names(gateway: Gateway) -> None:
    for name in ("none.sluis", "../work/b.sluis", "index.json"):
        with pytest.raises(NoSuchBundle):
            gateway.imported.remove(name)
