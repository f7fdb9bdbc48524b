"""The whole seam goes through a driver host: what a driver is, asks, needs and may use is the same as in process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import fields
from pathlib import Path

import pytest

from sluis.hosted import life as life_module
from sluis.hosted import messages as m
from sluis.hosted.host import Host
from sluis.hosted.proxy import Hosted
from sluis.model import DriverError, Expired, Frame, Implausible, LinkError, Stamp
from sluis.runtime import SystemClock
from sluis.sdk import SDK_VERSION, About, Ask, Driver, Framing, Kind, Limits, Station
from sluis.sdk.loading import drivers_of_text
from sluis.sdk.stated import stated
from sluis.sdk.testing import decoded
from sluis.wire.advertising import Advertisement, build

from .conftest import Notebook, Started, command, driver, frame

Start = Callable[[bytes], Awaitable[Started]]
Eventually = Callable[..., Awaitable[None]]

METER = b"""
from sluis.sdk import *
from sluis.sdk import Link

class Meter(Driver):
    about = About(
        key="meter", vendor="X", models=("1", "2"), match=LinkMatch(kinds=("serial", "net")), sources=("here",),
        framing=Framing("length", b"\\x02", length_at=1, same=((0, 1, 2),)), sdk=2, requires=("msgspec>=0.1",),
        setup=(Ask("every_s", "Every", Kind.NUMBER, default=5, required=True), Ask("key", "Key", secret=True)),
        exemptions={"x": "because"}, limits=Limits(memory_mb=300),
    )
    power = Point("power", "W")
    def station(self):
        return Station(self.native_id, self.about.framing, listens=True, settings={"retries": 2})
    def poll_every_s(self):
        return self.setting("every_s", 5)
    async def poll(self, link):
        answer = await link.request(b"power?", to=self.native_id)
        if answer.data == b"POWER?":
            await link.send(b"thanks", to=self.native_id)
        if self.setting("key") == "wrong":
            raise KeyError("wrong")
    def decode(self, frame):
        return [self.power(len(frame.asked) + (frame.rssi_dbm or 0))]
"""

BLE = b"""
from sluis.sdk import *

class Pen(Driver):
    about = About(
        key="pen", vendor="X", models=("1",), sources=("here",),
        match=BleMatch(services=("fcd2",), manufacturers=(0x499,), names=("Pen *",)),
    )
"""


def described(about: About) -> dict[str, object]:
    """An `about` as plain values: a match is what its fields say, whatever its form was called."""
    told = {one.name: getattr(about, one.name) for one in fields(about)}
    told["match"] = {one.name: getattr(about.match, one.name) for one in fields(about.match)}
    return told


@pytest.mark.parametrize("text", [METER, BLE])
async def test_its_about_arrives_whole(hosted: Start, text: bytes) -> None:
    _, (cls,) = await hosted(text)
    (here,) = drivers_of_text(text, "/nowhere/strange.py")
    assert described(cls.about) == described(here.about)


@pytest.mark.parametrize("setup", [{}, {"every_s": 9, "key": "k"}])
async def test_an_instance_says_the_same_as_in_process(hosted: Start, setup: dict[str, object]) -> None:
    _, (cls,) = await hosted(METER)
    (here,) = drivers_of_text(METER, "/nowhere/strange.py")
    there, own = cls("BUS/3", {"setup": setup}), here("BUS/3", {"setup": setup})
    assert there.station() == own.station() == Station("BUS/3", cls.about.framing, True, settings={"retries": 2})
    assert there.poll_every_s() == own.poll_every_s()
    assert list(there.topics()) == list(own.topics()) == ["BUS/3"]
    assert list(there.points()) == list(own.points())
    assert there.setting("every_s", 1) == own.setting("every_s", 1)
    assert isinstance(cls.about.setup[0], Ask)
    assert cls.about.setup[0].kind is Kind.NUMBER
    assert isinstance(cls.about.framing, Framing)


async def test_a_question_and_a_strength_reach_decode(hosted: Start) -> None:
    one = (await hosted(METER))[1][0]("BUS/3")
    asked = Frame("bus", "BUS/3", b"1", Stamp(1, 2), rssi_dbm=-60, asked=b"four")
    assert decoded(one.decode(asked))["readings"] == {"power": -56}


async def test_it_polls_over_the_real_link(hosted: Start) -> None:
    _, (cls,) = await hosted(METER)
    link = Notebook()
    await cls("BUS/3").poll(link)
    assert link.sent == [("BUS/3", b"power?"), ("BUS/3", b"thanks")]
    link.broken = True
    with pytest.raises(LinkError, match="the cable is out"):
        await cls("BUS/3").poll(link)
    with pytest.raises(DriverError, match="KeyError"):
        await cls("BUS/3", {"setup": {"key": "wrong"}}).poll(Notebook())


async def test_a_poll_that_hangs_ends_its_host(hosted: Start) -> None:
    host, (cls,) = await hosted(METER.replace(b'await link.send(b"thanks", to=self.native_id)', b"while True: pass"))
    with pytest.raises(DriverError, match="silent"):
        await cls("BUS/3").poll(Notebook())
    assert "silent" in host.reason


ADDRESS = "54:48:E6:8F:80:A5"
SEALED = "41e445f3c9962b332211006c7c4519"  # 25.06 °C and 50.55 %, a test packet of bthome-ble
NEXT = "413e932cc7175f34221100553876af"

COUNTER = """
    kept = 0
    def decode(self, frame):
        if int(frame.data) <= self.kept:
            raise Implausible("a recording")
        self.kept = int(frame.data)
        return [self.level(self.kept)]
    def succeed(self, before):
        self.kept = before.kept
"""


async def test_a_counter_outlives_a_new_description(hosted: Start) -> None:
    _, (cls,) = await hosted(driver(COUNTER))
    first, second, stranger = cls("a"), cls("a", {"more": {"said": 1}}), cls("b")
    decoded(first.decode(frame(b"7")))
    second.succeed(first)
    del first
    for number in (b"6", b"7"):
        with pytest.raises(Implausible, match="a recording"):
            second.decode(frame(number))
    assert decoded(second.decode(frame(b"8")))["readings"] == {"level": 8}
    assert decoded(stranger.decode(frame(b"1")))["readings"] == {"level": 1}, "not that of another device"
    third = cls("a")
    third.succeed(second)
    with pytest.raises(Implausible):
        third.decode(frame(b"8"))


async def test_what_a_fallen_host_held_is_gone_and_the_next_one_counts_again(
    hosted: Start, eventually: Eventually
) -> None:
    host, (cls,) = await hosted(driver(COUNTER))
    first = cls("a")
    decoded(first.decode(frame(b"7")))
    host.fell("on purpose")
    await eventually(lambda: host.reason == "")
    second = cls("a")
    second.succeed(first)
    assert decoded(second.decode(frame(b"1")))["readings"] == {"level": 1}
    third = cls("a")
    third.succeed(second)
    with pytest.raises(Implausible):
        third.decode(frame(b"1"))


async def test_a_driver_that_fails_to_take_over_says_so(hosted: Start) -> None:
    _, (cls,) = await hosted(driver("    def succeed(self, before):\n        raise KeyError('counter')\n"))
    with pytest.raises(DriverError, match="counter"):
        cls("a").succeed(cls("a"))


OWN_BTHOME = b"""
from bthome_ble import parser  # at the top: what is imported later counts against the time of a call
from sluis.sdk import *
from sluis_drivers.bthome.v2 import BTHome

class Own(BTHome):
    about = About(
        key="own", vendor="X", models=("1",), match=BleMatch(services=("fcd2",)), sources=("here",),
        setup=BTHome.about.setup, limits=Limits(memory_mb=512),
    )
"""


async def test_a_recording_is_refused_by_a_bthome_driver_in_a_host_too(hosted: Start) -> None:
    """Whoever announces a point has the instance made anew."""
    _, (cls,) = await hosted(OWN_BTHOME)
    known = {"setup": {"bindkey": "231d39c1d7cc1ab1aee224cd096db932"}}
    before = cls(ADDRESS, known)
    before.decode(advert(NEXT))
    after = cls(ADDRESS, {**known, "heard": {"button": {"quantity": "button", "unit": "", "kind": "trigger"}}})
    after.succeed(before)
    with pytest.raises(Implausible, match="a recording"):
        after.decode(advert(SEALED))


def advert(data: str) -> Frame:
    said = build(Advertisement(service_data={"fcd2": bytes.fromhex(data)}))
    return Frame("attic", ADDRESS, said, Stamp(1_000_000, 2_000_000))


async def test_an_error_keeps_what_it_carries(hosted: Start) -> None:
    body = (
        "    async def perform(self, link, command):\n"
        "        error = Expired('later'); error.again_s = 3.5\n        raise error\n"
    )
    _, (cls,) = await hosted(driver(body).replace(b"import os", b"from sluis.model import Expired\nimport os"))
    with pytest.raises(Expired) as caught:
        await cls("a").perform(Notebook(), command())
    assert vars(caught.value)["again_s"] == 3.5


def test_no_method_of_a_driver_stays_behind() -> None:
    """Whoever adds to `Driver` meets this: what a driver may override must go to the host."""
    ours = {"setting"}  # made from the description, which both sides have
    public = {name for name, one in vars(Driver).items() if callable(getattr(Driver, name)) and name[0] != "_"}
    missing = [name for name in public - ours - {"identity"} if name not in vars(Hosted)]
    assert not missing
    assert "sniff" in public


# -- what it needs ----------------------------------------------------------------------------------------


async def refusal(text: bytes) -> str:
    host = Host(m.Load("strange.py", "/nowhere/strange.py", text, needed=stated(text)), SystemClock())
    with pytest.raises(DriverError) as caught:
        await host.start()
    host.close()
    return str(caught.value)


async def test_a_driver_for_a_newer_sdk_is_refused_with_a_sentence_also_when_it_could_not_be_imported() -> None:
    newer = METER.replace(b"sdk=2", b"sdk=99").replace(b"from sluis.sdk import Link", b"from sluis.sdk import NotYet")
    said = await refusal(newer)
    assert said == f"strange.py needs version 99 of the driver SDK; this gateway has {SDK_VERSION}"


async def test_a_missing_distribution_is_named_with_the_command_that_installs_it() -> None:
    text = METER.replace(b'"msgspec>=0.1"', b'"msgspec", "no-such-thing>=2"')
    said = await refusal(b"import no_such_thing\n" + text)
    assert "needs no-such-thing>=2, which is not installed. Install it with: uv pip install" in said
    with pytest.raises(DriverError, match="no-such-thing"):
        drivers_of_text(b"import no_such_thing\n" + text, "/nowhere/strange.py")


async def test_needs_that_are_computed_are_checked_once_the_file_is_loaded() -> None:
    text = METER.replace(b"sdk=2", b"sdk=SDK_VERSION + 1")
    assert stated(text).sdk == 1
    assert "of the driver SDK" in await refusal(text)


@pytest.mark.parametrize(
    ("limits", "megabytes"),
    [("", 256), ("limits=Limits(memory_mb=400),", 400), ("limits=Limits(memory_mb=9999),", 1024)],
)
async def test_memory_is_stated_and_capped(hosted: Start, limits: str, megabytes: int) -> None:
    host, _ = await hosted(METER.replace(b"limits=Limits(memory_mb=300),", limits.encode()))
    assert life_module.MEMORY_CAP_MB == 1024
    told = Path(f"/proc/{host.alive().process.pid}/limits").read_text()
    assert f"Max address space         {megabytes * 2**20}" in told


async def test_a_host_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway runs on after an update of its files: the host that it starts then is newer."""
    monkeypatch.setattr(m, "CONTRACT", m.CONTRACT + 1)
    what = m.Load("strange.py", "/nowhere/strange.py", METER, contract=m.CONTRACT)
    host = Host(what, SystemClock())
    with pytest.raises(DriverError, match="was updated while this gateway runs"):
        await host.start()
    host.close()


def test_what_stands_in_a_file_that_is_no_python() -> None:
    assert stated(b"def (") == stated(b"\0") == stated(b"") == stated(b"x = 1")
    assert stated(METER).limits == Limits(300, 10.0)
