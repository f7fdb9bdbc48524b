"""Recording frames: from a live broker, from a link of a running gateway, or from a port that no gateway holds."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from sluis.cli.lazy import Failure, UnreachableFailure

if TYPE_CHECKING:
    from sluis.cli.client import Client
    from sluis.links.loop import LoopLink
    from sluis.sdk import Station

CONNECT_S = 5.0

LOOK_S = 0.2
"""How often a running gateway is asked for what was recorded meanwhile."""

FRAMES_MAX = 100_000
"""Frames of one recording when no number is given: an hour of a busy radio, some 50 MB while it is recorded."""


@dataclass(frozen=True, slots=True)
class Address:
    """A broker and how to sign in."""

    host: str
    port: int
    username: str = ""
    password: str = ""


def address_of(url: str | None, folder: Path) -> Address:
    """The broker of a URL, or that of the gateway running with this data folder."""
    if url is None:
        return _running(folder)
    parts = urlsplit(url if "//" in url else f"mqtt://{url}")
    if parts.scheme != "mqtt" or not parts.hostname:
        raise Failure(f"{url!r} is no broker", "mqtt://[user:password@]host[:port]")
    return Address(parts.hostname, parts.port or 1883, parts.username or "", parts.password or "")


def _running(folder: Path) -> Address:
    from sluis.links.broker.mosquitto import GATEWAY

    try:
        told = json.loads((folder / "run" / "gateway.json").read_text())["broker"]
    except (OSError, ValueError, KeyError) as error:
        hint = "Start one, or name a broker: --broker mqtt://host"
        raise UnreachableFailure(f"no gateway is running with data folder {folder}", hint) from error
    parts = urlsplit(told)
    secret = folder / "broker" / "gateway-password"
    password = secret.read_text().strip() if secret.exists() else ""
    return Address(parts.hostname or "127.0.0.1", parts.port or 1883, GATEWAY if password else "", password)


class Basket:
    """Lines of what was recorded, until there are enough; written scrubbed, unless the person wants them as they came.

    All lines are held until the end: what the last one says of an address is taken out of the first one too.
    """

    def __init__(self, file: Path, wanted: Sequence[str], count: int | None, *, raw: bool) -> None:
        self._file = file
        self._wanted = wanted
        self._count = count
        self._raw = raw
        self._entries: list[dict[str, Any]] = []

    @property
    def full(self) -> bool:
        return len(self._entries) >= (self._count or FRAMES_MAX)

    def put(self, line: str) -> None:
        """Keep a line, if it is from a source that is wanted."""
        entry = json.loads(line)
        if not self.full and fits(self._wanted, entry["topic"]):
            self._entries.append(entry | {"name": f"recorded-{len(self._entries) + 1}"})

    def write(self) -> int:
        """Append to the file; how many lines."""
        from sluis.sdk.testing.scrub import scrubbed

        kept = self._entries if self._raw else scrubbed(self._entries)
        with self._file.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(entry, ensure_ascii=False) + "\n" for entry in kept)
        return len(kept)


def fits(wanted: Sequence[str], source: str) -> bool:
    """Whether a source is one of those wanted: filters with + and #, or names with * and ?. All, when none is named."""
    from sluis.sdk.testing import topic_fits

    return not wanted or any(topic_fits(one, source) or fnmatchcase(source.lower(), one.lower()) for one in wanted)


def from_broker(address: Address, topics: Sequence[str], basket: Basket, seconds: float | None) -> None:
    """Record from a broker until the time is over, there are enough, or Ctrl-C."""
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    from sluis.links.recording import line_of
    from sluis.model import Frame, Stamp

    done, ready, refused = threading.Event(), threading.Event(), []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"sluis-record-{os.getpid()}", clean_session=True)
    if address.username:
        client.username_pw_set(address.username, address.password)

    def connected(client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            refused.append(str(reason))
        else:
            client.subscribe([(topic, 1) for topic in topics])
        ready.set()

    def arrived(_client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        stamp = Stamp(time.time_ns() // 1000, time.monotonic_ns() // 1000)
        basket.put(line_of(Frame("record", message.topic, bytes(message.payload), stamp, message.retain), ""))
        if basket.full:
            done.set()

    client.on_connect, client.on_message = connected, arrived
    try:
        client.connect(address.host, address.port)
        client.loop_start()
        if not ready.wait(CONNECT_S) or refused:
            raise UnreachableFailure(f"{address.host}:{address.port}: {(refused or ['no answer'])[0]}")
        done.wait(seconds)
    except KeyboardInterrupt:
        pass
    except OSError as error:
        raise UnreachableFailure(f"{address.host}:{address.port} cannot be reached: {error}") from error
    finally:
        client.disconnect()
        client.loop_stop()


def from_gateway(client: Client, link: str, basket: Basket, seconds: float | None) -> None:
    """Record what passes over a link of a running gateway. A recording that somebody else began goes on after it."""
    ours = not next((one["recording"] for one in client.every("links") if one["name"] == link), "")
    client.put("links", link, "recording")
    until = None if seconds is None else time.monotonic() + seconds
    after = 0 if ours else _end_of(client, link)
    try:
        while not basket.full and (until is None or time.monotonic() < until):
            piece = client.get("links", link, "recording", after=after)
            after = piece["next"]
            for line in piece["lines"]:
                basket.put(line)
            if not piece["lines"]:
                time.sleep(LOOK_S)
    except KeyboardInterrupt:
        pass
    finally:
        if ours:
            client.delete("links", link, "recording")


def _end_of(client: Client, link: str) -> int:
    after = 0
    while True:
        piece = client.get("links", link, "recording", after=after)
        if not piece["lines"]:
            return after
        after = int(piece["next"])


def from_port(port: Port, basket: Basket, seconds: float | None) -> None:
    """Record from an adapter, a serial port or a peer that no gateway holds."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_listen(port, basket, seconds))


async def _listen(port: Port, basket: Basket, seconds: float | None) -> None:
    from sluis.links.recording import line_of

    try:
        link = port.link()
    except ValueError as error:
        raise Failure(str(error), "sluis driver record --help shows what it can be.") from error
    logging.getLogger("sluis").addHandler(logging.NullHandler())  # what a person is to know is said here
    stopping, was_up = False, False

    def changed(up: bool, reason: str) -> None:
        nonlocal was_up
        was_up = was_up or up
        if not up and not stopping:
            click.echo(f"{link.name}: {reason}", err=True)

    link.on_change(changed)
    link.set_filters(frozenset({"#"}))
    link.set_stations(port.stations())
    running = asyncio.ensure_future(link.run())
    try:
        async with asyncio.timeout(seconds):
            while not basket.full:
                for frame in await link.take():
                    basket.put(line_of(frame, ""))
    except TimeoutError:
        pass
    finally:
        stopping, reason = True, link.health().reason
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    if not was_up and not port.peer:  # a peer is connected to when it is asked
        raise Failure(f"{port.adapter or port.port} could not be listened to: {reason}", "Mend that, and record again.")


@dataclass(frozen=True, slots=True)
class Port:
    """What to listen to without a gateway: exactly one of adapter, serial port and peer."""

    adapter: str = ""
    port: str = ""
    baud: int = 9600
    peer: str = ""
    framing: str = "silence"

    def link(self) -> LoopLink:
        """The link a gateway would have there."""
        from sluis.runtime import SystemClock

        clock = SystemClock()
        if self.adapter:
            from sluis.links.ble.link import BleLink
            from sluis.links.ble.settings import BleSettings

            return BleLink(BleSettings(adapter=self.adapter), clock)
        if self.port:
            from sluis.links.serial import SerialLink
            from sluis.links.serial.finding import Memory
            from sluis.links.serial.settings import SerialSettings

            return SerialLink(SerialSettings("serial", self.port, self.baud), clock, Memory(None))
        from sluis.links.net import NetLink
        from sluis.links.net.settings import NetSettings

        return NetLink(NetSettings(), clock)

    def stations(self) -> dict[str, Station]:
        """Nobody on a wire is known yet: one station that only listens."""
        from sluis.sdk import Framing, Station

        source = "serial/1" if self.port else self.peer
        return {source: Station(source, Framing(self.framing, gap_s=0.05), listens=True)} if source else {}
