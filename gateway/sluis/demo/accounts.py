"""The stand-ins' accounts at the gateway's broker: each may touch its own topics only, as a real device."""

from __future__ import annotations

import json
import os
import random
import secrets
from collections.abc import Iterator
from pathlib import Path

from sluis.demo.office import small_office
from sluis.demo.site import office_devices
from sluis.links.broker import Credentials


def demo_accounts(crowd: int = 0) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(stand-in, user name, topics) of every stand-in."""
    for standin in office_devices(small_office(), random.Random(1)):  # noqa: S311  # only asked for its topics
        yield standin.name, f"demo-{standin.name}", standin.topics
    if crowd:
        yield "crowd", "demo-crowd", (">sluis/#",)


def issue(data_dir: Path, crowd: int = 0) -> Path:
    """Give each stand-in its account, before the broker starts; the file with their passwords (mode 0600).

    Passwords are made anew at every start: nothing of the demo outlives its run.
    """
    credentials = Credentials(data_dir / "broker")
    logins: dict[str, tuple[str, str]] = {}
    (data_dir / "broker").mkdir(parents=True, exist_ok=True)
    for name, username, topics in demo_accounts(crowd):
        logins[name] = (username, credentials.issue(username, "demo", topics, secrets.token_urlsafe(20)))
    file = data_dir / "run" / "demo-accounts.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:  # noqa: PTH123  # with a mode
        json.dump(logins, out)
    return file
