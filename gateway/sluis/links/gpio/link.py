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
import contextlib
import itertools
import json
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sluis.links.gpio import reserve
from sluis.links.gpio.chip import LABELS
from sluis.links.gpio.keeper import BEAT_S
from sluis.links.gpio.settings import GpioSettings, PinSettings
from sluis.links.loop import LoopLink
from sluis.model import ConfigError, Frame, LinkError, Stamp
from sluis.runtime import Backoff, Clock

log = logging.getLogger(__name__)

START_S = 20.0
"""Longest start of the keeper. It imports a library and asks a chip; a Pi Zero under load takes some seconds."""

STOP_S = 3.0
"""Longest orderly end of the keeper. Outputs are safe within milliseconds; the rest is a file on a slow card."""

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
        self._process: Process | None = None
        self._ids = itertools.count(1)
        self._asked: dict[int, asyncio.Future[None]] = {}
        self._problem = ""

    # -- what intake, control and the panel use -----------------------------------------------------------

    async def run(self) -> None:
        backoff = Backoff(cap_s=30.0)
        while True:
            try:
                await self._live(backoff)
                reason = "the process that holds the pins ended"
            except (LinkError, OSError, ValueError) as error:
                reason = str(error) or type(error).__name__
            except asyncio.CancelledError:
                self._went_down("stopped")
                raise
            self._went_down(reason)
            await self._clock.sleep(backoff.next_s())

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
        process = await self._start(to_rest)
        spoken = asyncio.ensure_future(_last_words(process))
        try:
            async with asyncio.timeout(START_S):
                await self._readied(process)
                assert process.stdin is not None
                process.stdin.close()
                await _gone(process)
        except (TimeoutError, LinkError) as error:
            return str(error) or f"not done within {START_S:.0f} s"
        finally:
            if process.returncode is None:
                process.kill()
            words = await spoken
            await process.wait()
        return words

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

    async def _live(self, backoff: Backoff) -> None:
        process = await self._start(self.settings.pin)
        spoken = asyncio.ensure_future(_last_words(process))
        try:
            async with asyncio.timeout(START_S):
                await self._readied(process)
        except TimeoutError:
            await self._end(process, spoken)
            raise LinkError(f"the process that holds the pins did not start within {START_S:.0f} s") from None
        except BaseException:
            words = await self._end(process, spoken)
            if words:
                log.warning("%s: %s", self.name, words)
            raise
        self._process = process
        self._came_up()
        self._announce()
        backoff.reset()
        beats = asyncio.ensure_future(self._beat())
        try:
            async for line in _lines(process):
                self._hear(line)
        finally:
            beats.cancel()
            self._process = None
            self._fail_all()
            words = await self._end(process, spoken)
        raise LinkError(words or "the process that holds the pins ended")

    async def _start(self, pins: Sequence[PinSettings]) -> Process:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-s",
            "-B",
            "-m",
            "sluis.links.gpio",
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            # lgpio makes a pipe of its own in the folder it runs in; it must be one that may be written.
            cwd=self._folder,
            env={"PYTHONPATH": os.pathsep.join(one for one in sys.path if one), "LANG": "C.UTF-8"},
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps({"plan": self._plan(pins)}).encode() + b"\n")
        return process

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

    async def _readied(self, process: Process) -> None:
        async for line in _lines(process):
            said = json.loads(line)
            if "failed" in said:
                raise LinkError(str(said["failed"]))
            if "ready" in said:
                self._address, self._problem = str(said["ready"]), str(said["problem"])
                return
        raise LinkError("the process that holds the pins ended at once; see the log")

    async def _end(self, process: Process, spoken: asyncio.Future[str]) -> str:
        """In order when it still listens, by force when not; its last words."""
        if process.returncode is None and process.stdin is not None:
            with contextlib.suppress(OSError, RuntimeError):
                process.stdin.write(b'{"stop": true}\n')
            try:
                await asyncio.wait_for(asyncio.shield(_gone(process)), STOP_S)
            except TimeoutError:
                process.kill()
                await process.wait()
        if process.stdin is not None:
            process.stdin.close()
        return await spoken

    async def _beat(self) -> None:
        while True:
            self._say({})
            await asyncio.sleep(BEAT_S)

    # -- hearing and saying -------------------------------------------------------------------------------

    def _hear(self, line: bytes) -> None:
        said = json.loads(line)
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
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(json.dumps(what).encode() + b"\n")

    async def _ask(self, what: Mapping[str, Any]) -> None:
        if not self.up or self._process is None:
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


async def _lines(process: Process) -> Any:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        yield line


async def _last_words(process: Process) -> str:
    """The last line of what it wrote to stderr, until its end."""
    assert process.stderr is not None
    last = ""
    while line := await process.stderr.readline():
        last = line.decode(errors="replace").strip() or last
        log.info("gpio keeper: %s", last)
    return last


async def _gone(process: Process) -> None:
    """It ended, and nothing it said is left unread."""
    async for _ in _lines(process):
        continue
    await process.wait()
