"""Updates over MQTT: asks for pieces of files one at a time, and tells how far it is.

    sluis/<id>/get        {"sha256", "offset", "size"}                        (from the node)
    sluis/<id>/chunk      32 bytes of hash, 4 of offset (big endian), bytes of the file; none = there is no such file
    sluis/<id>/updating   retained: slot, version, sequence, floor, trial, phase, to, percent, reason, back

One piece is asked for when the one before is in flash, so a slow node or line slows nobody else, and memory holds one.
What got lost is asked for again, and a connection that went away is waited for.
"""

import asyncio
import binascii
import json

from sluis_node import files, page, updates
from sluis_node.part import Actuator

try:
    from typing import Any

    from sluis_node.app import Node
except ImportError:  # a node has no typing
    pass

ANSWER_S = 10
TRIES_MAX = 12
"""Of one piece, while connected: two minutes. Then the gateway that offered it is not there, and may offer it again."""

HEAD = 36
AGAIN_S = 60
RULES = "/rules.json"
DAY_MIN = 1440


class Carrier:
    def __init__(self, node: "Node", boot: "Any") -> None:
        self._node = node
        self._wanted = b""
        self._piece: "bytes | None" = None
        self._came = asyncio.Event()
        self.hurry = False
        """Somebody wants it now, whatever is switched on."""
        around = updates.Surroundings()
        around.boards = (node.card.board,)
        around.now_s = lambda: node.clock.unix_ms() // 1000 if node.clock.synced else None
        around.note = node.journal.note
        around.restart = node.restart
        around.faults = lambda: sorted(node.runner.faults)
        around.later = self.later
        self.updater = updates.Updater(boot, around, self.fetch, self.tell)
        if self.updater.on_trial():
            node.journal.keep = page.Keeper()

    # -- telling ------------------------------------------------------------------------------------------

    def tell(self) -> None:
        node = self._node
        if node.client is None or not node.client.up:
            return
        about = self.updater.about()
        now = node.card.firmware
        # What Home Assistant's update entity may hold, and nothing else: it refuses unknown keys.
        shown = {
            "installed_version": now,
            "latest_version": now,
            "in_progress": about["phase"] in ("fetching", "switching"),
        }
        if about["phase"] == "fetching":
            shown["update_percentage"] = about["percent"]
        branch = "sluis/" + node.identity.id
        node.client.publish(branch + "/update", json.dumps(shown).encode(), retain=True, keep=False)
        node.client.publish(branch + "/updating", json.dumps(about).encode(), retain=True, keep=False)
        node.tell(self.values(about))

    def values(self, about: "dict[str, Any]") -> "dict[str, Any]":
        text = about["phase"] or "none"
        if "percent" in about and about["phase"] == "fetching":
            text += " %d %%" % about["percent"]
        if "reason" in about:
            text += ": " + about["reason"]
        return {"slot": about["slot"], "release": about["sequence"], "trial": about["trial"], "update": text[:200]}

    def points(self) -> "dict[str, dict[str, Any]]":
        return {
            "slot": {"kind": "text", "category": "diagnostic"},
            "release": {"min": 0, "category": "diagnostic"},
            "trial": {"kind": "switch", "category": "diagnostic"},
            "update": {"kind": "text", "category": "diagnostic"},
        }

    # -- fetching -----------------------------------------------------------------------------------------

    async def fetch(self, sha256: str, offset: int, size: int) -> bytes:
        node = self._node
        self._wanted = binascii.unhexlify(sha256) + offset.to_bytes(4, "big")
        asked = json.dumps({"sha256": sha256, "offset": offset, "size": size}).encode()
        tries = 0
        while tries < TRIES_MAX:
            client = node.client
            if client is None or not client.up:
                await asyncio.sleep(1)
                continue
            self._piece = None
            self._came.clear()
            client.publish("sluis/%s/get" % node.identity.id, asked, qos=1, keep=False)
            try:
                await asyncio.wait_for(self._came.wait(), ANSWER_S)
            except asyncio.TimeoutError:
                tries += 1
                continue
            piece = self._piece
            if not piece:
                raise OSError("the gateway has no such file")
            if len(piece) > size:
                raise OSError("the gateway sent more than was asked for")
            return piece
        raise OSError("the gateway sends nothing")

    def arrived(self, payload: bytes) -> None:
        """A piece. One that is not waited for, because it was asked for twice, is passed over."""
        if payload[:HEAD] == self._wanted:
            self._wanted = b""
            self._piece = payload[HEAD:]
            self._came.set()

    # -- not now ------------------------------------------------------------------------------------------

    async def later(self) -> "tuple[str, int] | None":
        """Why a restart would disturb somebody, and when to ask again."""
        return None if self.hurry else self._quiet() or await self._battery() or await self._switched()

    def _quiet(self) -> "tuple[str, int] | None":
        quiet, clock = rules().get("quiet"), self._node.clock
        if quiet is None or not clock.synced:
            return None
        start, end = quiet
        minute = clock.unix_ms() // 60000 % DAY_MIN
        if (minute - start) % DAY_MIN < (end - start) % DAY_MIN:
            return "these are its quiet hours", (end - minute) % DAY_MIN * 60
        return None

    async def _battery(self) -> "tuple[str, int] | None":
        battery = rules().get("battery")
        if battery is None:
            return None
        point, least = battery
        for part in self._node.runner.parts:
            for suffix in part.points():
                if part.point(suffix) == point:
                    try:
                        level = (await part.read()).get(suffix)
                    except Exception:
                        level = None
                    if level is not None and level < least:
                        return "its battery is low: %s is %s" % (point, level), 10 * AGAIN_S
        return None

    async def _switched(self) -> "tuple[str, int] | None":
        """An actuator that is not in its safe state would be put there by a restart."""
        for part in self._node.runner.parts:
            if isinstance(part, Actuator) and "safe" in part.settings and part.key not in self._node.runner.faults:
                try:
                    value = (await part.read()).get("")
                except Exception:
                    continue
                if value is not None and value != part.settings["safe"]:
                    return "%s is in use" % part.key, AGAIN_S
        return None


def rules() -> "dict[str, Any]":
    """When this node is not to be restarted: {"quiet": [minute of the day UTC, until], "battery": [point, least]}."""
    told = files.read_json(RULES)
    return told if isinstance(told, dict) else {}


def check_rules(told: "Any") -> str:
    """What is wrong with them; "" for nothing."""
    if not isinstance(told, dict) or any(key not in ("quiet", "battery") for key in told):
        return "rules may have quiet and battery"
    quiet, battery = told.get("quiet", [0, 0]), told.get("battery", ["", 0])
    if (
        not isinstance(quiet, list)
        or len(quiet) != 2
        or not all(isinstance(each, int) and 0 <= each < DAY_MIN for each in quiet)
    ):
        return "quiet must be two minutes of the day, UTC, from 0 to 1439"
    if not isinstance(battery, list) or len(battery) != 2 or not isinstance(battery[0], str):
        return "battery must be the key of a point and its least value"
    return "" if isinstance(battery[1], (int, float)) else "the least value of battery must be a number"
