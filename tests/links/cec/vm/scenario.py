"""Inside the guest: the CEC link on a real CEC adapter, with somebody else's TV at the other end of the wire; intake,
poller and control as in a gateway. Prints one line `RESULT {json}` for each step, and ends with an exception where one
does not come true."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

from sluis.links.cec import CecLink, CecSettings
from sluis.runtime import SystemClock
from sluis_drivers.cec.tv import Tv
from tests.devices.av.room import Room
from tests.guest.inside import tell, until


async def main() -> None:
    link = CecLink(CecSettings("screen", "/dev/cec1", retry_cap_s=1.0), SystemClock())
    room = Room(link, drivers=(Tv,))
    await until(lambda: link.up, "an address on the wire")
    tell("up", **link.notes())
    await room.add("cec-tv", "screen", "0", every_s=1, input=1)
    await until(lambda: "power_state" in room.values, "an answer about power")
    await until(lambda: room.register.device(room.key).name == "Beamer" or "name" in told(room), "a name")
    await until(lambda: "vendor" in told(room), "a maker")
    tell("known", values=room.values, told=told(room))
    for point, value in (("power", False), ("power", True)):
        receipt = await room.told(point, value, deadline_s=30)
        tell(f"{point}-{value}", stage=receipt.stage.value, detail=receipt.detail, values=room.values)
    receipt = await room.told("show_us", None)
    tell("show-us", stage=receipt.stage.value, detail=receipt.detail)
    ask = ["cec-ctl", "-d", "/dev/cec0", "--to", "4", "--give-osd-name", "--give-device-power-status"]
    process = await asyncio.create_subprocess_exec(*ask, stdout=asyncio.subprocess.PIPE)
    tell("we-answer", said=(await process.communicate())[0].decode())
    room.key = ""
    await room.add("cec-tv", "screen", "5", every_s=1)
    receipt = await room.told("volume_up", None)
    tell("nobody-there", stage=receipt.stage.value, detail=receipt.detail)
    await room.stop()


def told(room: Room) -> dict[str, Any]:
    return dict(room.register.device(room.key).description.get("told", {}))


logging.basicConfig(level=logging.WARNING, stream=sys.stdout)
asyncio.run(main())
