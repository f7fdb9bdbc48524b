"""What was released for nodes, and by whom: signed documents as docs/reference/bundle.md has them.

A node believes nothing that is not signed by enough of the keys in its `/trust.json`. The codes of what is refused are
the gateway's (docs/reference/errors.md); both sides are held to `tests/vectors/manifest.json` and `trust.json`.
"""

import binascii
import hashlib
import json

from sluis_node.refused import Refused

try:
    from typing import Any, Iterable
except ImportError:  # a node has no typing
    pass

LINES = {"manifest": b"sluis-node-manifest-v1\n", "trust": b"sluis-node-trust-v1\n"}
"""What stands before a document when it is signed."""

DOCUMENT_MAX = 16384
SIGNATURES_MAX = 16
PATH_MAX = 100
FILE_MAX = 8 * 1024 * 1024
NUMBER_MAX = 2**31 - 1
EXPIRES_MAX = 2**33
IMAGE = "@image"

_HEX = "0123456789abcdef"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WORD = _LETTERS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Holder:
    """What counts of the node that would take a release. `now_s` since 1970, None when it does not know the time."""

    def __init__(
        self,
        boards: "tuple[str, ...]",
        runtime: str,
        sequence: int = 0,
        floor: int = 0,
        partitions: bool = False,
        now_s: "float | None" = None,
    ) -> None:
        self.boards = boards
        self.runtime = runtime
        self.sequence = sequence
        self.floor = floor
        self.partitions = partitions
        self.now_s = now_s


# -- who signed it ----------------------------------------------------------------------------------------


async def opened(data: "bytes | str", kind: str, trust: "Any") -> bytes:
    """The document in a signed one, when enough of those whom this node trusts signed it."""
    told = _object(data, kind)
    _members(told, (kind, "signatures"), kind)
    signatures = told["signatures"]
    if not isinstance(signatures, list) or len(signatures) > SIGNATURES_MAX:
        raise Refused("bundle.damaged", "signatures must be a list of at most %d" % SIGNATURES_MAX)
    from sluis_node import ed25519  # some kilobytes, and a node is asked this a few times in a year

    document = _unbase64(told[kind])
    if len(document) > DOCUMENT_MAX:
        raise Refused("bundle.damaged", "the %s has %d bytes; at most %d" % (kind, len(document), DOCUMENT_MAX))
    pairs = []
    for each in signatures:
        if not isinstance(each, dict) or len(each) != 2 or not isinstance(each.get("key"), str):
            raise Refused("bundle.damaged", "a signature must have a key and a sig, and nothing else")
        signature = _unbase64(each.get("sig"))
        if len(signature) != 64:
            raise Refused("bundle.damaged", "a signature has %d bytes, not 64" % len(signature))
        pairs.append((each["key"], signature))
    right: "list[str]" = []
    for key, signature in pairs:
        # Checking takes seconds: a key that has spoken is asked no more, nor anybody once they are enough.
        asked = key in trust["keys"] and key not in right and len(right) < trust["threshold"]
        if asked and await ed25519.verify(trust["keys"][key], signature, LINES[kind] + document):
            right.append(key)
    if len(right) < trust["threshold"]:
        told_text = "the %s has %d right signatures by trusted keys, and needs %d"
        raise Refused("bundle.untrusted", told_text % (kind, len(right), trust["threshold"]))
    return document


def read_trust(data: bytes) -> "dict[str, Any]":
    """`/trust.json`: {"keys": {id: raw public key}, "threshold", "sequence"}."""
    told = _object(data, "trust")
    if "sequence" not in told:
        told["sequence"] = 0
    _members(told, ("keys", "sequence", "threshold"), "trust")
    if not isinstance(told["keys"], dict):
        raise Refused("bundle.damaged", "keys must be an object")
    keys = {}
    for key, text in told["keys"].items():
        keys[key] = _unbase64(text)
        named = binascii.hexlify(hashlib.sha256(keys[key]).digest()).decode()[:16]
        if len(keys[key]) != 32 or key != named:
            raise Refused("bundle.damaged", "key %s is not the name of what stands beside it" % key)
    if not _whole(told["threshold"], 1, len(keys)):
        raise Refused("bundle.damaged", "threshold must be 1 to the number of keys")
    if not _whole(told["sequence"], 0, NUMBER_MAX):
        raise Refused("bundle.damaged", "sequence must be a whole number")
    return {"keys": keys, "threshold": told["threshold"], "sequence": told["sequence"]}


async def next_trust(data: "bytes | str", now: "dict[str, Any]") -> bytes:
    """The `/trust.json` that follows: signed by those who are trusted now, and newer."""
    document = await opened(data, "trust", now)
    then = read_trust(document)
    if then["sequence"] <= now["sequence"]:
        raise Refused("bundle.untrusted", "these keys are not newer than those trusted now")
    return document


# -- what it says -----------------------------------------------------------------------------------------


def read_manifest(data: bytes) -> "dict[str, Any]":
    """What a manifest says, when it is one in its only form. Check who signed it first."""
    try:
        told = json.loads(data.decode())
    except (ValueError, UnicodeError, RuntimeError):
        raise Refused("bundle.manifest", "the manifest is not JSON") from None
    names = ("board", "expires", "files", "from", "runtime", "sequence", "version")
    if not isinstance(told, dict) or len(told) != len(names) or any(name not in told for name in names):
        raise Refused("bundle.manifest", "a manifest has exactly the members " + ", ".join(names))
    board, files = told["board"], told["files"]
    _must(_spelled(board, _LETTERS + "0123456789-", 32) and board[0] != "-", "board")
    _must(_spelled(told["version"], _WORD + ".+_-", 32) and told["version"][0] in _WORD, "version")
    _must(_runtime(told["runtime"]), "runtime")
    _must(_whole(told["sequence"], 1, NUMBER_MAX), "sequence")
    _must(_whole(told["from"], 0, NUMBER_MAX) and told["from"] < told["sequence"], "from")
    _must(_whole(told["expires"], 0, EXPIRES_MAX), "expires")
    _must(isinstance(files, list) and files, "files")
    folders, before = [], ""
    for each in files:
        _must(isinstance(each, dict) and len(each) == 3 and _whole(each.get("size"), 0, FILE_MAX), "files")
        path = each.get("path")
        _must(path == IMAGE or _is_path(path), "path")
        _must(_spelled(each.get("sha256"), _HEX, 64) and len(each["sha256"]) == 64, "sha256")
        _must(path > before, "the order of files")
        before = path
        folders += [path[:at] for at in range(len(path)) if path[at] == "/"]
    _must(not any(each["path"] in folders for each in files), "a file that is a folder too,")
    if is_image(told):
        _must(len(files) == 1 and board != "any", "an image beside others, or for every board,")
    _must(_written(told) == data, "its form, which is not the canonical one,")
    return told


def is_image(manifest: "dict[str, Any]") -> bool:
    """An interpreter, not an application."""
    return any(each["path"] == IMAGE for each in manifest["files"])


def suits(manifest: "dict[str, Any]", holder: Holder) -> None:
    """Nothing, when this node may take it."""
    version, board, sequence = manifest["version"], manifest["board"], manifest["sequence"]
    if board != "any" and board not in holder.boards:
        raise Refused("bundle.board", "%s is for %s; this is %s" % (version, board, ", ".join(holder.boards)))
    if is_image(manifest) and not holder.partitions:
        raise Refused("bundle.board", "%s is an interpreter, and this board takes one over USB only" % version)
    if numbers(holder.runtime) < numbers(manifest["runtime"]):
        text = "%s needs MicroPython %s; this is %s"
        raise Refused("bundle.runtime", text % (version, manifest["runtime"], holder.runtime))
    if sequence <= holder.floor:
        text = "%s has sequence %d; this node confirmed %d before"
        raise Refused("bundle.rollback", text % (version, sequence, holder.floor))
    if holder.sequence < manifest["from"]:
        text = "%s takes sequence %d or later; this node runs %d"
        raise Refused("bundle.step-missing", text % (version, manifest["from"], holder.sequence))
    if holder.now_s is not None and holder.now_s >= manifest["expires"]:
        raise Refused("bundle.expired", "%s was for a time that is over" % version)


def numbers(version: str) -> "tuple[int, ...]":
    """`1.23` -> (1, 23, 0). What follows the numbers does not count."""
    found = []
    for part in version.split("."):
        digits = ""
        for char in part:
            if char not in "0123456789":
                break
            digits += char
        if not digits:
            break
        found.append(int(digits))
        if digits != part:
            break
    return tuple((found + [0, 0, 0])[:3])


# -- their forms ------------------------------------------------------------------------------------------


def _written(told: "dict[str, Any]") -> bytes:
    """A manifest in its canonical form. All its texts were spelled in letters that need no escape."""
    line = '{"path":"%s","sha256":"%s","size":%d}'
    files = ",".join([line % (each["path"], each["sha256"], each["size"]) for each in told["files"]])
    form = '{"board":"%s","expires":%d,"files":[%s],"from":%d,"runtime":"%s","sequence":%d,"version":"%s"}'
    return (
        form
        % (
            told["board"],
            told["expires"],
            files,
            told["from"],
            told["runtime"],
            told["sequence"],
            told["version"],
        )
    ).encode()


def _object(data: "bytes | str", what: str) -> "dict[str, Any]":
    try:
        told = json.loads(data if isinstance(data, str) else data.decode())
    except (ValueError, UnicodeError, RuntimeError):
        raise Refused("bundle.damaged", "the %s is not JSON" % what) from None
    if not isinstance(told, dict):
        raise Refused("bundle.damaged", "the %s is not a JSON object" % what)
    return told


def _members(told: "dict[str, Any]", names: "tuple[str, ...]", what: str) -> None:
    if len(told) != len(names) or any(name not in told for name in names):
        raise Refused("bundle.damaged", "the %s has exactly the members %s" % (what, ", ".join(names)))


def _unbase64(text: "Any") -> bytes:
    """Standard base64 in its one spelling: MicroPython's own passes over what it does not know."""
    if isinstance(text, str):
        try:
            data = binascii.a2b_base64(text)
            if binascii.b2a_base64(data).decode().strip() == text:
                return data
        except ValueError:
            pass
    raise Refused("bundle.damaged", "what should be base64 is none")


def _must(holds: "Any", what: str) -> None:
    if not holds:
        raise Refused("bundle.manifest", "%s in the manifest is not as it must be" % what)


def _whole(value: "Any", least: int, most: int) -> bool:
    return isinstance(value, int) and value is not True and value is not False and least <= value <= most


def _spelled(text: "Any", letters: "Iterable[str]", longest: int) -> bool:
    return isinstance(text, str) and 0 < len(text) <= longest and all(char in letters for char in text)


def _runtime(text: "Any") -> bool:
    parts = text.split(".") if _spelled(text, "0123456789.", 11) else ()
    return len(parts) in (2, 3) and all(0 < len(part) < 4 and str(int(part)) == part for part in parts)


def _is_path(text: "Any") -> bool:
    sound = _spelled(text, _WORD + "_.-/", PATH_MAX)
    return sound and all(part not in ("", ".", "..") for part in text.split("/"))
