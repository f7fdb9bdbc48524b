"""The MQTT link beyond the contract: what brokers and clocks do to it, against a real mosquitto."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sluis.links.mqtt import MqttLink
from sluis.links.recording import frames_of
from sluis.links.settings import MqttSettings
from sluis.runtime import SystemClock

Eventually = Callable[..., Awaitable[None]]
Start = Callable[[Awaitable[object]], asyncio.Task[object]]


def raw_publish(port: int, topic: bytes, payload: bytes) -> None:
    """QoS 0, past every library's checks."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(bytes.fromhex("100d00044d5154540402003c000178"))
        assert link.recv(4) == b"\x20\x02\x00\x00"
        body = struct.pack("!H", len(topic)) + topic + payload
        size, length = len(body), bytearray()
        while True:
            size, digit = divmod(size, 128)
            length.append(digit | (0x80 if size else 0))
            if not size:
                break
        link.sendall(b"\x30" + bytes(length) + body + b"\xe0\x00")
        link.recv(1)


@pytest.fixture
async def link(broker: Any, tasks: Start, eventually: Eventually, tmp_path: Path) -> MqttLink:
    settings = MqttSettings(port=broker.port, reconnect_cap_s=0.3, max_payload_bytes=2_000)
    made = MqttLink(settings, SystemClock(), session_file=tmp_path / "session")
    made.set_filters(frozenset({"plug/#"}))
    tasks(made.run())
    await eventually(lambda: made.up)
    await made.send(b"", to="test/fence")
    return made


async def test_a_huge_message_is_reported_and_harms_nobody(link: MqttLink, broker: Any) -> None:
    told: list[tuple[str, int]] = []
    link.on_oversize(lambda topic, size: told.append((topic, size)))
    await asyncio.to_thread(raw_publish, broker.port, b"plug/cam", b"x" * 300_000)
    await asyncio.to_thread(raw_publish, broker.port, b"plug/cam", b"small")
    assert [frame.data for frame in await link.take()] == [b"small"]
    assert told == [("plug/cam", 300_000)]
    assert link.health().oversize == 1


async def test_a_message_at_the_wrong_level_of_size_is_acknowledged(
    link: MqttLink, broker: Any, eventually: Eventually
) -> None:
    """An oversize QoS 1 message must not come again for ever."""
    await link.send(b"x" * 5_000, to="plug/cam")
    await eventually(lambda: link.health().oversize == 1)
    await link.send(b"", to="test/fence")
    broker.stop()
    await eventually(lambda: not link.up)
    broker.start()
    await eventually(lambda: link.up)
    await link.send(b"last", to="plug/a")
    assert [frame.data for frame in await link.take()] == [b"last"]
    assert link.health().oversize == 1


def a_broker_that_dies(listening: socket.socket, messages: int, die: threading.Event, dead: threading.Event) -> None:
    """Hands over one message, then more, and is gone with the acknowledgement of the first unread: the kernel answers
    such an end with a reset, as after SIGKILL."""
    link, _ = listening.accept()
    link.recv(1_000)
    link.sendall(b"\x20\x02\x00\x00" + publication(1))
    die.wait(20)
    link.sendall(b"".join(publication(number) for number in range(2, messages + 1)))
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()
    dead.set()


def publication(number: int) -> bytes:
    body = struct.pack("!H", 6) + b"plug/a" + struct.pack("!H", number) + b"%03d" % number
    return b"\x32" + bytes([len(body)]) + body


async def test_what_a_broker_handed_over_before_it_died_is_taken_in(
    tasks: Start, eventually: Eventually, tmp_path: Path
) -> None:
    """Its senders were told that these messages are safe, and a broker that was killed does not know them any more."""
    die, dead, first_is_here = threading.Event(), threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        broker = threading.Thread(target=a_broker_that_dies, args=(listening, 50, die, dead), daemon=True)
        broker.start()
        made = MqttLink(MqttSettings(port=listening.getsockname()[1]), SystemClock(), session_file=tmp_path / "session")
        made.set_filters(frozenset({"plug/#"}))
        line = made._line

        def hold_on(frames: Any) -> None:
            """In the network thread: it finds the reset when it is about to write, before it looks for more to read."""
            if not first_is_here.is_set():
                first_is_here.set()
                die.set()
                dead.wait(20)
                line.acknowledge([frames[0].token])

        line.on_frames = hold_on
        tasks(made.run())
        await asyncio.to_thread(first_is_here.wait, 20)
        await eventually(lambda: dead.is_set() and not made.up)
    assert [frame.data for frame in await made.take()] == [b"%03d" % number for number in range(1, 51)]


async def test_wills_say_whether_the_gateway_is_there(link: MqttLink, broker: Any, eventually: Eventually) -> None:
    watcher = MqttLink(MqttSettings(port=broker.port, client_id="watcher", will_topic=""), SystemClock())
    watcher.set_filters(frozenset({"sluis/gateway/status"}))
    running = asyncio.ensure_future(watcher.run())
    try:
        assert [(frame.data, frame.retained) for frame in await watcher.take()] == [(b"online", True)]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_filters_follow_what_is_wanted(link: MqttLink, broker: Any, eventually: Eventually) -> None:
    link.set_filters(frozenset({"lamp/#"}))
    await link.send(b"", to="test/fence")
    await link.send(b"no", to="plug/a")
    await link.send(b"yes", to="lamp/a")
    assert [frame.data for frame in await link.take()] == [b"yes"]


async def test_filters_of_an_earlier_life_end(
    broker: Any, tasks: Start, eventually: Eventually, tmp_path: Path
) -> None:
    settings = MqttSettings(port=broker.port)
    first = MqttLink(settings, SystemClock(), session_file=tmp_path / "session")
    first.set_filters(frozenset({"old/#", "plug/#"}))
    running = tasks(first.run())
    await eventually(lambda: first.up)
    await first.send(b"", to="test/fence")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert set(json.loads((tmp_path / "session").read_text())["filters"]) == {"old/#", "plug/#"}

    second = MqttLink(settings, SystemClock(), session_file=tmp_path / "session")
    second.set_filters(frozenset({"plug/#"}))
    tasks(second.run())
    await eventually(lambda: second.up)
    assert second.session == first.session
    await second.send(b"no", to="old/a")
    await second.send(b"yes", to="plug/a")
    assert [frame.data for frame in await second.take()] == [b"yes"]


async def test_retained_values_come_again_after_an_outage(link: MqttLink, broker: Any, eventually: Eventually) -> None:
    """Quality of service 0 is not kept for us while we are away; the retained value is the next best."""
    await link.send(b"on", to="plug/a", retain=True)
    frames = await link.take()
    link.acknowledge([frame.token for frame in frames if frame.token is not None])
    broker.stop()
    await eventually(lambda: not link.up)
    broker.start()
    assert [(frame.data, frame.retained) for frame in await link.take()] == [(b"on", True)]


async def test_a_wrong_login_is_told_and_tried_again(
    broker: Any, tasks: Start, eventually: Eventually, tmp_path: Path
) -> None:
    broker.stop()
    conf = broker.folder / "mosquitto.conf"
    conf.write_text(conf.read_text().replace("allow_anonymous true", "allow_anonymous false"))
    broker.start()
    link = MqttLink(MqttSettings(port=broker.port, reconnect_cap_s=0.3), SystemClock())
    tasks(link.run())
    await eventually(lambda: "refused" in link.health().reason)
    conf.write_text(conf.read_text().replace("allow_anonymous false", "allow_anonymous true"))
    broker.stop()
    broker.start()
    await eventually(lambda: link.up)
    assert "refused" not in link.health().reason


async def test_a_broker_that_falls_silent_is_given_up(tasks: Start, eventually: Eventually) -> None:
    """A half-open connection: the other side takes bytes and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []
        greeted = threading.Event()

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                taken.append(peer)
                peer.recv(1000)
                peer.sendall(b"\x20\x02\x00\x00")
                greeted.set()

        thread = threading.Thread(target=serve)
        thread.start()
        settings = MqttSettings(port=server.getsockname()[1], keepalive_s=1, reconnect_cap_s=0.1)
        link = MqttLink(settings, SystemClock())
        tasks(link.run())
        await eventually(lambda: "silent" in link.health().last_error)
        assert greeted.is_set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for peer in taken:
            peer.close()


async def test_a_full_inbox_does_not_cost_the_connection(broker: Any, tasks: Start, eventually: Eventually) -> None:
    """Intake may stand still for hours (a full disk); the broker must go on believing in us, and nothing is lost."""
    # Three seconds are what a broker that writes to a slow disk, or a machine with other work, may take for an answer.
    link = MqttLink(MqttSettings(port=broker.port, keepalive_s=2), SystemClock())
    link.set_filters(frozenset({"plug/#"}))
    tasks(link.run())
    await eventually(lambda: link.up)
    other = MqttLink(MqttSettings(port=broker.port, client_id="other", will_topic=""), SystemClock())
    tasks(other.run())
    await eventually(lambda: other.up)
    count = 12_000
    for start in range(0, count, 1_000):
        await asyncio.gather(*(other.send(b"%d" % number, to="plug/a") for number in range(start, start + 1_000)))
    await eventually(lambda: link.health().waiting >= 5_000)
    await asyncio.sleep(6.5)  # twice the time after which the broker gives up on a silent client
    frames = []
    while len(frames) < count:
        more = await link.take()
        link.acknowledge([frame.token for frame in more if frame.token is not None])
        frames += more
    assert [int(frame.data) for frame in frames] == list(range(count))
    assert link.health().reconnects == 0


async def test_a_topic_that_is_no_text_does_not_stop_the_thread(tasks: Start, eventually: Eventually) -> None:
    """mosquitto refuses such topics; another broker may not."""
    bad = b"\x30\x08\x00\x04plu\xff" + b"on"
    good = b"\x32\x0a\x00\x04plug\x00\x01on"
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = MqttLink(MqttSettings(port=server.getsockname()[1], will_topic=""), SystemClock())
        tasks(link.run())
        peer, _ = await asyncio.to_thread(server.accept)
        with peer:
            peer.recv(1000)
            peer.sendall(b"\x20\x02\x00\x00" + bad + good)
            assert [frame.data for frame in await link.take()] == [b"on"]
            assert link.health().dropped == 1


async def test_what_is_recorded_can_be_replayed(link: MqttLink, tmp_path: Path, eventually: Eventually) -> None:
    file = tmp_path / "frames.jsonl"
    link.record(file)
    await link.send(b'{"on": true}', to="plug/a")
    await link.send(b"\xff\x00", to="plug/b")
    await eventually(lambda: link.health().received == 2)
    link.record(None)
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(entry["name"], entry.get("text"), entry.get("hex")) for entry in entries] == [
        ("recorded-1", '{"on": true}', None),
        ("recorded-2", None, "ff00"),
    ]
    assert [(frame.source, frame.data) for frame in frames_of(file.read_text().splitlines(), "replay")] == [
        ("plug/a", b'{"on": true}'),
        ("plug/b", b"\xff\x00"),
    ]
