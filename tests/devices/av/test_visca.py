"""A camera over the real links: on a serial line, and by VISCA over IP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.devices.av.conftest import Furnish
from tests.devices.av.room import Room

from sluis.demo.av.camera import ViscaCamera as Camera
from sluis.demo.av.wires import on_serial, on_udp
from sluis.links.net import NetLink, NetSettings
from sluis.links.serial import SerialLink, SerialSettings
from sluis.model import Stage
from sluis.runtime import SystemClock
from sluis_drivers.visca.camera import RESET, ViscaCamera

Eventually = Callable[..., Awaitable[None]]


async def _works(room: Room, camera: Camera, eventually: Eventually) -> None:
    await room.shows(power=False)
    await eventually(lambda: room.register.device(room.key).firmware == "0102")
    assert room.register.device(room.key).model == "VISCA 0513"
    refused = await room.told("zoom", 50)
    assert (refused.stage, refused.detail) == (Stage.REFUSED, "The camera is in standby.")
    assert (await room.told("power", True)).stage is Stage.DONE
    await room.shows(zoom=6.2, focus_auto=True, pan=-288, tilt=53)
    for point, value in [("zoom", 50), ("focus_auto", False), ("preset", 3), ("home", None)]:
        receipt = await room.told(point, value)
        assert receipt.stage is Stage.DONE, receipt
    await room.shows(zoom=50, focus_auto=False, pan=0, tilt=0)
    assert (camera.zoom, camera.is_auto, camera.preset) == (0x2000, False, 2)


async def test_on_a_serial_line(furnish: Furnish, eventually: Eventually) -> None:
    camera = Camera(3, wake_s=0)
    async with on_serial(camera) as path:
        room = furnish(SerialLink(SerialSettings("cams", path), SystemClock()), drivers=(ViscaCamera,))
        await room.add("visca", "cams", "front", address=3, every_s=1)
        await _works(room, camera, eventually)
        await room.stop()


async def test_by_visca_over_ip(furnish: Furnish, eventually: Eventually) -> None:
    camera = Camera(wake_s=0, over_ip=True)
    async with on_udp(camera) as port:
        room = furnish(NetLink(NetSettings(), SystemClock()), drivers=(ViscaCamera,))
        await room.add("visca", "net", f"udp:127.0.0.1:{port}", header="yes", local_port=0, every_s=1)
        await _works(room, camera, eventually)
    assert camera.heard_frames[0] == RESET
    count = 0
    for frame in camera.heard_frames:
        count = 0 if frame == RESET else count + 1
        assert frame == RESET or int.from_bytes(frame[4:8], "big") == count - 1
