"""Driver hosts with real processes: a maker of hosts from a driver's text, and a link that writes down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import pytest

from sluis.hosted.host import Host
from sluis.hosted.messages import Load
from sluis.model import Command, Frame, LinkError, Stamp
from sluis.model.commands import SYSTEM
from sluis.runtime import SystemClock
from sluis.sdk import Driver
from sluis.sdk.stated import stated

HEAD = """
import os, sys, subprocess
from sluis.sdk import *
from sluis.sdk import Link

class Strange(Driver):
    about = About(key="strange", vendor="X", models=("1",), match=MqttMatch(("s/+/hello",)), sources=("here",))
    level = Point("distance", "mm", every_s=10)
    relay = Point("outlet", kind=Kind.SWITCH, writable=True)
    def topics(self):
        return (f"s/{self.native_id}/data",)
"""

DECODES = """
    def decode(self, frame):
        if frame.data == b"short":
            raise Truncated("too short")
        if frame.data == b"not mine":
            raise NotMine
        return [self.level(int(frame.data))]
"""


def driver(body: str) -> bytes:
    """A driver's text: the common head, and methods with this body."""
    return (HEAD + body).encode()


def frame(data: bytes, topic: str = "s/a/data") -> Frame:
    return Frame("mqtt", topic, data, Stamp(1_000_000, 2_000_000), retained=False, token=7)


def command(value: bool = True) -> Command:
    return Command("c1", "strange-a", "relay", value, SYSTEM, 0)


class Notebook:
    """A link that writes down what is sent, and answers requests in capitals."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.broken = False

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        if self.broken:
            raise LinkError("the cable is out")
        self.sent.append((to, data))

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        self.sent.append((to, data))
        await asyncio.sleep(0)
        return frame(data.upper(), reply)


Started: TypeAlias = tuple[Host, list[type[Driver]]]


@pytest.fixture
async def hosted() -> AsyncIterator[Callable[[bytes], Awaitable[Started]]]:
    """Start a host for a driver's text, looked after until the test ends."""
    hosts: list[tuple[Host, asyncio.Task[None]]] = []

    async def start(text: bytes) -> Started:
        host = Host(Load("strange.py", "/nowhere/strange.py", text, needed=stated(text)), SystemClock())
        classes = await host.start()
        hosts.append((host, asyncio.ensure_future(host.run())))
        return host, classes

    yield start
    for host, task in hosts:
        host.close()
        await asyncio.wait_for(task, 5)
