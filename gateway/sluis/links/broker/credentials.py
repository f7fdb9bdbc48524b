"""Who may connect to the broker, and which topics each may touch.

One account per device. A Sluis node's account is its id, and a pattern gives each its own branch; a foreign device,
whose topics its maker fixed, gets the topics its driver declares (`About.acl`). The password file holds salted hashes
in mosquitto's `$7$` form (PBKDF2-HMAC-SHA512; mosquitto 2.0, mosquitto_passwd(1)); the clear password exists once,
in the answer to `issue`. Names and ids are checked, because a line break in one would be a line in mosquitto's files.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from sluis.links.files import write_whole

ITERATIONS = 1_000
"""Passwords are 160 random bits, so no guessing is to be slowed down; a broker on a Pi that hashes for a second per
connection is down when a whole site reconnects. (mosquitto's own tool uses 101.)"""

PATTERNS = ("sluis/%u/#",)
"""What every account may touch besides its own list: its own branch. mosquitto puts the account's name for %u."""

RESERVED = frozenset({"gateway", "sluis-gateway", "sluis-probe"})
"""Names whose branch or account is the gateway's own."""


@dataclass(frozen=True, slots=True)
class Account:
    """One name at the broker."""

    username: str
    device: str
    """Device key or family it was issued for; "gateway" for ourselves."""
    topics: tuple[str, ...]
    """`>filter` may publish there, `<filter` may subscribe, `filter` both."""
    hash: str = ""
    driver: str = ""
    native_id: str = ""


class Credentials:
    """Accounts in `accounts.json`, from which mosquitto's password and ACL files are made.

    `on_change` is called after each change (the broker reads them again). Safe to use from several threads.
    """

    def __init__(self, folder: Path, on_change: Callable[[], None] = lambda: None) -> None:
        self.on_change = on_change
        self._folder = folder
        self._file = folder / "accounts.json"
        self._lock = threading.Lock()
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
        """Make (or renew) an account; its password, which is not kept. ValueError for what cannot be."""
        password = password or secrets.token_urlsafe(20)
        self._put(Account(username, device, tuple(topics), hash_of(password)))
        return password

    def issue_device(
        self,
        device_key: str,
        driver: str,
        native_id: str,
        acl: Iterable[str] = (),
        topic: str = "",
        password: str = "",
    ) -> tuple[str, str]:
        """An account for a device: (user name, password). `acl` is its driver's (`About.acl`); a password that is not
        given is made up.

        `topic` is the name the device has in its topics, where that is not its id (Tasmota).

        Issuing again gives the same name a new password, and the old one ends. ValueError for a native id that
        cannot stand in a topic.
        """
        held = self.of_device(driver, native_id)
        username = held.username if held else self._free_name(driver, native_id)
        password = password or secrets.token_urlsafe(20)
        topics = family_topics(acl, native_id, topic)
        self._put(Account(username, device_key, topics, hash_of(password), driver, native_id))
        return username, password

    def of_device(self, driver: str, native_id: str) -> Account | None:
        """The account that was issued for a device."""
        owned = (a for a in self._accounts.values() if (a.driver, a.native_id) == (driver, native_id))
        return next(owned, None)

    def revoke(self, username: str) -> bool:
        """Remove an account, which ends its connections; False when there was none."""
        with self._lock:
            gone = self._accounts.pop(username, None) is not None
            self._save()
        self.on_change()
        return gone

    def save(self) -> None:
        """Write all three files, each whole."""
        with self._lock:
            self._save()

    def _put(self, account: Account) -> None:
        _check(account)
        with self._lock:
            self._accounts[account.username] = account
            self._save()
        self.on_change()

    def _save(self) -> None:
        accounts = self.accounts()
        write_whole(self._file, json.dumps([asdict(account) for account in accounts], indent=1))
        write_whole(self.passwords, "".join(f"{account.username}:{account.hash}\n" for account in accounts))
        write_whole(self.acl, "\n".join(acl_lines(accounts)) + "\n")

    def _free_name(self, driver: str, native_id: str) -> str:
        """A node's name is its id, so that the pattern is its branch; others carry their family in front."""
        if driver == "sluis-node":
            return native_id
        bare = f"{driver}-{re.sub(r'[^A-Za-z0-9_.-]+', '-', native_id)}"[:60]
        name, number = bare, 1
        while name in self._accounts:
            number += 1
            name = f"{bare}-{number}"
        return name


def acl_lines(accounts: Iterable[Account]) -> list[str]:
    """Mosquitto's ACL file: what is not written there is denied."""
    lines = ["# Made by Sluis. What is not listed is denied."]
    for account in accounts:
        lines += ["", f"user {account.username}"]
        for topic in account.topics:
            access = {">": "write", "<": "read"}.get(topic[:1], "readwrite")
            lines.append(f"topic {access} {topic.lstrip('<>')}")
    lines += ["", "# Everybody: the own branch."]
    return lines + [f"pattern readwrite {pattern}" for pattern in PATTERNS]


def family_topics(acl: Iterable[str], native_id: str, topic: str = "") -> tuple[str, ...]:
    """A driver's topic patterns for one device. ValueError for a name that would widen them."""
    topic = topic or native_id
    for name in (native_id, topic):
        if not name or any(char in "+#" or not char.isprintable() for char in name):
            raise ValueError(f"{name!r} cannot stand in a topic: no wildcards, no line breaks, not empty")
    return tuple(pattern.replace("{id}", native_id).replace("{topic}", topic) for pattern in acl)


def _check(account: Account) -> None:
    name = account.username
    if not name or not name.isprintable() or any(char in " :+#/%" for char in name):
        raise ValueError(f"{name!r} cannot be a user name: letters, digits and -_. only")
    if name in RESERVED and account.device != "gateway":
        raise ValueError(f"{name!r} is the gateway's own name")
    for topic in account.topics:
        if not topic.lstrip("<>").strip() or not topic.isprintable():
            raise ValueError(f"{topic!r} is no topic")


def hash_of(password: str) -> str:
    """`$7$<iterations>$<salt>$<hash>`, base64, as mosquitto 2.0 reads it."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
