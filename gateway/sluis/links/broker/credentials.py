"""Who may connect to the broker, and which topics each may touch.

One account per device. A Sluis node's account is its id and its topics follow from it; a foreign device, whose
topics its maker fixed, gets the topics its driver declares (`About.acl`). The password file holds salted hashes
in mosquitto's `$7$` form (PBKDF2-HMAC-SHA512, mosquitto 2.0, mosquitto_passwd(1)); the clear password exists once,
in the answer to `issue`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from sluis.links.files import write_whole

ITERATIONS = 20_000
"""Passwords are 160 random bits, so the hash need not be slow against guessing; a broker that hashes for a second
per connection is down when a whole site reconnects."""


@dataclass(frozen=True, slots=True)
class Account:
    """One name at the broker."""

    username: str
    device: str
    """Device key or family it was issued for; "gateway" for ourselves."""
    topics: tuple[str, ...]
    """`>filter` may publish there, `<filter` may subscribe, `filter` both."""
    hash: str = ""


class Credentials:
    """Accounts in `accounts.json`, from which mosquitto's password and ACL files are made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "accounts.json"
        self._accounts: dict[str, Account] = {}
        if self._file.exists():
            for entry in json.loads(self._file.read_text()):
                entry["topics"] = tuple(entry["topics"])
                self._accounts[entry["username"]] = Account(**entry)

    @property
    def passwords(self) -> Path:
        return self._folder / "passwords"

    @property
    def acl(self) -> Path:
        return self._folder / "acl"

    def accounts(self) -> list[Account]:
        return sorted(self._accounts.values(), key=lambda account: account.username)

    def issue(self, username: str, device: str, topics: Iterable[str], password: str = "") -> str:
        """Make (or renew) an account; its password, which is not kept. ValueError for a name that cannot be."""
        if not username or any(char in username for char in ":\n\r\0 "):
            raise ValueError(f"{username!r} cannot be a user name: no spaces, colons or line breaks")
        password = password or secrets.token_urlsafe(20)
        self._accounts[username] = Account(username, device, tuple(topics), hash_of(password))
        self.save()
        return password

    def revoke(self, username: str) -> bool:
        """Remove an account; False when there was none."""
        gone = self._accounts.pop(username, None) is not None
        self.save()
        return gone

    def save(self) -> None:
        """Write all three files, each whole."""
        accounts = self.accounts()
        write_whole(self._file, json.dumps([asdict(account) for account in accounts], indent=1))
        write_whole(self.passwords, "".join(f"{account.username}:{account.hash}\n" for account in accounts))
        write_whole(self.acl, "\n".join(acl_lines(accounts)) + "\n")


def acl_lines(accounts: Iterable[Account]) -> list[str]:
    """Mosquitto's ACL file: what is not written there is denied."""
    lines = ["# Made by Sluis. What is not listed is denied."]
    for account in accounts:
        lines += ["", f"user {account.username}"]
        for topic in account.topics:
            access = {">": "write", "<": "read"}.get(topic[:1], "readwrite")
            lines.append(f"topic {access} {topic.lstrip('<>')}")
    return lines


def node_topics(native_id: str) -> tuple[str, ...]:
    """What a Sluis node may touch: its own branch, its own discovery, and the time of day of others' births."""
    return (f"sluis/{native_id}/#", f">homeassistant/+/{native_id}/#", "<homeassistant/status")


def family_topics(acl: Iterable[str], native_id: str) -> tuple[str, ...]:
    """A driver's topic patterns for one device."""
    return tuple(pattern.replace("{id}", native_id) for pattern in acl)


def hash_of(password: str) -> str:
    """`$7$<iterations>$<salt>$<hash>`, base64, as mosquitto 2.0 reads it."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
