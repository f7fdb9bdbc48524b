"""The site secret, and everything that is derived from it instead of being stored.

One file of 32 random bytes in hex. It is part of the gateway's backup, which is encrypted; whoever has it can be any
node of the site, so it is mode 0600, is never logged, and is never sent. HKDF-SHA256 (RFC 5869) makes of it one key for
each purpose, node and generation: none of them says anything of another.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sluis.model import StoreError
from sluis.wire.setup_code import code_of

SIZE = 32
SALT = b"sluis site secret 1"
"""Fixed: the secret is random, so the salt only keeps this use of HKDF apart from others (RFC 5869, section 3.1)."""

PASSWORD_BYTES = 24
"""192 bits, 32 characters of base64url."""

NONCE = 12


class SecretLost(StoreError):
    """The site secret cannot be read."""

    code = "node.secret"
    hint = "Restore pki/site.secret from a backup. Without it every node needs a new key over the cable."


class SiteSecret:
    """Made in `file` at first need, never changed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._held = b""

    def password(self, node: str, generation: int) -> str:
        """What the node says to the broker."""
        return base64.urlsafe_b64encode(self._derive(f"broker/{node}/{generation}", PASSWORD_BYTES)).decode()

    def adoption_code(self, node: str, generation: int) -> str:
        """What stands on its label and works once."""
        return code_of(self._derive(f"adoption/{node}/{generation}", 8))

    def seal(self, purpose: str, plain: str) -> bytes:
        """Encrypt what a person told us, bound to what it is for."""
        nonce = secrets.token_bytes(NONCE)
        return nonce + self._cipher().encrypt(nonce, plain.encode(), purpose.encode())

    def unseal(self, purpose: str, sealed: bytes) -> str:
        """SecretLost when it was sealed under another site secret, for something else, or is damaged."""
        try:
            return self._cipher().decrypt(sealed[:NONCE], sealed[NONCE:], purpose.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise SecretLost(f"{purpose} was kept under another site secret, or is damaged") from error

    def _cipher(self) -> ChaCha20Poly1305:
        return ChaCha20Poly1305(self._derive("sealed", 32))

    def _derive(self, info: str, length: int) -> bytes:
        return HKDF(hashes.SHA256(), length, SALT, f"sluis/{info}".encode()).derive(self._secret())

    def _secret(self) -> bytes:
        if not self._held:
            if not self._file.exists():
                self._make()
            self._held = self._read()
        return self._held

    def _read(self) -> bytes:
        try:
            held = bytes.fromhex(self._file.read_text().strip())
        except (OSError, ValueError) as error:
            raise SecretLost(f"{self._file.name} cannot be read: {type(error).__name__}") from error
        if len(held) != SIZE:
            raise SecretLost(f"{self._file.name} holds {len(held)} bytes, not {SIZE}")
        return held

    def _make(self) -> None:
        """Written beside, synced, then linked: never half a secret, and never over one that is there."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        beside = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        beside.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(secrets.token_hex(SIZE) + "\n")
                out.flush()
                os.fsync(out.fileno())
            with suppress(FileExistsError):  # another made it in this moment: that one counts
                os.link(beside, self._file)
        finally:
            beside.unlink(missing_ok=True)
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def fingerprint(password: str) -> str:
    """Sixteen hex digits that tell one key from another. The node makes the same of what it holds."""
    return hashlib.sha256(b"sluis node key\0" + password.encode()).hexdigest()[:16]
