"""Signed documents and manifests, on the vectors that a node is held to as well."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from sluis.model import BundleError
from sluis.wire import manifest, signed
from sluis.wire.manifest import Entry, Holder, Manifest

VECTORS = Path(__file__).parents[1] / "vectors"


def verifier(public: bytes, sig: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(sig, message)
    except InvalidSignature:
        return False
    return True


def cases(name: str) -> Any:
    told = json.loads((VECTORS / f"{name}.json").read_text())
    return [pytest.param(told["trust"], case, id=case["name"]) for case in told["cases"]]


def taken(trust: str, case: dict[str, Any]) -> Manifest:
    """As a node does it."""
    node = case["node"]
    holder = Holder(node["boards"], node["runtime"], node["sequence"], node["floor"], node["partitions"])
    envelope = signed.read(case["envelope"].encode(), "manifest")
    signed.check(envelope, signed.parse_trust(trust.encode()), verifier)
    told = manifest.parse(envelope.document)
    manifest.suits(told, holder, node["now"])
    return told


@pytest.mark.parametrize(("trust", "case"), cases("manifest"))
def test_a_manifest_is_taken_or_refused_as_the_vectors_say(trust: str, case: dict[str, Any]) -> None:
    if case["says"]:
        with pytest.raises(BundleError) as caught:
            taken(trust, case)
        assert (caught.value.code, len(str(caught.value)) > 10) == (case["says"], True)
    else:
        assert taken(trust, case).encode() == signed.read(case["envelope"].encode(), "manifest").document


@pytest.mark.parametrize(("trust", "case"), cases("trust"))
def test_keys_follow_each_other_as_the_vectors_say(trust: str, case: dict[str, Any]) -> None:
    now = signed.parse_trust(trust.encode())
    if case["says"]:
        with pytest.raises(BundleError) as caught:
            signed.next_trust(now, signed.read(case["envelope"].encode(), "trust"), verifier)
        assert caught.value.code == case["says"]
    else:
        then = signed.next_trust(now, signed.read(case["envelope"].encode(), "trust"), verifier)
        assert then.encode().decode() == case["becomes"]


def test_the_vectors_are_those_of_their_maker() -> None:
    spec = importlib.util.spec_from_file_location("make_manifest", VECTORS / "make_manifest.py")
    assert spec
    assert spec.loader
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert json.loads((VECTORS / "manifest.json").read_text())["cases"] == maker.manifests()
    assert json.loads((VECTORS / "trust.json").read_text())["cases"] == maker.trusts()


def test_trust_of_a_node_that_was_given_none_of_the_sequence() -> None:
    told = json.loads((VECTORS / "trust.json").read_text())["trust"]
    short = {name: value for name, value in json.loads(told).items() if name != "sequence"}
    assert signed.parse_trust(json.dumps(short).encode()).sequence == 0


paths = st.lists(
    st.text("abcXYZ019_-.", min_size=1, max_size=12).filter(lambda part: part not in (".", "..")),
    min_size=1,
    max_size=4,
).map("/".join)
manifests = st.builds(
    Manifest,
    board=st.sampled_from(["any", "esp", "rp2", "pico-w", "esp32-c3"]),
    version=st.from_regex(r"[0-9a-z][0-9A-Za-z.+_-]{0,31}", fullmatch=True),
    sequence=st.integers(1, manifest.NUMBER_MAX),
    runtime=st.sampled_from(["1.23", "1.29.0"]),
    since=st.just(0),
    expires=st.integers(0, manifest.EXPIRES_MAX),
    files=st.lists(
        st.builds(Entry, paths.map(lambda path: f"f/{path}/x"), st.integers(0, 10**6), st.just("0" * 64)),
        min_size=1,
        max_size=8,
        unique_by=lambda entry: entry.path,
    ).map(lambda entries: tuple(sorted(entries, key=lambda entry: entry.path))),
)


def folds(entries: tuple[Entry, ...]) -> bool:
    """No file stands where another needs a folder."""
    names = [entry.path for entry in entries]
    return not any(other.startswith(f"{name}/") for name in names for other in names)


@given(manifests.filter(lambda made: folds(made.files)))
def test_what_is_written_is_read_again(made: Manifest) -> None:
    assert manifest.parse(made.encode()) == made


@given(st.binary(max_size=300))
def test_rubbish_is_an_error_of_ours(data: bytes) -> None:
    for read in (manifest.parse, signed.parse_trust, lambda data: signed.read(data, "manifest")):
        with pytest.raises(BundleError):
            read(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(manifest._FIELDS)), json_values)
def test_a_member_of_any_shape_is_taken_or_refused(name: str, value: Any) -> None:
    told = json.loads(Manifest("any", "1", 1, "1.23", 0, 1, (Entry("a", 1, "0" * 64),)).encode())
    data = json.dumps({**told, name: value}, sort_keys=True, separators=(",", ":")).encode()
    try:
        assert manifest.parse(data).encode() == data
    except BundleError as error:
        assert error.code == "bundle.manifest"


@given(st.sampled_from(["manifest", "signatures"]), json_values)
def test_an_envelope_of_any_shape_is_read_or_refused(name: str, value: Any) -> None:
    data = json.dumps({"manifest": "", "signatures": [], name: value}).encode()
    try:
        signed.read(data, "manifest")
    except BundleError as error:
        assert error.code == "bundle.damaged"


def test_signing_again_replaces_the_signature() -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    once = signed.Signed("bundle", b"text").signed_by(public, private.sign)
    assert once.signed_by(public, private.sign) == once
    assert signed.read(once.encode(), "bundle") == once
