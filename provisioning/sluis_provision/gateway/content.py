"""What a release of the gateway holds: wheels for one kind of machine and one Python, in one file.

`wheels.zip` is a zip of wheels that are stored, not compressed again, in order of their names and without times: the
same wheels give the same bytes. One file, since a manifest has room for some hundred and the libraries are as many.
"""

from __future__ import annotations

import io
import platform
import re
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from sluis.wire.manifest import GATEWAY
from sluis_provision.bundle.application import NothingToPack

WHEELS = "wheels.zip"
OWN = "sluis"
EARLIEST = (1980, 1, 1, 0, 0, 0)

_WHEEL = re.compile(
    r"([A-Za-z0-9_.]+)-([A-Za-z0-9_.!+]+)(?:-\d[A-Za-z0-9_.]*)?-([A-Za-z0-9_.]+)-([a-z0-9_.]+)-(\S+)\.whl"
)


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel's name, taken apart (PyPA specification "Binary distribution format")."""

    file: str
    distribution: str
    version: str
    pythons: tuple[str, ...]
    interfaces: tuple[str, ...]
    platforms: tuple[str, ...]

    def fits(self, python: str, machine: str) -> bool:
        """Whether it runs on CPython `cp311` on Linux on an `aarch64`."""
        minor = int(python.removeprefix("cp3"))
        ours = any(one in ("py3", "py2.py3", python) for one in self.pythons)
        stable = "abi3" in self.interfaces and any(
            one.startswith("cp3") and one[3:].isdigit() and int(one[3:]) <= minor for one in self.pythons
        )
        here = any(one == "any" or (one.endswith(f"_{machine}") and "linux" in one) for one in self.platforms)
        plain = "none" in self.interfaces or python in self.interfaces or "abi3" in self.interfaces
        return here and plain and (ours or stable)


def wheel(file: str) -> Wheel:
    """NothingToPack when that is no wheel's name."""
    said = _WHEEL.fullmatch(file)
    if said is None:
        raise NothingToPack(f"{file} is not named as a wheel is")
    name, version, *tags = said.groups()
    pythons, interfaces, platforms = (tuple(tag.split(".")) for tag in tags)
    return Wheel(file, name.lower().replace(".", "_"), version, pythons, interfaces, platforms)


def this_kind() -> str:
    """The `board` of this machine's releases: `gateway-aarch64-cp311`."""
    return f"{GATEWAY}{platform.machine().replace('_', '-')}-cp{sys.version_info[0]}{sys.version_info[1]}"


def is_gateway(board: str) -> bool:
    return board.startswith(GATEWAY)


def python_of(board: str) -> tuple[str, str]:
    """(`cp311`, `aarch64`) of a release's board."""
    _, _, rest = board.partition(GATEWAY)
    machine, _, python = rest.rpartition("-")
    return python, machine.replace("-", "_")


def packed_wheels(folder: Path, board: str) -> tuple[bytes, str]:
    """(`wheels.zip`, the version of ours). NothingToPack when one is there twice, or is for another machine."""
    python, machine = python_of(board)
    held: dict[str, Wheel] = {}
    for path in sorted(folder.glob("*.whl")):
        one = wheel(path.name)
        if not one.fits(python, machine):
            raise NothingToPack(
                f"{one.file} does not run on {board}", hint="Fetch the wheels on a machine of its kind."
            )
        if one.distribution in held:
            raise NothingToPack(f"{one.distribution} is there twice")
        held[one.distribution] = one
    if OWN not in held:
        raise NothingToPack(f"{folder} has no wheel of Sluis itself", hint="Make the folder with tools/gateway_wheels.")
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as into:
        for one in sorted(held.values(), key=lambda each: each.file):
            into.writestr(zipfile.ZipInfo(one.file, EARLIEST), (folder / one.file).read_bytes())
    return whole.getvalue(), held[OWN].version
