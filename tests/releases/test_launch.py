"""The launcher by itself, with small programs as releases: every step, every way to fail, a SIGKILL at every operation.

A release here is a program that takes the arguments that a release's Python is given. `run` writes a row into the
database and ends as its file `ends` says; `migrate` brings the database to the version in its file `schema`.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

LAUNCH = Path(__file__).resolve().parents[2] / "packaging" / "launch.py"

PROGRAM = """\
#!{python} -I
import os, sqlite3, sys
from pathlib import Path
home = Path(__file__).resolve().parent.parent
words = sys.argv[sys.argv.index("sluis") + 1:]
schema = int((home / "schema").read_text())
if words[0] == "migrate":
    if (home / "breaks").exists():
        sqlite3.connect(words[1]).execute("CREATE TABLE half (x)").connection.commit()
        sys.exit("Error: no such column")
    base = sqlite3.connect(words[1])
    base.execute(f"PRAGMA user_version={{schema}}")
    base.commit()
    sys.exit(0)
base = sqlite3.connect(words[1])
base.execute("PRAGMA journal_mode=WAL")
held = base.execute("PRAGMA user_version").fetchone()[0]
if held != schema:
    sys.exit(f"Error: schema {{held}}")
base.execute("INSERT INTO ran VALUES (?)", (home.name,))
base.commit()
ends = (home / "ends").read_text()
if ends == "killed":
    os.kill(os.getpid(), 9)
if ends == "hangs":
    import time
    time.sleep(60)
if ends in ("confirm", "fail") and os.environ["SLUIS_RELEASE"] == home.name:
    import subprocess
    more = ["it is not well"] if ends == "fail" else []
    subprocess.run([os.environ["SLUIS_LAUNCH"], ends, *more], check=False)
"""

CUT = """\
import os, runpy, signal, sys
at, count = int(os.environ["CUT_AT"]), 0
CHANGES = {"os.rename", "os.remove", "os.symlink", "sqlite3.connect", "subprocess.Popen", "os.exec", "os.fork"}
def told(event, arguments):
    global count
    changes = event in CHANGES or (event == "open" and isinstance(arguments[1], str) and arguments[1][0] in "wa")
    if changes:
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
program = sys.argv[1]
sys.argv = sys.argv[1:]
sys.addaudithook(told)
runpy.run_path(program, run_name="__main__")
"""
"""Runs the launcher, and kills it just before the operation of that number which changes something."""


class Box:
    """A machine with two releases, `old` (schema 1) and `new` (schema 2), and a database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.releases = folder / "releases"
        self.releases.mkdir(parents=True)
        self.database = folder / "sluis.db"
        self.make("old", 1)
        self.make("new", 2)
        with closing(sqlite3.connect(self.database)) as base:
            base.executescript("CREATE TABLE ran (who); PRAGMA user_version=1;")
        self.launch("settle", "old")

    def make(self, name: str, schema: int, ends: str = "well") -> Path:
        home = self.releases / name
        (home / "bin").mkdir(parents=True)
        program = home / "bin" / "python"
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(0o755)
        (home / "schema").write_text(str(schema))
        (home / "ends").write_text(ends)
        return home

    def launch(self, *words: str, cut: int = 0, must: bool = True) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *(["-c", CUT] if cut else []), str(LAUNCH), *words]
        environment = os.environ | {"SLUIS_RELEASES": str(self.releases), "CUT_AT": str(cut)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50)
        assert not must or done.returncode == 0, done.stderr
        return done

    def start(self, cut: int = 0) -> int:
        """One start, as the service manager makes it; how it ended."""
        return self.launch("start", str(self.database), cut=cut, must=False).returncode

    def want(self, **more: str) -> None:
        options = [word for name, value in more.items() for word in (f"--{name}", value)]
        self.launch("want", "new", "--database", str(self.database), "--by", "ann", *options)

    @property
    def journal(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.launch("show").stdout)
        return found

    def ran(self) -> list[str]:
        with closing(sqlite3.connect(self.database)) as base:
            return [who for (who,) in base.execute("SELECT who FROM ran ORDER BY rowid")]

    @property
    def schema(self) -> int:
        with closing(sqlite3.connect(self.database)) as base:
            return int(base.execute("PRAGMA user_version").fetchone()[0])

    def ends(self, how: str) -> None:
        (self.releases / "new" / "ends").write_text(how)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path / "box")


def test_a_trial_that_is_confirmed_stays(box: Box) -> None:
    box.start()
    box.ends("confirm")
    box.want()
    box.start()
    box.start()
    assert (box.journal["step"], box.journal["current"], box.journal["previous"]) == ("settled", "new", "old")
    assert (box.journal["last"]["outcome"], box.journal["last"]["by"]) == ("confirmed", "ann")
    assert (box.ran(), box.schema) == (["old", "new", "new"], 2)


@pytest.mark.parametrize("how", ["killed", "well"])
def test_one_that_does_not_stay_up_goes_back(box: Box, how: str) -> None:
    box.start()
    box.ends(how)
    box.want()
    for _ in range(4):
        box.start()
    assert (box.journal["step"], box.journal["current"]) == ("settled", "old")
    assert box.journal["last"]["outcome"] == "returned" and "3 starts" in box.journal["last"]["why"]
    assert (box.ran(), box.schema) == (["old", "old"], 1)
    with closing(sqlite3.connect(f"{box.database}.tried")) as tried:
        assert tried.execute("SELECT count(*) FROM ran WHERE who='new'").fetchone()[0] == 3


def test_one_that_finds_itself_unwell_goes_back_at_once(box: Box) -> None:
    box.ends("fail")
    box.want()
    box.start()
    box.start()
    assert (box.journal["current"], box.journal["last"]["why"]) == ("old", "it is not well")
    assert (box.ran(), box.schema) == (["old"], 1)


def test_one_that_cannot_migrate_never_runs(box: Box) -> None:
    (box.releases / "new" / "breaks").touch()
    box.want()
    box.start()
    assert (box.journal["current"], box.journal["last"]["outcome"]) == ("old", "refused")
    assert "no such column" in box.journal["last"]["why"]
    assert (box.ran(), box.schema) == (["old"], 1)
    assert not Path(f"{box.database}.next").exists()


def test_one_that_says_nothing_is_ended(box: Box) -> None:
    """Its own gate may be what is broken; nobody's silence counts as well."""
    box.ends("hangs")
    box.want(within="1")
    assert box.start() == -signal.SIGTERM
    box.start()
    assert box.journal["current"] == "old" and "nobody confirmed it" in box.journal["last"]["why"]


def test_a_person_goes_back(box: Box) -> None:
    box.ends("confirm")
    box.want()
    box.start()
    assert "to go back" not in box.launch("undo", "--database", str(box.database), "--exchange").stderr
    box.start()
    assert (box.journal["current"], box.journal["last"]["outcome"], box.schema) == ("old", "undone", 1)
    again = box.launch("undo", "--database", str(box.database), must=False)
    assert again.returncode == 1 and "no release to go back to" in again.stderr


@pytest.mark.parametrize("name", ["none", "old", "../box", ".hidden"])
def test_what_is_no_other_release_is_not_wanted(box: Box, name: str) -> None:
    refused = box.launch("want", name, "--database", str(box.database), must=False)
    assert refused.returncode == 1 and box.journal["step"] == "settled"


def test_only_one_update_at_a_time(box: Box) -> None:
    box.want()
    assert box.launch("want", "new", "--database", str(box.database), must=False).returncode == 1
    assert box.launch("undo", "--database", str(box.database), must=False).returncode == 1


@pytest.mark.parametrize(("way", "at"), [("there", 7), ("there", 13), ("back", 5)])
def test_killed_in_the_middle(box: Box, way: str, at: int) -> None:
    assert killed_and_started_again(box, way, at)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", ["there", "back"])
def test_killed_before_every_operation(tmp_path: Path, way: str) -> None:
    """One run for each operation of a start that changes something."""
    at = 1
    while killed_and_started_again(Box(tmp_path / str(at)), way, at):
        at += 1
    assert at > 10


def killed_and_started_again(box: Box, way: str, at: int) -> bool:
    """Whether there was such an operation. The starts after it end with one whole version, with its own database."""
    box.ends("confirm" if way == "there" else "fail")
    box.want()
    if way == "back":
        box.start()
    killed = box.start(cut=at) == -signal.SIGKILL
    for _ in range(2):
        box.start()
    journal, expected = box.journal, ("new", "confirmed", 2) if way == "there" else ("old", "returned", 1)
    found = (journal["current"], journal["last"].get("outcome"), box.schema)
    assert (journal["step"], found) == ("settled", expected), (at, journal)
    assert box.ran()[-1] == expected[0]
    return killed
