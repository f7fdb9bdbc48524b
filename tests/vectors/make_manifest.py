"""Writes `manifest.json` and `trust.json`: what a node and the gateway must make of signed documents.

Run it after a change of the format, and look at the difference: what nodes in the field read must stay readable.
The keys are made from their names, so that the files are the same each time; they are used nowhere else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sluis.wire.manifest import IMAGE, Entry, Manifest
from sluis.wire.signed import Kind, Signed, Trust, canonical, trust_of

HERE = Path(__file__).parent
L = 2**252 + 27742317777372353535851937790883648493
"""Order of Ed25519's base point: a signature with its number raised by this is another spelling, and is refused."""

NOW, SOON, BEFORE = 1_790_000_000, 1_800_000_000, 1_700_000_000


class Key:
    def __init__(self, name: str) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        self.public = self.private.public_key().public_bytes_raw()


ANNA, BEN, CARLA, MALLORY = (Key(name) for name in ("anna", "ben", "carla", "mallory"))
TRUST = trust_of([ANNA.public, BEN.public, CARLA.public], 2, sequence=4)

APP = (
    Entry("sluis_node/__init__.mpy", 20, hashlib.sha256(b"nothing").hexdigest()),
    Entry("sluis_node/app.mpy", 3210, hashlib.sha256(b"app").hexdigest()),
)


def manifest(**other: Any) -> Manifest:
    usual: dict[str, Any] = {"board": "any", "version": "0.2.0", "sequence": 12, "runtime": "1.23", "since": 0}
    return Manifest(**{**usual, "expires": SOON, "files": APP, **other})


def signed(document: bytes, *keys: Key, kind: Kind = "manifest") -> Signed:
    made = Signed(kind, document)
    for key in keys:
        made = made.signed_by(key.public, key.private.sign)
    return made


def changed(envelope: bytes, **other: Any) -> str:
    return canonical({**json.loads(envelope), **other}).decode()


def case(name: str, envelope: bytes | str, says: str, **node: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"boards": ["pico-w", "rp2"], "runtime": "1.29.0", "sequence": 11, "floor": 11}
    text = envelope if isinstance(envelope, str) else envelope.decode()
    told = {**usual, "partitions": False, "now": NOW, **node}
    return {"name": name, "says": says, "node": told, "envelope": text}


def manifests() -> list[dict[str, Any]]:
    good = signed(manifest().encode(), ANNA, BEN).encode()
    both = json.loads(good)["signatures"]
    spelled = base64.b64decode(both[0]["sig"])
    raised = spelled[:32] + (int.from_bytes(spelled[32:], "little") + L).to_bytes(32, "little")
    more = signed(manifest(version="0.3.0").encode(), ANNA, BEN).encode()
    told = json.loads(manifest().encode())

    def wrong(name: str, document: bytes) -> dict[str, Any]:
        return case(name, signed(document, ANNA, BEN).encode(), "bundle.manifest")

    def written(name: str, **other: Any) -> dict[str, Any]:
        return wrong(name, canonical({**told, **other}))

    def one(name: str, says: str, node: dict[str, Any] | None = None, **other: Any) -> dict[str, Any]:
        return case(name, signed(manifest(**other).encode(), ANNA, BEN).encode(), says, **(node or {}))

    def file(**other: Any) -> list[dict[str, Any]]:
        return [{**told["files"][0], **other}]

    c3 = {"boards": ["esp32-c3", "esp"], "partitions": True}
    image = (Entry(IMAGE, 1_500_000, APP[0].sha256),)
    return [
        case("two of three signed it", good, ""),
        case("all three signed it", signed(manifest().encode(), ANNA, BEN, CARLA).encode(), ""),
        case(
            "a stranger's signature beside enough others", signed(manifest().encode(), ANNA, BEN, MALLORY).encode(), ""
        ),
        case("nobody signed it", signed(manifest().encode()).encode(), "bundle.untrusted"),
        case("one signed it", signed(manifest().encode(), ANNA).encode(), "bundle.untrusted"),
        case("one, and a stranger", signed(manifest().encode(), ANNA, MALLORY).encode(), "bundle.untrusted"),
        case("one, twice", changed(good, signatures=[both[0], both[0]]), "bundle.untrusted"),
        case(
            "one, under two names",
            changed(good, signatures=[both[0], {**both[0], "key": both[1]["key"]}]),
            "bundle.untrusted",
        ),
        case("the signatures of another manifest", changed(more, signatures=both), "bundle.untrusted"),
        case("signed as a trust", changed(good, signatures=_as(manifest().encode(), "trust")), "bundle.untrusted"),
        case(
            "signed without the line before it",
            changed(good, signatures=_bare(manifest().encode())),
            "bundle.untrusted",
        ),
        case(
            "a signature in another spelling",
            changed(good, signatures=[{**both[0], "sig": base64.b64encode(raised).decode()}, both[1]]),
            "bundle.untrusted",
        ),
        case("cut off", good[: len(good) // 2], "bundle.damaged"),
        case("empty", "", "bundle.damaged"),
        case("a list", "[]", "bundle.damaged"),
        case("without signatures", canonical({"manifest": json.loads(good)["manifest"]}), "bundle.damaged"),
        case("a short signature", changed(good, signatures=[{**both[0], "sig": "AAAA"}, both[1]]), "bundle.damaged"),
        case("no base64", changed(good, manifest="%%%"), "bundle.damaged"),
        wrong("not JSON", b"{"),
        wrong("with spaces", json.dumps(told, sort_keys=True).encode()),
        wrong("in another order", json.dumps(dict(reversed(told.items())), separators=(",", ":")).encode()),
        wrong("a member twice", manifest().encode().replace(b'"sequence":12', b'"sequence":99,"sequence":12')),
        written("a member too many", extra=1),
        written("a sequence of nothing", sequence=0),
        written("a sequence that is a text", sequence="12"),
        written("a sequence that is true", sequence=True),
        written("no files", files=[]),
        written("files in another order", files=told["files"][::-1]),
        written("a file twice", files=[told["files"][0]] * 2),
        written("a path out of the slot", files=file(path="../boot.py")),
        written("a path from the root", files=file(path="/boot.py")),
        written("a path with a dot between", files=file(path="a/./b.mpy")),
        written("an empty part of a path", files=file(path="a//b.mpy")),
        written("a path with a backslash", files=file(path="a\\b.mpy")),
        written("a path that is too long", files=file(path="a" * 101)),
        written("a file that is a folder too", files=[{**file()[0], "path": "a"}, {**file()[0], "path": "a/b"}]),
        written("a negative size", files=file(size=-1)),
        written("a hash in capitals", files=file(sha256="A" * 64)),
        written("an image among files", files=[{**file()[0], "path": IMAGE}, told["files"][1]]),
        written("an image for every board", files=[{**file()[0], "path": IMAGE}]),
        written("from itself", **{"from": 12}),
        one("for this profile", "", board="pico-w"),
        one("for this family", "", board="rp2"),
        one("for another family", "bundle.board", board="esp"),
        one("for another profile", "bundle.board", board="pico-2-w"),
        one("an image, where it can be put", "", c3, board="esp32-c3", files=image),
        one("an image, where USB is the only way", "bundle.board", board="pico-w", files=image),
        one("for the same interpreter", "", {"runtime": "1.23"}, runtime="1.23.0"),
        one("for a newer interpreter", "bundle.runtime", {"runtime": "1.22.2"}, runtime="1.23"),
        one("ten is more than nine", "bundle.runtime", {"runtime": "1.9.4"}, runtime="1.10"),
        one("the same again", "bundle.rollback", sequence=11),
        one("an older one", "bundle.rollback", sequence=3),
        one("below what was confirmed, above what runs", "bundle.rollback", {"sequence": 9, "floor": 12}),
        one("from the one that runs", "", since=11),
        one("from one that does not run yet", "bundle.step-missing", {"sequence": 10, "floor": 10}, since=11),
        one("expired", "bundle.expired", expires=BEFORE),
        one("expires this second", "bundle.expired", expires=NOW),
        one("expired, and the node does not know the time", "", {"now": None}, expires=BEFORE),
    ]


def _as(document: bytes, kind: Kind) -> Any:
    return json.loads(signed(document, ANNA, BEN, kind=kind).encode())["signatures"]


def _bare(document: bytes) -> list[dict[str, str]]:
    made = signed(document, ANNA, BEN)
    by = {ANNA.public: ANNA, BEN.public: BEN}
    return [
        {"key": one.key, "sig": base64.b64encode(by[TRUST.keys[one.key]].private.sign(document)).decode()}
        for one in made.signatures
    ]


def trusts() -> list[dict[str, Any]]:
    following = trust_of([BEN.public, CARLA.public, MALLORY.public], 2, sequence=5)

    def one(name: str, says: str, then: Trust | bytes, *keys: Key) -> dict[str, Any]:
        document = then if isinstance(then, bytes) else then.encode()
        text = signed(document, *keys, kind="trust").encode().decode()
        return {"name": name, "says": says, "envelope": text, "becomes": "" if says else document.decode()}

    odd = json.loads(following.encode())
    return [
        one("one key goes, one comes", "", following, ANNA, BEN),
        one("a higher threshold", "", trust_of([ANNA.public, BEN.public, CARLA.public], 3, 9), BEN, CARLA),
        one("signed by a new key", "bundle.untrusted", following, ANNA, MALLORY),
        one("signed by one", "bundle.untrusted", following, CARLA),
        one("an old one again", "bundle.untrusted", trust_of([MALLORY.public], 1, 4), ANNA, BEN),
        one("without a sequence", "bundle.untrusted", canonical({**odd, "sequence": 0}), ANNA, BEN),
        one("a threshold of none", "bundle.damaged", canonical({**odd, "threshold": 0}), ANNA, BEN),
        one("a threshold of more than there are", "bundle.damaged", canonical({**odd, "threshold": 4}), ANNA, BEN),
        one("a key under another name", "bundle.damaged", canonical({**odd, "keys": {"0" * 16: _any(odd)}}), ANNA, BEN),
    ]


def _any(told: dict[str, Any]) -> Any:
    return next(iter(told["keys"].values()))


def main() -> None:
    for name, cases in (("manifest", manifests()), ("trust", trusts())):
        told = {"trust": TRUST.encode().decode(), "cases": cases}
        (HERE / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
