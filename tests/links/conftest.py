"""A broker of ours, as the gateway runs it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sluis.links.broker import Mosquitto
from sluis.links.settings import BrokerSettings
from sluis.links.site_ca import SiteCa
from sluis.runtime import SystemClock


@pytest.fixture
def ca(tmp_path: Path) -> SiteCa:
    return SiteCa(tmp_path / "pki")


@pytest.fixture
async def own_broker(tmp_path: Path, ca: SiteCa) -> AsyncIterator[Mosquitto]:
    pair = ca.server(["localhost", "127.0.0.1"])
    settings = BrokerSettings(local_port=0, tls_host="127.0.0.1", tls_port=0, certificate_port=0, plain_port=0)
    made = Mosquitto(
        settings,
        tmp_path,
        SystemClock(),
        pair.certificate,
        pair.key,
        ca=ca.ca.certificate,
        revoked=ca.revocations,
    )
    made.prepare()
    await made.start()
    running = asyncio.ensure_future(made.run())
    yield made
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
