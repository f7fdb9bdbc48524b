"""Signed notes: a text and below it who signed it, so that people can read both (C2SP signed-note v1, Ed25519).

any lines of text
                                        an empty line ends it
— NAME base64(key id || signature)      key id = first 4 bytes of SHA-256(NAME || \\n || 0x01 || public key)
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

ED25519 = b"\x01"
"""Signature type."""

MARK = "— "
"""Starts a signature line (em dash, space)."""


def key_id(name: str, public_key: bytes) -> bytes:
    """The four bytes that say which key signed."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:4]


def sign(body: str, name: str, public_key: bytes, signer: Callable[[bytes], bytes]) -> str:
    """The note. `body` ends with a line break and has no empty line; `name` has no blank and no plus. `signer` makes an
    Ed25519 signature."""
    if not body.endswith("\n") or "\n\n" in body:
        raise ValueError("the text must end with a line break and have no empty line")
    proof = base64.b64encode(key_id(name, public_key) + signer(body.encode())).decode()
    return f"{body}\n{MARK}{name} {proof}\n"


def read(text: str, name: str, public_key: bytes, verifier: Callable[[bytes, bytes], bool]) -> str:
    """What was signed. ValueError when no signature by `name` with this key is below it.

    `verifier(signature, body)` says whether the key made that signature.
    """
    body, _, signatures = text.partition("\n\n")
    body += "\n"
    if not any(_signed(line, name, body, public_key, verifier) for line in signatures.splitlines()):
        raise ValueError("the signature is not by this gateway's key")
    return body


def _signed(line: str, name: str, body: str, public_key: bytes, verifier: Callable[[bytes, bytes], bool]) -> bool:
    prefix = f"{MARK}{name} "
    if not line.startswith(prefix):
        return False
    try:
        proof = base64.b64decode(line[len(prefix) :], validate=True)
    except ValueError:
        return False
    return proof[:4] == key_id(name, public_key) and verifier(proof[4:], body.encode())
