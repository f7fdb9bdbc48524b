"""Keys that sign releases: a file that a passphrase opens, and a line that others may have.

    anna.key   {"key": id, "name", "public": base64, "scrypt": {"n", "p", "r", "salt"}, "sealed": base64}
    anna.pub   sluis-release <base64 of the public key> anna

Sealed is the private key (32 bytes) under ChaCha20-Poly1305 with a key that scrypt (RFC 7914) makes of the passphrase;
the first 12 bytes are the nonce, and the id and the name are authenticated with it. A key is never in a gateway's data
folder: `refuse_gateway` is asked before one is made and before one is opened.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sluis.wire.signed import canonical, key_id, unbase64
from sluis_provision.release.problem import BadKey, KeyLocked, KeyOnGateway

MARK = "sluis-release"
NAME_CHARS_MAX = 40

COST = 2**16
"""scrypt's N: with r = 8 a guess takes 64 MiB and a fifth of a second here. Lower and a stolen stick is guessed sooner;
higher and a small release machine runs out of memory."""

COST_MAX = 2**20
"""What a key file may ask of the machine that opens it: 1 GiB."""

PASSPHRASE_CHARS_MIN = 12

GATEWAY_SIGNS = ("run/gateway.json", "pki/site-ca.pem", "pki/site.secret", "sluis.db")
"""Any of these makes a folder a gateway's data folder."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What others have of a key."""

    raw: bytes
    name: str = ""

    @property
    def id(self) -> str:
        return key_id(self.raw)

    def line(self) -> str:
        """As it stands in a `.pub` file."""
        return f"{MARK} {base64.b64encode(self.raw).decode()} {self.name}\n"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An opened key."""

    private: Ed25519PrivateKey
    name: str

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.private.public_key().public_bytes_raw(), self.name)

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)


def new(file: Path, name: str, passphrase: str, *, cost: int = COST) -> SigningKey:
    """Make a key in `file`, and its public part beside it (`.pub`). BadKey or KeyOnGateway when it cannot be there."""
    refuse_gateway(file)
    if not name or len(name) > NAME_CHARS_MAX or not name.isprintable() or " " in name:
        raise BadKey(f"{name!r} cannot be a key's name: one word of at most {NAME_CHARS_MAX} characters")
    if len(passphrase) < PASSPHRASE_CHARS_MIN:
        raise BadKey(
            f"a passphrase has at least {PASSPHRASE_CHARS_MIN} characters", hint="Four random words are good, and easy."
        )
    key = SigningKey(Ed25519PrivateKey.generate(), name)
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    told = {"key": key.public.id, "name": name, "public": _b64(key.public.raw)}
    sealed = ChaCha20Poly1305(_stretched(passphrase, salt, cost, 8, 1)).encrypt(
        nonce, key.private.private_bytes_raw(), canonical(told)
    )
    scrypt = {"n": cost, "p": 1, "r": 8, "salt": _b64(salt)}
    _write_new(file, json.dumps({**told, "scrypt": scrypt, "sealed": _b64(nonce + sealed)}, indent=1) + "\n", 0o600)
    _write_new(file.with_suffix(".pub"), key.public.line(), 0o644)
    return key


def opened(file: Path, passphrase: str) -> SigningKey:
    """The key. KeyLocked when the passphrase is another, BadKey when the file is no key, KeyOnGateway by its place."""
    refuse_gateway(file)
    told = _told(file)
    try:
        scrypt, sealed = told["scrypt"], unbase64(told["sealed"], "sealed")
        sizes = scrypt["n"], scrypt["r"], scrypt["p"]
        if scrypt["n"] > COST_MAX or scrypt["r"] > 8 or scrypt["p"] > 4:
            raise BadKey(f"{file} asks for more work than any key of ours")
        stretched = _stretched(passphrase, unbase64(scrypt["salt"], "salt"), *sizes)
        bound = canonical({name: told[name] for name in ("key", "name", "public")})
        private = ChaCha20Poly1305(stretched).decrypt(sealed[:12], sealed[12:], bound)
        key = SigningKey(Ed25519PrivateKey.from_private_bytes(private), told["name"])
    except InvalidTag as error:
        raise KeyLocked(f"the passphrase does not open {file.name}") from error
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, BadKey):
            raise
        raise BadKey(f"{file} is no key of ours: {error!r}") from error
    if key.public.id != told["key"]:
        raise BadKey(f"{file} holds another key than it says")
    return key


def public_key(file: Path) -> PublicKey:
    """From a `.pub` file, or from a key file, whose public part needs no passphrase. BadKey when it is neither."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BadKey(f"{file} cannot be read: {error}") from error
    if text.lstrip().startswith("{"):
        told = _told(file)
        return _public(file, told.get("public"), told.get("name"))
    words = text.split()
    if len(words) not in (2, 3) or words[0] != MARK:
        raise BadKey(f"{file} is no public key: it holds one line, {MARK} and what `sluis bundle key new` wrote there")
    return _public(file, words[1], words[2] if len(words) == 3 else "")


def refuse_gateway(file: Path, *data_folders: Path) -> None:
    """KeyOnGateway when the file is, or would be, in a gateway's data folder."""
    place = file.absolute().parent.resolve()
    for folder in (place, *place.parents):
        known = folder in [one.resolve() for one in data_folders]
        if known or any(_is_there(folder / sign) for sign in GATEWAY_SIGNS):
            raise KeyOnGateway(f"{file} is in the data folder of a gateway, {folder}")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # somebody else's folder, into which we cannot look
        return False


def _public(file: Path, text: Any, name: Any) -> PublicKey:
    try:
        raw = unbase64(text, "the public key")
    except ValueError as error:
        raise BadKey(f"{file} is no key of ours: {error}") from error
    if len(raw) != 32 or not isinstance(name, str) or len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise BadKey(f"{file} is no key of ours")
    return PublicKey(raw, name)


def _told(file: Path) -> Mapping[str, Any]:
    try:
        told = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise BadKey(f"{file} cannot be read as a key: {error}") from error
    if not isinstance(told, dict):
        raise BadKey(f"{file} is no key of ours")
    return told


def _stretched(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(passphrase.encode())


def _write_new(file: Path, text: str, mode: int) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise BadKey(f"{file} is there already", hint="Choose another name; a key is never overwritten.") from error
    except OSError as error:
        raise BadKey(f"{file} cannot be written: {error}") from error
    with os.fdopen(handle, "w", encoding="utf-8") as opened_file:
        opened_file.write(text)
        opened_file.flush()
        os.fsync(opened_file.fileno())


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
