"""The commissioning certificate: what was checked in a room, by whom, with what outcome, signed by the gateway.

It is a signed note (`sluis.wire.note`): a first line that says what it is, a line of canonical JSON, and the signature.
Whoever has the gateway's public key can verify it without a gateway, years later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from sluis.model import ProvisionError
from sluis.wire import note

HEAD = "sluis-commissioning 1"


class Result(StrEnum):
    """How a check came out."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried: what, what was expected and what was found."""

    device: str
    """The device's key."""
    name: str
    what: str
    result: Result
    at_us: int
    expected: str = ""
    found: str = ""
    note: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    rssi_dbm: float | None = None
    by: str = ""
    """Who did it; "" for the technician of the certificate."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A room as it was handed over. Times in microseconds since 1970, UTC."""

    site: str
    room: str
    technician: str
    begun_at_us: int
    signed_at_us: int
    checks: tuple[Check, ...]
    before: str = ""
    """Print of the certificate of the visit before this one; "" for the first."""

    @property
    def passed(self) -> int:
        return sum(check.result is Result.PASSED for check in self.checks)


NAME = "sluis/commissioning"
"""What the gateway's key signs certificates as."""


def sealed(certificate: Certificate, sign: Callable[[str, str], str]) -> str:
    """The certificate as a file. `sign(text, name)` makes a signed note."""
    return sign(f"{HEAD}\n{_json(certificate)}\n", NAME)


def opened(text: str, public_key: bytes, verifier: Callable[[bytes, bytes], bool]) -> Certificate:
    """What a file certifies. ProvisionError when it is no certificate, or was changed, or another gateway's."""
    try:
        head, _, body = note.read(text, NAME, public_key, verifier).partition("\n")
    except ValueError as error:
        raise ProvisionError(
            "this certificate was changed, or another gateway signed it",
            hint="Verify it with the public key of the gateway that made it.",
        ) from error
    if head != HEAD:
        raise ProvisionError(f"this is no commissioning certificate of a kind we know ({head[:40]!r})")
    try:
        return msgspec.json.decode(body, type=Certificate)
    except msgspec.DecodeError as error:
        raise ProvisionError(f"the certificate is signed but cannot be read: {error}") from error


def print_of(certificate: Certificate) -> str:
    """Sixteen hex digits that name this certificate: on the report's paper, and in the next visit's."""
    return hashlib.sha256(_json(certificate).encode()).hexdigest()[:16]


def print_in(text: str) -> str:
    """The same of a certificate's file. Nothing is verified."""
    return hashlib.sha256(text.split("\n")[1].encode()).hexdigest()[:16]


def _json(certificate: Certificate) -> str:
    return msgspec.json.encode(certificate, order="sorted").decode()
