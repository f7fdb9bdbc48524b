"""The node's MQTT client on the real MicroPython against real mosquitto, through everything that goes wrong."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from sluis.links.broker.credentials import hash_of
from tests.conftest import MOSQUITTO, Broker, a_free_port
from tests.firmware.pki import Authority
from tests.firmware.vm import HEAP, PATHS, micropython

pytestmark = pytest.mark.timeout(120)

SCRIPT = Path(__file__).with_name("mqtt_peer.py")


class Peer:
    """The client in a VM of its own. What it says are objects, in `said`."""

    def __init__(self, port: int, heap: str = HEAP, **told: Any) -> None:
        command = [micropython(), "-X", f"heapsize={heap}", "-c", PATHS + SCRIPT.read_text()]
        self._process = subprocess.Popen(
            command,
            env={"PEER": json.dumps({"port": port, **told})},  # an argument may have 255 characters
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(json.loads(line) if line.startswith("{") else {"raw": line})

    def tell(self, **wish: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(wish) + "\n")
        self._process.stdin.flush()

    def all(self, key: str) -> list[Any]:
        return [one[key] for one in self.said if key in one]

    def last(self, key: str) -> Any:
        found = self.all(key)
        return found[-1] if found else None

    def stop(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._thread.join(10)
            with self._process:  # closes its pipes
                pass


@pytest.fixture
def peer() -> Iterator[Callable[..., Peer]]:
    made: list[Peer] = []

    def make(port: int, **told: Any) -> Peer:
        made.append(Peer(port, **told))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def listening() -> Iterator[Callable[..., list[tuple[str, bytes]]]]:
    """Everything on these topics from now on, heard by a client of others."""
    clients: list[mqtt.Client] = []

    def listen(port: int, *topics: str) -> list[tuple[str, bytes]]:
        heard: list[tuple[str, bytes]] = []
        ready = threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.on_message = lambda _c, _u, message: heard.append((message.topic, message.payload))
        client.on_subscribe = lambda *_: ready.set()
        client.connect("127.0.0.1", port)
        client.subscribe([(topic, 1) for topic in topics])
        client.loop_start()
        clients.append(client)
        assert ready.wait(10)
        return heard

    yield listen
    for client in clients:
        client.disconnect()
        client.loop_stop()


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """mosquitto with these lines in its configuration."""
    made: list[Broker] = []

    def start(*lines: str) -> Broker:
        folder = tmp_path / f"broker{len(made)}"
        folder.mkdir()
        port = a_free_port()
        (folder / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nuser root\n" + "\n".join(lines) + "\n")
        made.append(Broker(port, folder))
        made[-1].start()
        return made[-1]

    assert MOSQUITTO
    yield start
    for each in made:
        each.stop()


# -- both ways ------------------------------------------------------------------------------------------------


async def test_both_qualities_arrive_once_and_in_order(
    broker: Broker, peer: Any, listening: Any, eventually: Any
) -> None:
    heard = listening(broker.port, "t/#")
    one = peer(broker.port, subscribe=["w/#"])
    await eventually(lambda: one.last("up") == 1)
    one.tell(publish=["t/one", "n#"], times=200)
    one.tell(publish=["t/zero", "z"], qos=0)
    one.tell(flush=20)
    await eventually(lambda: one.last("flushed") is True, within_s=30)
    await eventually(lambda: len(heard) == 201)
    assert [payload for topic, payload in heard if topic == "t/one"] == [b"n%d" % n for n in range(200)]
    assert one.last("dropped") == 0


async def test_wishes_arrive_at_both_qualities(broker: Broker, peer: Any, eventually: Any) -> None:
    one = peer(broker.port, subscribe=["w/#", "é"])
    await eventually(lambda: one.last("up") == 1)
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    for number in range(50):
        client.publish(f"w/{number}", f"p{number}", number % 2).wait_for_publish(10)
    client.publish("é", "ü", 1, retain=True).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()
    await eventually(lambda: len(one.all("got")) == 51)
    assert [each["payload"] for each in one.said if "got" in each][-1] == "ü"
    late = peer(broker.port, id="late", subscribe=["é"])
    await eventually(lambda: late.last("retained") is True)


async def test_the_will_is_published_when_it_dies(broker: Broker, peer: Any, listening: Any, eventually: Any) -> None:
    heard = listening(broker.port, "will/#")
    one = peer(broker.port)
    await eventually(lambda: one.last("up") == 1)
    one.stop()
    await eventually(lambda: heard == [("will/peer", b"gone")])


# -- who may --------------------------------------------------------------------------------------------------


async def test_a_password_opens_and_a_wrong_one_is_told(
    secured: Any, peer: Any, eventually: Any, tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text(f"node:{hash_of('right')}\n")
    passwords.chmod(0o600)
    broker = secured(f"password_file {passwords}", "allow_anonymous false")
    good = peer(broker.port, name="node", password="right")
    await eventually(lambda: good.last("up") == 1)
    bad = peer(broker.port, name="node", password="wrong")
    await eventually(lambda: "may not connect" in str(bad.last("note")) or "wrong name" in str(bad.last("note")))
    assert not bad.all("up")


async def test_tls_trusts_one_authority_and_one_name(
    secured: Any, peer: Any, eventually: Any, listening: Any, tmp_path: Path
) -> None:
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    broker = secured("allow_anonymous true", *ours.listener("sluis.local"))
    good = peer(broker.port, ca=ours.der.hex(), server="sluis.local", subscribe=["t/#"])
    await eventually(lambda: good.last("up") == 1, within_s=20)
    good.tell(send=["t/x", "x" * 1500], times=60)
    await eventually(lambda: len(good.all("got")) == 60, within_s=20)
    strange = peer(broker.port, ca=theirs.der.hex(), server="sluis.local")
    await eventually(lambda: bool(strange.all("note")), within_s=20)
    elsewhere = peer(broker.port, ca=ours.der.hex(), server="other.local")
    await eventually(lambda: bool(elsewhere.all("note")), within_s=20)
    assert not strange.all("up") + elsewhere.all("up")


async def test_mutual_tls(secured: Any, peer: Any, eventually: Any, tmp_path: Path) -> None:
    ours = Authority(tmp_path / "ours")
    broker = secured(*ours.listener("sluis.local"), "require_certificate true", "use_identity_as_username true")
    certificate, key = ours.issue("node-7")
    told = {"ca": ours.der.hex(), "server": "sluis.local"}
    good = peer(broker.port, **told, certificate=certificate.hex(), key=key.hex())
    await eventually(lambda: good.last("up") == 1, within_s=20)
    none = peer(broker.port, **told)
    await eventually(lambda: bool(none.all("note")), within_s=20)
    assert not none.all("up")


# -- what goes wrong ------------------------------------------------------------------------------------------


async def test_what_was_published_while_the_broker_was_dead_arrives(
    broker: Broker, peer: Any, eventually: Any, listening: Any
) -> None:
    one = peer(broker.port)
    await eventually(lambda: one.last("up") == 1)
    broker.kill()
    await eventually(lambda: bool(one.all("note")))
    one.tell(publish=["o/#", "n#"], times=50, retain=True)
    await eventually(lambda: one.last("held") == 50)
    broker.start()
    await eventually(lambda: one.last("up") == 2, within_s=30)
    one.tell(flush=20)
    await eventually(lambda: one.last("flushed") is True, within_s=30)
    heard = listening(broker.port, "o/#")
    await eventually(lambda: {topic for topic, _ in heard} == {f"o/{n}" for n in range(50)})
    assert one.last("dropped") == 0


async def test_a_full_outbox_keeps_the_newest_and_counts(broker: Broker, peer: Any, eventually: Any) -> None:
    broker.kill()
    one = peer(broker.port, outbox=[2000, 20])
    one.tell(publish=["o/#", "n#"], times=50)
    await eventually(lambda: one.last("held") == 20)
    assert one.last("dropped") == 30
    one.tell(publish=["big", "x" * 1900])
    await eventually(lambda: one.last("used") <= 2000 and one.last("held") < 20)
    one.tell(publish=["now", "at QoS 0"], qos=0)
    dropped = one.last("dropped")
    await eventually(lambda: one.last("dropped") > 30 and one.last("dropped") >= dropped)
    one.tell(publish=["huge", "x" * 3000])
    await eventually(lambda: one.last("held") == 0)


class Between:
    """A wire to the broker that can be cut, or go dead without a word."""

    def __init__(self, to: int) -> None:
        self.port = 0
        self.dead = False
        self.connections = 0
        self.answered = 0
        """Pings that the broker answered."""
        self._to = to
        self._open: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Between:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        self._open += [writer, back]
        await asyncio.gather(self._copy(reader, back), self._copy(there, writer), return_exceptions=True)

    async def _copy(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(4096):
                self.answered += data == b"\xd0\x00"
                if not self.dead:
                    to.write(data)
                    await to.drain()
        finally:
            to.close()

    def cut(self) -> None:
        for each in self._open:
            each.transport.abort()
        self._open = []


async def test_cut_again_and_again_nothing_is_lost(broker: Broker, peer: Any, listening: Any, eventually: Any) -> None:
    heard = listening(broker.port, "t/#")
    async with Between(broker.port) as wire:
        one = peer(wire.port)
        await eventually(lambda: one.last("up") == 1)
        one.tell(send=["t/x", "n#"], times=1500)
        for session in (2, 3, 4):
            so_far = len(heard)
            await eventually(lambda so_far=so_far: len(heard) > so_far or len(heard) >= 1500, within_s=30)
            wire.cut()
            await eventually(lambda session=session: one.last("up") >= session, within_s=30)
        one.tell(flush=30)
        await eventually(lambda: one.last("flushed") is True, within_s=60)
        await eventually(lambda: {payload for _, payload in heard} == {b"n%d" % n for n in range(1500)}, within_s=20)
        assert one.last("dropped") == 0


async def test_a_broker_that_is_silent_is_left(broker: Broker, peer: Any, listening: Any, eventually: Any) -> None:
    async with Between(broker.port) as wire:
        one = peer(wire.port, keepalive_s=4)
        await eventually(lambda: one.last("up") == 1)
        wire.dead = True
        one.tell(publish=["o/#", "n#"], times=10, retain=True)
        await eventually(lambda: "silent" in str(one.last("note")), within_s=30)
        wire.dead = False
        await eventually(lambda: one.last("up") == 2, within_s=30)
        one.tell(flush=20)
        await eventually(lambda: one.last("flushed") is True, within_s=30)
        heard = listening(broker.port, "o/#")
        await eventually(lambda: len(heard) == 10)


@pytest.mark.soak
async def test_an_idle_session_stays(broker: Broker, peer: Any, eventually: Any, listening: Any) -> None:
    """The broker ends a session after one and a half keep-alives without a packet; ours asks before that."""
    async with Between(broker.port) as wire:
        one = peer(wire.port, keepalive_s=2)
        await eventually(lambda: one.last("up") == 1)
        await eventually(lambda: wire.answered >= 4, within_s=30)
        one.tell(publish=["alive", "x"])
        one.tell(flush=10)
        await eventually(lambda: one.last("flushed") is True)
        assert one.all("up") == [1]
        assert wire.connections == 1


async def test_a_megabyte_in_pieces_out_and_in(broker: Broker, peer: Any, listening: Any, eventually: Any) -> None:
    size = 1 << 20
    heard = listening(broker.port, "big")
    one = peer(broker.port, subscribe=["big"])
    await eventually(lambda: one.last("up") == 1)
    one.tell(pieces=["big", size])
    await eventually(lambda: one.last("sent") == size, within_s=30)
    await eventually(lambda: one.last("total") == size, within_s=30)
    await eventually(lambda: [len(payload) for _, payload in heard] == [size])
    assert heard[0][1] == bytes(range(256)) * (size // 256)
    assert one.last("sum") == sum(heard[0][1]) & 0xFFFF
    one.tell(publish=["after", "x"])
    one.tell(flush=10)
    await eventually(lambda: one.last("flushed") is True)


async def test_something_that_is_no_broker_is_told_apart(peer: Any, eventually: Any) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        one = peer(server.sockets[0].getsockname()[1])
        await eventually(lambda: "no MQTT broker" in str(one.last("note")))


async def test_a_second_address_is_tried(broker: Broker, peer: Any, eventually: Any) -> None:
    one = peer(broker.port, hosts=["127.0.0.2", "127.0.0.1"])
    await eventually(lambda: one.last("up") == 1, within_s=30)
