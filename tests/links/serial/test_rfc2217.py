"""A port of a serial server on the network: pyserial's RFC 2217 server, and behind it pymodbus's server as the meter.

Another server (ser2net, on a real UART) is in `test_usb_guest.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from sluis.links.serial import SerialLink, SerialSettings
from sluis.links.serial import link as module
from sluis.runtime import Step, SystemClock
from sluis_drivers.modbus.device import Modbus
from tests.conftest import a_free_port
from tests.devices.house import House
from tests.links.serial.server import SerialServer

pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
"""pyserial's client of RFC 2217 (3.5) calls both."""

Eventually = Callable[..., Awaitable[None]]
MAP = """
name = "Thermometer"
vendor = "pymodbus"
models = ["server"]
source = "this test"
every_s = 0.2

[registers.temperature]
function = 3
address = 0
type = "s16"
scale = 0.1
quantity = "temperature"
unit = "°C"
"""


@pytest.fixture
async def meter() -> AsyncIterator[int]:
    """Register 0 of unit 3 holds 215; the TCP port that carries Modbus RTU as a wire would."""
    cells = [SimData(0, values=215, datatype=DataType.REGISTERS)]
    server = ModbusTcpServer(SimDevice(3, cells), framer=FramerType.RTU, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    yield int(server.transport.sockets[0].getsockname()[1])
    await server.shutdown()


def link_to(tcp_port: int) -> SerialLink:
    url = f"rfc2217://127.0.0.1:{tcp_port}"
    given = SerialSettings("meters", url, baud=38_400, parity="even", settle_s=0.02, reconnect_cap_s=0.5)
    return SerialLink(given, SystemClock())


async def test_a_meter_behind_a_serial_server_is_polled_lost_and_found(
    meter: int, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEADY_S", 0.05)
    server = SerialServer(f"socket://127.0.0.1:{meter}")
    link = link_to(server.tcp_port)
    steps: list[Step] = []
    link.on_step(steps.append)
    house = House(link, Modbus)
    try:
        key = await house.add("3", map="custom", custom=MAP)
        await eventually(lambda: house.values(key) == {"temperature": 21.5}, 20)
        assert (server.port.baudrate, server.port.parity) == (38_400, "E")
        assert link.notes()["device"] == f"rfc2217://127.0.0.1:{server.tcp_port}"

        await asyncio.to_thread(server.stop)
        await eventually(lambda: link.state == "failed", 20)
        assert "was lost" in link.health().last_error or "refused" in link.health().last_error.lower()
        assert {step.rung for step in steps} == {"reopen"}, "nothing of a server can be reset from here"

        server = SerialServer(f"socket://127.0.0.1:{meter}", server.tcp_port)
        answered = link.notes()["addresses"]["meters/3"]["answered"]
        await eventually(lambda: link.notes()["addresses"]["meters/3"]["answered"] > answered, 20)
        assert (server.port.baudrate, server.port.parity) == (38_400, "E")
        assert (link.state, link.health().reconnects) == ("open", 1)
    finally:
        await house.stop()
        await asyncio.to_thread(server.stop)


async def test_a_serial_server_that_is_not_there_is_a_state(eventually: Eventually) -> None:
    link = link_to(a_free_port())
    running = asyncio.ensure_future(link.run())
    await eventually(lambda: link.state == "failed")
    assert "refused" in link.health().reason.lower()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
