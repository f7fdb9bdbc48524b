"""PJLink over the real net link, against our stand-in; `test_pjlink_peer` has the one that somebody else wrote."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace

from tests.devices.av.conftest import Furnish
from tests.devices.av.room import Room

from sluis.demo.av.projector import PjlinkFound, PjlinkProjector
from sluis.demo.av.wires import on_tcp, on_udp
from sluis.intake.scan import Why
from sluis.links.net import NetLink, NetSettings
from sluis.model import Availability, DeviceState, Stage
from sluis.model.commands import SYSTEM
from sluis.runtime import SystemClock
from sluis.sdk import Inquiry
from sluis_drivers.pjlink.projector import Projector

Eventually = Callable[..., Awaitable[None]]
EVERYBODY = "127.255.255.255"
"""The broadcast address of the loopback network."""


def on_net(furnish: Furnish, driver: type[Projector] = Projector) -> Room:
    return furnish(NetLink(NetSettings(), SystemClock()), drivers=(driver,))


def searching_on(port: int) -> type[Projector]:
    """The driver, which searches the loopback network, and projectors that are on another port than PJLink's."""

    class Here(Projector):
        about = replace(Projector.about, search=(Inquiry(f"udp:{EVERYBODY}:{port}", b"%2SRCH\r"),))

    Here.port = port
    return Here


async def test_what_it_is_and_how_it_is(furnish: Furnish, eventually: Eventually) -> None:
    projector = PjlinkProjector(password="JBMIA", lamps=2, warm_s=0)
    projector.errors = "000010"
    async with on_tcp(projector) as port:
        room = on_net(furnish)
        await room.add("pjlink", "net", f"127.0.0.1:{port}", password="JBMIA", every_s=1, notices=0)
        await room.shows(
            power=False, power_state="off", problem=True, filter_state="warning", lamp_hours=1200, lamp_2_hours=1300
        )
        await eventually(lambda: room.register.device(room.key).firmware == "1.03")
        device = room.register.device(room.key)
        assert (device.vendor, device.model, device.serial) == ("Sluis", "Stand-in", "SN-0042")
        assert (await room.told("power", True)).stage is Stage.DONE
        await room.shows(resolution="1920x1080", input="digital 1", input_name="HDMI 1", freeze=False)
        assert room.register.points(room.key)["input"].options == (
            "RGB 1", "digital 1", "digital 2", "network 1", "internal A"
        )  # fmt: skip
        for point, value in [
            ("input", "digital 2"),
            ("picture_mute", True),
            ("freeze", True),
            ("speaker_volume_up", None),
        ]:
            assert (await room.told(point, value)).stage is Stage.DONE, point
        await room.shows(input="digital 2", input_name="HDMI 2", picture_mute=True, sound_mute=False, freeze=True)
        assert projector.volume == 11


async def test_a_wish_during_warm_up_is_carried_out_once_when_it_is_warm(
    furnish: Furnish, eventually: Eventually
) -> None:
    projector = PjlinkProjector(warm_s=1.0, cool_s=1.0)
    async with on_tcp(projector) as port:
        room = on_net(furnish)
        await room.add("pjlink", "net", f"127.0.0.1:{port}", every_s=1, notices=0)
        await room.shows(power_state="off")
        refused = await room.told("picture_mute", True)
        assert (refused.stage, refused.detail) == (Stage.REFUSED, "The projector is off.")
        assert (await room.told("power", True)).stage is Stage.DONE, "it is on its way, and says so"
        assert room.values["power_state"] == "warming"
        waits = await room.control.submit(room.key, "input", "digital 2", SYSTEM)
        await eventually(lambda: _detail(room, waits.command.id).startswith("The projector warms up"))
        receipt = await asyncio.wait_for(room.control.outcome(waits.command.id), 15)
        assert receipt.stage is Stage.DONE
        assert [frame for frame in projector.heard_frames if frame == b"%1INPT 32"] == [b"%1INPT 32"] * 2, (
            "refused, done"
        )
        assert (await room.told("power", False)).stage is Stage.DONE
        await room.shows(power=False, power_state="cooling")
        too_soon = await room.told("power", True, deadline_s=0.5)
        assert (too_soon.stage, too_soon.code) == (Stage.REFUSED, "command.not-now")
        assert "power" not in room.register.twin(room.key).desired, "no disagreement is left"


async def test_the_wrong_password_is_told_as_the_reason(furnish: Furnish, eventually: Eventually) -> None:
    async with on_tcp(PjlinkProjector(password="right")) as port:
        room = on_net(furnish)
        await room.add("pjlink", "net", f"127.0.0.1:{port}", password="wrong", every_s=1, notices=0)
        twin = room.register.twin(room.key)
        await eventually(lambda: twin.availability is Availability.OFFLINE, 15)
        assert "refuses the password" in twin.reason
        await room.register.configure(room.key, {"password": "right"}, SYSTEM)
        await room.shows(15, power=False)


async def test_what_a_class_2_projector_tells_by_itself_is_heard_at_once(
    furnish: Furnish, free_port: int, eventually: Eventually
) -> None:
    async with on_tcp(PjlinkProjector()) as port:
        room = on_net(furnish)
        await room.add("pjlink", "net", f"127.0.0.1:{port}", every_s=3600, notices=free_port)
        await room.shows(power=False)

        def noticed() -> bool:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"%2POWR=1\r", ("127.0.0.1", free_port))
            return room.values.get("power_state") == "on"

        await eventually(noticed)


def _detail(room: Room, command_id: str) -> str:
    receipt = room.control.receipt(command_id)
    return receipt.detail if receipt else ""


async def test_a_scan_finds_the_projectors_that_answer_its_search(furnish: Furnish, eventually: Eventually) -> None:
    finder = PjlinkFound("02:00:5e:00:53:01")
    async with on_tcp(PjlinkProjector(warm_s=0)) as port, on_udp(finder, port, EVERYBODY):
        room = on_net(furnish, searching_on(port))
        assert not room.register.devices()
        assert not finder.heard_frames, "nobody is asked before somebody scans"
        room.scan.begin(60)
        await eventually(lambda: bool(room.register.devices(DeviceState.DISCOVERED)))
        (device,) = room.register.devices(DeviceState.DISCOVERED)
        assert finder.heard_frames == [b"%2SRCH\r"]
        assert device.native_id.endswith(f":{port}") and device.link == "net"
        assert device.description["found"] == {"mac": "02:00:5E:00:53:01"}
        (heard,) = (one for one in room.scan.heard() if one.source == f"udp:{device.native_id}")
        assert (heard.why, heard.device, heard.drivers) == (Why.WAITING, device.key, ("pjlink",))

        await room.register.adopt(device.key, name="Projector", area="", actor=SYSTEM)
        room.key = device.key
        await room.shows(power=False, power_state="off")
        await eventually(lambda: room.register.device(room.key).model == "Stand-in")
        room.scan.begin(60)
        await eventually(lambda: len(finder.heard_frames) == 2)
        found = f"udp:{device.native_id}"
        await eventually(lambda: [one.why for one in room.scan.heard() if one.source == found] == [Why.IN_USE])
        assert room.register.device(room.key).model == "Stand-in"
