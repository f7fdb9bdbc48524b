"""An asyncio MQTT 3.1.1 client for MicroPython.

Limits first: QoS 0 and 1, clean sessions, one connection, messages up to `buffer` bytes whole and larger ones in
pieces. What is published at QoS 1 waits in an outbox bounded in bytes and messages until the broker has acknowledged
it; it survives a lost connection, not a restart. When the outbox is full its oldest message goes, and is counted.

One task writes, each packet with one write; one reads; one watches for silence. The first that fails ends the session,
and `run` makes the next one after a pause with jitter.
"""

import asyncio
import random
import time
from collections import deque

from sluis_node import packets

try:
    from typing import Any, Callable, Coroutine, Iterable
except ImportError:  # a node has no typing
    pass


class Lost(OSError):
    """The connection ended, or there was none."""


class Refused(OSError):
    """The broker answered and does not want us."""


class Outbox:
    """Packets that wait (`waiting`) and packets that were sent and not acknowledged (`flying`), oldest first.

    An entry is (packet identifier or 0, packet, whether it outlives the connection).
    """

    def __init__(self, limit_bytes: int, limit_messages: int) -> None:
        self.limit_bytes = limit_bytes
        self.limit_messages = limit_messages
        self.used = 0
        self.dropped = 0
        self.waiting: "deque[tuple[int, bytearray, bool]]" = deque((), limit_messages)
        self.flying: "list[tuple[int, bytearray, bool]]" = []

    def __len__(self) -> int:
        return len(self.waiting) + len(self.flying)

    def fits(self, size: int) -> bool:
        return self.used + size <= self.limit_bytes and len(self) < self.limit_messages

    def put(self, number: int, packet: bytearray, keep: bool, first: bool = False) -> bool:
        """Take a packet; False when there is no room even without all that waits. `first` = before what waits."""
        size = len(packet)
        while not self.fits(size):
            if not self.waiting:
                self.dropped += 1
                return False
            self.used -= len(self.waiting.popleft()[1])
            self.dropped += 1
        self.used += size
        if first:
            self.waiting.appendleft((number, packet, keep))
        else:
            self.waiting.append((number, packet, keep))
        return True

    def take(self) -> bytearray:
        """The next packet to write. At QoS 1 it is flying from now on."""
        entry = self.waiting.popleft()
        if entry[0]:
            self.flying.append(entry)
        else:
            self.used -= len(entry[1])
        return entry[1]

    def acknowledged(self, number: int) -> bool:
        """Whether a flying packet had this identifier; it is done."""
        for index, entry in enumerate(self.flying):
            if entry[0] == number:
                self.used -= len(entry[1])
                self.flying.pop(index)
                return True
        return False

    def land(self) -> None:
        """The connection is gone: what was flying waits again, before the rest; what was not to be kept goes."""
        for entry in reversed(self.flying):
            packets.again(entry[1])
            self.waiting.appendleft(entry)
        self.flying = []
        for _ in range(len(self.waiting)):
            entry = self.waiting.popleft()
            if entry[2]:
                self.waiting.append(entry)
            else:
                self.used -= len(entry[1])


class Client:
    """One broker, kept connected by `run` until that is cancelled.

    `hosts` are tried in turn. `tls` is an SSLContext, `server` the name its certificate must have (else the host).
    `on_message(topic, payload, retained)` takes what arrives; `on_piece(topic, offset, total, piece)` what is larger
    than `buffer`, without which such a message is passed over and counted in `too_large`. `on_up()` is called in each
    new session before anything is sent; `on_note(text)` says what went wrong, once per change.
    """

    CONNECT_S = 30
    """DNS, TCP, TLS and CONNACK together. An RP2040 needs 3 to 5 s for the TLS handshake alone."""

    PAUSE_MS = (1000, 60000)
    """Shortest and longest pause between two tries. A shorter one floods a broker that just restarted with handshakes
    of a whole site; a longer one leaves a node silent for minutes after a power cut."""

    def __init__(
        self,
        hosts: "tuple[str, ...]",
        port: int,
        client_id: str,
        name: str = "",
        password: str = "",
        tls: "Any" = None,
        server: str = "",
        will: "tuple[str, bytes, int, bool] | None" = None,
        subscribe: "tuple[str, ...]" = (),
        keepalive_s: int = 30,
        window: int = 16,
        buffer: int = 2048,
        outbox: "tuple[int, int]" = (16384, 256),
    ) -> None:
        self._hosts = hosts
        self._port = port
        self._tls = tls
        self._server = server
        self._greeting = packets.connect(client_id, keepalive_s, name, password, will)
        self._subscribe = subscribe
        self._keepalive_s = keepalive_s
        self._window = window
        self._buffer = bytearray(buffer)
        self.outbox = Outbox(*outbox)
        self.up = False
        self.sessions = 0
        self.too_large = 0
        self.on_message: "Callable[[str, bytes, bool], None]" = lambda topic, payload, retained: None
        self.on_piece: "Callable[[str, int, int, memoryview], None] | None" = None
        self.on_up: "Callable[[], None]" = lambda: None
        self.on_note: "Callable[[str], None]" = lambda text: None
        self._number = 0
        self._control = bytearray()
        self._awaited: "dict[int, asyncio.Event]" = {}
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._over = asyncio.Event()
        self._writing = asyncio.Lock()
        self._fault: "Exception | None" = None
        self._quiet = self._mute = 0

    # -- publishing ---------------------------------------------------------------------------------------

    def publish(
        self, topic: str, payload: bytes, qos: int = 1, retain: bool = False, keep: bool = True, first: bool = False
    ) -> bool:
        """Put a message into the outbox; False when it, or at QoS 0 because nobody is there, was dropped (counted).

        Without `keep` it does not outlive the connection; `first` puts it before what waits already.
        """
        if not qos and not self.up:
            self.outbox.dropped += 1
            return False
        number = self._next() if qos else 0
        packet = packets.publish(topic, payload, qos, retain, number)
        taken = self.outbox.put(number, packet, keep and qos > 0, first)
        self._wake.set()
        return taken

    async def send(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> None:
        """`publish` that waits for room instead of dropping anything."""
        size = len(topic) + len(payload) + 9
        while not self.outbox.fits(size):
            self._room.clear()
            await self._room.wait()
        self.publish(topic, payload, qos, retain)

    async def send_pieces(self, topic: str, pieces: "Iterable[bytes]", size: int, retain: bool = False) -> None:
        """Publish at QoS 1 what is never in memory as a whole: `pieces` together are `size` bytes.

        Returns when the broker has it. Lost when the connection is or goes away; ask again then.
        """
        number = self._next()
        done = self._awaited[number] = asyncio.Event()
        try:
            async with self._writing:
                await self._write(packets.publish_head(topic, size, 1, retain, number))
                for piece in pieces:
                    await self._write(piece)
                    size -= len(piece)
            if size:
                self._end(packets.PacketError("pieces of another size than was told"))
            await done.wait()
        finally:
            self._awaited.pop(number)
        if self._fault is not None:
            raise Lost(0, "connection lost")

    async def flush(self, within_s: int) -> bool:
        """Wait until everything is acknowledged; False when that took too long."""
        for _ in range(within_s * 20):
            if not len(self.outbox) and not self._control:
                return True
            await asyncio.sleep_ms(50)
        return False

    def _next(self) -> int:
        self._number = self._number % 65535 + 1
        return self._number

    # -- the session --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Stay connected; ends only by being cancelled."""
        failures = turn = 0
        told = ""
        while True:
            began = time.ticks_ms()
            sessions = self.sessions
            try:
                await self._session(self._hosts[turn % len(self._hosts)])
            except (OSError, EOFError, ValueError, asyncio.TimeoutError) as error:
                text = "%s: %s" % (type(error).__name__, error)
                if text != told:
                    self.on_note(text)
                    told = text
            if sessions == self.sessions:
                turn += 1
            # A session that did not last (another board with our id takes it over) is a failure too.
            if time.ticks_diff(time.ticks_ms(), began) > self._keepalive_s * 1000:
                failures = 0
                told = ""
            shortest, longest = self.PAUSE_MS
            pause_ms = min(longest, shortest << min(failures, 8))
            failures += 1
            await asyncio.sleep_ms(pause_ms // 2 + random.getrandbits(16) * pause_ms // 131072)

    async def _session(self, host: str) -> None:
        stream: "Any" = await asyncio.wait_for(self._connect(host), self.CONNECT_S)
        tasks = []
        try:
            self._fault = None
            self._over.clear()
            self._control = bytearray()
            if self._subscribe:
                self._control += packets.subscribe(self._next(), self._subscribe)
            self._quiet = self._mute = 0
            self.up = True
            self.sessions += 1
            self._stream = stream
            self.on_up()
            self._wake.set()
            for work in (self._receive(stream), self._transmit(), self._watch()):
                tasks.append(asyncio.create_task(self._guard(work)))
            await self._over.wait()
        finally:
            self.up = False
            if self._fault is None:
                self._fault = Lost(0, "stopped")
            for task in tasks:
                task.cancel()
            self.outbox.land()
            for event in self._awaited.values():
                event.set()
            self._room.set()
            stream.close()
        raise self._fault

    async def _connect(self, host: str) -> "Any":
        opened: "Any" = await asyncio.open_connection(host, self._port)
        stream = opened[0]
        try:
            try:
                stream.s.setsockopt(6, 1, 1)  # TCP_NODELAY: else each small packet waits for the last one's ACK
            except (OSError, AttributeError):
                pass
            if self._tls is not None:
                sock = self._tls.wrap_socket(
                    stream.s, server_hostname=self._server or host, do_handshake_on_connect=False
                )
                stream = asyncio.StreamReader(sock)
            stream.write(self._greeting)
            await stream.drain()
            answer = await stream.readexactly(4)
        except BaseException:
            stream.close()
            raise
        if answer[0] != packets.CONNACK or answer[3]:
            stream.close()
            code = answer[3] if answer[0] == packets.CONNACK else 0
            raise Refused(code, packets.REFUSALS[code] if 0 < code < 6 else "this is no MQTT broker")
        return stream

    def close(self) -> None:
        """Say goodbye, so that the broker does not publish the will."""
        if self.up:
            self._control += packets.DISCONNECT
            self._wake.set()

    def _end(self, fault: "Exception") -> None:
        if self._fault is None:
            self._fault = fault
        self._over.set()

    async def _guard(self, work: "Coroutine[Any, Any, None]") -> None:
        try:
            await work
        except Exception as fault:
            self._end(fault)

    async def _watch(self) -> None:
        """End a session whose peer is silent. Counts turns, not time: a loop that stood still heard nothing either."""
        while True:
            await asyncio.sleep_ms(self._keepalive_s * 250)
            self._quiet += 1
            self._mute += 1
            if self._quiet > 4:
                raise Lost(0, "the broker has been silent for %d s" % self._keepalive_s)
            if self._quiet >= 2 or self._mute >= 2:
                self._control += packets.PINGREQ
                self._wake.set()

    # -- writing ------------------------------------------------------------------------------------------

    async def _write(self, data: "bytes | bytearray") -> None:
        if not self.up:
            raise Lost(0, "not connected")
        self._stream.write(data)
        await self._stream.drain()
        self._mute = 0

    async def _transmit(self) -> None:
        outbox = self.outbox
        while True:
            async with self._writing:
                while True:
                    if self._control:
                        data = self._control
                        self._control = bytearray()
                    elif outbox.waiting and len(outbox.flying) < self._window:
                        data = outbox.take()
                    else:
                        break
                    await self._write(data)
            await self._wake.wait()
            self._wake.clear()

    # -- reading ------------------------------------------------------------------------------------------

    async def _receive(self, stream: "Any") -> None:
        buffer = self._buffer
        view = memoryview(buffer)
        end = 0
        while True:
            got = await stream.readinto(view[end:])
            if got is None:  # a TLS record that is not whole yet
                continue
            if not got:
                raise Lost(0, "the broker closed the connection")
            self._quiet = 0
            end += got
            at = 0
            while True:
                found = packets.header(buffer, at, end)
                if found is None:
                    break
                body, size = found
                if body + size <= end:
                    self._handle(buffer, at, body, body + size)
                    at = body + size
                elif body - at + size <= len(buffer):
                    break
                else:
                    taken = await self._pieces(stream, view, at, body, size, end)
                    if not taken:
                        break
                    at = end = 0
            left = end - at
            if at and left:
                buffer[:left] = bytes(view[at:end])
            end = left

    def _handle(self, buffer: bytearray, at: int, body: int, end: int) -> None:
        kind = buffer[at] & 0xF0
        if kind == packets.PUBACK and end - body >= 2:
            number = buffer[body] << 8 | buffer[body + 1]
            if self.outbox.acknowledged(number):
                self._room.set()
                self._wake.set()
            elif number in self._awaited:
                self._awaited[number].set()
        elif kind == packets.PUBLISH:
            parts = packets.publish_parts(buffer, at, body, end)
            if parts is None:
                raise packets.PacketError("a PUBLISH without its head")
            topic_end, payload, number = parts
            topic = bytes(buffer[body + 2 : topic_end]).decode()
            self.on_message(topic, bytes(buffer[payload:end]), bool(buffer[at] & packets.RETAIN))
            self._acknowledge(number)
        elif kind == packets.SUBACK:
            if any(code == 0x80 for code in buffer[body + 2 : end]):
                self.on_note("the broker refuses a subscription")
        elif kind != packets.PINGRESP:
            raise packets.PacketError("packet type %d" % (kind >> 4))

    def _acknowledge(self, number: int) -> None:
        if number:
            self._control += packets.puback(number)
            self._wake.set()

    async def _pieces(self, stream: "Any", view: memoryview, at: int, body: int, size: int, end: int) -> bool:
        """Take a PUBLISH that does not fit, from `at` on; False when its head is not whole yet."""
        buffer = self._buffer
        if buffer[at] & 0xF0 != packets.PUBLISH:
            raise packets.PacketError("a packet of %d bytes" % size)
        parts = packets.publish_parts(buffer, at, body, end)
        if parts is None:
            if end - at >= len(buffer):
                raise packets.PacketError("a topic that does not fit")
            return False
        topic_end, payload, number = parts
        topic = bytes(buffer[body + 2 : topic_end]).decode()
        total = size - (payload - body)
        taker = self.on_piece
        if taker is None:
            self.too_large += 1
        offset = end - payload
        if taker and offset:
            taker(topic, 0, total, view[payload:end])
        while offset < total:
            got = await stream.readinto(view[: min(total - offset, len(buffer))])
            if got is None:
                continue
            if not got:
                raise Lost(0, "the broker closed the connection")
            self._quiet = 0
            if taker:
                taker(topic, offset, total, view[:got])
            offset += got
        self._acknowledge(number)
        return True


def tls_context(ca: bytes, certificate: bytes = b"", key: bytes = b"") -> "Any":
    """TLS that trusts `ca` alone; with a certificate of our own, mutual. All in DER."""
    import ssl

    context: "Any" = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=ca)
    if certificate:
        context.load_cert_chain(certificate, key)
    return context
