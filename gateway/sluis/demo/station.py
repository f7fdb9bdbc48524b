"""The connection of one stand-in: a paho client driven by the site's event loop.

paho's own threads are not used: one loop drives all connections, so the site costs one thread, and a
connection can be cut without a goodbye, as a device does whose plug is pulled.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from sluis.demo.mischief import Kind, Mischief, Order
from sluis.demo.standin import Message, Now, StandIn

log = logging.getLogger(__name__)

KEEPALIVE_S = 30
RETRY_S = 2.0


@dataclass(frozen=True)
class Access:
    """Where the broker is and who connects. `credentials` gives a stand-in (by name) its own account."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password: str = field(default="", repr=False)
    ca: Path | None = None
    credentials: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)

    @classmethod
    def from_url(
        cls, url: str, *, ca: Path | None = None, credentials: Mapping[str, tuple[str, str]] | None = None
    ) -> Access:
        """`mqtt://user:password@host:port`, or `mqtts://` with `ca` to check the broker against."""
        parts = urlsplit(url if "//" in url else f"mqtt://{url}")
        port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
        login = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.hostname or "127.0.0.1", port, *login, ca, credentials or {})

    def login(self, name: str) -> tuple[str, str]:
        return self.credentials.get(name, (self.username, self.password))


class Station:
    """One stand-in on the air."""

    def __init__(
        self, standin: StandIn, access: Access, loop: asyncio.AbstractEventLoop, clock: Callable[[], Now]
    ) -> None:
        self.standin = standin
        self.mischief = Mischief()
        self.up = False
        self._access = access
        self._loop = loop
        self._clock = clock
        self._retry_s = 0.0
        self._open = False
        self._client = self._made()

    def _made(self) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=self.standin.client_id)
        username, password = self._access.login(self.standin.name)
        if username:
            client.username_pw_set(username, password)
        if self._access.ca is not None:
            client.tls_set(str(self._access.ca), tls_version=ssl.PROTOCOL_TLS_CLIENT)
        will = self.standin.will
        client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.connect_timeout = 3.0
        client.max_inflight_messages_set(0)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.on_socket_open = lambda _c, _u, sock: self._loop.add_reader(sock, client.loop_read)
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = lambda _c, _u, sock: self._loop.add_writer(sock, client.loop_write)
        client.on_socket_unregister_write = self._on_write_done
        return client

    def tick(self, now: Now) -> None:
        """Everything that is due: connecting, telemetry, mischief, keep-alive."""
        dropped = self.mischief.is_(Kind.DROP, now.s)
        self.standin.stick(False) if not self.mischief.is_(Kind.STUCK, now.s) else None
        if not self._open and not dropped and now.s >= self._retry_s:
            self._connect(now)
        if not self.up:
            return
        self._send(self.mischief.outgoing(self.standin.tick(now), now.s))
        self._send(self.mischief.tick(now.s))
        self._client.loop_misc()

    def misbehave(self, order: Order, now: Now) -> None:
        """Start (or end) misbehaving."""
        self.mischief.start(order, now.s)
        self.standin.stick(order.kind is Kind.STUCK)
        if order.kind is Kind.DROP:
            self._cut()
        log.info("%s: %s for %s s", self.standin.name, order.kind, order.for_s)

    def close(self) -> None:
        """An orderly goodbye."""
        if self.up:
            self._send(list(self.standin.goodbye(self._clock())))
            self._client.disconnect()
            for _ in range(20):
                if not self._client.want_write():
                    break
                self._client.loop_write()

    def _connect(self, now: Now) -> None:
        self._retry_s = now.s + RETRY_S
        try:
            self._client.connect(self._access.host, self._access.port, KEEPALIVE_S)
            self._open = True
        except OSError as error:
            log.debug("%s: broker not reached: %s", self.standin.name, error)

    def _cut(self) -> None:
        """Cut the line without a DISCONNECT, so that the broker publishes the will."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            sock.shutdown(socket.SHUT_RDWR)
            self._client.loop_read()

    def _send(self, messages: list[Message]) -> None:
        for each in messages:
            self._client.publish(each.topic, each.payload, each.qos, each.retain)

    def _on_connect(self, client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.warning("%s: broker says %s", self.standin.name, reason)
            return
        self.up = True
        client.subscribe([(each, self.standin.qos) for each in self.standin.filters])
        self._send(list(self.standin.connected(self._clock())))

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        now = self._clock()
        answer = self.standin.received(message.topic, bytes(message.payload), now)
        self._send(self.mischief.outgoing(answer, now.s))

    def _on_disconnect(self, *_: Any) -> None:
        self.up = self._open = False

    def _on_write_done(self, _client: paho.Client, _userdata: Any, sock: Any) -> None:
        self._loop.remove_writer(sock)

    def _on_socket_close(self, _client: paho.Client, _userdata: Any, sock: Any) -> None:
        self._loop.remove_reader(sock)
        self._loop.remove_writer(sock)
