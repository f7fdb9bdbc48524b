"""Many boards at once: each on its own card, each at its own pace, none waiting for another.

A board that fails stands alone; the others go on. Each change of a card is told (`tell`). The run ends when every
board is done or failed, or when it is cancelled: then each board's card says where it was left.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sluis.model import ProvisionError
from sluis_provision.bench.card import AFTER_START, Card, Step
from sluis_provision.bench.job import Actions, Approve, Job, Seat, Socket, Tell, approve_all, cut
from sluis_provision.bench.memory import Memory
from sluis_provision.bench.sockets import is_back
from sluis_provision.flashers import BoardFound, Flasher, Part
from sluis_provision.flashers.problem import (
    NotStarted,
    NotVerified,
    SameId,
    Stopped,
    TooLarge,
    Unapproved,
    Unplugged,
    WrongChip,
)

LOOK_S = 0.2
"""How often it is looked whether an unplugged board is back."""


class Bench:
    """One run. `cards` is how it stands, by port."""

    def __init__(
        self,
        job: Job,
        flasher_for: Callable[[Socket], Flasher],
        *,
        files_by: Callable[[Socket], Flasher] | None = None,
        approve: Approve = approve_all,
        actions: Actions | None = None,
        memory: Memory | None = None,
        tell: Tell = lambda _card: None,
        patience_s: float = 0.0,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self.job = job
        self.cards: dict[str, Card] = {}
        self._flasher_for = flasher_for
        self._files_by = files_by
        self._approve = approve
        self._actions = actions or {}
        self._memory = memory or Memory()
        self._tell = tell
        self._patience_s = patience_s
        """How long an unplugged board is waited for; 0 for not at all."""
        self._now_us = now_us
        self._parts = [piece for part in job.parts for piece in cut(part)]
        self._seats: dict[str, str] = {}
        """Number -> port it is at work on."""

    @property
    def unmanned(self) -> list[Step]:
        """The steps that nobody does here."""
        return [step for step in AFTER_START if step not in self._actions]

    async def run(self, sockets: Sequence[Socket]) -> None:
        """Every board to its end. Cancelling leaves each card `failed` with where it was."""
        for socket in sockets:
            self._put(Card(socket.port, socket.place, started_us=self._now_us()))
        outcomes = await asyncio.gather(*(self._board(socket) for socket in sockets), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _board(self, socket: Socket) -> None:
        """One board, again as long as it was only unplugged and comes back."""
        while True:
            try:
                await self._attempt(socket)
                return
            except ProvisionError as error:
                self._fail(socket, error)
                if not isinstance(error, Unplugged) or not await self._back(socket):
                    return
                self._move(
                    socket, Step.SEEN, failure=None, said="it is back", found=None, percent=0, kept=0, ended_us=0
                )
            except asyncio.CancelledError:
                step = self.cards[socket.port].step
                if step is not Step.FAILED and step is not Step.DONE:
                    self._fail(socket, Stopped(f"stopped while it was {step}"))
                raise
            except Exception:
                self._fail(socket, ProvisionError("a fault in Sluis stopped it"))
                raise

    async def _attempt(self, socket: Socket) -> None:
        flasher = self._flasher_for(socket)
        found = await flasher.probe()
        self._right(found)
        with self._alone(socket, found.uid):
            self._move(socket, Step.PROBED, found=found, said=_words(found))
            if not await self._approve(socket, found, self.job):
                raise Unapproved(f"nobody approved overwriting the board on {socket.port}")
            self._move(socket, Step.APPROVED, said="may be written")
            await self._write(socket, flasher, found)
            found = await self._start(socket, flasher, found)
            with self._alone(socket, found.uid):
                await self._files(socket, found)
                await self._rest(Seat(socket, found, self.job, flasher))

    def _right(self, found: BoardFound) -> None:
        """WrongChip or TooLarge, before anything is written."""
        profile = self.job.profile
        if found.chip and found.chip != profile.chip:
            raise WrongChip(
                f"the board has an {found.chip}; {profile.key} is for an {profile.chip}",
                hint="Choose the profile for this chip with --profile.",
            )
        end = max((part.end for part in self._parts if not part.file), default=0)
        if found.flash_bytes and end > found.flash_bytes:
            raise TooLarge(
                f"{self.job.image} needs {end >> 10} KiB; the board has {found.flash_bytes >> 10} KiB of flash"
            )

    @contextlib.contextmanager
    def _alone(self, socket: Socket, uid: str) -> Iterator[None]:
        """SameId when another board that is here has this number. It is given back only when this board failed."""
        holder = self._seats.get(uid, socket.port)
        if uid and holder != socket.port:
            raise SameId(f"the boards on {holder} and {socket.port} both say they are {uid}")
        if uid:
            self._seats[uid] = socket.port
        try:
            yield
        except Unplugged:
            self._seats.pop(uid, None)  # it may come back in another socket
            raise

    async def _write(self, socket: Socket, flasher: Flasher, found: BoardFound) -> None:
        self._move(socket, Step.WRITING, percent=0, said=self.job.image)
        if self.job.erase:
            self._memory.forget(found.uid)
        await self._transfer(socket, flasher, found.uid, self._parts, self.job.erase)

    async def _transfer(
        self, socket: Socket, flasher: Flasher, uid: str, parts: Sequence[Part], erase: bool = False
    ) -> None:
        """Write what is not there yet, and read all of it back."""
        there = await self._there(flasher, uid, parts)
        missing = [part for part in parts if part not in there]
        kept = sum(len(part.content) for part in there)
        self._amend(socket, kept=self.cards[socket.port].kept + kept)
        total = kept + sum(len(part.content) for part in missing)

        def progress(done: int, _of: int) -> None:
            self._percent(socket, 100 * (kept + done) // max(1, total))

        if missing:
            await flasher.enter_loader()
            if erase:
                await flasher.erase()
            await flasher.write(missing, progress, lambda part: self._memory.sure(uid, part))
        wrong = await flasher.verify(parts)
        if wrong:
            self._memory.forget(uid)
            raise NotVerified(f"read back, {', '.join(part.place for part in wrong)} differs from what was written")
        self._move(
            socket, Step.VERIFIED, percent=100, said=f"{total} bytes read back, {kept} of them were there before"
        )

    async def _there(self, flasher: Flasher, uid: str, parts: Sequence[Part]) -> list[Part]:
        """What is remembered of this board, and is true of it."""
        known = self._memory.known(uid, parts)
        if not known:
            return []
        wrong = await flasher.verify(known)
        return [part for part in known if part not in wrong]

    async def _start(self, socket: Socket, flasher: Flasher, found: BoardFound) -> BoardFound:
        told = await flasher.boot()
        if found.uid and told.uid and told.uid != found.uid:
            raise NotStarted(f"another board answers: {told.uid} instead of {found.uid}")
        if self.job.version and told.version and told.version != self.job.version:
            raise NotStarted(f"it runs MicroPython {told.version}, not {self.job.version}")
        found = replace(found, uid=found.uid or told.uid, version=told.version)
        self._move(socket, Step.BOOTED, found=found, said=f"runs MicroPython {told.version}".rstrip())
        return found

    async def _files(self, socket: Socket, found: BoardFound) -> None:
        if not self.job.files or self._files_by is None:
            return
        repl = self._files_by(socket)
        self._move(socket, Step.WRITING, percent=0, said=f"{len(self.job.files)} files")
        await self._transfer(socket, repl, found.uid, self.job.files)
        await self._start(socket, repl, found)

    async def _rest(self, seat: Seat) -> None:
        for step in AFTER_START:
            action = self._actions.get(step)
            if action is not None:
                said = await action(seat)
                self._move(seat.socket, step, said=said)
        self._move(seat.socket, Step.DONE, percent=100, ended_us=self._now_us())

    async def _back(self, socket: Socket) -> bool:
        """Whether an unplugged board came back in time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._patience_s
        while loop.time() < end:
            if await asyncio.to_thread(is_back, socket, self.job.profile):
                return True
            await asyncio.sleep(LOOK_S)
        return False

    def _percent(self, socket: Socket, percent: int) -> None:
        """Told only when it changes; never 100 before it was read back."""
        percent = min(99, percent)
        if percent != self.cards[socket.port].percent:
            self._move(socket, Step.WRITING, percent=percent)

    def _fail(self, socket: Socket, error: ProvisionError) -> None:
        self._put(replace(self.cards[socket.port].failed(error), ended_us=self._now_us()))

    def _move(self, socket: Socket, step: Step, **changes: object) -> None:
        self._put(self.cards[socket.port].to(step, **changes))

    def _amend(self, socket: Socket, **changes: int) -> None:
        self.cards[socket.port] = replace(self.cards[socket.port], **changes)  # type: ignore[arg-type]

    def _put(self, card: Card) -> None:
        self.cards[card.port] = card
        self._tell(card)


def _words(found: BoardFound) -> str:
    """`esp32c3 v0.4, 4 MB flash, number 7cdfa1000001, runs MicroPython 1.28.0`."""
    parts = [f"{found.chip or 'a board'} {found.revision}".strip()]
    if found.flash_bytes:
        parts.append(f"{found.flash_bytes >> 20} MB flash")
    if found.uid:
        parts.append(f"number {found.uid}")
    parts.append(f"runs MicroPython {found.version}" if found.version else "runs no MicroPython that says so")
    return ", ".join(parts)
