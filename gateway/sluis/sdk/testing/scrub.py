"""Recordings without what is nobody else's business: addresses of devices, keys, passwords.

An address keeps its first half (the maker, or the kind of a random address) and gets another second half, the same one
wherever it occurs: as text with or without separators, in either case, as bytes in either order, and as the last three
bytes that many devices put into their names. So a scrubbed recording still reads as one device's. What is computed over
an address no longer fits: a checksum over a frame with the address in it, or a payload encrypted with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

SEPARATED = re.compile(
    r"(?<![0-9A-Za-z])[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2}){5}(?:\1[0-9A-Fa-f]{2}){0,2}(?![0-9A-Za-z])"
)
"""A MAC or IEEE address in its usual notation."""

BARE = re.compile(r"(?<![0-9A-Za-z])(?:0x)?(?=[0-9]*[A-Fa-f])([0-9A-Fa-f]{16}|[0-9A-Fa-f]{12})(?![0-9A-Za-z])")
"""Twelve or sixteen hex digits, one of them a letter: a longer number of decimal digits is some count."""

UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
"""Names of services and characteristics are nobody's address."""

KEYED = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{32}(?:[0-9A-Fa-f]{32})?(?![0-9A-Za-z])")
"""A key of 128 or 256 bits."""

SIGNED_IN = re.compile(r"(?<=://)[^/\s:@\"]+:[^/\s@\"]+(?=@)")

SECRET = re.compile(
    r"passw|passphrase|secret|token|psk|bind_?key|network_?key|api_?key|encryption_?key|^key$|ssid", re.I
)
"""Names of fields whose text is masked."""

MASK = "***"


class Scrubber:
    """Scrubs the lines of one recording. What is found in any line is replaced in all: `learn` all of them first."""

    def __init__(self) -> None:
        self._stands_for: dict[bytes, bytes] = {}

    def learn(self, entry: Mapping[str, Any]) -> None:
        """Look for addresses in a line of a frames file."""
        for text in (str(entry.get("topic", "")), _text_of(entry)):
            text = UUID.sub("", text)
            for found in (*SEPARATED.finditer(text), *BARE.finditer(text)):
                digits = re.sub(r"^0x|[:-]", "", found[0])
                if len(digits) in (12, 16):
                    self._address(bytes.fromhex(digits))

    def scrub(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """The line without them."""
        clean = {key: value for key, value in entry.items() if key not in ("text", "hex", "json")}
        clean["topic"] = self._in_text(str(entry.get("topic", "")))
        for key in ("asked", "asked_hex"):
            if key in entry:
                clean[key] = self._in_text(str(entry[key])) if key == "asked" else self._in_hex(str(entry[key]))
        if "hex" in entry:
            clean["hex"] = self._in_hex(str(entry["hex"]))
        elif "json" in entry:
            clean["json"] = self._in_json(entry["json"])
        else:
            clean["text"] = self._in_payload(str(entry.get("text", "")))
        return clean

    def _address(self, address: bytes) -> None:
        half = len(address) // 2
        if address not in self._stands_for and any(address):
            number = len(self._stands_for) + 1
            self._stands_for[address] = address[:half] + number.to_bytes(half, "big")

    def _in_payload(self, text: str) -> str:
        """JSON stays as it was written where nothing in it has a telling name."""
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return self._in_text(text)
        masked = _masked(said)
        return self._in_text(text if masked == said else json.dumps(masked, ensure_ascii=False))

    def _in_json(self, said: Any) -> Any:
        return json.loads(self._in_text(json.dumps(_masked(said), ensure_ascii=False)))

    def _in_hex(self, digits: str) -> str:
        data = bytes.fromhex(digits)
        for old, new in self._stands_for.items():
            data = data.replace(old, new).replace(old[::-1], new[::-1])
            for form in (str.lower, str.upper):  # text within the bytes: a name, a line of a protocol
                for there, here in _forms(old, new, form):
                    data = data.replace(there.encode(), here.encode())
        return data.hex()

    def _in_text(self, text: str) -> str:
        text = SIGNED_IN.sub(f"{MASK}:{MASK}", text)
        for old, new in self._stands_for.items():
            for form in (str.lower, str.upper):
                for there, here in _forms(old, new, form):
                    text = text.replace(there, here)
        return KEYED.sub(lambda found: "0" * len(found[0]), text)


def scrubbed(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A whole recording, scrubbed."""
    held, scrubber = list(entries), Scrubber()
    for entry in held:
        scrubber.learn(entry)
    return [scrubber.scrub(entry) for entry in held]


def _forms(old: bytes, new: bytes, form: Any) -> list[tuple[str, str]]:
    """The ways in which an address is written; its last three bytes last, where they are no mere number."""
    written = [(form(old.hex(mark)), form(new.hex(mark))) for mark in (":", "-")]
    written.append((form(old.hex()), form(new.hex())))
    tail = form(old[-3:].hex())
    return written if tail.isdigit() else [*written, (tail, form(new[-3:].hex()))]


def _text_of(entry: Mapping[str, Any]) -> str:
    if "hex" in entry:
        return bytes.fromhex(str(entry["hex"])).decode("latin-1")
    return json.dumps(entry["json"]) if "json" in entry else str(entry.get("text", ""))


def _masked(said: Any) -> Any:
    """JSON with the text of every field of a telling name masked."""
    if isinstance(said, dict):
        return {key: MASK if _is_secret(key, value) else _masked(value) for key, value in said.items()}
    return [_masked(one) for one in said] if isinstance(said, list) else said


def _is_secret(name: str, value: Any) -> bool:
    if not isinstance(value, str) or not value:
        return False
    return bool(SECRET.search(name)) and (name.lower() != "key" or len(value) >= 16)
