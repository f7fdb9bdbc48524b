"""Inside the guest: one BLE link, and around it, step by step, everything that it stands on.

No D-Bus, then no bluetoothd, then no adapter; then a controller of Bumble's behind the kernel's own vhci, with a sensor
in its air. The sensor is heard, read and made to notify through bluetoothd. Then the adapter is switched off behind the
link's back, its controller hangs as the field knows it, and the daemon is stopped. Prints one line `RESULT {json}` for
each step, and ends with an exception where one does not come true.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from bumble import hci
from bumble.link import LocalLink
from bumble.transport import open_transport
from dbus_fast import BusType, Message, Variant
from dbus_fast.aio import MessageBus

from sluis.links.ble.link import BleLink
from sluis.links.ble.settings import BleSettings
from sluis.links.ble.states import AdapterState
from sluis.runtime import SystemClock
from tests.guest.inside import WITHIN_S, tell, until
from tests.links.ble.air import LEVEL, Air, Hanging, Peripheral, bthome

BLUETOOTHD = "/usr/libexec/bluetooth/bluetoothd"
ADDRESS = "C4:66:66:66:66:66"


async def controller(air: LocalLink) -> Hanging:
    """A controller behind the kernel's vhci. Without what Linux and Bumble understand differently: with privacy the
    kernel waits for an enhanced connection complete that Bumble does not send, and so with extended advertising."""
    transport = await open_transport("vhci")
    made = Hanging("hci0", link=air)
    made.le_features &= ~(hci.LeFeatureMask.LL_PRIVACY | hci.LeFeatureMask.LE_EXTENDED_ADVERTISING)
    transport.source.set_packet_sink(made)
    made.set_packet_sink(transport.sink)
    return made


async def power(on: bool) -> None:
    """As another program would switch the adapter."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    body = ["org.bluez.Adapter1", "Powered", Variant("b", on)]
    properties = "org.freedesktop.DBus.Properties"
    await bus.call(Message("org.bluez", "/org/bluez/hci0", properties, "Set", signature="ssv", body=body))
    bus.disconnect()


async def its_address() -> str:
    """The adapter's own address."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    properties = "org.freedesktop.DBus.Properties"
    body = ["org.bluez.Adapter1", "Address"]
    reply = await bus.call(Message("org.bluez", "/org/bluez/hci0", properties, "Get", signature="ss", body=body))
    assert reply is not None
    bus.disconnect()
    return str(reply.body[0].value)


async def heard(link: BleLink, sensor: Peripheral, celsius: float) -> None:
    """Until a frame with this value came."""
    await sensor.advertise(bthome(celsius), every_s=0.2)
    async with asyncio.timeout(WITHIN_S):
        while not any(bthome(celsius)[7:] in frame.data for frame in await link.take()):
            pass


async def notified(link: BleLink, level: int) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not any(one.source == f"{ADDRESS}/{LEVEL}" and one.data == bytes((level,)) for one in await link.take()):
            pass


async def main() -> None:
    settings = BleSettings(
        silent_after_s=6.0, trial_s=10.0, retry_cap_s=1.0, call_timeout_s=6.0, connect_timeout_s=40.0
    )
    link = BleLink(settings, SystemClock())
    steps: list[tuple[str, bool, float]] = []
    link.on_step(lambda step: steps.append((step.rung, step.healed, round(step.for_s, 1))))
    running = asyncio.ensure_future(link.run())

    await until(lambda: link.state is AdapterState.NO_DBUS, "no D-Bus")
    tell("no-dbus", reason=link.health().reason)

    subprocess.run(["dbus-daemon", "--system", "--fork"], check=True)
    await until(lambda: link.state is AdapterState.NO_DAEMON, "no daemon")
    tell("no-daemon", reason=link.health().reason)

    daemon = subprocess.Popen([BLUETOOTHD, "-n"], stderr=subprocess.DEVNULL)
    await until(lambda: link.state is AdapterState.NO_ADAPTER, "no adapter")
    tell("no-adapter", reason=link.health().reason)

    air = Air()
    adapter = await controller(air.link)
    sensor = await air.peripheral(ADDRESS)
    await until(lambda: link.up, "an adapter")
    tell("well", state=str(link.state))

    await heard(link, sensor, 25.06)
    tell("heard", address=ADDRESS, rssi=next(iter(link.heard())).rssi_dbm)

    answer = await link.request(b"", to=f"{ADDRESS}/{LEVEL}", timeout_s=20)
    tell("read", level=answer.data[0])
    link.set_filters(frozenset({ADDRESS, f"{ADDRESS}/{LEVEL}"}))
    await until(lambda: sensor.subscribed, "a subscription")
    told = asyncio.ensure_future(notified(link, 77))
    while not told.done():
        # bluetoothd passes over what comes before it has told us that it listens.
        await sensor.notify_level(77)
        await asyncio.wait((told,), timeout=1)
    await told
    tell("notified", level=77)
    link.set_filters(frozenset({ADDRESS}))
    await until(lambda: not link.notes()["connected"], "letting go")

    await heard(link, sensor, 24.5)

    await power(False)
    await until(lambda: link.state is AdapterState.POWERED_OFF, "powered off")
    await until(lambda: link.up, "switched on again")
    await heard(link, sensor, 24)
    tell("powered-off", cured=True)

    before = len(steps)
    adapter.mute = True
    await until(lambda: any(healed for _, healed, _ in steps[before:]), "a cure of the mute controller", 150)
    await heard(link, sensor, 23)
    tell("mute", steps=steps[before:], reset=not adapter.mute)

    daemon.send_signal(signal.SIGSTOP)
    await until(lambda: link.state is AdapterState.DAEMON_SILENT, "a silent daemon")
    reason = link.health().reason
    daemon.send_signal(signal.SIGCONT)
    await until(lambda: link.up, "the daemon's return", 120)
    await heard(link, sensor, 22)
    tell("daemon-silent", reason=reason, abandoned=link._backend.deadlines.abandoned)  # type: ignore[attr-defined]

    daemon.kill()
    daemon.wait()
    await until(lambda: link.state is AdapterState.NO_DAEMON, "the loss of the daemon")
    daemon = subprocess.Popen([BLUETOOTHD, "-n", "--experimental"], stderr=subprocess.DEVNULL)
    await until(lambda: link.up, "a new daemon")
    await heard(link, sensor, 21)
    tell("daemon-restarted")

    began = time.monotonic()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    tell("stopped", for_s=round(time.monotonic() - began, 1), scanning=adapter.le_scan_enable)

    for scanning in ("active", "passive"):
        settings = BleSettings(adapter=await its_address(), scanning=scanning)  # type: ignore[arg-type]
        link = BleLink(settings, SystemClock())
        running = asyncio.ensure_future(link.run())
        await heard(link, sensor, 20 if scanning == "active" else 19)
        tell(scanning, adapter=settings.adapter)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    daemon.terminate()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="LOG %(relativeCreated)d %(name)s %(message)s", stream=sys.stdout)
    for kernel_log in Path("/proc/sys/kernel/printk").parent.glob("printk"):
        kernel_log.write_text("4")
    asyncio.run(main())
    os.sync()
