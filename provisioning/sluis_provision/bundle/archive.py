"""A bundle: files for nodes, what they are, who signed them, and what changed, in one file (docs/reference/bundle.md).

    bundle.json      {"bundle": base64 of the notes, "signatures": [...]}
    manifest.json    {"manifest": base64 of the manifest, "signatures": [...]}; what a node gets
    files/...        in the manifest's order

`opened` finds out whether it is whole: form, order, sizes, hashes. Whether to believe it is `Bundle.check`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from sluis.wire import manifest as manifests
from sluis.wire import signed
from sluis.wire.manifest import Entry, Manifest
from sluis.wire.signed import Damaged, Signed, Signer, Trust, canonical
from sluis_provision.bundle import tape
from sluis_provision.bundle.ed25519 import verified

SUFFIX = ".sluis"
NOTES, MANIFEST, FILES = "bundle.json", "manifest.json", "files/"
LANGUAGES = ("en", "nl")

CHANGELOG_CHARS_MAX = 4_000
"""Of one language: a screen or two. Whoever has more to say has a page for it."""

ENVELOPE_MAX = 64 * 1024
"""Bytes of a signed document with all its signatures, in base64."""

BUNDLE_BYTES_MAX = 200 * 1024 * 1024
"""Of the archive. A release of the gateway is some 80 MB, for a node a few; what is larger is a mistake, or fills a
gateway's card."""

PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Notes:
    """What people are told, bound to the manifest it is about."""

    changelog: Mapping[str, str]
    """By language: `en`, `nl`."""
    manifest: str
    """SHA-256 of the manifest, hex."""
    tools: Mapping[str, str]
    """What it was made with, by name: whoever builds the same again needs the same."""

    def encode(self) -> bytes:
        return canonical({"changelog": dict(self.changelog), "manifest": self.manifest, "tools": dict(self.tools)})


@dataclass(frozen=True, slots=True)
class Bundle:
    """One that was found whole. Nothing says yet that it may be believed."""

    signed_manifest: Signed
    signed_notes: Signed
    manifest: Manifest
    notes: Notes
    places: Mapping[str, int]
    """Where each file's content begins in the archive, by its path on the node."""
    path: Path | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest: what tells one release from every other."""
        return self.notes.manifest

    @property
    def name(self) -> str:
        """For a file: `any-0.2.0-12.sluis`."""
        return f"{self.manifest.board}-{self.manifest.version}-{self.manifest.sequence}{SUFFIX}"

    @property
    def signers(self) -> tuple[str, ...]:
        """Ids of the keys that are named as signers of both parts; unchecked."""
        notes = {one.key for one in self.signed_notes.signatures}
        return tuple(one.key for one in self.signed_manifest.signatures if one.key in notes)

    def check(self, trust: Trust) -> tuple[str, ...]:
        """The trusted keys that signed it. Untrusted when there are too few, for either part."""
        signed.check(self.signed_notes, trust, verified)
        return signed.check(self.signed_manifest, trust, verified)

    def signed_by(self, public_key: bytes, signer: Signer) -> Bundle:
        """With this key's signatures."""
        return replace(
            self,
            signed_manifest=self.signed_manifest.signed_by(public_key, signer),
            signed_notes=self.signed_notes.signed_by(public_key, signer),
        )

    def entry(self, path: str) -> Entry:
        """LookupError when there is no such file."""
        return next((one for one in self.manifest.files if one.path == path), None) or _lacks(path)

    def piece(self, entry: Entry, offset: int = 0, size: int | None = None) -> bytes:
        """Bytes of a file from `offset` on, straight from the archive; fewer at its end."""
        assert self.path is not None
        left = max(0, entry.size - offset)
        with self.path.open("rb") as file:
            file.seek(self.places[entry.path] + offset)
            return file.read(left if size is None else min(size, left))

    def contents(self) -> dict[str, bytes]:
        """All files."""
        return {entry.path: self.piece(entry) for entry in self.manifest.files}


def made(manifest: Manifest, changelog: Mapping[str, str], tools: Mapping[str, str]) -> Bundle:
    """A bundle that nobody signed yet; `packed` gives its bytes. Checked like one that is opened."""
    document = manifest.encode()
    manifests.parse(document)
    notes = Notes(changelog, hashlib.sha256(document).hexdigest(), tools)
    _notes(notes.encode())
    return Bundle(Signed("manifest", document), Signed("bundle", notes.encode()), manifest, notes, {})


def packed(bundle: Bundle, contents: Mapping[str, bytes]) -> bytes:
    """The archive. Same bundle, same bytes."""
    parts = [
        tape.padded(NOTES, bundle.signed_notes.encode()),
        tape.padded(MANIFEST, bundle.signed_manifest.encode()),
        *(tape.padded(FILES + entry.path, contents[entry.path]) for entry in bundle.manifest.files),
        tape.END,
    ]
    return b"".join(parts)


def opened(path: Path) -> Bundle:
    """What the file holds. Damaged or BadManifest when it is not whole; OSError when it cannot be read."""
    with path.open("rb") as file:
        return replace(_read(file), path=path)


def entries_of(contents: Mapping[str, bytes]) -> tuple[Entry, ...]:
    """As they stand in a manifest."""
    return tuple(
        Entry(path, len(content), hashlib.sha256(content).hexdigest()) for path, content in sorted(contents.items())
    )


def _read(file: BinaryIO) -> Bundle:
    members = tape.members(file)
    signed_notes = _envelope(file, members, NOTES, "bundle")
    signed_manifest = _envelope(file, members, MANIFEST, "manifest")
    manifest, notes = manifests.parse(signed_manifest.document), _notes(signed_notes.document)
    if hashlib.sha256(signed_manifest.document).hexdigest() != notes.manifest:
        raise Damaged("the changelog belongs to another manifest")
    places = {entry.path: _place(file, members, entry) for entry in manifest.files}
    for member in members:
        raise Damaged(f"{member.path} is in the bundle, and the manifest does not have it")
    return Bundle(signed_manifest, signed_notes, manifest, notes, places)


def _envelope(file: BinaryIO, members: Iterator[tape.Member], path: str, kind: signed.Kind) -> Signed:
    member = next(members, None)
    if member is None or member.path != path:
        raise Damaged(f"this is no bundle: {path} is not where it belongs")
    if member.size > ENVELOPE_MAX:
        raise Damaged(f"{path} has {member.size} bytes; at most {ENVELOPE_MAX} are allowed")
    data = file.read(member.size)
    held = signed.read(data, kind)
    if held.encode() != data:
        raise Damaged(f"{path} is not written in canonical form")
    return held


def _place(file: BinaryIO, members: Iterator[tape.Member], entry: Entry) -> int:
    member = next(members, None)
    if member is None or member.path != FILES + entry.path or member.size != entry.size:
        raise Damaged(f"{entry.path} is missing, or has another size than the manifest says")
    told, left = hashlib.sha256(), entry.size
    while left and (piece := file.read(min(PIECE, left))):
        told.update(piece)
        left -= len(piece)
    if told.hexdigest() != entry.sha256:
        raise Damaged(f"{entry.path} is not what the manifest says")
    return member.at


def _notes(data: bytes) -> Notes:
    try:
        told = json.loads(data)
        if not isinstance(told, dict) or set(told) != {"changelog", "manifest", "tools"}:
            raise ValueError("it has other members than changelog, manifest and tools")
        notes = Notes(_texts(told["changelog"]), told["manifest"], _texts(told["tools"]))
        if notes.encode() != data:
            raise ValueError("it is not written in canonical form")
    except (ValueError, RecursionError) as error:
        raise Damaged(f"what the bundle says of itself cannot be read: {error}") from error
    if set(notes.changelog) != set(LANGUAGES):
        raise Damaged(f"the changelog must be in {' and '.join(LANGUAGES)}, and in no other language")
    if any(not text.strip() or len(text) > CHANGELOG_CHARS_MAX for text in notes.changelog.values()):
        raise Damaged(f"a changelog must say something, in at most {CHANGELOG_CHARS_MAX} characters")
    texts = [*notes.changelog.values(), *notes.tools, *notes.tools.values()]
    if not all(line.isprintable() for text in texts for line in text.split("\n")):
        raise Damaged("what the bundle says of itself has characters that a screen would obey instead of show")
    return notes


def _texts(told: Any) -> dict[str, str]:
    if not isinstance(told, dict) or not all(isinstance(text, str) for text in told.values()):
        raise ValueError("a text is missing")
    return told


def _lacks(path: str) -> Entry:
    raise LookupError(path)
