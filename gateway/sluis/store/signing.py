"""The gateway's key (Ed25519): it signs audit checkpoints and certificates."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from sluis.model import StoreError
from sluis.wire import chain, note


class PublicKey:
    """What others have of a gateway's key: it verifies."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)

    @classmethod
    def load(cls, path: Path) -> PublicKey:
        """From a PEM file. StoreError when it is not there or no such key."""
        try:
            key = load_pem_public_key(path.read_bytes())
        except (OSError, ValueError, UnsupportedAlgorithm) as error:
            raise StoreError(
                f"{path} is not a public key", hint="It is pki/audit.pub in a gateway's data folder."
            ) from error
        if not isinstance(key, Ed25519PublicKey):
            raise StoreError(f"{path} is not an Ed25519 key")
        return cls(key)

    def verified(self, signature: bytes, body: bytes) -> bool:
        """Whether this key made that signature."""
        try:
            self._key.verify(signature, body)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """Signs notes; signs and reads checkpoints."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = PublicKey(key.public_key())
        self.public = self._public.raw
        self.verified = self._public.verified

    @classmethod
    def load_or_make(cls, path: Path) -> SigningKey:
        """The key at `path`, made there (mode 0600) when there is none. StoreError when it is no such key."""
        if path.exists():
            return cls(_load(path))
        key = Ed25519PrivateKey.generate()
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            file.flush()
            os.fsync(file.fileno())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        path.with_suffix(".pub").write_bytes(public)
        return cls(key)

    def sign_note(self, body: str, name: str) -> str:
        """A text as a signed note (`sluis.wire.note`)."""
        return note.sign(body, name, self.public, self._key.sign)

    def sign(self, checkpoint: chain.Checkpoint) -> str:
        return chain.sign(checkpoint, self.public, self._key.sign)

    def read(self, text: str) -> chain.Checkpoint:
        """ValueError when this key did not sign it."""
        return chain.read(text, self.public, self.verified)


def _load(path: Path) -> Ed25519PrivateKey:
    hint = "Restore it from a backup; without it old checkpoints cannot be checked."
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise StoreError(f"{path} is not a key", hint=hint) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StoreError(f"{path} is not an Ed25519 key", hint=hint)
    return key
