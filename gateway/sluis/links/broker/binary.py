"""Where mosquitto is: on this machine, or unpacked from Debian's packages into the data directory (no root)."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sluis.model import LinkError

log = logging.getLogger(__name__)

PACKAGES = ("mosquitto", "libwebsockets17", "libcjson1", "libdlt2", "libev4", "libuv1", "libcap2")
"""mosquitto of Debian 12 and what it links that a small system may lack; names that do not exist are skipped."""


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


def find_mosquitto(data_dir: Path) -> Binary:
    """The installed mosquitto, else the one unpacked earlier, else one fetched now. BrokerMissing when none can be."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin")
    if found:
        return Binary(Path(found))
    root = data_dir / "mosquitto"
    if not (root / "usr/sbin/mosquitto").exists():
        log.info("mosquitto is not installed; unpacking Debian's package into %s", root)
        _unpack(root)
    libraries = next(iter(sorted((root / "usr/lib").glob("*-linux-gnu*"))), root / "usr/lib")
    return Binary(root / "usr/sbin/mosquitto", libraries)


def _unpack(root: Path) -> None:
    downloads = root / "packages"
    downloads.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        _run(["apt-get", "download", package], downloads, must=package == "mosquitto")
    for file in sorted(downloads.glob("*.deb")):
        _run(["dpkg", "-x", str(file), str(root)], downloads, must=True)
    shutil.rmtree(downloads)


def _run(command: list[str], cwd: Path, *, must: bool) -> None:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BrokerMissing(f"{command[0]}: {error}") from error
    if done.returncode and must:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BrokerMissing(f"{' '.join(command)} failed: {last}")
