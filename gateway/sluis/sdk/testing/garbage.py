"""Hostile bytes for any driver, made from its own frames: the same every time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sluis.model import Frame

DEEP = 5_000
"""Nesting of the deep JSON: more than Python's recursion limit of 1,000, so that a recursive reader breaks."""

FIXED: tuple[bytes, ...] = (
    b"", b"\0", b"\xff", b"0", b"\xff\xfe\xfa" * 40, bytes(range(256)), b" " * 3000,
    b"null", b"true", b"[]", b"{}", b'""', b"[[]]", b"[null]", b"[{}]", b"1e999", b"-1e999", b"NaN", b"Infinity",
    b'{"a":' * DEEP, b"[" * DEEP + b"]" * DEEP, b'"\xed\xa0\x80"', b'{"\\ud800": "\\ud800"}', b"9" * 400,
    b'{"id": NaN}', "offlíne".encode("latin-1"), b"Online\0", b"\xef\xbb\xbf{}",
)  # fmt: skip
"""Payloads that have nothing to do with any protocol."""

WRONG: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 1e308, float("nan"), float("inf"), 2**70, "", "x", "\ud7ff\0", "9" * 400, [], [None], {},
    {"": {}},
)  # fmt: skip
"""What is put in the place of every leaf and branch of a real frame."""

LEAVES = 80
"""Places replaced per frame, at most: a bridge's device list has thousands that are all alike."""


def garbage(sample: Frame) -> Iterator[Frame]:
    """Frames on the sample's topic (and near it) that no device would send."""
    for data in FIXED:
        yield replace(sample, data=data)
    for cut in {1, len(sample.data) // 2, len(sample.data) - 1}:
        yield replace(sample, data=sample.data[: max(cut, 0)])
    for place in range(0, len(sample.data), max(1, len(sample.data) // 16)):
        yield replace(sample, data=_flipped(sample.data, place))
    for topic in ("", "/", sample.source + "/more", sample.source.rpartition("/")[0], "x/" + sample.source):
        yield replace(sample, source=topic)
    yield from (replace(sample, data=data) for data in _wrong_types(sample.data))


def _flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 0x5A
    return bytes(changed)


def _wrong_types(data: bytes) -> Iterator[bytes]:
    """The sample's JSON with one place after another replaced by everything that does not belong there."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return
    for path in list(_paths(said, ()))[:LEAVES]:
        for wrong in WRONG:
            yield json.dumps(_with(said, path, wrong)).encode()


def _paths(said: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield path
    places = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    for key, value in places:
        yield from _paths(value, (*path, key))


def _with(said: Any, path: tuple[Any, ...], wrong: Any) -> Any:
    if not path:
        return wrong
    copy = dict(said) if isinstance(said, dict) else list(said)
    copy[path[0]] = _with(said[path[0]], path[1:], wrong)
    return copy
