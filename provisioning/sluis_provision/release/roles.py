"""Roles and keys as TUF has them (specification 1.0.34, section 2), in our words and with our key ids.

    ours       TUF                    what it says
    root       root                   who holds which role; kept offline, at least two of its keys
    release    targets                which bundles are released; the keys that nodes trust
    fresh      snapshot, timestamp    that this is the newest; made again every few weeks

A key keeps its id of `sluis.wire.signed` in TUF's metadata, so that a person meets one name for it everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.exceptions import RepositoryError as TufError
from tuf.api.metadata import Metadata, Root
from tuf.api.serialization import DeserializationError

from sluis.wire.signed import Damaged, Trust, key_id
from sluis_provision.release.keys import PublicKey, SigningKey
from sluis_provision.release.problem import RepositoryError

Role = Literal["root", "release", "fresh"]

TUF: Mapping[Role, tuple[str, ...]] = {"root": ("root",), "release": ("targets",), "fresh": ("snapshot", "timestamp")}

ROOT_THRESHOLD_MIN = 2
"""One person, or one stolen stick, must not be able to say who is trusted."""

SEQUENCE = "x-sluis-trust"
"""Member of a root: the `sequence` of the `/trust.json` that its release keys make."""

NAME = "x-sluis-name"
"""Member of a key: whose it is."""


def tuf_key(key: PublicKey) -> SSlibKey:
    return SSlibKey(key.id, "ed25519", "ed25519", {"public": key.raw.hex()}, {NAME: key.name} if key.name else {})


def signer(key: SigningKey) -> CryptoSigner:
    return CryptoSigner(key.private, tuf_key(key.public))


def keys_of(root: Root, role: Role) -> tuple[PublicKey, ...]:
    """Sorted by id. Damaged when one is not an Ed25519 key under our id."""
    made = []
    for keyid in sorted(root.roles[TUF[role][0]].keyids):
        held = root.keys[keyid]
        raw = bytes.fromhex(held.keyval.get("public", "")) if held.keytype == "ed25519" else b""
        if key_id(raw) != keyid:
            raise Damaged(f"key {keyid} of the root is no Ed25519 key under its own id")
        name = held.unrecognized_fields.get(NAME, "")
        made.append(PublicKey(raw, name if isinstance(name, str) and name.isprintable() else ""))
    return tuple(made)


def threshold_of(root: Root, role: Role) -> int:
    return int(root.roles[TUF[role][0]].threshold)


def trust_of(root: Root) -> Trust:
    """The `/trust.json` of nodes: the release keys. Damaged when the root says none."""
    sequence = root.unrecognized_fields.get(SEQUENCE)
    if not isinstance(sequence, int) or isinstance(sequence, bool) or sequence < 0:
        raise Damaged("the root does not say which set of release keys it has")
    keys = {key.id: key.raw for key in keys_of(root, "release")}
    return Trust(threshold_of(root, "release"), keys, sequence)


def root_in(data: bytes) -> Metadata[Root]:
    """A root that its own keys signed, and that two of them must sign. Damaged says what is wrong.

    Nothing says yet that those keys are the right ones: a person compares their prints, or an earlier root signed it.
    """
    try:
        held = Metadata[Root].from_bytes(data)
        if not isinstance(held.signed, Root):
            raise Damaged(f"this is no root, but {held.signed.type}")
        held.signed.verify_delegate(Root.type, held.signed_bytes, held.signatures)
    except (DeserializationError, TufError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, Damaged):
            raise
        raise Damaged(f"this is no root, or its own keys did not sign it: {error}") from error
    if threshold_of(held.signed, "root") < ROOT_THRESHOLD_MIN:
        raise Damaged(f"a root must need {ROOT_THRESHOLD_MIN} of its keys; this one needs fewer")
    trust_of(held.signed)
    return held


def print_of(root: Root) -> str:
    """What people read to each other: 32 hex digits of what this root's holders are."""
    told = sorted(key.raw for key in keys_of(root, "root"))
    return hashlib.sha256(b"".join(told) + bytes([threshold_of(root, "root")])).hexdigest()[:32]


def has_role(root: Root, role: Role, key: str) -> bool:
    return key in root.roles[TUF[role][0]].keyids


def give(root: Root, role: Role, keys: Sequence[PublicKey]) -> None:
    """Let keys have a role."""
    for tuf_role in TUF[role]:
        for key in keys:
            root.add_key(tuf_key(key), tuf_role)


def take(root: Root, role: Role, key: str) -> None:
    """Take a role from a key. RepositoryError when it does not have it."""
    if not has_role(root, role, key):
        raise RepositoryError(f"{key} does not have the role {role}")
    for tuf_role in TUF[role]:
        root.revoke_key(key, tuf_role)


@dataclass(frozen=True, slots=True)
class Wanting:
    """Signatures that a staged part has, and lacks."""

    signed: tuple[str, ...]
    unsigned: tuple[str, ...]
    """Keys that may sign it still."""
    missing: int
    """So many of them must."""

    def and_too(self, other: Wanting) -> Wanting:
        """Enough for both: a new root, and the one before it."""
        return Wanting(
            tuple(sorted({*self.signed, *other.signed})),
            tuple(sorted({*self.unsigned, *other.unsigned})),
            max(self.missing, other.missing),
        )


def wanting(root: Root, role: str, held: Metadata[Any]) -> Wanting:
    """What a part lacks by what `root` says of the role (TUF's name)."""
    result = root.get_verification_result(role, held.signed_bytes, held.signatures)
    return Wanting(tuple(sorted(result.signed)), tuple(sorted(result.unsigned)), result.missing)
