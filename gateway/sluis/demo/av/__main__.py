"""`python -m sluis.demo.av DEVICE`: one device of a meeting room as a process of its own, until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from sluis.demo.av.camera import ViscaCamera
from sluis.demo.av.device import AvDevice
from sluis.demo.av.displays import BraviaDisplay, LgDisplay, NecDisplay
from sluis.demo.av.projector import PjlinkProjector
from sluis.demo.av.rack import DenonReceiver, ExtronSwitcher
from sluis.demo.av.samsung import SamsungDisplay
from sluis.demo.av.wires import on_serial, on_tcp, on_udp

DEVICES: dict[str, tuple[Callable[[str], AvDevice], int, str]] = {
    "projector": (lambda password: PjlinkProjector(password=password), 4352, "pjlink"),
    "lg-display": (lambda _: LgDisplay(), 9761, "line-device, map lg-rs232"),
    "nec-display": (lambda _: NecDisplay(), 7142, "line-device, map nec-display"),
    "sony-display": (lambda _: BraviaDisplay(), 20060, "line-device, map sony-bravia"),
    "samsung-display": (lambda _: SamsungDisplay(), 1515, "samsung-mdc"),
    "switcher": (lambda password: ExtronSwitcher(password=password), 2323, "line-device, map extron-sis"),
    "receiver": (lambda _: DenonReceiver(), 2324, "line-device, map denon-marantz"),
    "camera": (lambda _: ViscaCamera(), 5678, "visca"),
    "camera-over-ip": (lambda _: ViscaCamera(over_ip=True), 52381, "visca, at udp:"),
}
"""Name -> how to make it, its usual port, and the driver for it."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sluis.demo.av", description=__doc__)
    parser.add_argument("device", choices=DEVICES)
    parser.add_argument("--port", type=int, help="where it listens; its usual port when left out")
    parser.add_argument("--serial", action="store_true", help="on a pseudo terminal instead, whose name is printed")
    parser.add_argument("--password", default="")
    return parser.parse_args()


async def run(given: argparse.Namespace) -> None:
    make, usual, driver = DEVICES[given.device]
    device = make(given.password)
    port = given.port if given.port is not None else usual
    wire: AbstractAsyncContextManager[str | int]
    if given.serial:
        wire = on_serial(device)
    elif given.device == "camera-over-ip":
        wire = on_udp(device, port)
    else:
        wire = on_tcp(device, port)
    async with wire as place:
        where = place if given.serial else f"127.0.0.1:{place}"
        sys.stdout.write(f"{given.device} at {where}; driver {driver}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(arguments()))
