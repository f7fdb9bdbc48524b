"""Lays a release beside the others: a virtual environment, whole or not there.

Unpacking a wheel puts its files where the format says (PyPA specification "Binary distribution format"); nothing in
it is run until all of it is there, and then only to ask its version. Blocks for half a minute on a Pi: for a thread.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import subprocess
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, cast

from sluis.model import BundleError, Retry
from sluis.wire.signed import Damaged
from sluis_provision.bundle.archive import Bundle
from sluis_provision.files import write_whole
from sluis_provision.gateway.content import WHEELS, this_kind, wheel
from sluis_provision.supply.problem import NoRoom

ROOM_TIMES = 5
"""Room that a release takes, as a multiple of its wheels: three times unpacked, and more with its bytecode."""

SPARE_BYTES = 64 * 1024 * 1024
"""What stays free for readings, which come first."""

ANSWER_WITHIN_S = 120
COMPILE_WITHIN_S = 1_800

Progress = Callable[[str, int, int], None]
"""(step, done, of): `unpacking`, `compiling`, `checking`."""


class OtherMachine(BundleError):
    """It is no release for a gateway of this kind."""

    code = "update.other-machine"
    hint = "sluis update check lists those that are."


class DoesNotAnswer(BundleError):
    """A release was unpacked and does not even say its version."""

    code = "update.does-not-answer"
    hint = "It was built wrong: report it to those who release. The release that runs is untouched."
    retry = Retry.NEVER


class Window(io.RawIOBase):
    """A part of a file, as a file."""

    def __init__(self, path: Path, begin: int, size: int) -> None:
        self._file = path.open("rb")
        self._begin, self._size, self._at = begin, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        self._file.seek(self._begin + self._at)
        data = self._file.read(max(0, min(len(view), self._size - self._at)))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def name_of(bundle: Bundle) -> str:
    """Its folder: `0.2.0-12`."""
    return f"{bundle.manifest.version}-{bundle.manifest.sequence}"


def install(bundle: Bundle, releases: Path, progress: Progress) -> str:
    """The name of the folder that holds it now. The bundle was checked before.

    OtherMachine, NoRoom, Damaged or DoesNotAnswer say why not; nothing of it is left then.
    """
    if bundle.manifest.board != this_kind():
        raise OtherMachine(f"{bundle.name} is for {bundle.manifest.board}; this is a {this_kind()}")
    name = name_of(bundle)
    if (releases / name).is_dir():
        return name
    if shutil.disk_usage(releases).free < ROOM_TIMES * bundle.manifest.size + SPARE_BYTES:
        raise NoRoom(f"{(ROOM_TIMES * bundle.manifest.size + SPARE_BYTES) >> 20} MiB must be free for {name}")
    beside = releases / f".new-{name}"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        _fill(beside, bundle, progress)
        os.sync()
        beside.rename(releases / name)
        _sync(releases)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return name


def schema_of(release: Path) -> int:
    """The newest database schema that an installed release knows; 0 when it cannot be told."""
    found = release.glob("lib/python3*/site-packages/sluis/store/schema/*")
    return max((int(one.name) for one in found if one.name.isdigit()), default=0)


def _fill(root: Path, bundle: Bundle, progress: Progress) -> None:
    venv.EnvBuilder(symlinks=True, with_pip=False).create(root)
    packages = next((root / "lib").glob("python3.*")) / "site-packages"
    entry = bundle.entry(WHEELS)
    assert bundle.path is not None
    try:
        with Window(bundle.path, bundle.places[WHEELS], entry.size) as held, zipfile.ZipFile(_plain(held)) as every:
            names = every.namelist()
            for count, file in enumerate(names):
                progress("unpacking", count, len(names))
                with every.open(file) as one, zipfile.ZipFile(one) as opened:
                    _unpack(opened, wheel(file).distribution, packages, root)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise Damaged(f"{bundle.name} holds a wheel that cannot be read: {error}") from error
    python = str(root / "bin" / "python")
    progress("compiling", 0, 1)
    _run([python, "-I", "-m", "compileall", "-q", "-s", str(root), str(packages)], COMPILE_WITHIN_S)
    progress("checking", 0, 1)
    said = _run([python, "-I", "-m", "sluis", "--version"], ANSWER_WITHIN_S)
    if said is None or said.split()[-1:] != [bundle.manifest.version]:
        raise DoesNotAnswer(f"{bundle.name} was asked for its version, and said {said!r}")
    told = {"version": bundle.manifest.version, "sequence": bundle.manifest.sequence, "manifest": bundle.digest}
    write_whole(root / "release.json", json.dumps(told | {"changelog": dict(bundle.notes.changelog)}).encode())


def _unpack(opened: zipfile.ZipFile, distribution: str, packages: Path, root: Path) -> None:
    """`NAME.data/data` goes to the root, `scripts` to `bin`, the rest beside each other."""
    for info in opened.infolist():
        path = PurePosixPath(info.filename)
        if info.is_dir():
            continue
        if path.is_absolute() or ".." in path.parts:
            raise Damaged(f"the wheel of {distribution} would write to {info.filename}")
        place = packages / path
        if path.parts[0].endswith(".data") and len(path.parts) > 2:
            rest = PurePosixPath(*path.parts[2:])
            place = {"data": root / rest, "scripts": root / "bin" / rest}.get(path.parts[1], packages / rest)
        place.parent.mkdir(parents=True, exist_ok=True)
        with opened.open(info) as content, place.open("wb") as into:
            shutil.copyfileobj(content, into)
        runs = (info.external_attr >> 16) & stat.S_IXUSR or place.parent == root / "bin"
        place.chmod(0o755 if runs else 0o644)


def _run(command: list[str], within_s: float) -> str | None:
    """What a program says; None when it fails."""
    try:
        done = subprocess.run(  # noqa: S603
            ["/usr/bin/nice", *command],
            capture_output=True,
            text=True,
            timeout=within_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _plain(file: Window) -> IO[bytes]:
    return io.BufferedReader(file)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
