"""A node's side of an update: takes an offer or says why not, fetches, switches, and tries what is new.

Works on flash and on what it is handed, and knows no network: see carrier.py for that. What is checked, and in which
order, stands in docs/reference/node-updates.md.
"""

import asyncio
import sys

from sluis_node import files, page, slots
from sluis_node.refused import Later, Refused

try:
    from typing import Any, Awaitable, Callable
except ImportError:  # a node has no typing
    pass

TRIAL_S = 180
"""A new slot has so long to reach its broker with all that worked before; see trial.py for the length."""

SETTLED_S = 10
"""It must work for so long without a break to be confirmed."""


LOOK_S = 5
"""A switch that has to wait is tried again so often."""


async def _never() -> "tuple[str, int] | None":
    return None


class Surroundings:
    """What an update needs to know of the node it happens on, and may do to it."""

    def __init__(self) -> None:
        self.boards: "tuple[str, ...]" = ()
        self.now_s: "Callable[[], float | None]" = lambda: None
        self.partitions = False
        self.note: "Callable[[str], None]" = lambda text: None
        self.restart: "Callable[[str, Callable[[], None]], None]" = lambda why, last: None
        self.faults: "Callable[[], list[str]]" = list
        """Keys of parts that do not work now."""
        self.later: "Callable[[], Awaitable[tuple[str, int] | None]]" = _never
        """Why it must not restart now, and in how many seconds to look again."""


def family() -> str:
    return {"esp32": "esp", "rp2": "rp2"}.get(sys.platform, sys.platform)


def runtime() -> str:
    version: "Any" = sys.implementation
    return ".".join([str(part) for part in tuple(version[1])[:3]])


class Updater:
    """`fetch(sha256, offset, size)` gives bytes of a file. `changed()` is told whenever `about()` has other words."""

    def __init__(
        self,
        boot: "Any",
        around: Surroundings,
        fetch: "Callable[[str, int, int], Awaitable[bytes]]",
        changed: "Callable[[], None]" = lambda: None,
    ) -> None:
        self._boot = boot
        self._around = around
        self._fetch = fetch
        self._changed = changed
        self._offer: "tuple[bytes, dict[str, Any]] | None" = None
        self._event = asyncio.Event()
        self._well_s = self._trial_s = 0
        self._percent = -1
        self.phase = "trial" if self.on_trial() else ""
        """`checking`, `fetching`, `waiting`, `switching`, `trial`, `failed`, or "" for nothing."""
        self.reason = ""
        page.write(boot.state)
        told = slots.manifest(boot.state["run"]) or {}
        self._runs = (told.get("version", ""), told.get("sequence", 0))
        self._floor = slots.floor(boot.state)
        kept = files.read_json(page.PAGE)
        self._back = kept["sequence"] if isinstance(kept, dict) else 0

    def on_trial(self) -> bool:
        return bool(self._boot.state.get("trial"))

    def about(self) -> "dict[str, Any]":
        """Which slot runs, what it is, and how far an update is."""
        state = self._boot.state
        said = {"slot": state["run"], "version": self._runs[0], "sequence": self._runs[1]}
        said.update({"floor": self._floor, "trial": self.on_trial(), "phase": self.phase})
        if self._offer is not None:
            said.update({"to": self._offer[1]["sequence"], "percent": max(self._percent, 0)})
        if self.reason:
            said["reason"] = self.reason
        if self._back:
            said["back"] = self._back
        return said

    def _say(self, phase: str, reason: str = "") -> None:
        if (phase, reason) != (self.phase, self.reason):
            self.phase, self.reason = phase, reason
            if reason:
                self._around.note("update: %s: %s" % (phase, reason))
            self._changed()

    def _holder(self) -> "Any":
        from sluis_node import release

        around = self._around
        return release.Holder(
            around.boards + (family(),),
            runtime(),
            self._runs[1],
            self._floor,
            around.partitions,
            around.now_s(),
        )

    # -- being offered ------------------------------------------------------------------------------------

    async def offered(self, signed: "bytes | str") -> "dict[str, Any]":
        """Check a signed manifest and take it. Refused, or Later, says why not. A newer offer replaces an older one."""
        if self.on_trial():
            raise Later("this node tries its last update", TRIAL_S)
        told = await self._checked(signed)
        wait = await self._around.later()
        if wait is not None:
            raise Later(wait[0], wait[1])
        slots.check_space(slots.other(self._boot.state["run"]), told)
        files.write(slots.OFFER, signed)
        self._take(signed, told)
        return {"sequence": told["sequence"], "size": sum(entry["size"] for entry in told["files"])}

    async def _checked(self, signed: "bytes | str") -> "dict[str, Any]":
        trusted = slots.trust()
        if trusted is None:
            raise Refused("bundle.untrusted", "this node trusts nobody: %s is missing" % slots.TRUST)
        from sluis_node import release

        told = release.read_manifest(await release.opened(signed, "manifest", trusted))
        release.suits(told, self._holder())
        return told

    def _take(self, signed: "bytes | str", told: "dict[str, Any]") -> None:
        self._offer = (signed if isinstance(signed, bytes) else signed.encode(), told)
        self._percent = -1
        self._event.set()

    def drop(self) -> None:
        """Nobody wants it any more."""
        files.remove(slots.OFFER)
        self._offer = None
        self._say("")

    async def trusted(self, signed: "bytes | str") -> None:
        """Other keys, signed by those trusted until now."""
        now = slots.trust()
        if now is None:
            raise Refused("bundle.untrusted", "this node trusts nobody: %s is missing" % slots.TRUST)
        from sluis_node import release

        files.write(slots.TRUST, await release.next_trust(signed, now))

    # -- doing it -----------------------------------------------------------------------------------------

    async def resume(self) -> None:
        """At the start: go on with what a power cut broke off, unless that is over."""
        state = self._boot.state
        if not self.on_trial():
            slots.raise_floor(state)
        signed = files.read(slots.OFFER)
        if signed is None:
            return
        try:
            if self.on_trial() or "back" in state:
                raise Refused("bundle.rollback", "it was tried")
            self._take(signed, await self._checked(signed))
        except Refused:
            files.remove(slots.OFFER)

    async def run(self) -> None:
        """Carry out what is offered, for ever."""
        await self.resume()
        while True:
            await self._event.wait()
            self._event.clear()
            offer = self._offer
            if offer is not None:
                await self._carry_out(offer)

    async def _carry_out(self, offer: "tuple[bytes, dict[str, Any]]") -> None:
        self._say("fetching")
        try:
            await slots.stage(self._boot.state["run"], offer[0], offer[1], self._fetch, self._told)
        except (Refused, OSError) as error:
            if self._offer is offer:  # else a newer one came, and its event is set
                self._offer = None
                files.remove(slots.OFFER)
                self._say("failed", str(error))
            return
        await self._switch_when_idle(offer)

    async def _switch_when_idle(self, offer: "Any") -> None:
        while self._offer is offer:
            wait = await self._around.later()
            if wait is None:
                self._say("switching")
                self._restart_into_other("a new version is tried")
                return
            self._say("waiting", wait[0])
            await asyncio.sleep(min(wait[1], LOOK_S))

    def _restart_into_other(self, why: str) -> None:
        run, faults = self._boot.state["run"], self._around.faults()
        self._around.restart(why, lambda: self._switch(run, faults))

    def _switch(self, run: str, faults: "list[str]") -> None:
        page.forget()
        slots.switch(run, faults)
        files.remove(slots.OFFER)

    def _told(self, done: int, total: int) -> None:
        percent = done * 100 // max(total, 1)
        if percent >= self._percent + 5 or (percent == 100 and self._percent < 100):
            self._percent = percent
            self._changed()

    async def back(self) -> "dict[str, Any]":
        """Run the other slot again, on trial: undo. It is checked anew, and nothing is fetched."""
        if self.on_trial():
            raise Later("this node tries its last update", TRIAL_S)
        run = self._boot.state["run"]
        other = await slots.check_whole(slots.other(run))
        slots.raise_floor(self._boot.state)
        wait = await self._around.later()
        if wait is not None:
            raise Later(wait[0], wait[1])
        self._restart_into_other("the other slot is wanted")
        return {"sequence": other}

    # -- the trial ----------------------------------------------------------------------------------------

    def second(self, up: bool) -> None:
        """Every second: `up`, whether there is a network and a broker. Confirms a trial, or ends it."""
        if not self.on_trial():
            return
        broken = [key for key in self._around.faults() if key not in self._boot.state.get("faults", ())]
        self._trial_s += 1
        self._well_s = self._well_s + 1 if up and not broken else 0
        if self._well_s >= SETTLED_S:
            self._boot.confirm()
            slots.raise_floor(self._boot.state)
            self._floor = slots.floor(self._boot.state)
            self._around.note("update: this version is confirmed")
            self._say("")
        elif self._trial_s == TRIAL_S:
            state = self._boot.state
            why = "the broker was not reached" if not up else "these parts do not work: " + ", ".join(broken)
            self._around.note("update: goes back, as " + why)
            self._around.restart("goes back", lambda: slots.give_up(state))
