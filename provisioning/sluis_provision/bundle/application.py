"""What goes into a bundle: the firmware's application, a folder of files, or an interpreter."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from sluis.model import BundleError
from sluis.wire.manifest import IMAGE
from sluis_provision.bundle.build import build
from sluis_provision.images import esp

TOOL = "mpy-cross"


class NothingToPack(BundleError):
    """What was to go into a bundle is not there, or does not belong in one."""

    code = "bundle.content"


def application(firmware: Path | None = None) -> tuple[dict[str, bytes], dict[str, str]]:
    """(files by their path in a slot, the tools they were made with): the node firmware, compiled."""
    root = "/a/"
    files = {file.path.removeprefix(root): file.content for file in build(slot="a", firmware=firmware)}
    inside = {path: content for path, content in files.items() if not path.startswith("/")}
    return inside, {TOOL: importlib.metadata.version(TOOL)}


def folder(root: Path) -> dict[str, bytes]:
    """Every file below it. NothingToPack when there is none, or when one leads elsewhere."""
    files = {}
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            raise NothingToPack(f"{path} is a link to another place", hint="Put the file itself there.")
        if path.is_file():
            files[path.relative_to(root).as_posix()] = path.read_bytes()
    if not files:
        raise NothingToPack(f"{root} holds no files")
    return files


def image(file: Path, chip: str) -> tuple[dict[str, bytes], str]:
    """(an interpreter for the other OTA partition, its version). NothingToPack when it is none for that chip."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise NothingToPack(f"{file} cannot be read: {error}") from error
    found, version = esp.chip_of(content), esp.version_of(content)
    if not version:
        raise NothingToPack(
            f"{file} is no application image of an ESP32",
            hint="An update takes MicroPython's `.app-bin`, not the file that a bare board is flashed with.",
        )
    if found != chip:
        raise NothingToPack(f"{file} is made for {found or 'a chip that is not known'}; the board has an {chip}")
    return {IMAGE: content}, version
