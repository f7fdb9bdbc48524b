"""The demo's two nodes of our own: enrolled over their cable, tested and taken into use, as a technician does it."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sluis.cli.demo_devices import free
from sluis.model import SluisError

if TYPE_CHECKING:
    from sluis.cli.client import Client
    from sluis.demo.nodes import Wiring


def folder_of(data_dir: Path) -> Path:
    """Where their boards keep their flash."""
    return data_dir / "demo-nodes"


def node_port(data_dir: Path) -> int:
    """The port of the broker's TLS listener: nodes have it in their flash, so it stays unless somebody takes it."""
    from sluis.links.broker.mosquitto import free_port

    file = folder_of(data_dir) / "port.json"
    kept = 0
    with suppress(OSError, ValueError, TypeError):
        kept = int(json.loads(file.read_text()))
    port = kept if kept and free(kept) == kept else free_port()
    if port != kept:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{port}\n")
    return port


def missing() -> str:
    """Why there are none on this machine; "" when there are."""
    from sluis_provision.rehearsal import micropython

    if micropython() is None:
        return "no MicroPython for this machine (x86_64 only, or set MICROPYTHON): its two nodes are left out"
    return ""


class Technician:
    """Takes the nodes into use, each once. What a person did to them since then stays."""

    def __init__(self, data_dir: Path, port: int) -> None:
        from sluis.demo.nodes import NODES

        self._folder = folder_of(data_dir)
        self._port = port
        self._nodes = dict(NODES)
        self._told = self._kept()
        self._codes: dict[str, str] = {}

    def _kept(self) -> dict[str, int]:
        """By name, the port of the broker that each was told when it was taken into use."""
        with suppress(OSError, ValueError, AttributeError, TypeError):
            return {name: int(port) for name, port in json.loads((self._folder / "done.json").read_text()).items()}
        return {}

    @property
    def left(self) -> list[str]:
        """Those that are to be taken into use, or told where the broker is now."""
        return [name for name in self._nodes if self._told.get(name) != self._port]

    def work(self, client: Client) -> None:
        """One try at each that is left. SluisError when one is not ready yet, or does not pass."""
        failed: SluisError | None = None
        for name in self.left:
            try:
                self._take(client, name, self._nodes[name])
            except SluisError as error:
                failed = error
                continue
            self._told[name] = self._port
            (self._folder / "done.json").write_text(json.dumps(self._told) + "\n")
        if failed is not None:
            raise failed

    def _take(self, client: Client, name: str, wiring: Wiring) -> None:
        """Its key, its proof, its place. A node that a person put out of use is left alone."""
        from sluis_provision.enrol.errors import NodeSilent, NotProven

        first = name not in self._told
        state = next((one["state"] for one in client.get("nodes") if one["id"] == wiring.uid), "")
        if state in ("revoked", "replaced"):
            return
        if name not in self._codes:
            self._codes[name] = self._enrol(client, name, again=state == "proven" or not first)
        if not client.get("nodes", wiring.uid)["device"]:
            raise NodeSilent(f"{name} has not announced itself")
        tested = client.post("nodes", wiring.uid, "test")
        if tested["state"] != "proven":
            raise NotProven(f"{name} has not passed its test", hint=tested["fault"])
        if first:
            body = {"name": wiring.name, "area": wiring.area, "asset_number": wiring.asset_number}
            client.post("nodes", "adopt", body={"setup_code": self._codes[name], **body})

    def _enrol(self, client: Client, name: str, *, again: bool) -> str:
        """Its set-up code, as `sluis enrol --port` gives it."""
        from sluis.cli.enrol_ways import Wish, by_cable

        wish = Wish({"board": "", "profile": "", "serial": "", "again": again})
        made = asyncio.run(by_cable(client, str(self._folder / name / "cable"), wish)).made
        return str(made["setup_code"]) if made else ""
