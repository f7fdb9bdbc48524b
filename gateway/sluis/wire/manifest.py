"""The manifest of a bundle: what a node is asked to run. The node checks the same bytes itself (decision 0014).

    {"board": "any", "expires": 1795000000, "files": [{"path": "sluis_node/app.mpy", "sha256": hex, "size": 4711}, ...],
     "from": 0, "runtime": "1.23", "sequence": 12, "version": "0.2.0"}

Canonical JSON: sorted keys, no spaces, and only ASCII in it, so that every encoder writes the same bytes and none has
to escape. A manifest that is written in another way is refused, although it says the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

from sluis.model import BundleError
from sluis.wire.signed import LARGEST, canonical

ANY = "any"
"""Board: bytecode runs on every one."""

IMAGE = "@image"
"""Path of an interpreter for the other OTA partition. No file on a node can have that name."""

PATH_CHARS_MAX = 100
"""Of a path: littlefs and tar take as many."""

FILE_BYTES_MAX = 8 * 1024 * 1024
"""Of one file: half of the largest flash on a board that is known."""

GATEWAY = "gateway-"
"""How the board of a release of the gateway itself begins: `gateway-aarch64-cp311`. No node is one."""

GATEWAY_BYTES_MAX = 192 * 1024 * 1024
"""Of its one file. All libraries are some 80 MB."""

NUMBER_MAX = 2**31 - 1
"""Of a sequence: what every MicroPython counts to."""

EXPIRES_MAX = 2**33
"""Seconds; the year 2242. Keeps a mistyped date from being for ever."""

_BOARD = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,31}")
_RUNTIME = re.compile(r"(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){1,2}", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAMES = {"since": "from"}
_FIELDS = {"board", "version", "sequence", "runtime", "from", "expires", "files"}


class BadManifest(BundleError):
    """A manifest breaks its format's rules."""

    code = "bundle.manifest"
    hint = "It was made wrong: build it with `sluis bundle build`."


class WrongBoard(BundleError):
    """It is for other boards."""

    code = "bundle.board"


class RuntimeTooOld(BundleError):
    """The node's MicroPython is older than it needs."""

    code = "bundle.runtime"
    hint = "Give the node a newer MicroPython first: over USB, or by a bundle with an image where its board takes one."


class Rollback(BundleError):
    """It is not newer than what the node has confirmed before."""

    code = "bundle.rollback"
    hint = "To go back, have the old files released again under a new sequence."


class StepMissing(BundleError):
    """The node must take another release first."""

    code = "bundle.step-missing"


class OutOfDate(BundleError):
    """It was released for a time that is over."""

    code = "bundle.expired"
    hint = "Have it released again, or look at this machine's clock."


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a manifest."""

    path: str
    """Relative to the slot: `sluis_node/app.mpy`; or `IMAGE`."""
    size: int
    """Bytes."""
    sha256: str
    """Hex."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is released."""

    board: str
    """`any`, a family (`esp`, `rp2`) or a profile (`pico-w`)."""
    version: str
    sequence: int
    """1 and up; a later release has a higher one."""
    runtime: str
    """The oldest MicroPython that runs it: `1.23`."""
    since: int
    """`from`: the sequence that must run now, at least. 0: any."""
    expires: int
    """Seconds since 1970, UTC."""
    files: tuple[Entry, ...]
    """In order of their paths."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files)

    @property
    def is_image(self) -> bool:
        """An interpreter, not an application."""
        return any(entry.path == IMAGE for entry in self.files)

    def encode(self) -> bytes:
        """The bytes that are signed."""
        told: dict[str, Any] = {_NAMES.get(one.name, one.name): getattr(self, one.name) for one in fields(self)}
        told["files"] = [{"path": one.path, "size": one.size, "sha256": one.sha256} for one in self.files]
        return canonical(told)


@dataclass(frozen=True, slots=True)
class Holder:
    """What is known of the node that would take it."""

    boards: Collection[str]
    """Its profile and its family."""
    runtime: str
    """Version of its MicroPython."""
    sequence: int = 0
    """What it runs now."""
    floor: int = 0
    """The highest sequence it ever confirmed."""
    has_partitions: bool = False
    """It can take an image over the air."""


def parse(data: bytes) -> Manifest:
    """What the manifest says. BadManifest says what is wrong with it. Check who signed it first."""
    if len(data) > LARGEST:
        raise BadManifest(f"the manifest has {len(data)} bytes; at most {LARGEST} are allowed")
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadManifest(f"the manifest is not JSON: {error}") from error
    if not isinstance(told, dict) or set(told) != _FIELDS:
        raise BadManifest(f"a manifest has exactly the members {', '.join(sorted(_FIELDS))}")
    made = Manifest(
        board=_text(told, "board", _BOARD, "any, a family or a profile"),
        version=_text(told, "version", _VERSION, "letters, digits and . + _ -, at most 32"),
        sequence=_number(told, "sequence", 1, NUMBER_MAX),
        runtime=_text(told, "runtime", _RUNTIME, "a version such as 1.23"),
        since=_number(told, "from", 0, NUMBER_MAX),
        expires=_number(told, "expires", 0, EXPIRES_MAX),
        files=_entries(told["files"], GATEWAY_BYTES_MAX if str(told["board"]).startswith(GATEWAY) else FILE_BYTES_MAX),
    )
    if made.since >= made.sequence:
        raise BadManifest(f"from {made.since} is not below its own sequence {made.sequence}")
    if made.is_image and (len(made.files) > 1 or made.board == ANY):
        raise BadManifest("an image stands alone, and is for one kind of board")
    if made.encode() != data:
        raise BadManifest("the manifest is not written in canonical form")
    return made


def suits(manifest: Manifest, node: Holder, now_s: float | None) -> None:
    """Nothing, when the node may take it; else why not. `now_s`: seconds since 1970; None where the time is not known.

    In the order in which the node itself checks, so that both say the same.
    """
    if manifest.board != ANY and manifest.board not in node.boards:
        raise WrongBoard(f"{manifest.version} is for {manifest.board}; this is {', '.join(sorted(node.boards))}")
    if manifest.is_image and not node.has_partitions:
        raise WrongBoard(f"{manifest.version} is an interpreter, and this board takes one over USB only")
    if numbers(node.runtime) < numbers(manifest.runtime):
        raise RuntimeTooOld(f"{manifest.version} needs MicroPython {manifest.runtime}; the node has {node.runtime}")
    if manifest.sequence <= node.floor:
        raise Rollback(f"{manifest.version} has sequence {manifest.sequence}; the node confirmed {node.floor} before")
    if node.sequence < manifest.since:
        raise StepMissing(
            f"{manifest.version} takes sequence {manifest.since} or later; the node runs {node.sequence}",
            hint=f"Roll out a release with sequence {manifest.since} first.",
        )
    if now_s is not None and now_s >= manifest.expires:
        raise OutOfDate(f"{manifest.version} was for a time that is over")


def numbers(version: str) -> tuple[int, int, int]:
    """`1.23` -> (1, 23, 0). What follows the numbers (`1.29.0-preview.3`) does not count; none at all is 0."""
    found = re.match(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", version, re.ASCII)
    first, second, third = found.groups() if found else (None, None, None)
    return int(first or 0), int(second or 0), int(third or 0)


def _text(told: dict[str, Any], name: str, pattern: re.Pattern[str], allowed: str) -> str:
    value = told[name]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise BadManifest(f"{name} must be {allowed}; it is {str(value)[:60]!r}")
    return value


def _number(told: dict[str, Any], name: str, least: int, most: int) -> int:
    value = told[name]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadManifest(f"{name} must be a whole number of {least} to {most}; it is {str(value)[:60]!r}")
    return value


def _entries(told: Any, bytes_max: int) -> tuple[Entry, ...]:
    if not isinstance(told, list) or not told:
        raise BadManifest("files must be a list with at least one file")
    made = tuple(_entry(one, bytes_max) for one in told)
    paths = [entry.path for entry in made]
    if paths != sorted(set(paths)):
        raise BadManifest("files must stand in order of their paths, each once")
    folders = {path[: at.start()] for path in paths for at in re.finditer("/", path)}
    if folders & set(paths):
        raise BadManifest(f"{min(folders & set(paths))} is a file and a folder")
    return made


def _entry(told: Any, bytes_max: int) -> Entry:
    if not isinstance(told, dict) or set(told) != {"path", "size", "sha256"}:
        raise BadManifest("a file has exactly the members path, sha256, size")
    path = told["path"]
    if not isinstance(path, str) or (path != IMAGE and not _is_path(path)):
        raise BadManifest(f"{str(path)[:60]!r} cannot be a path on a node: letters, digits, _ . - between slashes")
    return Entry(path, _number(told, "size", 0, bytes_max), _text(told, "sha256", _SHA256, "64 hex digits"))


def _is_path(path: str) -> bool:
    sound = len(path) <= PATH_CHARS_MAX and _PATH.fullmatch(path) is not None
    return sound and not {".", ".."} & set(path.split("/"))
