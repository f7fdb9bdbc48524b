"""Serves the panel over HTTPS, and the site's certificate over plain HTTP, as parts of the app's task tree.

Uvicorn without its signal handlers: `app` decides when to stop. Cancelling `run` stops gracefully: no new
connections, live streams are ended with an `end` event, requests in flight get `GRACE_S`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from sluis.model import ConfigError
from sluis.panel.gate import Gate
from sluis.panel.patience import patient
from sluis.panel.settings import PanelSettings
from sluis.panel.trust import trust_app

log = logging.getLogger(__name__)

GRACE_S = 1
"""Seconds that requests in flight get at shutdown. Longer and the whole gateway's ten seconds are spent here; shorter
and a command that was just accepted goes unanswered."""

CONNECTIONS = 300
"""Connections at once before new ones are refused with 503: bounded memory on a 512 MB board, far above the panel's
need (64 streams and six connections per browser)."""

IDLE_S = 15
"""An unused connection is closed after this: a phone's next page comes sooner, and open sockets cost memory."""


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files of the server, and the site's CA certificate to hand out."""

    certificate: Path
    key: Path
    ca: Path


class PanelServer:
    """The panel's two listeners. `url` and `trust_url` are right from construction on, also for port 0."""

    def __init__(self, app: FastAPI, settings: PanelSettings, tls: Tls | None) -> None:
        """Binds the ports. ConfigError when one is taken or not ours to bind."""
        self._app = app
        self._tls = tls
        self._request_s = settings.request_s
        self._main = self._config(app, tls)
        self._socket = bind(settings.host, settings.port, "panel.port")
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{_named(settings.host)}:{self.port}"
        self.ready = asyncio.Event()
        """Set once requests are answered."""
        self._trust_socket: socket.socket | None = None
        self.trust_url = ""
        if tls is not None and settings.trust_port >= 0:
            self._trust_socket = bind(settings.host, settings.trust_port, "panel.trust_port")
            self.trust_url = f"http://{_named(settings.host)}:{self._trust_socket.getsockname()[1]}"
            self._trust = trust_app(tls.ca, settings, self.port, app.state)

    async def run(self) -> None:
        """Serve, and feed the live streams, until cancelled."""
        hub = self._app.state.hub
        servers = [_Server(self._main, self._socket)]
        if self._trust_socket is not None:
            servers.append(_Server(self._config(self._trust, None), self._trust_socket))
        feeding = asyncio.ensure_future(hub.run())
        serving = [asyncio.ensure_future(server.serve_here()) for server in servers]
        try:
            await self._until_ready(servers, serving)
            done, _ = await asyncio.wait([feeding, *serving], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
        finally:
            self.ready.clear()
            hub.close()
            for server in servers:
                server.should_exit = True
            await asyncio.wait(serving, timeout=GRACE_S + 0.7)
            for task in (feeding, *serving):
                task.cancel()
            await asyncio.gather(feeding, *serving, return_exceptions=True)

    def take_certificate(self) -> None:
        """Show the certificate that now lies in the files to whoever connects from here on."""
        if self._tls is not None and self._main.ssl is not None:
            self._main.ssl.load_cert_chain(self._tls.certificate, self._tls.key)

    async def _until_ready(self, servers: list[_Server], serving: Sequence[asyncio.Future[None]]) -> None:
        while not all(server.started for server in servers):
            if any(task.done() for task in serving):
                return
            await asyncio.sleep(0.01)
        self.ready.set()
        log.info("panel at %s", self.url)

    def _config(self, app: ASGIApp, tls: Tls | None) -> uvicorn.Config:
        return uvicorn.Config(
            app,
            http=patient(self._request_s),
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=GRACE_S,
        )


class _Server(uvicorn.Server):
    """Uvicorn on a socket that is already bound, leaving signals to the app."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        super().__init__(config)
        self._listener = listener

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def serve_here(self) -> None:
        await self.serve([self._listener])


def bind(host: str, port: int, setting: str) -> socket.socket:
    """A listening TCP socket."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = Gate(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error.strerror}",
            where=setting,
            hint="Another program has the port (ss -ltnp shows which), or the address is not this machine's.",
        ) from error
    listener.setblocking(False)
    return listener


def _named(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104  (compared with, not bound)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
