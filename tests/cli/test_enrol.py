"""`sluis enrol` reaches real firmware: by Improv and its own questions over a port, and a device in the air."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Done
from tests.conftest import a_free_port
from tests.firmware.vm import Node, cable
from tests.links.ble.air import Air
from tests.panel.conftest import Site
from tests.provision.enrol.improv_board import HOST, PASSWORD, Board, a_board, the_firmware

pytestmark = pytest.mark.timeout(120)

UID = HOST.removeprefix("sluis-")
AIR = {"wifi": {"networks": [{"ssid": "attic", "password": PASSWORD, "rssi": -50}]}}

Run = Callable[..., Awaitable[Done]]
JsonOf = Callable[..., Awaitable[Any]]
Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "node", UID, radio=True)
    made.show_world(AIR)
    yield made
    made.stop()


async def test_over_a_cable(site: Site, run: Run, json_of: JsonOf, node: Node, eventually: Eventually) -> None:
    with cable(node) as port:
        node.start()
        await eventually(lambda: any("started by" in line for line in node.said))
        none = await run("enrol", "--improv", port, "--wait", "0")
        assert (none.exit_code, "sluis node network-add" in none.stderr) == (1, True), none.output
        wrong = await run("enrol", "--improv", port, "--ssid", "attic", typed="not it at all\n")
        assert (wrong.exit_code, "could not join attic" in wrong.stderr) == (1, True), wrong.output
        assert (await run("node", "network-add", "attic", "--password", PASSWORD)).exit_code == 0
        done = await run("enrol", "--improv", port, "--wait", "0")
        assert (done.exit_code, "It has joined attic." in done.stdout) == (0, True), done.output
        assert PASSWORD not in done.output
        await eventually(lambda: node.starts == 2)
        net = json.loads(node.read("/net.json") or b"")
        assert (net["name"], net["networks"]) == (UID, [{"ssid": "attic", "password": PASSWORD}])
        # The node knows its key now; the same again gives the same, and says so to a program.
        await eventually(lambda: sum("started by" in line for line in node.said) == 2)
        made = await json_of("enrol", "--port", port, "--wait", "0")
        assert made["node"]["generation"] == 1
        assert net["password"] not in json.dumps(made)


@pytest.fixture
async def board() -> AsyncIterator[tuple[Board, str]]:
    """The node's peripheral, and the adapter that hears it."""
    air = Air()
    adapter = await air.adapter(a_free_port())
    with the_firmware() as firmware:
        async with a_board(air, firmware) as made:
            yield made, adapter.spec
    await air.close()


async def test_in_the_air(site: Site, run: Run, board: tuple[Board, str]) -> None:
    made, adapter = board
    unknown = await run("enrol", "--improv", "ble", "--adapter", adapter, "--ssid", "attic", typed=f"{PASSWORD}\n")
    assert unknown.exit_code == 0, unknown.output
    assert "It has joined attic." in unknown.stdout
    assert f"{UID} has no key of this gateway yet" in unknown.stdout
    assert made.kept == [("attic", PASSWORD)]
    # One that has its key already is told the site's networks; it has joined, so it is left alone.
    assert (await run("enrol", UID, "--wait", "0")).exit_code == 0
    joined = await run("enrol", "--improv", made.peripheral.address, "--adapter", adapter, "--wait", "0")
    assert (joined.exit_code, "It has joined" in joined.stdout) == (0, False), joined.output
    assert made.kept == [("attic", PASSWORD)]


async def test_nobody_is_in_the_air(site: Site, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = await run("enrol", "--improv", "C4:11:11:11:11:99", "--adapter", f"tcp-client:127.0.0.1:{a_free_port()}")
    assert (gone.exit_code, "Error" in gone.stderr) == (1, True), gone.output
    for wrong in (("--ssid", "attic"), (UID, "--improv", "ble"), (UID, "--ssid", "attic")):
        assert (await run("enrol", *wrong)).exit_code == 2
