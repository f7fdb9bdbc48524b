"""A node's questions over its serial console: a line of JSON each way, among its log (decision 0013)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sluis.model.nodes import NODE_ID
from sluis_provision.enrol.errors import KeyNotTaken, NodeRefused, NodeSilent
from sluis_provision.flashers.port import Port

ANSWER_S = 3.0
"""For a node that answers at once. It may be within a TLS handshake, which holds a small chip for two seconds."""

TRIES = 3
PIECE, REST_S = 128, 0.02
"""A serial chip without handshake keeps some 250 bytes, and a node takes them every few milliseconds."""

LINE_MAX = 65536
"""Longer is no answer of a node, which has not that much memory."""


@dataclass(frozen=True, slots=True)
class OnCable:
    """What the node at the other end says of itself."""

    id: str
    board: str
    firmware: str
    connected: bool
    """Whether it has reached its broker."""
    trouble: str = ""
    """Why not, in its words."""


class Cable:
    """On a port that is open."""

    def __init__(self, port: Port, answer_s: float = ANSWER_S) -> None:
        self._port = port
        self._answer_s = answer_s

    async def ask(self, do: str, said: Mapping[str, Any] | None = None, *, tries: int = TRIES) -> Mapping[str, Any]:
        """The answer. NodeSilent when there is none, NodeRefused when the node says no."""
        call = uuid4().hex[:8]
        line = json.dumps({"call": call, "do": do, **(said or {})}).encode()
        for _ in range(tries):
            try:
                async with asyncio.timeout(self._answer_s) as patience:
                    await self._write(b"\n" + line + b"\n")
                    patience.reschedule(asyncio.get_running_loop().time() + self._answer_s)
                    answer = await self._answer(call)
            except TimeoutError:
                continue
            if answer["ok"] is not True:
                raise NodeRefused(f"the node does not do {do!r}: {str(answer.get('error', 'no reason'))[:300]}")
            return answer
        raise NodeSilent(f"no node answers on {self._port.name}")

    async def about(self, *, tries: int = TRIES) -> OnCable:
        """Who it is. NodeSilent when no firmware of ours runs there."""
        told = await self.ask("about", tries=tries)
        node_id = str(told.get("id"))
        if not NODE_ID.fullmatch(node_id):
            raise NodeSilent(f"what answers on {self._port.name} has no number")
        texts = [str(told.get(key) or "")[:200] for key in ("board", "firmware", "trouble")]
        return OnCable(node_id, texts[0], texts[1], told.get("up") is True, texts[2])

    async def enrol(self, net: Mapping[str, Any], ca_der: bytes, fingerprint: str) -> None:
        """Hand over what was issued; the node restarts with it. KeyNotTaken when it keeps another key than this."""
        answer = await self.ask("enrol", {"net": net, "ca": base64.b64encode(ca_der).decode()})
        if answer.get("fingerprint") != fingerprint:
            raise KeyNotTaken(f"the node on {self._port.name} holds another key than it was given")

    async def _write(self, data: bytes) -> None:
        for at in range(0, len(data), PIECE):
            await self._port.write(data[at : at + PIECE])
            await asyncio.sleep(REST_S)

    async def _answer(self, call: str) -> dict[str, Any]:
        while True:
            line = (await self._port.until(b"\n", within_s=self._answer_s))[-LINE_MAX:]
            start = line.find(b"{")
            try:
                told = json.loads(line[start:]) if start >= 0 else None
            except ValueError:
                continue
            # A prompt echoes what it is sent: only an answer says whether it is ok.
            if isinstance(told, dict) and told.get("call") == call and "ok" in told:
                return told
