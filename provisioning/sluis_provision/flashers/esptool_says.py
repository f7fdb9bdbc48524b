"""What esptool prints, read. Its output is no stable interface: the version is pinned, and the tests hold these
patterns to what that version prints.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

VERSION = "5.6"
"""The first two numbers of the esptool whose output this reads."""

PATTERNS = {
    "tool": re.compile(r"esptool(?:\.py)? v(\S+)$"),
    "chip": re.compile(r"Chip type:\s+(.+?)(?:\s+\(revision (\S+?)\))?$"),
    "mac": re.compile(r"(?:BASE )?MAC:\s+([0-9a-f:]{17})(?::[0-9a-f:]+)?$", re.I),
    "size": re.compile(r"Detected flash size: (\d+)([KM])B$"),
    "percent": re.compile(r"Writing at 0x([0-9a-f]+) .*?(\d+\.\d)% ", re.I),
    "wrote": re.compile(r"Wrote \d+ bytes .*?at 0x([0-9a-f]+) in ", re.I),
    "same": re.compile(r"Verification successful"),
    "differs": re.compile(r"Verification failed"),
    "checks": re.compile(r"Verifying 0x[0-9a-f]+ \(\d+\) bytes at 0x([0-9a-f]+) in flash", re.I),
    "sure": re.compile(r"Hash of data verified"),
    "fatal": re.compile(r"A (?:fatal|serial exception) error occurred: (.+)$"),
}
Kind = Literal["tool", "chip", "mac", "size", "percent", "wrote", "same", "differs", "checks", "sure", "fatal"]
COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Said:
    """One line that means something: which, and its groups."""

    kind: str
    words: tuple[str, ...]


def read(line: str) -> Said | None:
    """What a line says; None when it says nothing that counts."""
    text = COLOUR.sub("", line).strip()
    for kind, pattern in PATTERNS.items():
        found = pattern.match(text)
        if found:
            return Said(kind, tuple(word or "" for word in found.groups()))
    return None


def chip_of(words: str) -> str:
    """`ESP32-C3 (QFN32)` -> `esp32c3`; the many names of the first chip -> `esp32`."""
    name = words.split("(")[0].strip().lower()
    plain = name.replace("-", "")
    for later in ("s2", "s3", "c2", "c3", "c5", "c6", "c61", "h2", "p4"):
        if re.match(rf"esp32{later}(?![0-9])", plain):
            return f"esp32{later}"
    return "esp32" if plain.startswith("esp32") else plain.split()[0] if plain else ""


CABLE = (
    "no more data",
    "invalid head of packet",
    "serial noise",
    "no serial data",
    "failed to connect",
    "timed out",
    "timeout",
    "invalid slip escape",
    "response doesn't match",
    "packet content transfer stopped",
    "failed to write",
    "failed to enter",
    "checksum error",
    "bad data checksum",
    "download mode successfully detected",
)
"""Words of failures that a slower speed, a better cable or a reset may cure."""
TAKEN = ("exclusively lock", "resource busy", "permission denied", "port is busy", "access is denied")
"""Words of a port that is there, and not ours to use."""
GONE = (
    "could not open",
    "device disconnected",
    "input/output error",
    "no such file",
    "device reports readiness",
    "port is closed",
    "write failed",
    "read failed",
    "no such device",
)
"""Words of a port that went away while it was used."""


def blame(words: str) -> Literal["cable", "port", "gone", "verify", "chip", "other"]:
    """Whose fault a fatal error of esptool is."""
    low = words.lower()
    if "md5" in low or "digest" in low or "verification failed" in low or "verify failed" in low:
        return "verify"
    if any(one in low for one in TAKEN):
        return "port"
    if any(one in low for one in GONE):
        return "gone"
    if any(one in low for one in CABLE):
        return "cable"
    if "is not an" in low or "this chip is" in low or "wrong chip" in low or "not compatible with" in low:
        return "chip"
    return "other"
