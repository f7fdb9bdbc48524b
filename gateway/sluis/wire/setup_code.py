"""A node's set-up code: what its label carries, as text in a QR code or typed by hand.

    SLUIS1:E661410403020100:7QK3M8ZT4W:3F9A02C1:ZB

Five fields, parted by colons: format, the node's id (12 or 16 hex digits), the one-time adoption code (ten characters
of Crockford's base 32, 50 bits; dashes are for people), the beginning of the key's print (8 hex digits) and two check
characters, because people type. All is in QR's alphanumeric set. Letters that look like digits are read as those.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from sluis.model import ConfigError
from sluis.model.nodes import NODE_ID

FORMAT = "SLUIS1"
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U."""

CODE_CHARS = 10
PRINT_CHARS = 8
LOOKALIKES = str.maketrans("ILO", "110")


class BadSetupCode(ConfigError):
    """This is no set-up code of a node, or it was misread."""

    code = "node.setup-code"
    hint = "Scan the label again; when typing, mind that two characters at the end check the rest."


@dataclass(frozen=True, slots=True)
class SetupCode:
    """What a label says of its node."""

    node: str
    adoption_code: str
    """Ten characters of `ALPHABET`."""
    key_print: str
    """The first eight digits of the key's fingerprint: a board with another key is not the one of the label."""

    def text(self) -> str:
        """For a QR code."""
        body = ":".join((FORMAT, self.node, self.adoption_code, self.key_print)).upper()
        return f"{body}:{_check(body)}"


def parse(text: str) -> SetupCode:
    """What was scanned or typed. BadSetupCode says what is wrong with it."""
    squeezed = re.sub(r"[\s-]", "", text).upper()
    parts = squeezed.split(":")
    if len(parts) != 5 or parts[0] != FORMAT:
        raise BadSetupCode(f"a set-up code begins with {FORMAT}: and has five parts", where="setup_code")
    _, node, code, key_print, check = parts
    code, check = code.translate(LOOKALIKES), check.translate(LOOKALIKES)
    if not NODE_ID.fullmatch(node.lower()):
        raise BadSetupCode("the second part is no node's id", where="setup_code", allowed="12 or 16 hex digits")
    if len(code) != CODE_CHARS or set(code) - set(ALPHABET):
        raise BadSetupCode("the third part is no adoption code", where="setup_code", allowed="ten letters or digits")
    if not re.fullmatch(f"[0-9A-F]{{{PRINT_CHARS}}}", key_print):
        raise BadSetupCode("the fourth part is no key print", where="setup_code", allowed="8 hex digits")
    if _check(":".join((FORMAT, node, code, key_print))) != check:
        raise BadSetupCode("the check characters do not fit: something was misread", where="setup_code")
    return SetupCode(node.lower(), code, key_print.lower())


def code_of(secret: bytes) -> str:
    """An adoption code from at least seven secret bytes."""
    number = int.from_bytes(secret[:7], "big")
    return "".join(ALPHABET[number >> 5 * place & 31] for place in range(CODE_CHARS))


def _check(body: str) -> str:
    digest = hashlib.sha256(body.encode()).digest()
    return ALPHABET[digest[0] & 31] + ALPHABET[digest[1] & 31]
