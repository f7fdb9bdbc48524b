"""The network thread of an MQTT link: one conversation after another with one broker.

Theory of operation. One thread owns the socket and paho. It waits for the socket or for a nudge, reads in large
pieces, hands frames to the inbox, and sends what others queued: acknowledgements, subscriptions, messages. paho never
reconnects by itself (a library that does sends the will of an hour ago), and its `loop_misc` is not called: it takes
a reader that is paused for a dead broker. So the keepalive is ours too: something is sent in every half of its time,
also while reading is paused, and a broker from which nothing comes in one and a half times of listening is given up.
"""

from __future__ import annotations

import logging
import os
import select
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from sluis.links.health import LinkHealth
from sluis.links.inbox import Inbox
from sluis.links.packets import PINGREQ, Oversize, Published, pubacks
from sluis.links.session import SessionRecord
from sluis.links.settings import MqttSettings
from sluis.links.stream import PacketClient, PacketStream
from sluis.model import Frame, LinkError
from sluis.runtime import Backoff, Clock

log = logging.getLogger(__name__)

TOPICS_KNOWN = 20_000
"""Topics whose text is kept, so that a thousand frames of one topic share one string. Some 2 MB when full, then it
starts anew; smaller and a site with more topics than this decodes each again."""

FILTERS_AT_ONCE = 100
"""Topic filters in one SUBSCRIBE. More and a packet may outgrow a foreign broker's limit."""

CONNECT_WITHIN_S = 5.0
"""From knocking to the broker's answer. Shorter and a busy Pi fails to join itself; longer and a broker behind a
dropped cable is noticed late."""

LISTEN_S = 0.5
"""At most so long the thread listens before it looks at the keepalive. No listening counts for more, however late the
thread comes to run again: the time in which we did not listen is no silence of the broker's."""

STEADY_S = 5.0
"""A connection that held this long starts the back-off anew. Shorter and two gateways with one client id, each
throwing the other out, would do so several times a second for ever."""


class Outgoing(NamedTuple):
    """A message on its way out."""

    topic: str
    data: bytes
    qos: int
    retain: bool
    sent: Future[None]


TOLD_MAX = 1_000_000
"""Bytes of unanswered messages waiting for a broker that does not read. Whoever tells keeps the newest of each topic
until there is room; more here would only be older."""


class Line:
    """Shared with the link: `wanted`, `queue`, `acknowledge`, `nudge`; all else belongs to the thread."""

    def __init__(self, settings: MqttSettings, clock: Clock, session: SessionRecord) -> None:
        self.settings = settings
        self.session = session
        self.inbox = Inbox(self.nudge)
        self.up = False
        self.wanted: frozenset[str] | None = None
        """Topic filters to be subscribed to; None until somebody has said."""
        self.health = LinkHealth(settings.name, False, clock.stamp().at_us, "not connected yet")
        self.received = 0
        self.on_change: Callable[[bool, str], None] = lambda up, reason: None
        self.on_frames: Callable[[Sequence[Frame]], None] = lambda frames: None
        self.on_oversize: Callable[[str, int], None] = lambda topic, size: None
        self.on_subscribed: Callable[[], None] = lambda: None
        self._clock = clock
        self._acks: deque[Sequence[int]] = deque()
        self._outgoing: deque[Outgoing] = deque()
        self._told: deque[bytes] = deque()
        self._told_bytes = 0
        self._unconfirmed: dict[int, Outgoing] = {}
        self._subscribed: frozenset[str] = frozenset()
        self._connection = 0
        self._greeted = False
        self._up_since = 0.0
        self._topics: dict[bytes, str] = {}
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._nudged = False
        self._pipe: tuple[int, int] | None = None

    # -- from any thread ----------------------------------------------------------------------------------

    def start(self) -> None:
        self._stopping = False
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        self._thread = threading.Thread(target=self._live, name=f"link-{self.settings.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; `alive` says when it has."""
        self._stopping = True
        self._nudged = False
        self.nudge()

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """After the thread has ended."""
        pipe, self._pipe = self._pipe, None
        for end in pipe or ():
            os.close(end)

    def acknowledge(self, tokens: Sequence[int]) -> None:
        self._acks.append(tokens)
        self.nudge()

    def queue(self, message: Outgoing) -> None:
        self._outgoing.append(message)
        self.nudge()

    def tell(self, packets: bytes, count: int) -> bool:
        """Queue whole packets that nobody answers. False, and nothing queued, when down or the broker is behind."""
        if not self.up or self._told_bytes > TOLD_MAX:
            return False
        self._told.append(packets)
        self._told_bytes += len(packets)
        self._count(sent=count)
        self.nudge()
        return True

    def nudge(self) -> None:
        """Let the thread look at what is queued; one byte, however often it is asked before it looks."""
        if not self._nudged and self._pipe is not None:
            self._nudged = True
            with suppress(OSError):
                os.write(self._pipe[1], b"x")

    # -- the thread ---------------------------------------------------------------------------------------

    def _live(self) -> None:
        backoff = Backoff(first_s=0.2, cap_s=self.settings.reconnect_cap_s)
        while not self._stopping:
            self._greeted = False
            try:
                self._converse(self._connect())
                reason = "stopped"
            except (OSError, ValueError) as error:
                reason = str(error) or type(error).__name__
            except Exception:
                log.exception("%s: the conversation broke", self.settings.name)
                reason = "a fault of ours; see the log"
            if self.up and time.monotonic() - self._up_since > STEADY_S:
                backoff.reset()
            self._lost(reason)
            if not self._stopping:
                self._rest(backoff.next_s())

    def _rest(self, for_s: float) -> None:
        until = time.monotonic() + for_s
        while not self._stopping and (left := until - time.monotonic()) > 0:
            self._wait([], left)

    def _connect(self) -> PacketClient:
        """A fresh client each time: paho would send again what an earlier connection left unconfirmed."""
        settings = self.settings
        client = PacketClient(
            settings.max_payload_bytes,
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=False,
            manual_ack=True,
        )
        client.max_inflight_messages_set(0)
        client.max_queued_messages_set(0)
        client.connect_timeout = CONNECT_WITHIN_S
        if settings.username:
            client.username_pw_set(settings.username, settings.password())
        if settings.tls or settings.ca_file is not None:
            client.tls_set_context(ssl.create_default_context(cafile=settings.ca_file))
        if settings.will_topic:
            client.will_set(settings.will_topic, b"offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_subscribe = lambda *_: self.inbox.call(self.on_subscribed)
        # paho writes at once where nobody takes that over; here the loop does, for many packets together.
        client.on_socket_register_write = lambda *_: None
        client.connect(settings.host, settings.port, keepalive=settings.keepalive_s)
        return client

    def _converse(self, client: PacketClient) -> None:
        """Read and write until told to stop; LinkError or OSError when the connection ends before."""
        stream = client.stream
        assert stream is not None
        try:
            silent_s, said = 0.0, time.monotonic()
            while not self._stopping:
                try:
                    self._write_out(client, stream)
                except OSError:
                    self._read_rest(stream)
                    raise
                paused = self.inbox.full
                reading = [] if paused else [stream]
                asked = time.monotonic()
                ready = self._wait(
                    reading, LISTEN_S, stream if stream.unsent else None, stream.undecrypted and not paused
                )
                now = time.monotonic()
                silent_s = 0.0 if paused or stream in ready else silent_s + min(now - asked, LISTEN_S)
                if stream in ready:
                    self._read_in(client, stream)
                if now - said >= self.settings.keepalive_s / 2:
                    stream.queue(PINGREQ)
                    said = now
                limit_s = self.settings.keepalive_s * 1.5 if self._greeted else CONNECT_WITHIN_S
                if silent_s > limit_s:
                    raise LinkError("the broker is silent")
            self._leave(client, stream)
        finally:
            stream.close()

    def _wait(
        self, reading: list[PacketStream], for_s: float, writing: PacketStream | None = None, at_once: bool = False
    ) -> list[PacketStream]:
        """Until a stream can be read or written, or somebody nudges; those that can be read."""
        assert self._pipe is not None
        wake = self._pipe[0]
        watched: list[Any] = [wake, *reading]
        ready, _, _ = select.select(watched, [writing] if writing else [], [], 0 if at_once else for_s)
        if wake in ready:
            # Empty the pipe first: a nudge between these two lines finds the flag set and writes nothing, and is seen
            # by the caller's next look. The other way round its byte is read here while the flag stays set, and no
            # later nudge wakes anybody: every message then waits for the time-out.
            with suppress(BlockingIOError):
                os.read(wake, 64)
            self._nudged = False
        return reading if at_once else [stream for stream in reading if stream in ready]

    # -- in -----------------------------------------------------------------------------------------------

    def _read_in(self, client: PacketClient, stream: PacketStream) -> None:
        arrived = stream.receive()
        # First what is paho's: the broker's greeting may come in one piece with the first frames after it.
        while stream.others:
            _check(client.loop_read())
        if arrived:
            self._take_in(arrived)
        if stream.ended:
            raise LinkError(stream.reason)

    def _read_rest(self, stream: PacketStream) -> None:
        """The broker died, and what it handed over before still waits in the kernel. It has told the senders that these
        are safe, and nobody will send them again. More than the inbox should hold, perhaps, by one kernel's buffer."""
        while not stream.ended and (arrived := stream.receive()):
            self._take_in(arrived)

    def _take_in(self, arrived: Sequence[Published | Oversize]) -> None:
        stamp = self._clock.stamp()
        base, name = self._connection << 16, self.settings.name
        frames: list[Frame] = []
        for packet in arrived:
            mid = packet.mid or None
            token = None if mid is None else base | mid
            topic = self._topics.get(packet.topic) or self._read_topic(packet.topic)
            if not topic or isinstance(packet, Oversize):
                self._refuse(topic, packet, token)
                continue
            frames.append(
                Frame(name, topic, packet.payload, stamp, packet.retained, None, token, mid, packet.duplicate)
            )
        self.received += len(arrived)
        if frames:
            self.on_frames(frames)
            self.inbox.put(frames)

    def _read_topic(self, raw: bytes) -> str:
        """ "" when it is no text."""
        try:
            topic = raw.decode()
        except UnicodeDecodeError:
            return ""
        if len(self._topics) >= TOPICS_KNOWN:
            self._topics.clear()
        self._topics[raw] = topic
        return topic

    def _refuse(self, topic: str, packet: Published | Oversize, token: int | None) -> None:
        """Acknowledge what will never be taken in, or the broker would deliver it for ever."""
        if token is not None:
            self._acks.append((token,))
        if isinstance(packet, Oversize):
            self._count(oversize=1)
            self.on_oversize(topic, packet.size)
        else:
            self._count(dropped=1)

    # -- out ----------------------------------------------------------------------------------------------

    def _write_out(self, client: PacketClient, stream: PacketStream) -> None:
        """Everything queued, in one write if the kernel takes it."""
        if self._acks:
            self._write_acknowledgements(stream)
        if self.up:
            # Counted first: a question that is queued from here on may need a subscription that is wished for later
            # than the next line looks, and its answer would arrive before that. It waits for the next round.
            queued = len(self._outgoing)
            if (wanted := self.wanted) is not None and wanted is not self._subscribed:
                self._subscribe(client, wanted)
            for _ in range(queued):
                self._publish(client, self._outgoing.popleft())
            if self._told and not stream.unsent:
                self._write_told(stream)
        if client.want_write():
            _check(client.loop_write())
        if stream.unsent:
            stream.flush()

    def _write_acknowledgements(self, stream: PacketStream) -> None:
        connection = self._connection
        mids: list[int] = []
        while self._acks:
            # Tokens of an earlier connection are void: the broker will deliver those again.
            mids += [token & 0xFFFF for token in self._acks.popleft() if token >> 16 == connection]
        if self.up and mids:
            stream.queue(pubacks(mids))

    def _write_told(self, stream: PacketStream) -> None:
        """Only into an empty buffer: what the kernel does not take keeps waiting here, where it is counted."""
        while self._told:
            packets = self._told.popleft()
            self._told_bytes -= len(packets)
            stream.queue(packets)

    def _subscribe(self, client: PacketClient, wanted: frozenset[str]) -> None:
        for group in _in_groups(self._subscribed - wanted):
            client.unsubscribe(group)
        for group in _in_groups(wanted - self._subscribed):
            client.subscribe([(topic, 1) for topic in group])
        self._subscribed = wanted
        self.session.subscribed(wanted)

    def _publish(self, client: PacketClient, message: Outgoing) -> None:
        try:
            given = client.publish(message.topic, message.data, message.qos, message.retain)
        except ValueError as error:
            _settle(message.sent, LinkError(f"{self.settings.name}: cannot publish to {message.topic!r}: {error}"))
            return
        self._count(sent=1)
        if message.qos:
            self._unconfirmed[given.mid] = message
        else:
            _settle(message.sent)

    def _leave(self, client: PacketClient, stream: PacketStream) -> None:
        """Send what is waiting and a goodbye; the session stays at the broker."""
        if self.settings.will_topic and self.up:
            client.publish(self.settings.will_topic, b"offline", 1, retain=True)
        self._write_out(client, stream)
        until = time.monotonic() + 1
        while stream.unsent and (left := until - time.monotonic()) > 0:
            self._wait([], left, stream)
            stream.flush()
        client.disconnect()
        client.loop_write()

    # -- what paho tells ----------------------------------------------------------------------------------

    def _on_connect(self, client: mqtt.Client, _data: Any, flags: Any, reason: Any, *_: Any) -> None:
        if reason.is_failure:
            raise LinkError(f"the broker refused us: {reason}")
        self._connection += 1
        self._greeted = True
        if not flags.session_present or not self.session.id:
            self.session.begin()
        # A session that is kept may hold filters that nobody wants any more: those end. All others are asked for
        # anew, because the answer brings the retained values that changed while we were away.
        for group in _in_groups(self.session.filters - (self.wanted or self.session.filters)):
            client.unsubscribe(group)
        self._subscribed = frozenset()
        if self.settings.will_topic:
            client.publish(self.settings.will_topic, b"online", 1, retain=True)
        self.up, self._up_since = True, time.monotonic()
        reconnects = self.health.reconnects + (self.health.reason != "not connected yet")
        now_us = self._clock.stamp().at_us
        self.health = replace(self.health, up=True, since_us=now_us, reason="", reconnects=reconnects)
        log.info("%s is up", self.settings.name)
        self.inbox.call(self.on_change, True, "")

    def _on_publish(self, _client: mqtt.Client, _data: Any, mid: int, *_: Any) -> None:
        message = self._unconfirmed.pop(mid, None)
        if message is not None:
            _settle(message.sent)

    def _lost(self, reason: str) -> None:
        was_up, self.up = self.up, False
        self._connection += 1
        self._acks.clear()
        for message in [*self._unconfirmed.values(), *self._outgoing]:
            _settle(message.sent, LinkError(f"{self.settings.name} was lost: {reason}"))
        self._unconfirmed.clear()
        self._outgoing.clear()
        self._told.clear()
        self._told_bytes = 0
        first = was_up or not self.health.reason or self.health.reason == "not connected yet"
        since_us = self._clock.stamp().at_us if first else self.health.since_us
        self.health = replace(self.health, up=False, since_us=since_us, reason=reason, last_error=reason)
        if first:
            level, what = (logging.INFO, "closed") if self._stopping else (logging.WARNING, "lost")
            log.log(level, "%s %s: %s", self.settings.name, what, reason)
        if was_up:
            self.inbox.call(self.on_change, False, reason)

    def _count(self, **more: int) -> None:
        self.health = replace(self.health, **{key: getattr(self.health, key) + by for key, by in more.items()})


def _check(result: MQTTErrorCode) -> None:
    if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
        raise LinkError(mqtt.error_string(result))


def _in_groups(topics: frozenset[str]) -> list[list[str]]:
    ordered = sorted(topics)
    return [ordered[start : start + FILTERS_AT_ONCE] for start in range(0, len(ordered), FILTERS_AT_ONCE)]


def _settle(future: Future[None], error: LinkError | None = None) -> None:
    """Resolve a future that its owner may have given up on in the same moment."""
    with suppress(InvalidStateError):
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
