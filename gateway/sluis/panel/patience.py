"""HTTP/1.1 with limited patience: a client that opens connections and never finishes a request holds nothing for long.

Uvicorn limits how long a connection may be idle *after* an answer, not how long the next request's headers may take.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def patient(headers_s: float) -> type[H11Protocol]:
    """The protocol class for a server that waits `headers_s` seconds for a request's headers."""

    class Patient(_PatientProtocol):
        patience_s = headers_s

    return Patient


class _PatientProtocol(H11Protocol):
    patience_s: float

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Start the clock when a request has begun and its headers are not whole; stop it when they are."""
        begun = self.cycle is None or bool(self.conn.trailing_data[0])
        if self.conn.their_state is not h11.IDLE or not begun:
            self._stop()
        elif self._limit is None:
            self._limit = self.loop.call_later(self.patience_s, self.transport.close)

    def _stop(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
