"""The doctor and releases: how old the last word is, and that no key that signs is on a gateway."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.provision.supply.conftest import Release

from sluis.cli.doctor.finding import Finding, Level, Place
from sluis.cli.doctor.releases import releases
from sluis_provision.release import keys
from sluis_provision.supply.site import Site
from sluis_provision.supply.visit import Visit


@pytest.fixture
def release(tmp_path: Path) -> Release:
    (tmp_path / "work").mkdir()
    made = Release(tmp_path / "release", tmp_path / "work")
    made.begin()
    made.add(12)
    made.publish()
    return made


def examined(folder: Path, days: float = 0) -> list[Finding]:
    return list(releases(Place(folder, now_s=datetime.now(UTC).timestamp() + days * 86_400)))


def test_a_gateway_without_releases_is_quiet(tmp_path: Path) -> None:
    assert examined(tmp_path) == []


@pytest.mark.parametrize(
    ("days", "level", "said"),
    [
        (2, Level.OK, "the last word is 2 days old"),
        (31, Level.NOTE, "the last word is 31 days old; a newer one was due"),
        (3 * 365 - 60, Level.NOTE, "the trusted root expires on"),
        (3 * 365 + 1, Level.WRONG, "the trusted root expired on"),
    ],
)
def test_the_age_of_the_last_word(release: Release, tmp_path: Path, days: float, level: Level, said: str) -> None:
    site = Site(tmp_path / "data" / "supply")
    site.choose(release.first_root())
    assert "no repository was seen yet" in examined(tmp_path / "data")[0].what
    Visit(site, str(release.folder), None)
    found = examined(tmp_path / "data", days)[0]
    assert found.level is level and said in found.what


def test_a_damaged_root_is_wrong(release: Release, tmp_path: Path) -> None:
    Site(tmp_path / "data" / "supply").choose(release.first_root())
    (tmp_path / "data" / "supply" / "root.json").write_text("{")
    (found,) = examined(tmp_path / "data")
    assert found.level is Level.WRONG and "no root" in found.what


def test_a_release_key_on_a_gateway_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    keys.new(tmp_path / "away" / "anna.key", "anna", "four random words", cost=2**10)
    (tmp_path / "data" / "pki").mkdir(parents=True)
    (tmp_path / "data" / "pki" / "audit.key").write_text("-----BEGIN PRIVATE KEY-----\n")
    assert examined(tmp_path / "data") == []
    shutil.copy(tmp_path / "away" / "anna.key", tmp_path / "data" / "pki" / "anna.key")
    (found,) = examined(tmp_path / "data")
    assert found.level is Level.WRONG and "anna.key is a key that signs releases" in found.what
