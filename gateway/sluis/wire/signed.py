"""Documents signed by several keys: what a node, a gateway and a release machine exchange (Ed25519, RFC 8032).

    {"manifest": base64 of the document, "signatures": [{"key": hex, "sig": base64 of 64 bytes}, ...]}

`key` is the first 16 hex digits of SHA-256 of the raw public key (32 bytes). What is signed is a line that names the
kind of document, then the document: a signature under one kind is worth nothing under another. The name of the first
member is the kind's too. Limits of a document: 16 KiB, so that a node can hold it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sluis.model import BundleError

Kind = Literal["manifest", "trust", "bundle"]

LINES: Mapping[Kind, bytes] = {
    "manifest": b"sluis-node-manifest-v1\n",
    "trust": b"sluis-node-trust-v1\n",
    "bundle": b"sluis-bundle-v1\n",
}
"""What stands before the document when it is signed."""

LARGEST = 16 * 1024
"""Bytes of a document. Some 110 files; a node with 200 kB of heap holds it twice, as text and as what it says."""

SIGNATURES_MAX = 16
"""Each costs a small node a second or two to check, so nobody may send a hundred."""

Signer = Callable[[bytes], bytes]
"""Makes an Ed25519 signature over a message."""

Verifier = Callable[[bytes, bytes, bytes], bool]
"""(public key, signature, message): did this key make it?"""


class Damaged(BundleError):
    """What should be a signed document is none."""

    code = "bundle.damaged"
    hint = "Copy it again; when it stays so, it was made wrong."


class Untrusted(BundleError):
    """Too few of the keys that are trusted here signed it."""

    code = "bundle.untrusted"
    hint = "Do not install it. Ask who released it, and compare the prints of their keys."


@dataclass(frozen=True, slots=True)
class Signature:
    """One key's word."""

    key: str
    """Key id: 16 hex digits."""
    sig: bytes


@dataclass(frozen=True, slots=True)
class Signed:
    """A document and who signed it. Nothing is known of it yet: `check` before you read it."""

    kind: Kind
    document: bytes
    signatures: tuple[Signature, ...] = ()

    def message(self) -> bytes:
        """The bytes that are signed."""
        return LINES[self.kind] + self.document

    def signed_by(self, public_key: bytes, signer: Signer) -> Signed:
        """With this key's signature, in place of an older one by it. Signatures stand in order of their keys."""
        own = Signature(key_id(public_key), signer(self.message()))
        others = [one for one in self.signatures if one.key != own.key]
        return Signed(self.kind, self.document, tuple(sorted([*others, own], key=lambda one: one.key)))

    def encode(self) -> bytes:
        """As it is carried."""
        signatures = [{"key": one.key, "sig": _b64(one.sig)} for one in self.signatures]
        return canonical({self.kind: _b64(self.document), "signatures": signatures})


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose word counts, and how many of them it takes: a node's `/trust.json`."""

    threshold: int
    keys: Mapping[str, bytes]
    """Raw public key by key id."""
    sequence: int = 0
    """Counts up with each change, so that an old one cannot come back."""

    def encode(self) -> bytes:
        keys = {key: _b64(public) for key, public in self.keys.items()}
        return canonical({"keys": keys, "sequence": self.sequence, "threshold": self.threshold})


def canonical(told: Mapping[str, Any]) -> bytes:
    """Sorted keys, no spaces, UTF-8. ValueError for NaN and infinity."""
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def key_id(public_key: bytes) -> str:
    """The name of a key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def trust_of(public_keys: Sequence[bytes], threshold: int, sequence: int = 0) -> Trust:
    """Damaged when it could never be met, or is no trust at all."""
    return parse_trust(Trust(threshold, {key_id(one): one for one in public_keys}, sequence).encode())


def read(data: bytes, kind: Kind) -> Signed:
    """The parts of a signed document. Damaged says what is wrong; who signed it is not looked at."""
    told = _members(data, kind, {kind, "signatures"})
    listed = told["signatures"]
    if not isinstance(listed, list) or len(listed) > SIGNATURES_MAX:
        raise Damaged(f"signatures must be a list of at most {SIGNATURES_MAX}")
    document = unbase64(told[kind], kind)
    if len(document) > LARGEST:
        raise Damaged(f"the {kind} has {len(document)} bytes; at most {LARGEST} are allowed")
    return Signed(kind, document, tuple(_signature(one) for one in listed))


def check(signed: Signed, trust: Trust, verifier: Verifier) -> tuple[str, ...]:
    """The trusted keys that signed it, sorted. Untrusted when they are fewer than it takes.

    Signatures by strangers, wrong ones, and a second by the same key count for nothing.
    """
    by = {
        one.key
        for one in signed.signatures
        if one.key in trust.keys and verifier(trust.keys[one.key], one.sig, signed.message())
    }
    if len(by) < trust.threshold:
        named = ", ".join(one.key for one in signed.signatures) or "nobody"
        raise Untrusted(
            f"the {signed.kind} has {len(by)} right signatures by trusted keys, and needs {trust.threshold}"
            f" (it names {named}; trusted are {', '.join(sorted(trust.keys))})"
        )
    return tuple(sorted(by))


def parse_trust(data: bytes) -> Trust:
    """`/trust.json`, also one without `sequence`. Damaged says what is wrong."""
    told = _members(data, "trust", {"keys", "threshold", "sequence"}, optional={"sequence"})
    listed, threshold, sequence = told["keys"], told["threshold"], told.get("sequence", 0)
    if not isinstance(listed, dict):
        raise Damaged("keys must be an object: public key by key id")
    keys = {key: unbase64(public, f"key {key}") for key, public in listed.items()}
    for key, public in keys.items():
        if len(public) != 32 or key != key_id(public):
            raise Damaged(f"key {key} is not the name of what stands beside it")
    if not _whole(threshold) or not 1 <= threshold <= len(keys):
        raise Damaged(f"threshold must be 1 to the number of keys, which is {len(keys)}; it is {threshold!r}")
    if not _whole(sequence) or sequence < 0:
        raise Damaged(f"sequence must be a whole number; it is {sequence!r}")
    return Trust(threshold, keys, sequence)


def next_trust(now: Trust, signed: Signed, verifier: Verifier) -> Trust:
    """The trust that follows `now`. Untrusted unless those trusted now signed it, and it is newer."""
    check(signed, now, verifier)
    told = parse_trust(signed.document)
    if told.sequence <= now.sequence:
        raise Untrusted(f"these keys have sequence {told.sequence}; those trusted now have {now.sequence}")
    return told


def _members(data: bytes, what: str, allowed: set[str], optional: set[str] | None = None) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"the {what} is not JSON: {error}") from error
    if not isinstance(told, dict):
        raise Damaged(f"the {what} is not a JSON object")
    missing, strange = allowed - (optional or set()) - set(told), set(told) - allowed
    if missing or strange:
        said = [f"lacks {', '.join(sorted(missing))}"] if missing else []
        said += [f"has {', '.join(sorted(strange))}, which means nothing"] if strange else []
        raise Damaged(f"the {what} {' and '.join(said)}")
    return told


def _signature(told: Any) -> Signature:
    if not isinstance(told, dict) or set(told) != {"key", "sig"} or not isinstance(told["key"], str):
        raise Damaged("a signature must have a key and a sig, and nothing else")
    sig = unbase64(told["sig"], f"the signature by {told['key']}")
    if len(sig) != 64:
        raise Damaged(f"the signature by {told['key']} has {len(sig)} bytes, not 64")
    return Signature(told["key"], sig)


def unbase64(text: Any, what: str) -> bytes:
    """The bytes of standard base64 with its padding. Damaged names `what`."""
    if not isinstance(text, str):
        raise Damaged(f"{what} is not base64")
    try:
        return base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Damaged(f"{what} is not base64: {error}") from error


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
