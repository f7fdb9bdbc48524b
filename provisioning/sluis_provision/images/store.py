"""The images on this machine: a folder of files as they were published, and who vouched for those without a hash.

A file is copied in by name and taken for an image only by its content: at import, and again each time it is used, so
that a damaged card is found before a board is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from sluis_provision.files import write_whole
from sluis_provision.images.catalogue import Runtime
from sluis_provision.images.problem import HashMismatch, ImageMissing, ImageUnapproved

APPROVED = "approved.json"

State = Literal["ready", "approved", "missing", "damaged"]
"""`ready`: here, with the catalogue's hash. `approved`: here, and a person vouched for it. `missing`: not imported.
`damaged`: the file here is not the one that was imported."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's word for a file without a known hash."""

    sha256: str
    by: str
    at: str
    """When, ISO 8601 UTC."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file at an import."""

    file: str
    outcome: Literal["imported", "there", "refused", "unknown"]
    said: str
    key: str = ""
    code: str = ""
    """Of the error, where it was refused."""


class Store:
    """The folder. It is made when the first image comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, runtime: Runtime) -> Path:
        return self.folder / runtime.file

    def state(self, runtime: Runtime) -> State:
        try:
            found = _sha256(self.path(runtime).read_bytes())
        except OSError:
            return "missing"
        if runtime.sha256:
            return "ready" if found == runtime.sha256 else "damaged"
        approval = self.approvals().get(runtime.file)
        return "approved" if approval is not None and approval.sha256 == found else "damaged"

    def load(self, runtime: Runtime) -> bytes:
        """The image, checked. ImageMissing, HashMismatch or ImageUnapproved."""
        try:
            content = self.path(runtime).read_bytes()
        except OSError as error:
            raise ImageMissing(
                f"the image {runtime.file} is not on this machine",
                hint=f"Get it from {runtime.url} and run: sluis bundle import FOLDER",
            ) from error
        self._check(runtime, content)
        return content

    def _check(self, runtime: Runtime, content: bytes) -> None:
        found = _sha256(content)
        if runtime.sha256:
            if found != runtime.sha256:
                raise HashMismatch(f"{runtime.file} has SHA-256 {found}; the catalogue says {runtime.sha256}")
            return
        approval = self.approvals().get(runtime.file)
        if approval is None or approval.sha256 != found:
            raise ImageUnapproved(
                f"no hash of {runtime.file} is known, and nobody vouched for this file (SHA-256 {found})",
                hint=f"If you know where it comes from: sluis bundle import FOLDER --approve {found}",
            )

    def take(self, path: Path, known: Mapping[str, Runtime], approve: Mapping[str, Approval]) -> list[Taken]:
        """Copy in what the catalogue knows, from a file or a folder and those below it. `approve`: by SHA-256."""
        by_name = {runtime.file: runtime for runtime in known.values()}
        by_hash = {runtime.sha256: runtime for runtime in known.values() if runtime.sha256}
        taken = []
        for file in _images(path):
            content = file.read_bytes()
            runtime = by_hash.get(_sha256(content)) or by_name.get(file.name)
            if runtime is None:
                taken.append(Taken(file.name, "unknown", "the catalogue does not know this file"))
            else:
                taken.append(self._take(file.name, content, runtime, approve))
        return taken

    def _take(self, name: str, content: bytes, runtime: Runtime, approve: Mapping[str, Approval]) -> Taken:
        if self.state(runtime) in ("ready", "approved") and self.path(runtime).read_bytes() == content:
            return Taken(name, "there", "is here already", runtime.key)
        approval = approve.get(_sha256(content))
        try:
            if approval is not None and not runtime.sha256:
                self._vouch(runtime, approval)
            self._check(runtime, content)
        except (HashMismatch, ImageUnapproved) as error:
            return Taken(name, "refused", f"{error}. {error.hint}", runtime.key, error.code)
        write_whole(self.path(runtime), content)
        how = "its hash is the catalogue's" if runtime.sha256 else "a person vouched for it"
        return Taken(name, "imported", how, runtime.key)

    def approvals(self) -> dict[str, Approval]:
        """By file name. A damaged file is no approval."""
        try:
            held = json.loads((self.folder / APPROVED).read_text())
            return {name: Approval(**entry) for name, entry in held.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _vouch(self, runtime: Runtime, approval: Approval) -> None:
        held = self.approvals() | {runtime.file: approval}
        text = json.dumps({name: asdict(one) for name, one in held.items()}, indent=1)
        write_whole(self.folder / APPROVED, text.encode())


def _images(path: Path) -> list[Path]:
    """Files that may be images, in order of their names. FileNotFoundError when the path is not there."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(path)
    return sorted(one for one in path.rglob("*") if one.suffix.lower() in (".bin", ".uf2") and one.is_file())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
