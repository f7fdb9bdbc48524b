"""`python -m sluis.demo`: the demo site as a process of its own.

The broker's address comes from --broker or, so that no password stands in the process list, from the
environment variable SLUIS_DEMO_BROKER; accounts per device from the JSON file in --accounts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import json
import logging
import os
import signal
from pathlib import Path

from sluis.demo.site import run_site
from sluis.demo.station import Access

PR_SET_PDEATHSIG = 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sluis.demo", description=__doc__)
    parser.add_argument("--broker", default=os.environ.get("SLUIS_DEMO_BROKER", "mqtt://127.0.0.1:1883"))
    parser.add_argument("--ca", type=Path, help="check the broker against this CA certificate (mqtts)")
    parser.add_argument("--accounts", type=Path, help='JSON file: {"heater": ["user", "password"], ...}')
    parser.add_argument("--control", type=Path, help="local socket for orders to misbehave")
    parser.add_argument("--speed", type=float, default=1.0, help="office seconds per second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--crowd", type=int, default=0, help="this many generic devices besides")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two messages of a crowd device")
    parser.add_argument("--meter", type=int, metavar="PORT", help="a Modbus TCP energy meter at this port")
    parser.add_argument("--projector", type=int, metavar="PORT", help="a PJLink projector at this port")
    parser.add_argument("--memory", type=Path, help="file in which the meter keeps its count between two runs")
    parser.add_argument("--nodes", type=Path, help="folder of the virtual boards that are nodes of our own")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


async def run(given: argparse.Namespace) -> None:
    task = asyncio.current_task()
    assert task is not None
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, task.cancel)
    accounts = json.loads(given.accounts.read_text()) if given.accounts else {}
    logins = {name: (pair[0], pair[1]) for name, pair in accounts.items()}
    access = Access.from_url(given.broker, ca=given.ca, credentials=logins)
    ports = {name: port for name in ("meter", "projector") if (port := getattr(given, name)) is not None}
    await run_site(
        access,
        given.speed,
        given.seed,
        control=given.control,
        crowd=given.crowd,
        every_s=given.every,
        ports=ports,
        memory=given.memory,
        nodes=given.nodes,
    )


def main() -> None:
    given = arguments()
    logging.basicConfig(level=logging.DEBUG if given.verbose else logging.WARNING)
    die_with_parent()
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(run(given))


def die_with_parent() -> None:
    """Ask the kernel to end this process when its parent dies, so that a killed gateway leaves nothing behind."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    main()
