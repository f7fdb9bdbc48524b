"""Nodes: microcontrollers with our firmware, and what the gateway keeps of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

NODE_ID = re.compile(r"[0-9a-f]{12}(?:[0-9a-f]{4})?")
"""A chip's own number in lower-case hex: the base MAC of an ESP32 (12 digits), the flash's unique id of an RP2 (16)."""


class NodeState(StrEnum):
    """Where a node stands between a bare board and the bin."""

    ENROLLED = "enrolled"
    """It has credentials. Whether it works is not known: it has not passed its factory test."""
    PROVEN = "proven"
    """It connected with the present credentials, announced itself and passed its factory test."""
    REVOKED = "revoked"
    """Its credentials have ended. Enrolled again, it gets new ones."""
    REPLACED = "replaced"
    """Its place was taken by `successor`; its credentials have ended."""


@dataclass(frozen=True, slots=True)
class Node:
    """One board, as it was enrolled. Nothing secret: its key is derived anew from the site secret when it is needed."""

    id: str
    board: str = ""
    """Kind of board, e.g. `rpi-pico2-w`; what a successor must be as well."""
    generation: int = 1
    """Counts the keys it was given. A new one is a rotation."""
    fingerprint: str = ""
    """Sixteen hex digits that tell its present key from others, and nothing else of it."""
    state: NodeState = NodeState.ENROLLED
    profile: str = ""
    """What is wired to it, by the name of the profile it was made with."""
    serial: str = ""
    """The number that people or the maker gave the board."""
    by: str = ""
    """Who enrolled it (`Actor.label`)."""
    enrolled_at_us: int = 0
    keyed_at_us: int = 0
    """When its present key was issued."""
    proven_at_us: int | None = None
    code_used_at_us: int | None = None
    """When its set-up code was used; it works once."""
    fault: str = ""
    """What is wrong with it and what to do next; "" for nothing."""
    tests: Sequence[Mapping[str, Any]] = ()
    """Results of the last factory test, one object a line (`sluis_provision.enrol.proof.Line`)."""
    tested_at_us: int | None = None
    rssi_dbm: int | None = None
    """How well its network heard it in that test."""
    firmware: str = ""
    successor: str = ""
    """The id of the node that took its place."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """The last `node.json` that it accepted from us; empty when nobody gave it one over the network."""


@dataclass(frozen=True, slots=True)
class NodeUpdate:
    """What a node says of its software (`sluis/<id>/updating`, docs/reference/node-updates.md)."""

    slot: str = ""
    """`a` or `b`: what runs."""
    version: str = ""
    sequence: int = 0
    """Of the release that runs; 0 for one that was put on by cable."""
    floor: int = 0
    """The highest that it ever confirmed: nothing at or below it is taken."""
    trial: bool = False
    phase: str = ""
    """`fetching`, `switching` and the like; "" when nothing is under way."""
    to: int = 0
    """The sequence that it is on its way to; 0 for none."""
    percent: int = 0
    reason: str = ""
    """Why it waits, or why it failed."""
    back: int = 0
    """The sequence that it went back from; 0 for none."""


@dataclass(frozen=True, slots=True)
class CrashPage:
    """Why a node's last update went back: what the given-up version said, and how it ended."""

    node: str
    seen_us: int
    """When the gateway first had this page."""
    print: str
    """The same for the same fault, on whichever node (`sluis.wire.crash`)."""
    slot: str = ""
    version: str = ""
    sequence: int = 0
    reset_cause: str = ""
    lines: tuple[str, ...] = ()
    """The last lines of its log, each with the memory that was free."""
    traceback: str = ""
