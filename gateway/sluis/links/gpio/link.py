"""The gpio link: pins of the header, by way of the keeper's process (`sluis.links.gpio.keeper`).

Sources are `GPIO17`. What a frame holds, as JSON:

    GPIO17/about   {"name": "front-door", "kind": "input", "gpio": 17, "board": "pi-4b", "at": "pin 11"}
    GPIO17         {"level": 1}                                                      input, output; 1 is on
                   {"duty": 0.4}                                                     pwm
                   {"count": 1042, "level": 0, "quiet_us": 512, "interval_us": 72000} counter

`about` comes whenever the link comes up, so that a reserved pin is announced as a device that a person may adopt; the
others come for adopted pins, on every change and at least every 30 s. Outputs take `{"set": 1}` or `{"duty": 0.4}`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sluis.links.gpio import reserve
from sluis.links.gpio.chip import LABELS
from sluis.links.gpio.process import KeeperProcess
from sluis.links.gpio.settings import GpioSettings, PinSettings
from sluis.links.loop import LoopLink
from sluis.model import ConfigError, Frame, LinkError, Stamp
from sluis.runtime import Backoff, Clock, Rung

log = logging.getLogger(__name__)

ANSWER_S = 2.0
"""Longest answer to a command. The keeper does nothing that takes long; no answer means that it hangs."""

OLD_US = 60_000_000
"""An event older than this is dated by its arrival: the clocks cannot be compared."""


class GpioLink(LoopLink):
    """One per gateway. ConfigError when a pin is not there or has two uses."""

    kind = "gpio"

    def __init__(self, settings: GpioSettings, folder: Path, clock: Clock, *, name: str = "gpio") -> None:
        super().__init__(name, clock)
        self.settings = settings
        self.factory = _factory(settings)
        self._folder = folder
        self._pins = {pin.source: pin for pin in settings.pin}
        self._board, self._hats = reserve.resolve(settings)
        self._labels: Sequence[str] = (self._board.chip,) if self._board else LABELS
        self._keeper: KeeperProcess | None = None
        self._ids = itertools.count(1)
        self._asked: dict[int, asyncio.Future[None]] = {}
        self._problem = ""
        self._cures = self._make_ladder(Rung("restart", self._begin))

    # -- what intake, control and the panel use -----------------------------------------------------------

    async def run(self) -> None:
        backoff = Backoff(cap_s=30.0)
        try:
            while True:
                if self._keeper is None and not await self._try():
                    await self._clock.sleep(backoff.next_s())
                    continue
                backoff.reset()
                await self._until_it_ends()
                await self._clock.sleep(backoff.next_s())
                if not await self._cures.climb(self._lives):
                    self.rung = "failed"
        finally:
            await self._end()
            self._went_down("stopped")

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        """`{"set": 1}` or `{"duty": 0.4}` to `GPIO17`; returned when the pin has it. LinkError when it cannot."""
        try:
            said = json.loads(data)
            value = float(said["set"] if "set" in said else said["duty"])
        except (ValueError, KeyError, TypeError) as error:
            raise LinkError(f"{self.name}: {data[:80]!r} is no state of a pin") from error
        await self._ask({"set": to, "to": value})
        self._sent += 1

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        """With nothing to send: what the pin at `to` is now."""
        answer = asyncio.ensure_future(self._answer(reply or to, timeout_s))
        try:
            await (self.send(data, to=to) if data else self._ask({"get": to}))
            return await answer
        finally:
            answer.cancel()

    async def make_safe(self) -> str:
        """Start a keeper and let it end as if the gateway had died: every output where `at_crash` says. What went
        wrong; "" for nothing. For when no link runs."""
        to_rest = [replace(pin, at_start="safe") for pin in self.settings.pin if pin.drives and pin.at_crash == "safe"]
        keeper = await KeeperProcess.start(self._folder, self._plan(to_rest))
        try:
            await keeper.ready()
        except LinkError as error:
            await keeper.end()
            return str(error)
        return await keeper.abandon()

    def set_filters(self, filters: frozenset[str]) -> None:
        fresh = [source for source in self._pins if source in filters - self.filters]
        super().set_filters(filters)
        for source in fresh:
            self._say({"id": 0, "get": source})

    def notes(self) -> Mapping[str, Any]:
        found: dict[str, Any] = {"factory": self.factory, "pins": {pin.name: one for one, pin in self._pins.items()}}
        if self.factory == "mock":
            found["mock"] = True
        if self._board is not None:
            found["board"] = self._board.name
        if self._hats:
            found["hats"] = [hat.name for hat in self._hats.values()]
        if self._problem:
            found["problem"] = self._problem
        return found

    # -- one life of the keeper ---------------------------------------------------------------------------

    async def _try(self) -> bool:
        """A start that is no cure: nothing was lost, or the ladder was climbed in vain."""
        try:
            await self._begin()
        except (LinkError, OSError):
            return False
        return True

    async def _begin(self) -> None:
        """LinkError or OSError when the pins cannot be had."""
        try:
            self._keeper = await KeeperProcess.start(self._folder, self._plan(self.settings.pin))
            self._address, self._problem = await self._keeper.ready()
        except (LinkError, OSError) as error:
            words = await self._end()
            if words:
                log.warning("%s: %s", self.name, words)
            self._went_down(str(error) or type(error).__name__)
            raise
        self._came_up()
        self._announce()

    async def _lives(self) -> bool:
        return self.up

    async def _until_it_ends(self) -> None:
        assert self._keeper is not None
        beats = asyncio.ensure_future(self._keeper.beat())
        reason = ""
        try:
            async for said in self._keeper.said():
                self._hear(said)
        except (LinkError, OSError) as error:
            reason = str(error)
        finally:
            beats.cancel()
        words = await self._end()
        self._went_down(reason or words or "the process that holds the pins ended")

    async def _end(self) -> str:
        """Its last words."""
        keeper, self._keeper = self._keeper, None
        self._fail_all()
        return await keeper.end() if keeper is not None else ""

    def _plan(self, pins: Sequence[PinSettings]) -> dict[str, Any]:
        settings = self.settings
        return {
            "factory": self.factory,
            "labels": list(self._labels),
            "mock_dir": str(settings.mock_dir) if settings.mock_dir else "",
            "totals": str(self._folder / "totals.json"),
            "report_s": settings.report_s,
            "save_s": settings.save_s,
            "hang_s": settings.hang_s,
            "pins": [{**asdict(pin), "hold_us": pin.hold_us} for pin in pins],
        }

    # -- hearing and saying -------------------------------------------------------------------------------

    def _hear(self, said: Mapping[str, Any]) -> None:
        if "from" in said:
            if said["from"] in self.filters:
                self._deliver(said["from"], json.dumps(said["data"]).encode(), stamp=self._stamp(said["age_us"]))
        elif "id" in said:
            waiting = self._asked.pop(said["id"], None)
            if waiting is not None and not waiting.done():
                if "error" in said:
                    waiting.set_exception(LinkError(f"{self.name}: {said['error']}"))
                else:
                    waiting.set_result(None)
        elif "safe" in said:
            log.error("%s: outputs were made safe: %s", self.name, said["safe"])
            self._last_error = f"outputs were made safe: {said['safe']}"

    def _stamp(self, age_us: int) -> Stamp:
        now = self._clock.stamp()
        return now if age_us > OLD_US else Stamp(now.at_us - age_us, now.mono_us - age_us, now.trusted)

    def _announce(self) -> None:
        for source, pin in self._pins.items():
            self._deliver(f"{source}/about", json.dumps(self._about(pin)).encode())

    def _about(self, pin: PinSettings) -> dict[str, Any]:
        said: dict[str, Any] = {"name": pin.name, "kind": pin.kind, "gpio": pin.gpio}
        if self._board is not None:
            said |= {"board": self._board.key, "at": self._board.pin(pin.gpio)}
        if self.factory == "mock":
            said["mock"] = True
        return said

    def _say(self, what: Mapping[str, Any]) -> None:
        if self._keeper is not None:
            self._keeper.say(what)

    async def _ask(self, what: Mapping[str, Any]) -> None:
        if not self.up or self._keeper is None:
            raise LinkError(f"{self.name} is down: {self._reason}")
        number, answer = next(self._ids), asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        self._say({"id": number, **what})
        try:
            async with asyncio.timeout(ANSWER_S):
                await answer
        except TimeoutError:
            raise LinkError(f"{self.name}: the process that holds the pins does not answer") from None
        finally:
            self._asked.pop(number, None)

    def _fail_all(self) -> None:
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(LinkError(f"{self.name}: the process that holds the pins ended"))


def _factory(settings: GpioSettings) -> str:
    if settings.factory != "auto":
        return settings.factory
    named = os.environ.get("GPIOZERO_PIN_FACTORY", "lgpio")
    if named not in ("lgpio", "mock"):
        raise ConfigError(f"GPIOZERO_PIN_FACTORY is {named!r}", where="gpio.factory", allowed="lgpio, mock")
    return named
