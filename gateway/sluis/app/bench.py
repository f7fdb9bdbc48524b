"""The bench in the gateway (decision 0013: one engine, two hosts): the panel's wizard writes boards on our own ports.

One run at a time. How it stands is kept in a file after each step, so that a run that the gateway did not survive is
shown as what it is: each board says where it was left, and the next attempt carries on from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from sluis.app.bench_cards import boards_of, plain, stopped
from sluis.app.bench_file import load, save
from sluis.app.bench_keys import Keys
from sluis.app.bench_look import Eyes, Flashers, usable, usual
from sluis.app.bench_stock import Stock
from sluis.links.serial.ports import Found, usb_ports
from sluis.model import Actor, BoardChanged, Device, ProvisionError
from sluis.panel.bench import BoardReport, ChoicesReport, RunReport, SocketReport, Wish
from sluis.runtime import Bus, Clock
from sluis.store.audit import AuditLog
from sluis_provision.bench import Bench as Engine
from sluis_provision.bench import Card, Job, Memory, Seat, Socket, Step, report
from sluis_provision.bench.problem import BenchBusy, NoRun
from sluis_provision.bench.sockets import file_flasher, named
from sluis_provision.flashers import Flasher
from sluis_provision.flashers.problem import PortUnusable
from sluis_provision.images.profiles import profile

log = logging.getLogger(__name__)

PATIENCE_S = 60.0
"""How long an unplugged board is waited for. Shorter and a technician who untangles a cable must begin again; longer
and a tray does not come to its end."""

BOARDS_MOST = 64
"""Boards in one run: more than any hub has sockets."""


class Bench:
    """Implements the panel's `Bench`. `run` is to be running for anything to be written."""

    def __init__(
        self,
        folder: Path,
        stock: Stock,
        keys: Keys | None,
        audit: AuditLog,
        bus: Bus,
        clock: Clock,
        *,
        taken: Callable[[], Mapping[str, str]] = dict,
        usb: Callable[[], Iterable[Found]] = usb_ports,
        flashers: Flashers | None = None,
        files_by: Callable[[Socket], Flasher] = file_flasher,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._folder = folder
        self._stock = stock
        self._keys = keys
        self._audit = audit
        self._bus = bus
        self._clock = clock
        self._taken = taken
        self._flashers = flashers or usual
        self._eyes = Eyes(usb, taken, self._flashers)
        self._files_by = files_by
        self._patience_s = patience_s
        self._group: asyncio.TaskGroup | None = None
        self._task: asyncio.Task[None] | None = None
        self._engine: Engine | None = None
        self._run = self._left(load(folder))
        self._report: Mapping[str, Any] = {}
        self._kept: tuple[BoardReport, ...] = ()
        """Boards of the same tray that an earlier run has dealt with."""

    async def run(self) -> None:
        """Carries the runs. Cancelled, it leaves each board where it is, and says so."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            await asyncio.Event().wait()

    # -- looking ------------------------------------------------------------------------------------------

    async def sockets(self) -> list[SocketReport]:
        return await self._eyes.sockets()

    async def look(self, ports: Sequence[str], family: str) -> list[SocketReport]:
        self._idle()
        return await self._eyes.look(ports, family)

    async def choices(self) -> ChoicesReport:
        return await asyncio.to_thread(self._stock.choices)

    # -- a run --------------------------------------------------------------------------------------------

    def latest(self) -> RunReport | None:
        return self._run

    async def begin(self, wish: Wish, actor: Actor) -> RunReport:
        """Raises before anything is written what is wrong with the wish."""
        self._idle()
        ports = tuple(dict.fromkeys(wish.ports))
        if not ports or len(ports) > BOARDS_MOST:
            raise ProvisionError(f"choose from 1 to {BOARDS_MOST} boards", hint="Tick the boards that are to be done.")
        for port in ports:
            if port in self._taken():
                raise PortUnusable(f"the link {self._taken()[port]} has {port}")
            usable(port)
        kind = profile(wish.profile)
        job = await asyncio.to_thread(self._stock.job, kind, wish)
        self._idle()
        if self._group is None:
            raise ProvisionError("the bench is not at work", hint="Is the gateway stopping?")
        wish = replace(wish, ports=ports)
        self._kept = tuple(one for one in (self._run.boards if self._run else ()) if one.port not in ports)
        self._run = RunReport(uuid4().hex[:12], actor.label, wish, job.image, self._clock.stamp().at_us, 0, self._kept)
        self._engine = self._made(job, wish, actor)
        self._task = self._group.create_task(self._work(self._engine, ports, actor))
        files = len(job.files)
        detail = {"boards": list(ports), "profile": kind.key, "image": job.image, "sha256": job.sha256, "files": files}
        await self._audit.record(actor, "bench.begin", self._run.id, detail)
        return self._run

    def _made(self, job: Job, wish: Wish, actor: Actor) -> Engine:
        actions = {}
        if wish.key and self._keys is not None:
            keys = self._keys

            async def keyed(seat: Seat) -> str:
                return await keys.give(seat, actor, again=wish.again, tell=self._said(seat.socket.port))

            actions[Step.TESTED] = keyed
        return Engine(
            job,
            lambda socket: self._flashers(socket, job),
            files_by=self._files_by,
            actions=actions,
            memory=Memory(self._folder / "boards.json"),
            tell=self._tell,
            patience_s=self._patience_s,
            now_us=lambda: self._clock.stamp().at_us,
        )

    async def _work(self, engine: Engine, ports: Sequence[str], actor: Actor) -> None:
        known = [(one.port, 0, one.place) for one in await asyncio.to_thread(self._eyes.found)]
        try:
            await engine.run(named(ports, known))
        except Exception:
            log.exception("a fault in Sluis stopped a board")
        finally:
            self._end(engine)
        for card in engine.cards.values():
            await self._record(card, actor)

    async def _record(self, card: Card, actor: Actor) -> None:
        done = card.step is Step.DONE
        detail: dict[str, Any] = {"port": card.port, "said": card.said}
        if card.failure is not None:
            detail |= {"failed_at": str(card.failure.at), "code": card.failure.code}
        await self._audit.record(actor, "board.done" if done else "board.failed", card.uid or card.port, detail)

    def _end(self, engine: Engine) -> None:
        assert self._run is not None
        made = report(engine.job, engine.cards.values(), engine.unmanned)
        self._run = replace(self._run, ended_at_us=self._clock.stamp().at_us, boards=self._all(engine))
        self._report = made | plain(self._run, made["boards"])
        self._keep(self._run)
        self._news("", "ended", 100)

    def _all(self, engine: Engine) -> tuple[BoardReport, ...]:
        return (*self._kept, *boards_of(engine.cards.values()))

    def _tell(self, card: Card) -> None:
        """A card changed. Called many times a second while a board is written: only a new step is kept in the file."""
        run = self._run
        if run is None or self._engine is None:
            return
        before = {one.port: one.step for one in run.boards}
        self._run = replace(run, boards=self._all(self._engine))
        if before.get(card.port) != card.step:
            self._keep(self._run)
        self._news(card.port, str(card.step), card.percent)

    def _said(self, port: str) -> Callable[[str], None]:
        """For what is under way within a step."""

        def tell(said: str) -> None:
            run = self._run
            if run is not None:
                boards = tuple(replace(one, said=said) if one.port == port else one for one in run.boards)
                self._run = replace(run, boards=boards)
                self._news(port, "booted", 100)

        return tell

    def _news(self, port: str, step: str, percent: int) -> None:
        self._bus.publish(BoardChanged(port, step, percent, self._clock.stamp()))

    async def stop(self, actor: Actor) -> RunReport:
        if self._task is None or self._run is None or self._task.done():
            raise NoRun("no boards are being written")
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._audit.record(actor, "bench.stop", self._run.id)
        for card in self._engine.cards.values() if self._engine else ():
            await self._record(card, actor)
        return self._run

    async def put_away(self, actor: Actor) -> None:
        self._idle()
        if self._run is not None:
            await self._audit.record(actor, "bench.put-away", self._run.id)
        self._run, self._engine, self._report, self._kept = None, None, {}, ()
        self._eyes.forget()
        await asyncio.to_thread(save, self._folder, None)

    async def place(self, node: str, actor: Actor, *, name: str, area: str, asset_number: str = "") -> Device:
        """Take a board that has proven itself into use."""
        if self._keys is None:
            raise ProvisionError("this gateway's broker is somebody else's", hint="Take it into use under Discovered.")
        return await self._keys.place(node, actor, name=name, area=area, asset_number=asset_number)

    def report(self) -> Mapping[str, Any]:
        run = self._run
        if run is None:
            raise NoRun("there is no run to report on")
        told = dict(self._report) or plain(run)
        return {"id": run.id, "by": run.by, "begun_at_us": run.begun_at_us, "ended_at_us": run.ended_at_us, **told}

    async def report_pdf(self, language: str) -> bytes:
        return await asyncio.to_thread(_pdf, self.report(), language)

    # -- small --------------------------------------------------------------------------------------------

    def _idle(self) -> None:
        if self._run is not None and self._run.running and self._task is not None and not self._task.done():
            raise BenchBusy("boards are being written")

    def _keep(self, run: RunReport) -> None:
        """A card that cannot be written to does not stop a board: then only the memory of it is lost."""
        try:
            save(self._folder, run)
        except OSError as error:
            log.warning("how the boards stand could not be kept: %s", error)

    def _left(self, run: RunReport | None) -> RunReport | None:
        """A run that was under way when the gateway ended: every board says so."""
        if run is None or not run.running:
            return run
        now_us = self._clock.stamp().at_us
        boards = tuple(one if one.step in ("done", "failed") else stopped(one, now_us) for one in run.boards)
        left = replace(run, boards=boards, ended_at_us=now_us)
        self._keep(left)
        return left


def _pdf(made: Mapping[str, Any], language: str) -> bytes:
    from sluis_provision.papers.bench_report import bench_pdf  # what draws is imported where it is used

    return bench_pdf(made, language)
