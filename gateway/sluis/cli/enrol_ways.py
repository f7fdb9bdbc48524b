"""How `sluis enrol` reaches a board: over the cable, by its prompt, and by Improv over the cable or Bluetooth.

Whatever is cut short leaves the board as the next attempt finds and repairs it: a key that was made and not written
is made again the same, and a board takes a key whole or not at all.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sluis.cli.lazy import Failure
from sluis_provision.enrol.errors import NodeSilent, NoFirmware
from sluis_provision.flashers.console import APPEARS_S, appeared, raw
from sluis_provision.flashers.kinds import Part

if TYPE_CHECKING:
    from sluis.cli.client import Client
    from sluis_provision.enrol.improv import Device, OverAir
    from sluis_provision.enrol.issued import Network
    from sluis_provision.flashers.port import Port

ADDRESS = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}", re.I)
ANY_IN_THE_AIR = "ble"

OURS = "Sluis node"
"""What our firmware calls itself in Improv."""

IS_OURS = """
import os
n = os.listdir('/')
print('boot.py' in n and ('a' in n or 'b' in n))
"""
FORGET = """
import os
try: os.remove('/net.good')
except OSError: pass
"""
"""A key that has ended is none to go back to."""

ITS_OWN = (">", "{", "MicroPython ", 'Type "help()"', "raw REPL", "MPY: soft reboot")
"""How lines begin that the prompt says by itself."""

STARTS = 8
"""Questions to a node that starts: a small chip takes some ten seconds, and more while it looks for its networks."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person said of the board."""

    told: dict[str, Any]
    """For the gateway: board, profile, serial, again."""
    network: Network | None = None
    adapter: str = "hci0"
    said: Callable[[str], None] = field(default=lambda text: None)

    @property
    def again(self) -> bool:
        return bool(self.told["again"])


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    node: str = ""
    """Its id; "" for a device that is not ours."""
    made: dict[str, Any] | None = None
    """What was issued to it; None when it has its key already, or is not ours."""
    network: str = ""
    """What it has joined by Improv."""
    page: str = ""
    about: str = ""
    """Firmware and name of a device that is not ours."""


def files(made: dict[str, Any]) -> list[Part]:
    """What a node must know, as its files."""
    net = json.dumps(made["net"], ensure_ascii=False).encode()
    ca = base64.b64decode(made["ca_der"])
    return [Part("net.json", net, file="/net.json"), *([Part("ca.der", ca, file="/ca.der")] if ca else [])]


# -- over the cable ---------------------------------------------------------------------------------------


async def by_cable(client: Client, port: str, wish: Wish) -> Outcome:
    """Ask the node who it is, enrol it, and hand it its key; by its prompt where it does not answer."""
    from sluis_provision.enrol.cable import Cable

    async with await appeared(port, APPEARS_S) as line:
        cable = Cable(line)
        try:
            about = await cable.about()
        except NodeSilent:
            about = None
        if about is not None:
            made = _issue(client, about.id, wish, about.board)
            await _handed(cable, made)
            return Outcome(about.id, made)
    return await _by_prompt(client, port, wish)


async def _handed(cable: Any, made: dict[str, Any]) -> None:
    net = made["net"]
    await cable.enrol(net, base64.b64decode(made["ca_der"]), made["node"]["fingerprint"])


async def _by_prompt(client: Client, port: str, wish: Wish) -> Outcome:
    """A board whose program does not answer: its files are written through MicroPython's own prompt."""
    from sluis_provision.enrol.cable import Cable
    from sluis_provision.flashers.rawrepl import RawRepl
    from sluis_provision.flashers.repl import Repl

    repl = Repl(port)
    found = await repl.probe()
    async with raw(port) as prompt:
        if (await prompt.run(IS_OURS)).strip() != "True":
            raise NoFirmware(f"the board on {port} runs MicroPython {found.version}, and nothing of ours")
    made = _issue(client, found.uid, wish)
    await repl.write(files(made))
    async with raw(port) as prompt:
        await prompt.run(FORGET)
    async with await appeared(port, APPEARS_S) as line:
        prompt = RawRepl(line)
        await prompt.enter()
        await prompt.restart()
        try:
            await Cable(line).about(tries=STARTS)
        except NodeSilent as error:
            raise NoFirmware(f"the node on {port} does not start; it said last: {_last_words(line)!r}") from error
    return Outcome(found.uid, made)


def _last_words(line: Port) -> str:
    """The last line that is not the prompt's own, nor an echo of ours."""
    said = [one.strip() for one in line.tail.decode("ascii", "replace").splitlines()]
    return next((one for one in reversed(said) if one and not one.startswith(ITS_OWN)), "")[:200]


async def trouble(port: str) -> str:
    """Why the node on the port has not reached its broker, in its own words; "" where it does not say."""
    from sluis.model import SluisError
    from sluis_provision.enrol.cable import Cable

    try:
        async with await appeared(port, APPEARS_S) as line:
            return (await Cable(line).about()).trouble
    except SluisError:
        return ""


# -- by Improv --------------------------------------------------------------------------------------------


def over_the_air(target: str) -> bool:
    return target == ANY_IN_THE_AIR or ADDRESS.fullmatch(target) is not None


async def by_improv(client: Client, target: str, wish: Wish) -> Outcome:
    """Tell the device a network; a node of ours on a cable gets its key after it, in one go."""
    if over_the_air(target):
        async with _in_the_air(target, wish) as beside:
            return await _told(client, beside, wish, None)
    from sluis_provision.enrol.cable import Cable
    from sluis_provision.enrol.improv import OverCable

    async with await appeared(target, APPEARS_S) as line:
        device = OverCable(line)
        await _woken(line, device)
        return await _told(client, device, wish, Cable(line))


async def _woken(line: Port, device: Device) -> None:
    """See that it speaks Improv. A node that was left at its prompt is started."""
    from sluis_provision.enrol.improv.problem import NoImprov
    from sluis_provision.flashers.rawrepl import RawRepl

    try:
        await device.state()
    except NoImprov:
        if b">>> " not in line.tail:
            raise
        await RawRepl(line).restart()
        await device.state()


async def _told(client: Client, device: Device, wish: Wish, cable: Any) -> Outcome:
    """Through Improv to the network, and on a cable to the key."""
    from sluis.wire.improv.rpc import State
    from sluis_provision.enrol.improv import node_of, tell

    state = await device.state()
    about = await device.about()
    node = node_of(await device.host()) if about.firmware == OURS else ""
    made = _made(client, node, wish, writable=cable is not None)
    outcome = Outcome(
        node, made if cable is not None else None, about=f"{about.firmware} {about.version}, {about.name}"
    )
    if state is not State.JOINED or wish.network is not None or made is None:
        moved = wish.again or (wish.network is not None and bool(node))
        networks = [wish.network] if wish.network is not None else _networks(made)
        outcome.network, outcome.page = await tell(device, networks, again=moved, said=wish.said)
    if made is not None and cable is not None:
        await _handed(cable, made)
    return outcome


def _made(client: Client, node: str, wish: Wish, *, writable: bool) -> dict[str, Any] | None:
    """What is issued to the node: its key, and the site's networks. None where it keeps the key that it has."""
    if not node:
        return None
    known = {one["id"]: one["state"] for one in client.get("nodes")}
    if known.get(node) == "proven" and not (writable and wish.again):
        return None
    if not writable and (node not in known or wish.network is not None):
        return None
    return _issue(client, node, wish)


def _networks(made: dict[str, Any] | None) -> list[Network]:
    from sluis_provision.enrol.issued import Network

    if made is None:
        raise Failure("the site's networks are told only to nodes that get a key", "Name one with --ssid.")
    return [Network(one["ssid"], one["password"]) for one in made["net"]["networks"]]


def _issue(client: Client, node_id: str, wish: Wish, board: str = "") -> dict[str, Any]:
    """The gateway's answer to enrolling. What the board calls itself counts where nobody said what it is."""
    fresh = board if all(one["id"] != node_id for one in client.get("nodes")) else ""
    told = {**wish.told, "board": wish.told["board"] or fresh}
    made: dict[str, Any] = client.post("nodes", body={"id": node_id, **told})
    return made


# -- in the air -------------------------------------------------------------------------------------------


@asynccontextmanager
async def _in_the_air(target: str, wish: Wish) -> AsyncIterator[OverAir]:
    """A connection to the device with this address, or to the only one that offers Improv."""
    from sluis.cli.improv_air import connected, offering
    from sluis_provision.enrol.improv import OverAir
    from sluis_provision.enrol.improv.problem import NotHeard

    async with offering(wish.adapter, target if target != ANY_IN_THE_AIR else "") as (backend, found):
        if not found:
            who = "no device" if target == ANY_IN_THE_AIR else target
            raise NotHeard(f"{who} offers Improv within reach of {wish.adapter}")
        if len(found) > 1:
            raise Failure(
                "several devices offer Improv", "Name one of them: " + "; ".join(one.sentence() for one in found)
            )
        wish.said(f"connects to {found[0].sentence()}")
        device = OverAir(found[0].address)
        async with connected(backend, found[0].address, device.lost) as peer:
            await device.begin(peer)
            yield device
