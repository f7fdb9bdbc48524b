"""The hash chain, its Merkle tree and the checkpoint's text."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from sluis.wire.chain import Checkpoint, Frontier, canonical, link, read, sign, split_notes

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def verified(signature: bytes, body: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(PUBLIC).verify(signature, body)
    except InvalidSignature:
        return False
    return True


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + mth(leaves[:split]) + mth(leaves[split:])).digest()


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_the_frontier_has_the_root_of_the_rfc(leaves: list[bytes]) -> None:
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)
    assert frontier.root() == mth(leaves)


def test_root_of_a_known_tree() -> None:
    """Vectors of the certificate-transparency project's Merkle tests (first three leaves)."""
    frontier = Frontier()
    for leaf in (b"", b"\x00", b"\x10"):
        frontier.add(leaf)
    assert frontier.root().hex() == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"


@given(st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=5)))
def test_canonical_is_one_form_in_ascii(entry: dict[str, object]) -> None:
    body = canonical(entry)
    assert body.isascii() and canonical(dict(reversed(entry.items()))) == body


def test_a_link_depends_on_all_before_it() -> None:
    assert link(bytes(32), b"a") != link(link(bytes(32), b"x"), b"a")
    assert link(bytes(32), b"a") == hashlib.sha256(b"\2" + bytes(32) + b"a").digest()


def a_checkpoint(size: int = 3) -> Checkpoint:
    return Checkpoint("sluis/audit", size, hashlib.sha256(b"r").digest(), hashlib.sha256(b"h").digest(), 1_700_000)


def test_a_note_comes_back_and_its_form_is_that_of_signed_notes() -> None:
    note = sign(a_checkpoint(), PUBLIC, KEY.sign)
    assert note.splitlines()[:2] == ["sluis/audit", "3"]
    assert note.splitlines()[5] == "" and note.splitlines()[6].startswith("— sluis/audit ")
    assert read(note, PUBLIC, verified) == a_checkpoint()
    assert split_notes(note + "\n" + note + "half") == [note, note]


@given(st.integers(0, 150), st.characters(codec="utf-8"))
def test_no_changed_note_is_believed(position: int, character: str) -> None:
    note = sign(a_checkpoint(), PUBLIC, KEY.sign)
    position %= len(note)
    changed = note[:position] + character + note[position + 1 :]
    try:
        held = read(changed, PUBLIC, verified)
    except ValueError:
        return
    assert held == a_checkpoint()


def test_text_that_is_no_note_is_refused() -> None:
    for text in ("", "\n\n", "a\nb\nc\nd\ne\n\n— a b\n"):
        with pytest.raises(ValueError, match=r"checkpoint|signature"):
            read(text, PUBLIC, verified)
