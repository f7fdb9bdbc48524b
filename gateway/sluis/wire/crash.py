"""Pages of nodes whose new version went back, and which of them tell of the same fault. Pure.

    {"slot": "b", "version": "0.2.0", "sequence": 12, "reset_cause": "restart", "lines": [...], "traceback": "..."}

A page comes as the answer to `page` (docs/reference/node-telemetry.md). Two are the same when they went through the
same functions to the same kind of error: numbers of lines, slots, addresses and values differ between nodes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

LENGTH = 12
"""Hex digits of a fingerprint."""

_FRAME = re.compile(r'^\s*File "([^"]*)", line \d+, in (.*)$')
_NOISE = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{12,}\b|\d+")
_SLOT = re.compile(r"^/[ab]/")
_MEMORY = re.compile(r" \(\d+ B free\)$")
_TIME = re.compile(r"^\[\d+\] ")


def essence(page: Mapping[str, Any]) -> tuple[str, ...]:
    """What makes a fault: functions and the error; without a traceback the reset cause and the last line."""
    found = [_line(line) for line in str(page.get("traceback") or "").splitlines() if line.strip()]
    if found:
        return tuple(line for line in found if line != "Traceback (most recent call last):")
    lines = page.get("lines")
    last = next((str(line) for line in reversed(lines) if line), "") if isinstance(lines, list) else ""
    return (str(page.get("reset_cause", "")), _NOISE.sub("#", _TIME.sub("", _MEMORY.sub("", last))))


def _line(text: str) -> str:
    frame = _FRAME.match(text)
    if frame:
        return f"{_SLOT.sub('', frame[1])} {frame[2]}"
    return _NOISE.sub("#", text.strip())


def fingerprint(page: Mapping[str, Any]) -> str:
    """The same for the same fault, on whichever node."""
    return hashlib.sha256("\n".join(essence(page)).encode()).hexdigest()[:LENGTH]


def grouped(pages: Mapping[str, Mapping[str, Any]]) -> dict[str, Sequence[str]]:
    """Nodes by fingerprint, the most frequent fault first; `pages` by node."""
    found: dict[str, list[str]] = {}
    for node in sorted(pages):
        found.setdefault(fingerprint(pages[node]), []).append(node)
    return dict(sorted(found.items(), key=lambda one: (-len(one[1]), one[0])))
