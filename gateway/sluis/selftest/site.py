"""The site a selftest runs on: a gateway's configuration, one adopted node, and its account at the broker."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sluis.links.broker import Credentials
from sluis.links.broker.mosquitto import free_port
from sluis.store.counting import numbers_of

NODE = "selftest"
POINT = "count"


@dataclass(frozen=True, slots=True)
class Site:
    config: Path
    port: int
    username: str
    password: str
    topic: str


def prepare(data_dir: Path, more: str = "") -> Site:
    """Write the configuration and the node's account into an empty data directory."""
    data_dir.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = data_dir / "sluis.toml"
    config.write_text(
        f"data_dir = {json.dumps(str(data_dir))}\n"
        f"[broker]\nlocal_port = {port}\ntls_port = -1\n"
        "[panel]\nport = 0\ntrust_port = -1\n"
        "[intake]\nflood_per_s = 100000.0\n"
        f'[[intake.adopt]]\ndriver = "sluis-node"\nnative_id = "{NODE}"\narea = "Selftest"\n{more}'
    )
    accounts = Credentials(data_dir / "broker")
    password = accounts.issue(NODE, NODE, (f"sluis/{NODE}/#",))
    return Site(config, port, NODE, password, f"sluis/{NODE}/telemetry")


def announcement() -> tuple[str, bytes]:
    """Topic and payload with which the node makes itself known."""
    points = {POINT: {"kind": "number"}}
    return f"sluis/{NODE}/announce", json.dumps({"name": "Selftest", "points": points}).encode()


def stored_counts(data_dir: Path) -> list[int]:
    """Every stored number of the node, as often as it is stored."""
    return numbers_of(data_dir / "sluis.db", f"sluis-node-{NODE}", POINT)
