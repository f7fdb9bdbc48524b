"""The files of a release repository: a folder that a web server or a stick carries as it is.

metadata/   N.root.json, N.targets.json, N.snapshot.json, timestamp.json   as TUF reads them
targets/    <sha256>.<bundle>
trust/      N.json: new release keys for nodes, signed by those they trusted before
staged/     root.json, targets.json, trust.json: what lacks signatures still; nobody reads it
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from sluis.wire import signed
from sluis_provision.bundle import archive
from sluis_provision.bundle.archive import Bundle
from sluis_provision.files import write_whole
from sluis_provision.release.problem import RepositoryError

S = TypeVar("S", Root, Timestamp, Snapshot, Targets)
Part = Literal["root", "targets", "trust"]


class Shelf:
    """One folder. Everything is read anew at each question, because people carry it around."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._metadata = folder / "metadata"

    def root(self) -> Metadata[Root] | None:
        """The newest published root."""
        found = [int(file.name.split(".")[0]) for file in self._metadata.glob("*.root.json")]
        return _load(self._metadata / f"{max(found)}.root.json", Root) if found else None

    def targets(self) -> Metadata[Targets] | None:
        """The published list of bundles."""
        snapshot = self.snapshot()
        if snapshot is None:
            return None
        return _load(self._metadata / f"{snapshot.signed.meta['targets.json'].version}.targets.json", Targets)

    def snapshot(self) -> Metadata[Snapshot] | None:
        stamp = self.timestamp()
        if stamp is None:
            return None
        return _load(self._metadata / f"{stamp.signed.snapshot_meta.version}.snapshot.json", Snapshot)

    def timestamp(self) -> Metadata[Timestamp] | None:
        return _load(self._metadata / "timestamp.json", Timestamp)

    def staged_root(self) -> Metadata[Root] | None:
        return _load(self.staged("root"), Root)

    def staged_targets(self) -> Metadata[Targets] | None:
        return _load(self.staged("targets"), Targets)

    def staged_trust(self) -> signed.Signed | None:
        file = self.staged("trust")
        return signed.read(file.read_bytes(), "trust") if file.exists() else None

    def newest_root(self) -> Metadata[Root]:
        """The staged one, else the published. RepositoryError when there is none."""
        found = self.staged_root() or self.root()
        if found is None:
            raise RepositoryError(
                f"{self.folder} is no release repository", hint="Make one with: sluis bundle repo new FOLDER ..."
            )
        return found

    def newest_targets(self) -> Metadata[Targets] | None:
        """The staged one, else the published."""
        return self.staged_targets() or self.targets()

    def bundle(self, target: TargetFile) -> Bundle:
        """A bundle of the repository, found whole."""
        return archive.opened(self.place(target.path, target.hashes["sha256"]))

    def place(self, name: str, sha256: str) -> Path:
        """Where a bundle lies."""
        return self.folder / "targets" / f"{sha256}.{name}"

    def staged(self, part: Part) -> Path:
        return self.folder / "staged" / f"{part}.json"

    def stage(self, held: Metadata[Any], part: Part) -> None:
        """In place of what was staged before."""
        _save(held, self.staged(part))

    def publish(self, held: Metadata[Any], name: str) -> None:
        """A file under `metadata/`."""
        _save(held, self._metadata / name)

    def publish_trust(self, trust: signed.Signed) -> None:
        told = signed.parse_trust(trust.document)
        write_whole(self.folder / "trust" / f"{told.sequence}.json", trust.encode())

    def clear_staged(self) -> None:
        for part in ("trust", "root", "targets"):
            (self.folder / "staged" / f"{part}.json").unlink(missing_ok=True)


def _load(file: Path, kind: type[S]) -> Metadata[S] | None:
    try:
        held = Metadata[S].from_bytes(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RepositoryError(f"{file} cannot be read: {error.strerror}") from error
    except DeserializationError as error:
        raise RepositoryError(f"{file} is damaged: {error}") from error
    if not isinstance(held.signed, kind):
        raise RepositoryError(f"{file} is not what its name says")
    return held


def _save(held: Metadata[Any], file: Path) -> None:
    write_whole(file, held.to_bytes(JSONSerializer(compact=False)))
