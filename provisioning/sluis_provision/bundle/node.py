"""What a new node starts with, when it starts with a release: its boot files, slot `a`, and whom it trusts."""

from __future__ import annotations

from pathlib import Path

from sluis.shared import shared_dir
from sluis.wire.signed import Trust
from sluis_provision.bundle.application import NothingToPack
from sluis_provision.bundle.archive import Bundle
from sluis_provision.bundle.build import SLOT, File, boot_files

SIGNED = "@signed"
"""Beside a slot's files: the signed manifest they came with. No path of a manifest can be that."""

TRUST = "/trust.json"


def first_files(bundle: Bundle, trust: Trust, *, firmware: Path | None = None) -> tuple[File, ...]:
    """Sorted by path. Untrusted when the keys that the node will trust did not sign the bundle."""
    bundle.check(trust)
    if bundle.manifest.is_image:
        raise NothingToPack(
            f"{bundle.name} is an interpreter", hint="Flash that first: sluis flash --image FILE, then an application."
        )
    files = [
        *boot_files(firmware or shared_dir("firmware")),
        *(File(f"/{SLOT}/{path}", content) for path, content in bundle.contents().items()),
        File(f"/{SLOT}/{SIGNED}", bundle.signed_manifest.encode()),
        File(TRUST, trust.encode()),
    ]
    return tuple(sorted(files, key=lambda file: file.path))
