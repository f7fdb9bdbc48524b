"""Where mosquitto is: on this machine, or unpacked from Debian's packages into the data directory (no root)."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sluis.model import LinkError

log = logging.getLogger(__name__)

FETCH_WITHIN_S = 300.0
"""One package over a slow line. Shorter and a newcomer on a train gives up for nothing."""

SEARCHED = "/usr/sbin:/usr/local/sbin:/sbin"
"""Where Debian puts daemons; not on an ordinary user's PATH."""


class BrokerMissing(LinkError):
    """There is no mosquitto, and none could be fetched."""

    code = "broker.missing"
    hint = "Install it with: sudo apt install mosquitto"


@dataclass(frozen=True, slots=True)
class Binary:
    """The program and the environment it needs."""

    path: Path
    libraries: Path | None = None

    def environment(self) -> dict[str, str]:
        variables = {key: value for key, value in os.environ.items() if key in ("PATH", "LANG", "TZ")}
        if self.libraries is not None:
            variables["LD_LIBRARY_PATH"] = str(self.libraries)
        return variables

    def version(self) -> str:
        """`2.0.11`, or "" when it does not say."""
        said = subprocess.run([self.path, "-h"], capture_output=True, text=True, env=self.environment(), check=False)  # noqa: S603
        found = re.search(r"mosquitto version (\S+)", said.stdout)
        return found.group(1) if found else ""


def find_mosquitto(data_dir: Path, searched: str | None = None) -> Binary:
    """The installed mosquitto, else the one unpacked earlier, else one fetched now. BrokerMissing when none can be.

    `searched` is the path to look along; by default this process's PATH and where daemons are.
    """
    found = shutil.which(
        "mosquitto", path=searched if searched is not None else f"{os.environ.get('PATH', '')}:{SEARCHED}"
    )
    if found:
        return Binary(Path(found))
    root = data_dir / "mosquitto"
    if not (root / "usr/sbin/mosquitto").exists():
        log.info("mosquitto is not installed; unpacking Debian's package into %s", root)
        _unpack(root)
    libraries = next(iter(sorted((root / "usr/lib").glob("*-linux-gnu*"))), root / "usr/lib")
    return Binary(root / "usr/sbin/mosquitto", libraries)


def _unpack(root: Path) -> None:
    """Fetch and unpack beside `root`, then move there, so that a broken download is never taken for a broker."""
    beside = root.with_name(f".{root.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    downloads = beside / "packages"
    downloads.mkdir(parents=True)
    for package in _needed("mosquitto"):
        _run(["apt-get", "download", package], downloads)
    for file in sorted(downloads.glob("*.deb")):
        _run(["dpkg", "-x", str(file), str(beside)], downloads)
    shutil.rmtree(downloads)
    shutil.rmtree(root, ignore_errors=True)
    beside.rename(root)


def _needed(package: str) -> list[str]:
    """The package and those libraries it stands on that this machine lacks."""
    wanted, found = [package], []
    while wanted:
        one = wanted.pop(0)
        if one in found:
            continue
        found.append(one)
        said = _run(["apt-cache", "depends", "--important", one], Path("/"))
        names = re.findall(r"^ *(?:\|)?Depends: (lib[^\s:<]+)", said, re.MULTILINE)
        wanted += [name for name in names if not _installed(name)]
    return found


def _installed(package: str) -> bool:
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
    done = subprocess.run(query, capture_output=True, text=True, check=False)  # noqa: S603  (Debian's own names)
    return "installed" in done.stdout and "not-installed" not in done.stdout


def _run(command: list[str], cwd: Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603  (fixed programs, names from Debian's own lists)
            command, cwd=cwd, capture_output=True, text=True, timeout=FETCH_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BrokerMissing(f"{command[0]}: {error}") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BrokerMissing(f"{' '.join(command)} failed: {last}")
    return done.stdout
