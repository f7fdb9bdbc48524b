"""The server as browsers meet it: TLS, headers, the live stream over the wire, the trust listener, stopping."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from sluis.links.site_ca import SiteCa
from sluis.model import ConfigError, Role
from sluis.model.commands import SYSTEM
from sluis.panel.gate import OPEN_OF_ONE
from sluis.panel.serving import PanelServer, Tls
from sluis.panel.settings import PanelSettings
from tests.panel.conftest import Site, a_site


@dataclass
class Served:
    server: PanelServer
    task: asyncio.Task[object]
    tls: ssl.SSLContext
    token: str

    def client(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.AsyncClient(base_url=self.server.url, verify=self.tls, headers=headers)


@pytest.fixture
async def served(
    site: Site, tmp_path: Path, tasks: Callable[[Awaitable[object]], asyncio.Task[object]]
) -> AsyncIterator[Served]:
    ca = SiteCa(tmp_path / "pki")
    pair = ca.server(["localhost", "127.0.0.1"])
    tls = Tls(pair.certificate, pair.key, ca.ca.certificate)
    server = PanelServer(site.app, PanelSettings(port=0, trust_port=0), tls)
    await site.stop_feeding()
    task = tasks(server.run())
    async with asyncio.timeout(10):
        await server.ready.wait()
    context = ssl.create_default_context(cafile=str(ca.ca.certificate))
    yield Served(server, task, context, site.door.local_token())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def stop(served: Served) -> float:
    began = time.monotonic()
    served.task.cancel()
    await asyncio.gather(served.task, return_exceptions=True)
    return time.monotonic() - began


async def test_https_with_the_sites_own_certificate_and_all_security_headers(served: Served) -> None:
    async with served.client() as client:
        answer = await client.get("/api/v1/devices")
    assert answer.status_code == 200 and answer.json()["total"] == 3
    headers = answer.headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["strict-transport-security"].startswith("max-age=")
    assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] and headers["permissions-policy"]
    assert "server" not in headers


async def test_the_stream_over_the_wire(site: Site, served: Served) -> None:
    async with served.client() as client, client.stream("GET", "/api/v1/stream", timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        events: list[str] = []
        async for line in lines:
            if line.startswith("event: "):
                events.append(line[7:])
            if events == ["snapshot", "heartbeat"]:
                site.say("meter-one", "relay", True)
            if line.startswith("data: [") and '"reading"' in line:
                assert json.loads(line[6:])[0]["value"] is True
                break
        assert events[:3] == ["snapshot", "heartbeat", "changes"]


async def test_stopping_with_open_streams_takes_under_two_seconds(site: Site, served: Served) -> None:
    opened = asyncio.Event()
    ends: list[str] = []

    async def watch() -> None:
        async with served.client() as client, client.stream("GET", "/api/v1/stream", timeout=10) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("event: heartbeat"):
                    opened.set()
                if line.startswith('data: {"reason"'):
                    ends.append(line)

    watching = [asyncio.ensure_future(watch()) for _ in range(3)]
    async with asyncio.timeout(10):
        await opened.wait()
        while site.app.state.hub.listeners < 3:
            await asyncio.sleep(0.01)
    assert await stop(served) < 2
    await asyncio.gather(*watching, return_exceptions=True)
    assert len(ends) == 3, "each was told that the gateway stops"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", served.server.port)) != 0


async def test_the_plain_listener_hands_out_the_certificate_and_redirects(served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.server.trust_url) as client:
        certificate = await client.get("/ca.crt")
        assert certificate.text.startswith("-----BEGIN CERTIFICATE-----")
        assert certificate.headers["content-type"] == "application/x-x509-ca-cert"
        guide = await client.get("/trust", headers={"Accept-Language": "en-GB,nl;q=0.5"})
        assert "Trust this building" in guide.text and "<script" not in guide.text
        assert 'lang="nl"' in (await client.get("/trust", headers={"Accept-Language": "fr,nl"})).text
        away = await client.get("/devices/x?tab=2", headers={"Host": "sluis.local:8080"})
        assert away.headers["location"] == f"https://sluis.local:{served.server.port}/devices/x?tab=2"
        for bad in ('evil" onload=x', "a/b", "x y"):
            assert "https://sluis.local:" in (await client.get("/x", headers={"Host": bad})).headers["location"]
        assert (await client.post("/api/v1/session", json={})).status_code == 405
        assert (await client.get("/api/v1/devices")).status_code == 307


async def test_a_body_larger_than_allowed_is_refused(served: Served) -> None:
    async with served.client() as client:
        declared = await client.post("/api/v1/commands", content=b"x" * 1_100_000)
        assert (declared.status_code, declared.json()["code"]) == (413, "api.too-large")

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(40):
                yield b"x" * 50_000

        chunked = await client.post("/api/v1/commands", content=endless())
        assert (chunked.status_code, chunked.json()["code"]) == (413, "api.too-large")


async def test_a_taken_port_says_which_setting(served: Served, site: Site) -> None:
    with pytest.raises(ConfigError, match=r"panel\.port"):
        PanelServer(site.app, PanelSettings(port=served.server.port), None)


async def test_a_session_that_is_revoked_ends_its_stream(site: Site, served: Served) -> None:
    await site.user("anna", Role.VIEWER)
    async with httpx.AsyncClient(base_url=served.server.url, verify=served.tls) as client:
        signed = await client.post("/api/v1/session", json={"name": "anna", "password": "a perfectly long password"})
        assert signed.status_code == 201
        async with client.stream("GET", "/api/v1/stream", timeout=10) as answer:
            rest: list[str] = []
            async for line in answer.aiter_lines():
                if line.startswith("event: heartbeat") and line not in rest:
                    (session,) = await site.door.sessions("anna")
                    await site.door.end_session(session.id, SYSTEM)
                rest.append(line)
    assert 'data: {"reason":"signed-out"}' in rest


async def test_rubbish_on_the_port_harms_nobody(served: Served) -> None:
    for rubbish in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"A" * 5_000, b"\0" * 100):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
        writer.write(rubbish)
        writer.write_eof()
        await reader.read(1_000)
        writer.close()
    async with served.client() as client:
        assert (await client.get("/healthz")).json() == {"alive": True}


async def test_connections_without_end_take_a_bounded_number_of_file_descriptors(served: Served) -> None:
    def ours() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async def one() -> asyncio.StreamWriter:
        return (await asyncio.open_connection("127.0.0.1", served.server.port))[1]

    before = ours()
    opened = [await one() for _ in range(OPEN_OF_ONE + 100)]
    # Our own ends count too: each side of a connection that was let in is one.
    assert ours() - before - len(opened) <= OPEN_OF_ONE
    for writer in opened:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for writer in opened), return_exceptions=True)
    async with served.client() as client, asyncio.timeout(10):
        while True:
            with contextlib.suppress(httpx.TransportError):
                assert (await client.get("/healthz")).status_code == 200, "and there is room again"
                break
            await asyncio.sleep(0.02)


async def test_a_client_that_never_finishes_its_request_is_let_go(
    site: Site, tasks: Callable[[Awaitable[object]], asyncio.Task[object]]
) -> None:
    await site.stop_feeding()
    server = PanelServer(site.app, PanelSettings(port=0, request_s=0.3), None)
    tasks(server.run())
    await server.ready.wait()
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    for piece in (b"", b"GET /healthz HTTP/1.1\r\nX: ", whole + b"GET /he"):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(piece)
        async with asyncio.timeout(3):
            heard = await reader.read()
        assert (b'"alive":true' in heard) == (piece[: len(whole)] == whole)
        writer.close()


async def test_a_body_that_stops_coming_is_refused(tmp_path: Path) -> None:
    settings = PanelSettings(port=0, request_s=0.3)
    async with a_site(tmp_path, settings) as site:
        client = await site.program(Role.OPERATOR)

        async def stalling() -> AsyncIterator[bytes]:
            yield b'{"device": '
            await asyncio.sleep(5)

        answer = await client.post("/api/v1/commands", content=stalling())
        assert (answer.status_code, answer.json()["code"]) == (408, "api.too-slow")
