"""The MQTT link: paho-mqtt in a thread of its own, acknowledging only when told to.

Theory of operation. One thread owns the socket. It drives paho through its public external-loop calls
(`loop_read`, `loop_write`, `loop_misc`), so reading, writing and reconnecting are ours: paho never reconnects
by itself, and never acknowledges by itself. Received frames go into a bounded list; the event loop is woken at
most once for all that waits there. When the list is full the thread stops reading, TCP presses back, and the
broker keeps what it has: nothing of QoS 1 is dropped here. Acknowledgements come from any thread, are queued, and
are sent by the network thread; those of an earlier connection are void, since the broker will deliver again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from sluis.links.settings import MqttSettings
from sluis.model import Frame, LinkError
from sluis.runtime import Backoff, Clock
from sluis.wire.topics import matches

log = logging.getLogger(__name__)

WAITING = 5_000
"""Frames waiting for intake at most. At 256 bytes some 3 MB; full for a moment only in a burst that outruns intake.
Smaller and the socket is paused for every burst; larger and more is in memory when the power goes."""

READ_AT_ONCE = 200
"""Packets read before the thread looks at what it has to send. Smaller costs a system call for each few packets;
larger and acknowledgements wait behind a burst."""


@dataclass(frozen=True, slots=True)
class LinkHealth:
    """Counters since start, for the link's page."""

    name: str
    up: bool
    since_us: int
    reason: str = ""
    received: int = 0
    sent: int = 0
    waiting: int = 0
    dropped: int = 0
    oversize: int = 0
    reconnects: int = 0


class MqttLink:
    """One connection to one broker. `run` keeps it up until cancelled."""

    def __init__(self, settings: MqttSettings, clock: Clock, *, session_file: Path | None = None) -> None:
        self.name = settings.name
        self.up = False
        self.session = _read_session(session_file)
        self.settings = settings
        self._clock = clock
        self._session_file = session_file
        self._health = LinkHealth(self.name, False, clock.stamp().at_us, "not connected yet")
        self._filters: frozenset[str] = frozenset()
        self._subscribed: set[str] = set()
        self._frames: list[Frame] = []
        self._lock = threading.Lock()
        self._acks: deque[int] = deque()
        self._outgoing: deque[tuple[str, bytes, int, bool, Future[None]]] = deque()
        self._unconfirmed: dict[int, Future[None]] = {}
        self._replies: list[tuple[str, Future[Frame]]] = []
        self._connection = 0
        self._received = 0
        self._woken = False
        self._stopping = False
        self._arrived = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: list[Callable[[bool, str], None]] = []
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        os.set_blocking(self._write_end, False)
        self._client = self._make_client()

    # -- for the event loop -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect and stay connected; ends when cancelled, leaving the session at the broker."""
        self._loop = asyncio.get_running_loop()
        self._stopping = False
        thread = threading.Thread(target=self._live, name=f"link-{self.name}", daemon=True)
        thread.start()
        try:
            await asyncio.Event().wait()
        finally:
            self._stopping = True
            self._nudge()
            while thread.is_alive():
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.005)

    def on_change(self, listener: Callable[[bool, str], None]) -> None:
        """Call `listener(up, reason)` on the event loop whenever the link comes up or is lost."""
        self._listeners.append(listener)

    async def take(self) -> list[Frame]:
        """Everything waiting, in order of arrival; at least one frame."""
        while True:
            self._arrived.clear()
            with self._lock:
                frames, self._frames = self._frames, []
                self._woken = False
            if len(frames) >= WAITING:
                self._nudge()
            if frames:
                return frames
            await self._arrived.wait()

    def acknowledge(self, tokens: Sequence[int]) -> None:
        """Tell the broker that these frames are safe. From any thread."""
        self._acks.extend(tokens)
        self._nudge()

    def set_filters(self, filters: frozenset[str]) -> None:
        """Be subscribed to exactly these topic filters (QoS 1), now and after every reconnect."""
        self._filters = filters
        self._nudge()

    async def send(self, data: bytes, *, to: str = "", retain: bool = False, qos: int = 1) -> None:
        """Publish; returns when the broker has it. LinkError when it has not within `send_timeout_s`."""
        if not self.up:
            raise LinkError(f"{self.name} is down: {self._health.reason}")
        sent: Future[None] = Future()
        self._outgoing.append((to, data, qos, retain, sent))
        self._nudge()
        try:
            await asyncio.wait_for(asyncio.wrap_future(sent), self.settings.send_timeout_s)
        except TimeoutError:
            raise LinkError(f"{self.name}: the broker did not take a message to {to}") from None

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        """Publish, then the first frame that arrives on the topic filter `reply`."""
        answer: Future[Frame] = Future()
        entry = (reply, answer)
        self._replies.append(entry)
        try:
            await self.send(data, to=to)
            return await asyncio.wait_for(asyncio.wrap_future(answer), timeout_s)
        except TimeoutError:
            raise LinkError(f"{self.name}: no answer on {reply} within {timeout_s} s") from None
        finally:
            self._replies.remove(entry)

    def health(self) -> LinkHealth:
        return replace(self._health, received=self._received, waiting=len(self._frames))

    # -- in the network thread ----------------------------------------------------------------------------

    def _live(self) -> None:
        backoff = Backoff(first_s=0.2, cap_s=self.settings.reconnect_cap_s)
        while not self._stopping:
            reason = self._connect()
            if not reason:
                reason = self._converse(backoff)
            self._lost(reason)
            wait_until = time.monotonic() + backoff.next_s()
            while not self._stopping and time.monotonic() < wait_until:
                select.select([self._read_end], [], [], min(0.2, max(0, wait_until - time.monotonic())))
                self._drain_pipe()

    def _make_client(self) -> mqtt.Client:
        settings = self.settings
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=settings.client_id, clean_session=False, manual_ack=True
        )
        client.max_inflight_messages_set(0)
        client.max_queued_messages_set(0)
        client.enable_logger(log.getChild("paho"))
        if settings.username:
            client.username_pw_set(settings.username, settings.password())
        if settings.ca_file is not None:
            client.tls_set_context(ssl.create_default_context(cafile=str(settings.ca_file)))
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_socket_register_write = lambda *_: self._nudge()
        return client

    def _connect(self) -> str:
        """Open the socket; "" or why not."""
        settings = self.settings
        try:
            if settings.will_topic:
                self._client.will_set(settings.will_topic, b"offline", qos=1, retain=True)
            if settings.username:
                self._client.username_pw_set(settings.username, settings.password())
            self._client.connect(settings.host, settings.port, keepalive=settings.keepalive_s)
        except (OSError, ValueError) as error:
            return str(error) or type(error).__name__
        return ""

    def _converse(self, backoff: Backoff) -> str:
        """Read and write until the connection ends; why it ended."""
        client = self._client
        while not self._stopping:
            sock = client.socket()
            if sock is None:
                return "the broker closed the connection"
            self._write_out(client)
            reading: list[Any] = [sock, self._read_end] if len(self._frames) < WAITING else [self._read_end]
            writing = [sock] if client.want_write() else []
            # TLS may hold decrypted bytes that select cannot see.
            pending = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0 and len(reading) == 2
            ready: list[Any]
            ready, writable, _ = select.select(reading, writing, [], 0 if pending else 0.5)
            result = MQTTErrorCode.MQTT_ERR_SUCCESS
            if self._read_end in ready:
                self._drain_pipe()
            if sock in ready or pending:
                result = client.loop_read(READ_AT_ONCE)
            if writable and result == MQTTErrorCode.MQTT_ERR_SUCCESS:
                result = client.loop_write()
            if result == MQTTErrorCode.MQTT_ERR_SUCCESS:
                result = client.loop_misc()
            if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return mqtt.error_string(result)
            if self.up:
                backoff.reset()
        self._leave(client)
        return "stopped"

    def _leave(self, client: mqtt.Client) -> None:
        """Send what is waiting, then disconnect; the session stays at the broker."""
        self._write_out(client)
        if self.settings.will_topic and self.up:
            client.publish(self.settings.will_topic, b"offline", 1, retain=True)
        client.disconnect()
        deadline = time.monotonic() + 1
        while client.want_write() and client.socket() is not None and time.monotonic() < deadline:
            client.loop_write()

    def _write_out(self, client: mqtt.Client) -> None:
        """Hand paho what others queued: acknowledgements, subscriptions, messages."""
        while self._acks:
            token = self._acks.popleft()
            if token >> 16 == self._connection:
                client.ack(token & 0xFFFF, 1)
        if not self.up:
            return
        wanted = self._filters
        if wanted != self._subscribed:
            gone, fresh = self._subscribed - wanted, wanted - self._subscribed
            for group in _in_groups(sorted(gone)):
                client.unsubscribe(group)
            for group in _in_groups(sorted(fresh)):
                client.subscribe([(topic, 1) for topic in group])
            self._subscribed = set(wanted)
        while self._outgoing:
            topic, data, qos, retain, sent = self._outgoing.popleft()
            self._publish(client, topic, data, qos, retain, sent)

    def _publish(
        self, client: mqtt.Client, topic: str, data: bytes, qos: int, retain: bool, sent: Future[None]
    ) -> None:
        try:
            info = client.publish(topic, data, qos, retain)
        except ValueError as error:
            sent.set_exception(LinkError(f"{self.name}: cannot publish to {topic!r}: {error}"))
            return
        self._count(sent=1)
        if qos == 0:
            _resolve(sent)
        else:
            self._unconfirmed[info.mid] = sent

    def _on_publish(self, _client: mqtt.Client, _data: Any, mid: int, *_: Any) -> None:
        sent = self._unconfirmed.pop(mid, None)
        if sent is not None:
            _resolve(sent)

    def _on_connect(self, client: mqtt.Client, _data: Any, flags: Any, reason: Any, *_: Any) -> None:
        if reason.is_failure:
            self._health = replace(self._health, reason=str(reason))
            return
        self._connection += 1
        self._subscribed = set()
        if not flags.session_present or not self.session:
            self.session = os.urandom(6).hex()
            _write_session(self._session_file, self.session)
        if self.settings.will_topic:
            client.publish(self.settings.will_topic, b"online", 1, retain=True)
        self.up = True
        first = self._health.reason == "not connected yet"
        reconnects = self._health.reconnects + (not first)
        self._health = replace(
            self._health, up=True, since_us=self._clock.stamp().at_us, reason="", reconnects=reconnects
        )
        self._tell(True, "")

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        stamp = self._clock.stamp()
        token = self._connection << 16 | message.mid if message.qos else None
        if len(message.payload) > self.settings.max_payload_bytes:
            self._count(oversize=1)
            log.warning("%s: %d bytes on one message is too much; not taken in", self.name, len(message.payload))
            if token is not None:
                self._acks.append(token)
            return
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self._count(dropped=1)
            if token is not None:
                self._acks.append(token)
            return
        frame = Frame(
            self.name,
            topic,
            bytes(message.payload),
            stamp,
            retained=bool(message.retain),
            token=token,
            delivery=message.mid if message.qos else None,
            duplicate=bool(message.dup),
        )
        for reply, answer in tuple(self._replies):
            if not answer.done() and matches(reply, topic):
                with suppress(Exception):
                    answer.set_result(frame)
        self._arrive(frame)

    def _arrive(self, frame: Frame) -> None:
        with self._lock:
            self._frames.append(frame)
            wake, self._woken = not self._woken, True
        self._received += 1
        if wake:
            self._call(self._arrived.set)

    def _lost(self, reason: str) -> None:
        was_up, self.up = self.up, False
        failed = LinkError(f"{self.name} was lost: {reason}")
        for sent in [*self._unconfirmed.values(), *(entry[4] for entry in self._outgoing)]:
            if not sent.done():
                sent.set_exception(failed)
        self._unconfirmed.clear()
        self._outgoing.clear()
        kept = self._health.reason if not was_up and self._health.reason.startswith("Not auth") else reason
        self._health = replace(self._health, up=False, since_us=self._clock.stamp().at_us, reason=kept)
        # A client that keeps its unconfirmed messages would send them again by itself: start with a fresh one.
        self._client = self._make_client()
        if was_up:
            if not self._stopping:
                log.warning("%s lost: %s", self.name, reason)
            self._tell(False, reason)

    def _tell(self, up: bool, reason: str) -> None:
        if up:
            log.info("%s is up", self.name)
        for listener in self._listeners:
            self._call(listener, up, reason)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> None:
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop has ended: nobody listens any more
            self._loop.call_soon_threadsafe(function, *arguments)

    def _count(self, **more: int) -> None:
        self._health = replace(self._health, **{key: getattr(self._health, key) + by for key, by in more.items()})

    def _nudge(self) -> None:
        with suppress(BlockingIOError, OSError):
            os.write(self._write_end, b"x")

    def _drain_pipe(self) -> None:
        with suppress(BlockingIOError):
            while len(os.read(self._read_end, 4096)) == 4096:
                pass


def _in_groups(topics: list[str], size: int = 100) -> list[list[str]]:
    return [topics[start : start + size] for start in range(0, len(topics), size)]


def _resolve(future: Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _read_session(file: Path | None) -> str:
    try:
        return file.read_text().strip() if file else ""
    except OSError:
        return ""


def _write_session(file: Path | None, session: str) -> None:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(session)
