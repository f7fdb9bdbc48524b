"""Improv and the cable's own questions, against the real firmware on the real MicroPython behind a serial port."""

from __future__ import annotations

import json
import os
import pty
import threading
import tty
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sluis.model import ConfigError
from sluis.wire.improv.line import Packet, serial
from sluis.wire.improv.rpc import About, Fault, Seen, State, command
from sluis_provision.enrol.cable import Cable
from sluis_provision.enrol.errors import KeyNotTaken, NodeRefused, NodeSilent
from sluis_provision.enrol.improv import OverCable, device, node_of, over_cable, tell
from sluis_provision.enrol.improv.problem import BadAnswer, Joined, NoImprov, NotJoined
from sluis_provision.enrol.issued import Network
from sluis_provision.flashers.port import Port, opened
from tests.firmware.vm import Node, cable

pytestmark = pytest.mark.timeout(120)

UID = "e66118604b4a2c21"
ATTIC, CELLAR = (
    {"ssid": ssid, "password": f"{ssid} is it", "rssi": rssi} for ssid, rssi in (("attic", -50), ("cellar", -61))
)
OPEN = {"ssid": "guests", "rssi": -70}
AIR = {"wifi": {"networks": [CELLAR, ATTIC, OPEN]}}
KNOWN = Network("attic", "attic is it")

Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "node", UID, radio=True)
    made.show_world(AIR)
    yield made
    made.stop()


@pytest.fixture
async def port(node: Node, eventually: Eventually) -> AsyncIterator[Port]:
    """The console of a node that has never been told anything."""
    with cable(node) as name:
        node.start()
        await eventually(lambda: any("Sluis node" in line for line in node.said))
        async with opened(name) as line:
            yield line


async def test_a_network_is_told_and_kept(node: Node, port: Port, eventually: Eventually) -> None:
    told = OverCable(port)
    assert await told.state() is State.READY
    about = await told.about()
    assert isinstance(about, About)
    assert (about.firmware, about.name) == ("Sluis node", "Node 4a2c21")
    assert node_of(await told.host()) == UID
    with pytest.raises(BadAnswer, match="bad hostname"):
        await told.rename("lamp")
    assert await told.rename(f"sluis-{UID}") == f"sluis-{UID}"
    heard = [Seen("attic", -50, True), Seen("cellar", -61, True), Seen("guests", -70, False)]
    assert list(await told.scan()) == heard

    said: list[str] = []
    with pytest.raises(NotJoined, match=r"could not join attic \(heard at -50 dBm\)") as refused:
        await tell(told, [Network("attic", "attic is not")], said=said.append)
    assert "another password" in refused.value.hint
    assert said == ["tells it attic (heard at -50 dBm)"]
    with pytest.raises(NotJoined, match="not heard") as far:
        await tell(told, [Network("shed", "somewhere")])
    assert "it hears attic, cellar, guests" in far.value.hint
    with pytest.raises(ConfigError, match="no network to tell"):
        await tell(told, [])
    assert await told.state() is State.READY
    assert node.read("/wifi.json") is None

    # The next try repairs it: of several the strongest, and the next one when it refuses.
    said.clear()
    networks = [Network("shed", ""), Network("cellar", "cellar is it"), Network("attic", "attic is not")]
    assert await tell(told, networks, said=said.append) == ("cellar", "")
    assert [text.split()[2] for text in said] == ["attic", "cellar"]
    assert await told.state() is State.JOINED
    with pytest.raises(Joined, match="has a network already"):
        await tell(told, [KNOWN])
    assert await tell(told, [KNOWN], again=True) == ("attic", "")
    kept = json.loads(node.read("/wifi.json") or b"")
    assert kept == [{"ssid": "attic", "password": "attic is it"}, {"ssid": "cellar", "password": "cellar is it"}]


@pytest.mark.soak
async def test_networks_that_were_told_are_joined_as_they_come_and_go(
    node: Node, port: Port, eventually: Eventually
) -> None:
    told = OverCable(port)
    for network in (Network("cellar", "cellar is it"), KNOWN):
        await tell(told, [network], again=True)
    node.show_world({"wifi": {"networks": [CELLAR]}})
    await eventually(lambda: any("Wi-Fi cellar, -61 dBm" in line for line in node.said[-3:]), within_s=60)
    assert await told.state() is State.JOINED


async def test_an_open_network_and_a_restart(node: Node, port: Port, eventually: Eventually) -> None:
    assert await tell(OverCable(port), [Network("guests")]) == ("guests", "")
    node.reset()
    await eventually(lambda: node.starts == 2 and any("Wi-Fi guests" in line for line in node.said[-2:]), within_s=60)


@pytest.mark.soak
async def test_noise_on_the_line(node: Node, port: Port, eventually: Eventually) -> None:
    told = OverCable(port)
    # Half a packet, and what follows is taken for its rest: the answer comes at the second asking.
    await port.write(b"\xff\x00\x80IMPROV\x01\x04\x50")
    assert (await told.about()).firmware == "Sluis node"
    # A damaged one is found to be one.
    damaged = bytearray(serial(Packet.COMMAND, command(device.Ask.ABOUT)))
    damaged[-1] ^= 1
    await port.write(bytes(damaged))
    kind, data = await told.next()
    while (kind, data) != (Packet.ERROR, bytes((Fault.BAD_PACKET,))):
        kind, data = await told.next()
    # So is one that is whole and makes no sense; and what we do not know is said to be unknown.
    await told.send(b"\x01\x05\x02ab")
    while (kind, data) != (Packet.ERROR, bytes((Fault.BAD_PACKET,))):
        kind, data = await told.next()
    with pytest.raises(BadAnswer, match="unknown command"):
        await told._ask(b"\x63\x00", 0x63, 5)
    # Between packets its own questions work, and its log is no answer.
    await port.write(b'{"no": "answer\n\x1b[A{}\n')
    assert (await Cable(port).about()).id == UID


async def test_whoever_wants_the_prompt_gets_it(node: Node, port: Port, eventually: Eventually) -> None:
    """In a packet the byte is data; outside it ends the program, which is no failed boot."""
    assert (await OverCable(port).about()).firmware == "Sluis node"
    assert node.starts == 1
    await port.write(b"\r\x03\x03")
    await eventually(lambda: node.starts == 2)  # the VM ends where a board would show its prompt
    await eventually(lambda: sum("started by" in line for line in node.said) == 2)
    assert json.loads(node.read("/slot.json") or b"")["boots"] == 1


@pytest.fixture
def silent() -> Iterator[tuple[str, list[bytes]]]:
    """A port with a device that hears all and echoes it, as a prompt does."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    heard: list[bytes] = []

    def echo() -> None:
        while data := os.read(ours, 4096):
            heard.append(data)
            if b"END" in data:
                return
            os.write(ours, b">>> " + data)

    thread = threading.Thread(target=echo, daemon=True)
    thread.start()
    yield os.ttyname(theirs), heard
    os.write(theirs, b"END")
    thread.join(10)
    os.close(theirs)
    os.close(ours)


async def test_nobody_answers(silent: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Not to Improv and not to our own questions: an echo is no answer."""
    monkeypatch.setattr(over_cable, "ANSWER_S", 0.1)
    monkeypatch.setattr(device, "ANSWER_S", 0.1)
    async with opened(silent[0]) as port:
        told = OverCable(port)
        with pytest.raises(NoImprov, match=r"nothing on .* last heard"):
            await told.state()
        with pytest.raises(NodeSilent, match="no node answers"):
            await Cable(port, answer_s=0.1).about()


async def test_a_key_is_taken_over_the_cable_only_whole(node: Node, port: Port, eventually: Eventually) -> None:
    line = Cable(port)
    about = await line.about()
    assert (about.id, about.connected, about.trouble) == (UID, False, "no network yet")
    net: dict[str, Any] = {"networks": [], "broker": {"hosts": ["127.0.0.1"], "port": 1, "tls": True}, "password": "pw"}
    with pytest.raises(NodeRefused, match="broker is missing"):
        await line.enrol({"networks": []}, b"0ca", "")
    with pytest.raises(NodeRefused, match="ca must be a certificate"):
        await line.ask("enrol", {"net": net, "ca": "AAAA"})
    with pytest.raises(NodeRefused, match="ca must be a certificate"):
        await line.ask("enrol", {"net": net, "ca": "abc"})
    assert node.read("/net.json") is None
    with pytest.raises(KeyNotTaken):
        await line.enrol(net, b"0ca", "of another key")
    await eventually(lambda: node.starts == 2)
    assert json.loads(node.read("/net.json") or b"") == net
    assert node.read("/ca.der") == b"0ca"
    await eventually(lambda: sum("started by" in line for line in node.said) == 2)
    await tell(OverCable(port), [KNOWN])
    assert (await line.about()).trouble != "no network yet"
