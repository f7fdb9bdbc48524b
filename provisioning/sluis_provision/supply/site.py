"""Whom a site trusts: one root, chosen by a person who compared its print, and the roots that followed from it.

    root.json      the chosen one, as it was given
    metadata/      what python-tuf verified: later roots, and the newest timestamp, snapshot and targets
    trust/N.json   release keys for nodes, each signed by those before

Nothing here is secret; everything here must be kept from being changed, and is in the gateway's backup.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import Root

from sluis.wire import signed
from sluis.wire.manifest import OutOfDate
from sluis.wire.signed import Trust
from sluis_provision.bundle.ed25519 import verified
from sluis_provision.files import write_whole
from sluis_provision.release import roles
from sluis_provision.release.keys import PublicKey
from sluis_provision.supply.problem import NothingTrusted

ROOT_BYTES_MAX = 256 * 1024


@dataclass(frozen=True, slots=True)
class Holder:
    """A key and what it may do."""

    key: PublicKey
    roles: tuple[roles.Role, ...]


@dataclass(frozen=True, slots=True)
class Anchor:
    """A root, in plain words."""

    version: int
    print: str
    """32 hex digits that people compare."""
    expires: datetime
    thresholds: dict[roles.Role, int]
    holders: tuple[Holder, ...]


class Site:
    """One gateway's trust, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def metadata(self) -> Path:
        return self.folder / "metadata"

    def chosen(self) -> bytes:
        """The root that a person trusted. NothingTrusted when nobody did yet."""
        try:
            return (self.folder / "root.json").read_bytes()
        except FileNotFoundError as error:
            raise NothingTrusted("this gateway trusts nobody's releases yet") from error

    def choose(self, data: bytes) -> Anchor:
        """Trust this root from now on. What was known by another one is forgotten; imported bundles stay."""
        anchor = anchor_of(roles.root_in(data).signed)
        if not self._follows_from(data):
            for folder in (self.metadata, self.folder / "trust"):
                shutil.rmtree(folder, ignore_errors=True)
        write_whole(self.folder / "root.json", data)
        return anchor

    def root(self) -> Root:
        """The newest that followed from the chosen one."""
        newest = roles.root_in(self.chosen()).signed
        for data in self._later(newest.version):
            held = roles.root_in(data)
            newest.verify_delegate("root", held.signed_bytes, held.signatures)
            newest = held.signed
        return newest

    def trust(self, now: datetime | None) -> Trust:
        """The release keys. OutOfDate when the root expired; `now` None where the time is not known."""
        root = self.root()
        if now is not None and root.is_expired(now):
            raise OutOfDate(
                f"the trusted root expired on {root.expires:%Y-%m-%d}",
                hint="Get the newest one from those who release, and trust it: sluis bundle trust ROOT",
            )
        return roles.trust_of(root)

    def trusts(self) -> dict[int, Trust]:
        """Every set of release keys since the chosen root, by sequence."""
        first = roles.root_in(self.chosen()).signed
        every = [first, *(roles.root_in(data).signed for data in self._later(first.version))]
        return {trust.sequence: trust for trust in map(roles.trust_of, every)}

    def handed_down(self) -> dict[int, bytes]:
        """Signed documents that bring a node from one set of keys to the next, by the sequence they lead to."""
        found = {}
        for sequence in self.trusts():
            file = self.folder / "trust" / f"{sequence}.json"
            if file.exists():
                found[sequence] = file.read_bytes()
        return found

    def hand_down(self, data: bytes) -> int:
        """Keep such a document; the sequence it leads to. Untrusted or Damaged when it is not one of this site's."""
        trusts = self.trusts()
        document = signed.read(data, "trust")
        then = signed.parse_trust(document.document)
        before = trusts.get(then.sequence - 1)
        if before is None or signed.next_trust(before, document, verified) != trusts.get(then.sequence):
            raise signed.Untrusted(f"the keys of sequence {then.sequence} are not those that the root says")
        write_whole(self.folder / "trust" / f"{then.sequence}.json", document.encode())
        return then.sequence

    def _later(self, version: int) -> list[bytes]:
        """The roots after a version, as python-tuf keeps them, without a gap."""
        found: list[bytes] = []
        while (file := self.metadata / "root_history" / f"{version + 1 + len(found)}.root.json").exists():
            found.append(file.read_bytes())
        return found

    def _follows_from(self, data: bytes) -> bool:
        """Whether this root is one of those that are known here."""
        try:
            chosen = self.chosen()
        except NothingTrusted:
            return False
        return data in [chosen, *self._later(roles.root_in(chosen).signed.version)]


def anchor_of(root: Root) -> Anchor:
    """For people."""
    found: dict[str, tuple[PublicKey, list[roles.Role]]] = {}
    for role in roles.TUF:
        for key in roles.keys_of(root, role):
            found.setdefault(key.id, (key, []))[1].append(role)
    holders = tuple(Holder(key, tuple(held)) for _, (key, held) in sorted(found.items()))
    thresholds = {role: roles.threshold_of(root, role) for role in roles.TUF}
    return Anchor(root.version, roles.print_of(root), root.expires, thresholds, holders)


def find_root(path: Path) -> bytes:
    """A root file, or the first root of a repository's folder. Damaged when there is none."""
    file = path
    if path.is_dir():
        file = path / "metadata" / "1.root.json"
    try:
        with file.open("rb") as held:
            data = held.read(ROOT_BYTES_MAX + 1)
    except OSError as error:
        raise signed.Damaged(f"{file} cannot be read: {error.strerror}") from error
    if len(data) > ROOT_BYTES_MAX:
        raise signed.Damaged(f"{file} is too large for a root")
    return data
