"""What every link promises, asked of each: MQTT over a real mosquitto, and replay."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import paho.mqtt.client as mqtt
import pytest

from sluis.links.mqtt import MqttLink
from sluis.links.replay import ReplayLink
from sluis.links.settings import MqttSettings
from sluis.model import Frame, LinkError
from sluis.runtime import SystemClock

Eventually = Callable[..., Awaitable[None]]


class Rig(Protocol):
    """A link and the other side of it."""

    link: Any

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def feed(self, topic: str, *payloads: bytes) -> None: ...
    async def lose(self) -> None: ...
    async def heal(self) -> None: ...
    async def forget(self) -> None:
        """Lose, and come back without a memory of the session."""


@dataclass
class MqttRig:
    broker: Any
    folder: Path
    link: MqttLink = field(init=False)
    running: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        settings = MqttSettings(port=self.broker.port, reconnect_cap_s=0.3, max_payload_bytes=2_000)
        self.link = MqttLink(settings, SystemClock(), session_file=self.folder / "session")

    async def start(self) -> None:
        self.running = asyncio.ensure_future(self.link.run())

    async def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.running
            self.running = None

    async def feed(self, topic: str, *payloads: bytes) -> None:
        await asyncio.to_thread(self._feed, topic, payloads)

    def _feed(self, topic: str, payloads: tuple[bytes, ...]) -> None:
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", self.broker.port)
        client.loop_start()
        for given in [client.publish(topic, payload, 1) for payload in payloads]:
            given.wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    async def lose(self) -> None:
        await asyncio.to_thread(self.broker.stop)

    async def heal(self) -> None:
        await asyncio.to_thread(self.broker.start)

    async def forget(self) -> None:
        await self.lose()
        (self.broker.folder / "mosquitto.db").unlink(missing_ok=True)
        await self.heal()


@dataclass
class ReplayRig:
    link: ReplayLink = field(default_factory=lambda: ReplayLink("replay", SystemClock()))
    running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.running = asyncio.ensure_future(self.link.run())

    async def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.running
            self.running = None

    async def feed(self, topic: str, *payloads: bytes) -> None:
        for payload in payloads:
            self.link.feed(topic, payload)

    async def lose(self) -> None:
        self.link.lose()

    async def heal(self) -> None:
        self.link.heal()

    async def forget(self) -> None:
        self.link.lose()
        self.link.heal(session_kept=False)


@pytest.fixture(params=["mqtt", "replay"])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    made: Rig = MqttRig(request.getfixturevalue("broker"), tmp_path) if request.param == "mqtt" else ReplayRig()
    yield made
    await made.stop()


async def up(rig: Rig, eventually: Eventually, *filters: str) -> None:
    rig.link.set_filters(frozenset(filters))
    await rig.start()
    await eventually(lambda: rig.link.up)
    if filters:
        await subscribed(rig)


async def subscribed(rig: Rig) -> None:
    """The broker has taken the subscriptions: an answer to a question sent after them has come."""
    if isinstance(rig, MqttRig):
        await rig.link.send(b"", to="test/fence")


async def collect(rig: Rig, count: int) -> list[Frame]:
    frames: list[Frame] = []
    async with asyncio.timeout(20):
        while len(frames) < count:
            frames += await rig.link.take()
    return frames


async def test_frames_come_in_order_with_source_and_time(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually, "plug/+")
    await rig.feed("plug/a", b"1", b"2", b"3")
    await rig.feed("lamp/a", b"not asked for")
    frames = await collect(rig, 3)
    assert [(frame.source, frame.data) for frame in frames] == [("plug/a", b"1"), ("plug/a", b"2"), ("plug/a", b"3")]
    assert all(frame.token is not None and frame.delivery is not None for frame in frames)
    assert all(frame.link == rig.link.name and frame.stamp.at_us > 0 and not frame.retained for frame in frames)


async def test_changes_are_told(rig: Rig, eventually: Eventually) -> None:
    told: list[bool] = []
    rig.link.on_change(lambda is_up, reason: told.append(is_up))
    await up(rig, eventually)
    await rig.lose()
    await eventually(lambda: not rig.link.up)
    assert rig.link.health().reason
    await rig.heal()
    await eventually(lambda: told == [True, False, True])
    health = rig.link.health()
    assert (health.up, health.reconnects, health.reason) == (True, 1, "")


async def test_unacknowledged_frames_come_again_and_acknowledged_ones_do_not(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually, "plug/#")
    await rig.feed("plug/a", b"1", b"2", b"3", b"4")
    frames = await collect(rig, 4)
    rig.link.acknowledge([frame.token for frame in frames[:2]])
    await subscribed(rig)  # everything sent before has arrived
    session = rig.link.session
    await rig.lose()
    await eventually(lambda: not rig.link.up)
    await rig.heal()
    again = await collect(rig, 2)
    assert [(frame.data, frame.duplicate) for frame in again] == [(b"3", True), (b"4", True)]
    assert [frame.delivery for frame in again] == [frame.delivery for frame in frames[2:]]
    assert rig.link.session == session


async def test_an_acknowledgement_of_an_earlier_connection_is_void(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually, "plug/#")
    await rig.feed("plug/a", b"1")
    [early] = await collect(rig, 1)
    for _ in range(2):
        await rig.lose()
        await eventually(lambda: not rig.link.up)
        await rig.heal()
        [again] = await collect(rig, 1)
        assert again.data == b"1"
        rig.link.acknowledge([early.token])
        await subscribed(rig)
    assert again.token != early.token


async def test_a_session_that_was_lost_has_another_name(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually, "plug/#")
    session = rig.link.session
    assert session
    await rig.forget()
    await eventually(lambda: rig.link.up and rig.link.session != session)
    await subscribed(rig)
    await rig.feed("plug/a", b"after")
    assert (await collect(rig, 1))[-1].data == b"after"


async def test_more_than_fits_waits_and_nothing_is_dropped(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually, "plug/#")
    payloads = [b"%d" % number for number in range(8_000)]
    await rig.feed("plug/a", *payloads)
    frames: list[Frame] = []
    while len(frames) < len(payloads):
        more = await collect(rig, 1)
        frames += more
        rig.link.acknowledge([frame.token for frame in more])
    assert [frame.data for frame in frames] == payloads


async def test_sending_while_down_is_refused(rig: Rig, eventually: Eventually) -> None:
    with pytest.raises(LinkError):
        await rig.link.send(b"x", to="plug/a/set")
    await up(rig, eventually)
    await rig.link.send(b"x", to="plug/a/set")
    assert rig.link.health().sent >= 1


async def test_a_request_without_an_answer_fails_in_time(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually)
    with pytest.raises(LinkError, match="no answer"):
        await rig.link.request(b"?", to="plug/a/get", reply="plug/a/answer", timeout_s=0.1)


async def test_a_request_gets_the_first_answer(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually)
    asking = asyncio.ensure_future(rig.link.request(b"?", to="plug/a/get", reply="plug/a/+", timeout_s=10))
    await eventually(lambda: rig.link.health().sent >= 1)
    await subscribed(rig)
    await rig.feed("plug/a/answer", b"42", b"43")
    assert (await asking).data == b"42"


async def test_a_stop_is_clean_and_can_be_followed_by_a_start(rig: Rig, eventually: Eventually) -> None:
    await up(rig, eventually, "plug/#")
    await rig.feed("plug/a", b"1")
    await collect(rig, 1)
    await rig.stop()
    assert not rig.link.up
    await rig.start()
    await eventually(lambda: rig.link.up)
    again = await collect(rig, 1)
    assert (again[0].data, again[0].duplicate) == (b"1", True)
