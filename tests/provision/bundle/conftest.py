"""Bundles and keys to attack."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sluis.wire.manifest import Manifest
from sluis.wire.signed import Trust, trust_of
from sluis_provision.bundle import archive
from sluis_provision.images import esp
from sluis_provision.release.keys import SigningKey

CHANGELOG = {"en": "Reads the meter twice as often.", "nl": "Leest de meter twee keer zo vaak; één fout minder."}
FILES = {"sluis_node/__init__.mpy": b"", "sluis_node/app.mpy": b"app" * 200, "sluis_node/parts/relay.mpy": b"relay"}
EXPIRES = 2_000_000_000


def manifest_of(files: dict[str, bytes], sequence: int = 12, **other: object) -> Manifest:
    told = {"board": "any", "version": f"0.{sequence}.0", "runtime": "1.23", "since": 0, "expires": EXPIRES, **other}
    return Manifest(sequence=sequence, files=archive.entries_of(files), **told)  # type: ignore[arg-type]


def esp_application(chip: str, version: str) -> bytes:
    """The beginning of an application image: header, first segment's header, description."""
    number = next(number for number, name in esp.CHIPS.items() if name == chip)
    header = struct.pack("<BBBBI8xH6x", esp.MAGIC, 1, 0, 0, 0x4200_0000, 0)[:12] + struct.pack("<H", number)
    description = struct.pack("<I12x32s", esp.APP_DESCRIPTION, f"v{version}".encode())
    return header.ljust(32, b"\0") + description + bytes(200)


@dataclass(frozen=True)
class Team:
    """Who releases."""

    anna: SigningKey
    ben: SigningKey
    mallory: SigningKey

    def trust(self, threshold: int = 2) -> Trust:
        return trust_of([self.anna.public.raw, self.ben.public.raw], threshold)

    def bundle(self, *by: SigningKey, files: dict[str, bytes] = FILES, sequence: int = 12, **other: object) -> bytes:
        made = archive.made(manifest_of(files, sequence, **other), CHANGELOG, {"mpy-cross": "1.29.0"})
        for key in by or (self.anna, self.ben):
            made = made.signed_by(key.public.raw, key.sign)
        return archive.packed(made, files)

    def write(self, file: Path, *by: SigningKey, **told: object) -> Path:
        file.write_bytes(self.bundle(*by, **told))  # type: ignore[arg-type]
        return file


@pytest.fixture(scope="session")
def team() -> Team:
    return Team(*(SigningKey(Ed25519PrivateKey.generate(), name) for name in ("anna", "ben", "mallory")))
