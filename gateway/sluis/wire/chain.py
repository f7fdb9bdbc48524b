"""Tamper evidence for a log: a hash chain, a Merkle tree over the same entries, and signed checkpoints as text.

Theory of operation. Each entry is canonical JSON (sorted keys, no spaces, ASCII). Its link is
SHA-256(0x02 || link before || entry): a changed, removed, inserted or moved entry breaks the chain at its place.
The chain cannot show that its *end* was cut off; a checkpoint (size and root, signed, kept elsewhere) can. The root is
that of the Merkle tree of RFC 6962 section 2.1 (leaf 0x00, node 0x01), and the text is the one of C2SP
tlog-checkpoint and signed-note v1, so that other people's tools can check ours. The first byte of what is hashed says
what it is, so that one can never pass for another.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sluis.wire import note

LEAF, NODE, LINK = b"\x00", b"\x01", b"\x02"
GENESIS = bytes(32)
"""The link before the first entry."""


def canonical(entry: Mapping[str, Any]) -> bytes:
    """An entry as the bytes that are hashed. ValueError for NaN and infinity."""
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def link(before: bytes, body: bytes) -> bytes:
    """An entry's place in the chain."""
    return hashlib.sha256(LINK + before + body).digest()


class Frontier:
    """The right edge of a growing Merkle tree: enough to know the root after every entry, in O(log n) memory."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def add(self, body: bytes) -> None:
        peak = hashlib.sha256(LEAF + body).digest()
        size = self.size
        while size & 1:
            peak = hashlib.sha256(NODE + self._peaks.pop() + peak).digest()
            size >>= 1
        self._peaks.append(peak)
        self.size += 1

    def root(self) -> bytes:
        """RFC 6962's MTH of what was added; SHA-256 of nothing for an empty tree."""
        if not self._peaks:
            return hashlib.sha256().digest()
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = hashlib.sha256(NODE + peak + root).digest()
        return root


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the log was at one moment."""

    origin: str
    """Which log, e.g. `sluis.local/audit`; no spaces, no plus."""
    size: int
    root: bytes
    head: bytes
    """The last link of the chain."""
    at_us: int

    def body(self) -> str:
        """The text that is signed."""
        root, head = base64.b64encode(self.root).decode(), base64.b64encode(self.head).decode()
        return f"{self.origin}\n{self.size}\n{root}\nchain {head}\nat {self.at_us}\n"


def sign(checkpoint: Checkpoint, public_key: bytes, signer: Callable[[bytes], bytes]) -> str:
    """The checkpoint as a signed note. `signer` makes an Ed25519 signature."""
    return note.sign(checkpoint.body(), checkpoint.origin, public_key, signer)


def read(text: str, public_key: bytes, verifier: Callable[[bytes, bytes], bool]) -> Checkpoint:
    """A signed note as a checkpoint. ValueError when it is not one, or our key did not sign it."""
    lines = text.partition("\n\n")[0].splitlines()
    if len(lines) != 5 or not lines[3].startswith("chain ") or not lines[4].startswith("at "):
        raise ValueError("not a checkpoint of this log")
    origin = lines[0]
    note.read(text, origin, public_key, verifier)
    root, head = base64.b64decode(lines[2], validate=True), base64.b64decode(lines[3][6:], validate=True)
    return Checkpoint(origin, int(lines[1]), root, head, int(lines[4][3:]))


def split_notes(text: str) -> list[str]:
    """The signed notes in a file that holds one after another."""
    notes: list[str] = []
    held: list[str] = []
    for line in text.splitlines():
        if not held and not line:
            continue
        held.append(line)
        if line.startswith(note.MARK):
            notes.append("\n".join(held) + "\n")
            held = []
    return notes
