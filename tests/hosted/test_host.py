"""A driver host does what a driver in the gateway's process does; a driver that misbehaves ends its host only."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sluis.hosted import host as host_module
from sluis.hosted.host import PARK_AFTER, Host
from sluis.hosted.life import DEADLINE_S
from sluis.hosted.messages import Load
from sluis.model import DriverError, LinkError, NotMine, OutOfRange, Reading, Truncated
from sluis.runtime import SystemClock
from sluis.sdk import Driver
from tests.conftest import eventually

from .conftest import DECODES, Notebook, Started, command, driver, frame

Start = Callable[[bytes], Awaitable[Started]]

IN_TIME_S = DEADLINE_S + 10
"""The deadline, and room for a loaded test machine."""


def pid_of(host: Host) -> int:
    return host.alive().process.pid


def instance(started: Started) -> Driver:
    return started[1][0]("a", {"x": 1})


# -- the same as in the gateway's process -----------------------------------------------------------------


async def test_it_decodes(hosted: Start) -> None:
    one = instance(await hosted(driver(DECODES)))
    assert one.about.key == "strange"
    assert list(one.topics()) == ["s/a/data"]
    assert [point.key for point in one.points()] == ["level", "relay"]
    assert list(one.decode(frame(b"12"))) == [Reading("level", 12)]


async def test_its_errors_are_the_same_errors(hosted: Start) -> None:
    one = instance(await hosted(driver(DECODES)))
    with pytest.raises(Truncated, match="too short"):
        one.decode(frame(b"short"))
    with pytest.raises(NotMine):
        one.decode(frame(b"not mine"))
    with pytest.raises(DriverError, match="ValueError") as caught:
        one.decode(frame(b"twelve"))
    assert "strange.py" in caught.value.__notes__[0]


async def test_announcements_and_identity(hosted: Start) -> None:
    text = driver(
        DECODES
        + """
    @classmethod
    def sniff(cls, frame):
        yield Announcement("a", content={"deep": [1, {"x": None}]}, parent="b")
        yield Roster("b", frozenset({"a"}))
    def identity(self, frame):
        return f"id {int(frame.data)}"
"""
    )
    _, (cls,) = await hosted(text)
    announcement, roster = cls.sniff(frame(b"", "s/a/hello"))
    assert announcement.content == {"deep": [1, {"x": None}]}
    assert roster.native_ids == {"a"}
    one, held = cls("a", {}), frame(b"5")
    assert one.identity(held) == "id 5"
    assert list(one.decode(held)) == [Reading("level", 5)]
    assert one.identity(frame(b"x")) is None
    with pytest.raises(DriverError):
        one.decode(frame(b"x"))


PERFORMS = """
    async def perform(self, link, command):
        if command.value is False:
            raise ValueError("never off")
        answer = await link.request(b"status?", to="s/a/ask", reply="s/a/told")
        try:
            await link.send(answer.data, to="s/a/set")
        except LinkError:
            raise OutOfRange("so it is")
"""


async def test_a_command_goes_over_the_real_link(hosted: Start) -> None:
    one, link = (
        instance(await hosted(driver(PERFORMS).replace(b"import os", b"from sluis.model import *\nimport os"))),
        None,
    )
    link = Notebook()
    await one.perform(link, command())
    assert link.sent == [("s/a/ask", b"status?"), ("s/a/set", b"STATUS?")]
    link.broken = True
    with pytest.raises(OutOfRange, match="so it is"):
        await one.perform(link, command())
    with pytest.raises(DriverError, match="never off"):
        await one.perform(link, command(False))


async def test_a_link_error_a_driver_does_not_catch_comes_back(hosted: Start) -> None:
    one = instance(await hosted(driver("    async def perform(self, link, command): await link.send(b'1')\n")))
    link = Notebook()
    link.broken = True
    with pytest.raises(LinkError, match="the cable is out"):
        await one.perform(link, command())


async def test_a_cancelled_command_leaves_the_host_in_order(hosted: Start) -> None:
    body = "    async def perform(self, link, command): await link.request(b'', reply='s/a/told')\n"
    one = instance(await hosted(driver(DECODES + body)))

    class Silent(Notebook):
        async def request(self, data: bytes, **more: object) -> None:  # type: ignore[override]  # never answers
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(one.perform(Silent(), command()), 0.1)
    assert list(one.decode(frame(b"12"))) == [Reading("level", 12)]


async def test_perform_may_await_its_link_only(hosted: Start) -> None:
    body = "    async def perform(self, link, command):\n        import asyncio; await asyncio.sleep(0)\n"
    one = instance(await hosted(driver(body)))
    with pytest.raises(DriverError, match="link and nothing else"):
        await one.perform(Notebook(), command())


# -- drivers that misbehave -------------------------------------------------------------------------------

MISBEHAVIOUR = {
    "loops for ever": "while True: pass",
    "sleeps": "import time; time.sleep(1000)",
    "allocates without end": "held = []\n        while True: held.append(bytearray(1 << 20))",
    "allocates at once": "bytearray(1 << 34)",
    "ends the process": "os._exit(3)",
    "crashes the interpreter": "import ctypes; ctypes.string_at(1)",
    "raises SystemExit": "raise SystemExit(1)",
    "raises KeyboardInterrupt": "raise KeyboardInterrupt",
    "recurses": "return self.decode(frame)",
    "prints 1 GB": "for _ in range(1024): print('x' * (1 << 20))",
    "writes 1 GB to its stdout": "for _ in range(1024): os.write(1, b'x' * (1 << 20))",
    "forks": "os.fork(); os.fork(); return [self.level(1)]",
    "forks for ever": "while True: os.fork()",
    "fills the disk": "open('/tmp/sluis-full', 'wb').write(b'x' * (1 << 20))",
    "opens everything": "self.held = [os.dup(0) for _ in range(10_000)]",
    "closes its sockets": "os.closerange(3, 64)",
    "writes nonsense to its sockets": "[os.write(int(n), b'\\0\\0\\0\\1!') for n in os.listdir('/proc/self/fd')]",
    "says what no driver says": "return [object()]",
    "says 100 MB": "return [self.level(1)] * 4_000_000",
}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
async def test_a_driver_that_misbehaves_costs_the_loop_a_moment_and_comes_back(hosted: Start, name: str) -> None:
    body = f"""
    def decode(self, frame):
        if frame.data == b"go":
            return self.go(frame)
        return [self.level(int(frame.data))]
    def go(self, frame):
        {MISBEHAVIOUR[name].replace("self.decode", "self.go")}
"""
    host, (cls,) = await hosted(driver(body))
    one = cls("a", {})
    first = pid_of(host)
    began = time.monotonic()
    try:
        one.decode(frame(b"go"))
    except (DriverError, OSError, Truncated):
        pass
    assert time.monotonic() - began < IN_TIME_S
    await eventually(lambda: answers(one), 15)
    if pid_of(host) != first:
        await eventually(lambda: not group(first))


def group(leader: int) -> list[int]:
    """The living processes of a group."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, pgrp = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(pgrp) == leader and state != "Z":
            found.append(int(folder.name))
    return found


def answers(one: Driver) -> bool:
    try:
        return list(one.decode(frame(b"12"))) == [Reading("level", 12)]
    except DriverError:
        return False


async def test_a_host_that_falls_again_and_again_stays_down(hosted: Start, caplog: pytest.LogCaptureFixture) -> None:
    host, (cls,) = await hosted(driver("    def decode(self, frame): os._exit(1)\n"))
    host._backoff.first_s = 0.01
    one = cls("a", {})
    for fall in range(PARK_AFTER):
        await eventually(lambda: host._life is not None)
        with pytest.raises(DriverError):
            one.decode(frame(b"1"))
        assert host.parked == (fall == PARK_AFTER - 1)
    with pytest.raises(DriverError, match="is down"):
        one.decode(frame(b"1"))
    assert "stays down" in caplog.text


async def test_a_slow_driver_is_not_suffered_for_ever(hosted: Start) -> None:
    body = "    def decode(self, frame):\n        import time; time.sleep(0.1)\n        return []\n"
    _, (cls,) = await hosted(driver(body))
    one = cls("a", {})
    began = time.monotonic()
    with pytest.raises(DriverError, match="is down: its driver is too slow"):
        while True:
            one.decode(frame(b"1"))
    assert time.monotonic() - began < host_module.SLOW_S + 20


async def test_a_command_that_hangs_ends_its_host(hosted: Start) -> None:
    _, (cls,) = await hosted(
        driver(DECODES + "    async def perform(self, link, command):\n        while True: pass\n")
    )
    one = cls("a", {})
    with pytest.raises(DriverError, match="silent"):
        await one.perform(Notebook(), command())
    await eventually(lambda: answers(one), 15)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"raise SystemExit(1)", "SystemExit"),
        (b"def (", "SyntaxError"),
        (b"x = 1", "defines no driver"),
        (b"import os; os._exit(0)", "ended while it was loaded"),
        (b"import gone", "ModuleNotFoundError"),
    ],
)
async def test_what_cannot_be_loaded_says_why(text: bytes, said: str) -> None:
    host = Host(Load("bad.py", "/nowhere/bad.py", text), SystemClock())
    with pytest.raises(DriverError, match=said):
        await host.start()
    host.close()


async def test_what_a_driver_prints_is_in_the_log_as_far_as_it_is_reasonable(
    hosted: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    body = "    def decode(self, frame):\n        print('hello', 'there')\n        return []\n"
    _, (cls,) = await hosted(driver(body))
    one = cls("a", {})
    one.decode(frame(b"1"))
    await eventually(lambda: "strange.py says: hello" in caplog.text)
    for _ in range(20_000):
        one.decode(frame(b"1"))
    await asyncio.sleep(0)
    assert len(caplog.text) < 1_000_000


# -- the process ------------------------------------------------------------------------------------------


async def test_it_inherits_nothing_and_is_limited(hosted: Start) -> None:
    secret = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(secret, True)
    os.environ["SLUIS_SECRET"] = "x"
    try:
        host, _ = await hosted(driver(DECODES))
    finally:
        os.close(secret)
        del os.environ["SLUIS_SECRET"]
    of = Path(f"/proc/{pid_of(host)}")
    assert len(list((of / "fd").iterdir())) == 5
    assert b"SECRET" not in (of / "environ").read_bytes()
    limits = (of / "limits").read_text()
    assert "Max address space         268435456" in limits
    assert "Max open files            64" in limits
    assert os.getpgid(pid_of(host)) == pid_of(host)


async def test_it_dies_with_the_gateway_even_while_it_hangs() -> None:
    hangs = driver("    def decode(self, frame):\n        while True: pass\n")
    script = f"""
import asyncio, os
from sluis.hosted import messages as m
from sluis.hosted.host import Host
from sluis.model import Frame, Stamp
from sluis.runtime import SystemClock
async def main():
    host = Host(m.Load("s.py", "/s.py", {hangs!r}), SystemClock())
    (cls,) = await host.start()
    one, life = cls("a"), host.alive()
    life._calls.send(m.encode(m.Decode(one._number, Frame("mqtt", "s/a/data", b"", Stamp(0, 0)))))
    print(life.process.pid, flush=True)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, timeout=30)
    pid = int(done.stdout)
    await eventually(lambda: not alive(pid))


def alive(pid: int) -> bool:
    """Zombies of an adopting init that does not reap do not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_closed_host_is_gone(hosted: Start) -> None:
    host, (cls,) = await hosted(driver(DECODES))
    one, pid = cls("a", {}), pid_of(host)
    host.close()
    assert not alive(pid)
    with pytest.raises(DriverError, match="is down"):
        one.decode(frame(b"1"))
