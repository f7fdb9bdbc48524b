"""Improv over Bluetooth: the node's own peripheral and the technician's adapter, on two virtual controllers of Bumble.

The node's side runs on CPython: the unix port of MicroPython has no Bluetooth. It is the firmware's own code, on a
stand-in for the module `bluetooth` (`bumble_bluetooth`); its codec runs on MicroPython too (`tests/firmware`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sluis.cli import improv_air
from sluis.cli.improv_air import connected, offering
from sluis.model import LinkError
from sluis.wire.improv.radio import COMMAND
from sluis.wire.improv.rpc import Can, Seen, State
from sluis_provision.enrol.improv import OverAir, device, node_of, tell
from sluis_provision.enrol.improv.problem import BadAnswer, Gone, Joined, Locked, NotJoined
from sluis_provision.enrol.issued import Network
from tests.conftest import a_free_port
from tests.links.ble.air import Adapter, Air

from .improv_board import ADDRESS, HOST, NETWORKS, PASSWORD, Board, a_board, the_firmware

pytestmark = pytest.mark.timeout(60)

Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
def firmware() -> Iterator[Any]:
    with the_firmware() as modules:
        yield modules


@pytest.fixture
async def air() -> AsyncIterator[Air]:
    made = Air()
    yield made
    await made.close()


@pytest.fixture
async def adapter(air: Air) -> Adapter:
    return await air.adapter(a_free_port())


@pytest.fixture
async def board(air: Air, firmware: Any) -> AsyncIterator[Board]:
    async with a_board(air, firmware) as made:
        yield made


@asynccontextmanager
async def beside(adapter: Adapter, address: str = ADDRESS) -> AsyncIterator[OverAir]:
    """A technician's machine, connected to the node."""
    async with offering(adapter.spec, address) as (backend, found):
        (offer,) = found
        told = OverAir(offer.address)
        async with connected(backend, offer.address, told.lost) as peer:
            await told.begin(peer)
            yield told


async def test_a_network_is_told_over_bluetooth(board: Board, adapter: Adapter, eventually: Eventually) -> None:
    async with beside(adapter) as told:
        assert told.can == Can.IDENTIFY | Can.ABOUT | Can.SCAN | Can.HOSTNAME
        assert await told.state() is State.READY
        about = await told.about()
        assert (about.firmware, about.hardware, about.name) == ("Sluis node", "RP2040", "Boiler room")
        assert node_of(await told.host()) == "e66118604b4a2c21"
        heard = await told.scan()
        assert heard[:2] == (Seen("attic", -50, True), Seen("guests", -70, False))
        assert 5 < len(heard) < len(NETWORKS), "as many as fit into one answer"
        assert await told.identify()
        await eventually(lambda: board.blinks == [10])
        with pytest.raises(NotJoined, match=r"could not join attic \(heard at -50 dBm\)"):
            await tell(told, [Network("attic", "a wrong password")])
        with pytest.raises(BadAnswer, match="bad hostname"):
            await told.rename("lamp")
        assert await told.state() is State.READY
        assert await tell(told, [Network("attic", PASSWORD)]) == ("attic", "")
        assert await told.state() is State.JOINED
        with pytest.raises(Joined):
            await tell(told, [Network("attic", PASSWORD)])
    assert board.kept == [("attic", PASSWORD)]
    assert board.way.known == [{"ssid": "attic", "password": PASSWORD}]
    assert [one[-6] for one in board.bluetooth.advertised[:1]] == [State.READY]


async def test_it_is_found_without_its_address(board: Board, adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(improv_air, "MORE_S", 0.1)
    async with offering(adapter.spec, "") as (_, found):
        (only,) = found
    assert (only.address, only.state) == (ADDRESS, State.READY)
    assert only.sentence().startswith(f"{ADDRESS} (ready")


async def test_one_with_a_key_is_locked_a_while_after_its_start(board: Board, adapter: Adapter) -> None:
    board.up_s = 601
    async with beside(adapter) as told:
        assert await told.state() is State.LOCKED
        with pytest.raises(Locked, match="beside it"):
            await tell(told, [Network("attic", PASSWORD)])
        with pytest.raises(Locked, match="is locked"):
            await told.join("attic", PASSWORD)
        assert await told.host() == HOST, "it may still be asked who it is"
    assert board.kept == []
    board.up_s = 2  # switched off and on
    async with beside(adapter) as told:
        assert await tell(told, [Network("attic", PASSWORD)]) == ("attic", "")


async def test_a_damaged_command_is_asked_again(board: Board, adapter: Adapter) -> None:
    async with beside(adapter) as told:
        await told._peer.write(COMMAND, b"\x03\x00\x04")  # the sum is 3
        kind, data = await told.next()
        while data != b"\x01":
            kind, data = await told.next()
        assert kind == device.Packet.ERROR
        assert (await told.about()).name == "Boiler room"


async def test_a_connection_that_ends_while_it_joins(board: Board, adapter: Adapter, eventually: Eventually) -> None:
    board.way.joining = board.peripheral.drop
    async with beside(adapter) as told:
        with pytest.raises((Gone, LinkError)):
            await told.join("attic", PASSWORD)
    # It tried all the same, and the next who comes is told so.
    await eventually(lambda: board.way.joined == "attic")
    assert board.kept == [("attic", PASSWORD)]
