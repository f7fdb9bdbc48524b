#!/usr/bin/python3 -I
"""Starts the release of Sluis that is to run, and goes back to the one before when a new one does not prove itself.

Standard library only, and no part of any release: `make install` puts it to /opt/sluis/launch, updates never touch it.
docs/decisions/0015-gateway-releases.md says why; this says how.

    /opt/sluis/launch                    this file
    /opt/sluis/releases/<name>/          a release: a virtual environment, whole or not there
    /opt/sluis/releases/current          symlink to the one that runs
    /opt/sluis/releases/journal.json     what is going on; replaced whole, synced

Steps. `settled` -> `wanted` (a person asked) -> `copied` (the database, beside) -> `migrated` (the copy, by the new
release) -> `trial` (the copy has the database's place, `current` is the new one, starts are counted) -> `settled`.
`returning` leads from `trial` to `settled` with the release and the database of before. Every step can be done again
from its beginning: what tells how far it came is which files there are. So a power cut costs a start, nothing else.

Files beside the database: `.next` the migrated copy, `.before` the database of the release before, `.tried` the
database of a trial that went back (its readings are in there).

Called as `sluis` it runs that command of the current release. A root who calls it so becomes the owner of the releases
first, so that no file which the service could have written ever runs as root.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import pwd
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

STARTS_MAX = 3
"""Starts of a trial. One is enough when all is well; power cuts and a slow first start take the others."""

WITHIN_S = 600
"""A trial that nobody confirmed by then has failed, also when the release's own gate is what is broken."""

MIGRATE_WITHIN_S = 3_600
"""A large database on a slow card takes minutes. A migration that hangs must end some time."""

STOP_WITHIN_S = 15
LINE_CHARS = 300


class Refused(Exception):
    """What was asked cannot be done; the sentence says why."""


class Releases:
    """The folder of releases. Whoever changes it holds `turn`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def current(self) -> str:
        """Name of the release that the symlink leads to; "" for none."""
        try:
            return (self.root / "current").readlink().name
        except OSError:
            return ""

    def is_whole(self, name: str) -> bool:
        return Path(name).name == name and not name.startswith(".") and (self.root / name / "bin" / "python").exists()

    def point(self, name: str) -> None:
        """The symlink leads to this release from now on, also after a power cut."""
        beside = self.root / ".current.new"
        beside.unlink(missing_ok=True)
        beside.symlink_to(name)
        beside.replace(self.root / "current")
        sync(self.root)

    def journal(self) -> dict[str, Any]:
        """What is going on. A journal that is not there, or was damaged by hand: settled with what the symlink says."""
        try:
            held = json.loads((self.root / "journal.json").read_text())
            if isinstance(held, dict) and isinstance(held.get("step"), str):
                return held
        except (OSError, ValueError):
            pass
        return {"step": "settled"}

    def write(self, held: dict[str, Any]) -> None:
        beside = self.root / ".journal.new"
        with beside.open("w") as file:
            json.dump(held, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.root / "journal.json")
        sync(self.root)

    @contextlib.contextmanager
    def turn(self) -> Iterator[dict[str, Any]]:
        """The journal, for one at a time."""
        with (self.root / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self.journal()


# -- what is asked for --------------------------------------------------------------------------------------------


def want(releases: Releases, told: argparse.Namespace) -> None:
    """Try a release at the next start."""
    with releases.turn() as held:
        if held["step"] != "settled":
            raise Refused(f"an update is under way: {held['step']}")
        if not releases.is_whole(told.name):
            raise Refused(f"there is no release {told.name}")
        if told.name == releases.current:
            raise Refused(f"{told.name} runs already")
        asked = {
            "step": "wanted",
            "from": releases.current,
            "to": told.name,
            "database": str(told.database),
            "at": time.time(),
            "by": told.by,
            "reason": told.reason,
            "within_s": told.within,
            "gate": json.loads(told.gate),
        }
        releases.write(asked | kept(held))


def settle(releases: Releases, told: argparse.Namespace) -> None:
    """A first release, without a trial: there is none to go back to."""
    with releases.turn() as held:
        if not releases.is_whole(told.name):
            raise Refused(f"there is no release {told.name}")
        releases.point(told.name)
        releases.write({"step": "settled"} | kept(held))


def confirm(releases: Releases, told: argparse.Namespace) -> None:
    """The trial is over, and well."""
    with releases.turn() as held:
        if held["step"] != "trial":
            raise Refused(f"no trial is under way: {held['step']}")
        finish(releases, held, "confirmed", "", previous=held["from"])


def fail(releases: Releases, told: argparse.Namespace) -> None:
    """The trial is over, and not well: the next start goes back."""
    with releases.turn() as held:
        if held["step"] != "trial":
            raise Refused(f"no trial is under way: {held['step']}")
        releases.write(held | {"step": "returning", "why": told.why[:LINE_CHARS]})


def undo(releases: Releases, told: argparse.Namespace) -> None:
    """Go back to the release before the current one at the next start, because a person says so."""
    with releases.turn() as held:
        if held["step"] != "settled":
            raise Refused(f"an update is under way: {held['step']}")
        previous, database = held.get("previous", ""), Path(told.database)
        if not previous or not releases.is_whole(previous):
            raise Refused("there is no release to go back to")
        if told.exchange and not beside(database, "before").exists():
            raise Refused("the database of the release before is not kept any more")
        asked = {
            "step": "returning",
            "from": previous,
            "to": releases.current,
            "database": str(database),
            "exchange": told.exchange,
            "at": time.time(),
            "by": told.by,
            "reason": told.reason,
            "why": "",
            "undo": True,
        }
        releases.write(asked | kept(held))


def tidy(releases: Releases, told: argparse.Namespace) -> None:
    """Forget releases that nothing leads to, and databases of before that are older than so many days."""
    with releases.turn() as held:
        if held["step"] != "settled":
            return
        needed = {releases.current, held.get("previous", "")}
        for folder in releases.root.iterdir():
            old = time.time() - folder.lstat().st_mtime > told.grace
            if old and folder.is_dir() and not folder.is_symlink() and folder.name not in needed:
                shutil.rmtree(folder, ignore_errors=True)
        for kind in ("before", "tried", "next"):
            for file in (beside(Path(told.database), kind), Path(f"{beside(Path(told.database), kind)}-wal")):
                if file.exists() and time.time() - file.stat().st_mtime > told.days * 86_400:
                    file.unlink()


# -- a start ------------------------------------------------------------------------------------------------------


def start(releases: Releases, words: list[str]) -> NoReturn:
    """Bring what is going on to where a release can run, and become that release."""
    with releases.turn() as held:
        while held["step"] not in ("settled", "trial"):
            step = STEPS.get(held["step"], lost)
            step(releases, held)
            held = releases.journal()
        while held["step"] == "trial":
            if held["starts"] >= STARTS_MAX:
                releases.write(held | {"step": "returning", "why": f"it was not well in {STARTS_MAX} starts"})
                back(releases, releases.journal())
                held = releases.journal()
                continue
            held = held | {"starts": held["starts"] + 1}
            releases.write(held)
            break
    if held["step"] == "trial":
        watch(releases, held)
    become(releases, ["run", *words])


def copy(releases: Releases, held: dict[str, Any]) -> None:
    """`wanted`: the database as it is now, beside. Nothing writes to it: no gateway runs while this does."""
    database = Path(held["database"])
    if not releases.is_whole(held["to"]):
        return finish(releases, held, "refused", f"the files of {held['to']} are not there")
    for kind in ("next", "before"):
        remove(beside(database, kind))
    if database.exists():
        try:
            with patience(), contextlib.closing(sqlite3.connect(database)) as source:
                with contextlib.closing(sqlite3.connect(beside(database, "next"))) as target:
                    source.backup(target)
                    target.execute("PRAGMA journal_mode=DELETE")
                # One file, so that a rename moves all of it.
                source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                source.execute("PRAGMA journal_mode=DELETE")
            sync(beside(database, "next"))
        except (sqlite3.Error, OSError) as error:
            remove(beside(database, "next"))
            return finish(releases, held, "refused", f"the database could not be copied: {error}")
    releases.write(held | {"step": "copied"})
    return None


def migrate(releases: Releases, held: dict[str, Any]) -> None:
    """`copied`: the new release brings the copy to its own form."""
    copied = beside(Path(held["database"]), "next")
    if copied.exists():
        command = [str(releases.root / held["to"] / "bin" / "python"), "-I", "-m", "sluis", "migrate", str(copied)]
        try:
            with patience():
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=MIGRATE_WITHIN_S, stdin=subprocess.DEVNULL
                )
            why = "" if done.returncode == 0 else last_line(done.stderr) or f"exit code {done.returncode}"
        except (OSError, subprocess.TimeoutExpired) as error:
            why = str(error)
        if why:
            remove(copied)
            return finish(releases, held, "refused", f"it cannot take over the database: {why}")
        sync(copied)
    releases.write(held | {"step": "migrated"})
    return None


def exchange(releases: Releases, held: dict[str, Any]) -> None:
    """`migrated`: the copy takes the database's place, and the new release that of the current one."""
    database = Path(held["database"])
    before, copied = beside(database, "before"), beside(database, "next")
    if copied.exists():
        if not before.exists():
            database.replace(before)
        for rest in ("-wal", "-shm"):
            Path(f"{database}{rest}").unlink(missing_ok=True)
        copied.replace(database)
        sync(database.parent)
    releases.point(held["to"])
    releases.write(held | {"step": "trial", "starts": 0, "began": time.time()})


def back(releases: Releases, held: dict[str, Any]) -> None:
    """`returning`: the release of before, with its database; what the trial wrote is kept beside."""
    database = Path(held["database"])
    before, tried = beside(database, "before"), beside(database, "tried")
    if held.get("exchange", True) and before.exists():
        if database.exists():
            remove(tried)
            database.replace(tried)
        # A log that is not the database's own would be played into it.
        log = Path(f"{database}-wal")
        if log.exists():
            log.replace(f"{tried}-wal")
        Path(f"{database}-shm").unlink(missing_ok=True)
        sync(database.parent)
        before.replace(database)
        sync(database.parent)
    releases.point(held["from"])
    finish(releases, held, "undone" if held.get("undo") else "returned", held.get("why", ""))


def lost(releases: Releases, held: dict[str, Any]) -> None:
    """A step that this launcher does not know: stay with what the symlink says."""
    finish(releases, held, "refused", f"the journal says {held['step']!r}, which this launcher does not know")


STEPS = {"wanted": copy, "copied": migrate, "migrated": exchange, "returning": back}


def finish(releases: Releases, held: dict[str, Any], outcome: str, why: str, *, previous: str | None = None) -> None:
    """Settled; what came of it stays to be told."""
    told = {name: held.get(name, "") for name in ("from", "to", "by", "reason", "at", "began")}
    last = told | {"outcome": outcome, "why": why[:LINE_CHARS], "ended": time.time()}
    last["exchanged"] = outcome == "returned" or (outcome == "undone" and bool(held.get("exchange")))
    kept_one = held.get("previous", "") if previous is None else previous
    releases.write({"step": "settled", "last": last, "previous": "" if outcome == "undone" else kept_one})


def kept(held: dict[str, Any]) -> dict[str, Any]:
    return {name: held[name] for name in ("previous", "last") if name in held}


def become(releases: Releases, words: list[str]) -> NoReturn:
    """This process is the release from here on."""
    release = releases.root / releases.current
    if not releases.current or not (release / "bin" / "python").exists():
        raise Refused(f"no release is installed in {releases.root}")
    environment = os.environ | {
        "SLUIS_LAUNCH": str(Path(__file__).resolve()),
        "SLUIS_RELEASES": str(releases.root),
        "SLUIS_RELEASE": release.name,
    }
    program = str(release / "bin" / "python")
    os.execve(program, [program, "-I", "-m", "sluis", *words], environment)


def watch(releases: Releases, held: dict[str, Any]) -> None:
    """Leave a process behind that ends this trial when nobody has confirmed it in time."""
    trial = os.getpid()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    if os.fork():
        os._exit(0)
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        guard(releases, held, os.pidfd_open(trial))
    finally:
        os._exit(0)


def guard(releases: Releases, held: dict[str, Any], process: int) -> None:
    until = time.monotonic() + float(held.get("within_s", WITHIN_S))
    while time.monotonic() < until:
        if select.select([process], [], [], 1.0)[0]:
            return
        now = releases.journal()
        if now["step"] != "trial" or now.get("starts") != held["starts"]:
            return
    with releases.turn() as now:
        if now["step"] != "trial" or now.get("starts") != held["starts"]:
            return
        releases.write(now | {"step": "returning", "why": f"nobody confirmed it within {held['within_s']} s"})
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, number)
        if select.select([process], [], [], STOP_WITHIN_S)[0]:
            return


# -- small parts --------------------------------------------------------------------------------------------------


def beside(database: Path, kind: str) -> Path:
    return database.with_name(f"{database.name}.{kind}")


def remove(file: Path) -> None:
    """A database file with what may lie beside it."""
    for rest in ("", "-wal", "-shm", "-journal"):
        Path(f"{file}{rest}").unlink(missing_ok=True)


def sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("Error:")), lines[-1] if lines else "")[:LINE_CHARS]


@contextlib.contextmanager
def patience() -> Iterator[None]:
    """Ask the service manager for time while something long goes on (sd_notify(3))."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as said:
            said.connect("\0" + address[1:] if address.startswith("@") else address)
            said.send(f"EXTEND_TIMEOUT_USEC={MIGRATE_WITHIN_S * 1_000_000}\nSTATUS=taking over the database".encode())
    yield


def step_down(root: Path) -> None:
    """A root becomes the owner of the releases."""
    owner = root.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        person = pwd.getpwuid(owner.st_uid)
        os.initgroups(person.pw_name, owner.st_gid)
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)
        os.environ |= {"HOME": person.pw_dir, "USER": person.pw_name, "LOGNAME": person.pw_name}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="launch", description="Starts the release of Sluis that is to run.")
    ways = made.add_subparsers(dest="way", required=True)
    ways.add_parser("show")
    for name in ("want", "settle", "confirm", "fail", "undo", "tidy"):
        way = ways.add_parser(name)
        if name in ("want", "settle"):
            way.add_argument("name")
        if name in ("want", "undo", "tidy"):
            way.add_argument("--database", type=Path, required=True)
        if name in ("want", "undo"):
            way.add_argument("--by", default="")
            way.add_argument("--reason", default="")
        if name == "want":
            way.add_argument("--within", type=float, default=WITHIN_S)
            way.add_argument("--gate", default="{}")
        if name == "fail":
            way.add_argument("why")
        if name == "undo":
            way.add_argument("--exchange", action="store_true")
        if name == "tidy":
            way.add_argument("--days", type=float, default=14)
            way.add_argument("--grace", type=float, default=86_400)
    return made


def main() -> int:
    here = Path(sys.argv[0])
    releases = Releases(Path(os.environ.get("SLUIS_RELEASES") or Path(__file__).resolve().parent / "releases"))
    try:
        if here.name == "sluis":
            step_down(releases.root)
            become(releases, sys.argv[1:])
        if sys.argv[1:2] == ["start"]:
            start(releases, sys.argv[2:])
        told = parser().parse_args()
        if told.way == "show":
            sys.stdout.write(json.dumps(releases.journal() | {"current": releases.current}) + "\n")
        else:
            ways = {"want": want, "settle": settle, "confirm": confirm, "fail": fail, "undo": undo, "tidy": tidy}
            ways[told.way](releases, told)
    except (Refused, OSError, ValueError) as error:
        sys.stderr.write(f"sluis: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
