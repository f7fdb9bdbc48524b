"""Ed25519 by the `cryptography` library, as `sluis.wire.signed` wants it."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def verified(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the key made that signature."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
