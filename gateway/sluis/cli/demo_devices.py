"""What the demo takes into use at its first start, as a person would: through the API, once."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sluis.cli.client import Client

ADOPT = (
    ("d8bfc01a2b3c", "Meeting room heater", "Meeting room", "DEMO-001"),
    ("d8bfc04d5e6f", "Coffee machine", "Reception", "DEMO-002"),
    ("shellyplus1pm-a8032ab1c2d4", "Office lights", "Office", "DEMO-003"),
    ("0x00158d0004a1b2c3", "Office climate", "Office", "DEMO-004"),
    ("0x000b57fffe8e083c", "Reception lamp", "Reception", "DEMO-005"),
    ("0x00158d0002d4e5f6", "Office window", "Office", "DEMO-006"),
    ("a0b765c4d3e2", "Greenhouse", "Greenhouse", "DEMO-007"),
)
"""Of those that announce themselves: a word of its identity, name, area, asset number. The rest (the air monitor, the
printer's plug, the button) stays discovered, so that there is something to adopt."""


@dataclass(frozen=True, slots=True)
class Polled:
    """A device that is asked, and so has to be added."""

    port: int
    """Where it is found, unless somebody has that port."""
    driver: str
    name: str
    area: str
    asset_number: str
    setup: dict[str, Any] = field(default_factory=dict)


POLLED = {
    "meter": Polled(
        15020,
        "modbus",
        "Electricity meter",
        "Reception",
        "DEMO-008",
        {"map": "eastron-sdm120", "unit": 1},
    ),
    "projector": Polled(
        4352,
        "pjlink",
        "Projector",
        "Meeting room",
        "DEMO-009",
        {"every_s": 5, "notices": 0},
    ),
}
"""By the name of their stand-in."""


def ports(folder: Path) -> dict[str, int]:
    """Where the stand-ins of `POLLED` listen: where they did at the first start, for that is their address."""
    file = folder / "demo-ports.json"
    kept: dict[str, int] = {}
    with suppress(OSError, ValueError, AttributeError):
        kept = {name: int(port) for name, port in json.loads(file.read_text()).items() if name in POLLED}
    if kept.keys() != POLLED.keys():
        kept = {name: kept.get(name) or free(polled.port) for name, polled in POLLED.items()}
        file.write_text(json.dumps(kept) + "\n")
    return kept


def free(port: int) -> int:
    """This port on loopback, or any other when somebody has it."""
    for wanted in (port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return port


def adopt(client: Client, left: list[tuple[str, str, str, str]]) -> list[tuple[str, str, str, str]]:
    """Adopt of `ADOPT` what has announced itself; what is not there yet."""
    there = client.every("discovered")
    missing = []
    for wanted in left:
        found = next((each for each in there if is_it(each, wanted[0])), None)
        if found is None:
            missing.append(wanted)
            continue
        body = {"name": wanted[1], "area": wanted[2], "asset_number": wanted[3]}
        client.post("discovered", found["key"], "adopt", body=body)
    return missing


def add(client: Client, name: str, port: int) -> None:
    """Add one of `POLLED`, unless somebody has."""
    from sluis.cli.client import ApiError

    polled = POLLED[name]
    body = {"driver": polled.driver, "link": "net", "address": f"127.0.0.1:{port}", "setup": polled.setup}
    body |= {"name": polled.name, "area": polled.area, "asset_number": polled.asset_number}
    try:
        client.post("devices", body=body)
    except ApiError as error:
        if error.api_code != "exists":
            raise


def is_it(device: dict[str, Any], identity: str) -> bool:
    said = " ".join(str(device.get(field, "")) for field in ("key", "native_id", "serial", "name"))
    return identity in said.lower()
