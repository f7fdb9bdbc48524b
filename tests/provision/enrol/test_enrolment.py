"""A node's keys, from the first to the last, against a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sluis.model.nodes import NodeState
from sluis_provision.enrol.errors import NodeRevoked

from .conftest import ANNA, PICO, Board, Site

Eventually = Callable[..., Awaitable[None]]
PlugIn = Callable[..., Board]


async def plugged(boards: PlugIn, *arguments: Any, **answers: Any) -> Board:
    return await asyncio.to_thread(boards, *arguments, **answers)


async def announced(site: Site, board: Board, eventually: Eventually) -> None:
    await eventually(lambda: site.enrolment.device(board.id) is not None)
    await eventually(lambda: bool(site.register.entry(site.enrolment.device(board.id).key).points))  # type: ignore[union-attr]


async def test_a_board_is_enrolled_connects_over_tls_and_is_revoked(
    site: Site, boards: PlugIn, eventually: Eventually
) -> None:
    issued = await site.enrolment.enrol(PICO, ANNA, board="rpi-pico-w", serial="A-17", profile="climate")
    assert (issued.node.state, issued.node.generation, issued.node.by) == (NodeState.ENROLLED, 1, "person:anna")
    board = await plugged(boards, issued)
    assert board.refused == ""
    await announced(site, board, eventually)

    node, verdict = await site.enrolment.test(PICO, ANNA)
    assert verdict.passed, verdict.fault
    assert (node.state, node.rssi_dbm, node.firmware, node.fault) == (NodeState.PROVEN, -60, "1.4.0", "")
    assert node.proven_at_us is not None

    node = await site.enrolment.revoke(PICO, ANNA, reason="stolen")
    assert node.state is NodeState.REVOKED
    await eventually(board.lost.is_set)
    late = await plugged(boards, issued)
    assert "Not authorized" in late.refused
    with pytest.raises(NodeRevoked, match="revoked"):
        await site.enrolment.test(PICO, ANNA)
    done = [(entry.action, entry.reason) for entry in await site.audit.entries(10) if entry.object == PICO]
    assert done == [("node.revoked", "stolen"), ("node.tested", ""), ("node.enrolled", "")]
