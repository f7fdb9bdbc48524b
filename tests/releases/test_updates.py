"""Updates of a real gateway: its own wheel in a signed bundle on a stick, its own launcher, its own database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.releases.site import Installed, Publisher

MAIN = "sluis/__main__.py"
GATE = "sluis/app/gate.py"
STEP = "sluis/store/schema/9000/0001.sql"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path / "desk")


@pytest.fixture
def site(tmp_path: Path, publisher: Publisher) -> Iterator[Installed]:
    """Release 1.0.0-1 runs."""
    made = Installed(tmp_path / "opt", publisher)
    made.first(str(publisher.folder / publisher.release("1.0.0", 1)))
    made.start()
    try:
        made.until(made.up)
        made.trust()
        yield made
    finally:
        made.stop()


def crashes(text: str) -> str:
    return text.replace("main()", "import sys; sys.exit('broken') if 'run' in sys.argv else main()")


def test_a_good_release_stays(site: Installed, publisher: Publisher) -> None:
    """From a stick: no server and no registry is asked for anything."""
    told = site.update(publisher.release("1.1.0", 2))
    assert (told["running"], told["previous"], told["last"]["outcome"]) == ("1.1.0-2", "1.0.0-1", "confirmed")
    assert site.cli("--version").stdout.strip() == "sluis 1.1.0"


@pytest.mark.soak
def test_one_that_crashes_goes_back(site: Installed, publisher: Publisher) -> None:
    told = site.update(publisher.release("1.2.0", 3, {MAIN: crashes}))
    assert (told["running"], told["last"]["outcome"]) == ("1.0.0-1", "returned")
    assert "3 starts" in told["last"]["why"] and told["last"]["gap"]


@pytest.mark.soak
def test_every_other_way(site: Installed, publisher: Publisher) -> None:
    """Not well; a migration that fails; a migration that works, and the way back by hand; older ones; a wrong key."""

    def schema() -> int:
        with closing(sqlite3.connect(site.data / "sluis.db")) as held:
            return int(held.execute("PRAGMA user_version").fetchone()[0])

    first = schema()
    unwell = {
        GATE: lambda text: text.replace("lacks = [", "lacks = ['the moon', *[").replace("if not well]", "if not well]]")
    }
    told = site.update(publisher.release("1.2.0", 3, unwell))
    assert (told["running"], told["last"]["outcome"]) == ("1.0.0-1", "returned")
    assert "the moon" in told["last"]["why"]

    told = site.update(publisher.release("1.3.0", 4, {STEP: lambda _: "INSERT INTO nowhere VALUES (1);"}))
    assert (told["running"], told["last"]["outcome"], schema()) == ("1.0.0-1", "refused", first)
    assert "nowhere" in told["last"]["why"] and not told["last"]["gap"]

    told = site.update(publisher.release("1.4.0", 5, {STEP: lambda _: "CREATE TABLE later (x);"}))
    assert (told["running"], told["last"]["outcome"], schema()) == ("1.4.0-5", "confirmed", 9000)

    older = publisher.release("1.3.5", 6)
    site.ask("POST", "bundles/import", source=publisher.stick, names=[older])
    done = site.cli("update", "list", "--json")
    assert '"newer"' in done.stdout, done.stderr

    answer = site.ask("POST", "update/undo", reason="the panel is slow")
    assert answer["step"] == "settled"
    site.until(lambda: site.ask("GET", "update")["running"] == "1.0.0-1" and site.up())
    assert schema() == first
    actions = {one["action"] for one in site.ask("GET", "audit")["items"]}
    assert "update.undone" in actions

    stranger = Publisher(publisher.folder.parent / "stranger")
    file = stranger.build("9.0.0", 7)
    [refused] = site.ask("POST", "bundles/import", source=file)
    assert (refused["outcome"], refused["code"]) == ("refused", "bundle.untrusted")
