"""Receipts: the newest stage of each command, told to the bus, kept in the store, awaited by whoever sent it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from sluis.control.ports import CommandStore
from sluis.model import Command, CommandChanged, Receipt, Stage, StoreError
from sluis.runtime import Bus, Clock

log = logging.getLogger(__name__)

KEPT = 2_000
"""Finished receipts held in memory for those who ask at once; older ones come from the store."""

RETRY_S = 5.0
"""Pause after the store refused receipts (a full disk). They stay in memory meanwhile."""


class Ledger:
    """Stages advance here and nowhere else."""

    def __init__(self, store: CommandStore, clock: Clock, bus: Bus) -> None:
        self._store = store
        self._clock = clock
        self._bus = bus
        self._held: dict[str, Receipt] = {}
        self._unsaved: dict[str, Receipt] = {}
        self._waiting: dict[str, list[tuple[bool, asyncio.Future[Receipt]]]] = {}
        self._proving: set[str] = set()
        self._wake = asyncio.Event()

    async def accept(self, command: Command) -> Receipt:
        """Enter a command; durable when this returns, so that a crash cannot swallow it.

        On a full disk it is entered in memory only: switching a heater off matters more than the record of it.
        """
        receipt = Receipt(command, Stage.ACCEPTED, command.at_us, history=((Stage.ACCEPTED.value, command.at_us),))
        try:
            await self._store.save([receipt])
        except StoreError:
            log.warning("command %s is carried out without a record: the store does not take it", command.id)
        self._enter(receipt)
        return receipt

    def advance(self, command_id: str, stage: Stage, detail: str = "", code: str = "") -> Receipt:
        """The command reached `stage`."""
        held = self._held[command_id]
        now_us = self._clock.stamp().at_us
        history = (*held.history, (stage.value, now_us))
        receipt = replace(held, stage=stage, at_us=now_us, detail=detail, code=code, history=history)
        self._unsaved[command_id] = receipt
        self._enter(receipt)
        self._wake.set()
        return receipt

    def proving(self, command_id: str, is_proving: bool) -> None:
        """Whether DONE will still be followed by EFFECTIVE or INEFFECTIVE."""
        if is_proving:
            self._proving.add(command_id)
        elif command_id in self._proving:
            self._proving.discard(command_id)
            self._tell(self._held[command_id])

    def get(self, command_id: str) -> Receipt | None:
        return self._held.get(command_id)

    def recent(self) -> list[Receipt]:
        """What is held, the newest change first."""
        return list(reversed(self._held.values()))

    async def outcome(self, receipt: Receipt, proven: bool) -> Receipt:
        """Wait until the command is final (and, when `proven`, its effect was looked for)."""
        if self._settled(receipt, proven):
            return receipt
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(receipt.command.id, []).append((proven, future))
        return await future

    async def interrupted(self) -> None:
        """After a restart: what was under way is nobody's any more, and is said to be so."""
        for receipt in await self._store.unfinished():
            command_id = receipt.command.id
            if command_id not in self._held:
                self._held[command_id] = receipt
                self.advance(
                    command_id,
                    Stage.FAILED,
                    "The gateway restarted while this was under way; whether the device did it is not known.",
                    "command.interrupted",
                )

    async def run(self) -> None:
        """Write stages to the store in the background, in order, the newest of each command."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._unsaved:
                await self._save(list(self._unsaved.values()))

    async def _save(self, receipts: Sequence[Receipt]) -> None:
        try:
            await self._store.save(receipts)
        except StoreError as error:
            log.warning("receipts are not stored: %s", error)
            await self._clock.sleep(RETRY_S)
            return
        for receipt in receipts:
            if self._unsaved.get(receipt.command.id) is receipt:
                del self._unsaved[receipt.command.id]

    def _enter(self, receipt: Receipt) -> None:
        self._held.pop(receipt.command.id, None)
        self._held[receipt.command.id] = receipt
        self._trim()
        self._bus.publish(CommandChanged(receipt))
        self._tell(receipt)

    def _settled(self, receipt: Receipt, proven: bool) -> bool:
        return receipt.stage.final and not (proven and receipt.command.id in self._proving)

    def _tell(self, receipt: Receipt) -> None:
        waiting = self._waiting.pop(receipt.command.id, [])
        still = [(proven, future) for proven, future in waiting if not self._settled(receipt, proven)]
        for proven, future in waiting:
            if self._settled(receipt, proven) and not future.done():
                future.set_result(receipt)
        if still:
            self._waiting[receipt.command.id] = still

    def _trim(self) -> None:
        if len(self._held) <= KEPT:
            return
        for command_id, receipt in list(self._held.items()):
            if receipt.stage.final and command_id not in self._proving:
                del self._held[command_id]
                if len(self._held) <= KEPT:
                    return
