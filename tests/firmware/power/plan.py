"""What a power-cut rig is given: a flash with an old program on it, and a signed release of the new one."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sluis.wire.manifest import Entry, Manifest
from sluis.wire.signed import Signed, trust_of
from tests.firmware.vm import LIB, ROOT, UNIX, micropython

HERE = Path(__file__).parent
SEQUENCE = 7
KEYS = [Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name).digest()) for name in (b"one", b"two")]
PUBLIC = [key.public_key().public_bytes_raw() for key in KEYS]


def program(version: int) -> dict[str, bytes]:
    """Three files of which two differ between versions and must not be mixed, and one never changes."""
    return {
        "program.py": f"import part\nVERSION = {version}\n".encode(),
        "part.py": f"VERSION = {version}\n#".encode() + b"x" * 5000,
        "sluis_node/app.mpy": b"the same in both" * 200,
    }


def envelope(contents: dict[str, bytes], sequence: int = SEQUENCE, **other: Any) -> bytes:
    """A release, signed by both keys."""
    entries = tuple(Entry(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in sorted(contents.items()))
    usual: dict[str, Any] = {"board": "any", "version": f"0.{sequence}.0", "runtime": "1.20", "since": 0}
    manifest = Manifest(**{**usual, "sequence": sequence, "expires": 4_000_000_000, "files": entries, **other})
    signed = Signed("manifest", manifest.encode())
    for key, public in zip(KEYS, PUBLIC, strict=True):
        signed = signed.signed_by(public, key.sign)
    return signed.encode()


def plan(slot: str = "a", **other: Any) -> dict[str, Any]:
    """`slot`: where the old program is."""
    new = program(2)
    held = {f"/{slot}/{path}": data for path, data in program(1).items()}
    held[f"/{'ab'[slot == 'a']}/sluis_node/stray.py"] = b"no manifest names it"
    held["/slot.json"] = json.dumps({"run": slot, "boots": 0}).encode()
    held["/boot.py"] = (ROOT / "firmware" / "boot" / "boot.py").read_bytes()
    held["/trust.json"] = trust_of(PUBLIC, 2).encode()
    return {
        "files": {path: base64.b64encode(data).decode() for path, data in held.items()},
        "contents": {hashlib.sha256(data).hexdigest(): base64.b64encode(data).decode() for data in new.values()},
        "envelope": envelope(new).decode(),
        "sequence": SEQUENCE,
        "old": 1,
        "new": 2,
        "blocks": 48,
        "bad": [],
        "ballast": False,
        "refused": False,
        "cuts": [1, 0, 1],
        **other,
    }


def run(folder: Path, told: dict[str, Any], timeout_s: float = 100) -> list[dict[str, Any]]:
    """What the rig says, a mapping a line."""
    path = folder / "plan.json"
    path.write_text(json.dumps(told))
    paths = {"MICROPYPATH": f".frozen:{LIB}:{UNIX}"}
    ended = subprocess.run(
        [micropython(), "-X", "heapsize=4M", str(HERE / "rig.py"), str(path)],
        env=os.environ | paths,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    assert ended.returncode == 0, ended.stdout[-1000:] + ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
