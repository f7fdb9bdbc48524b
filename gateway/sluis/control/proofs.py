"""Whether a command that was done had its effect, by another point that shows it."""

from __future__ import annotations

import asyncio
import logging

from sluis.control.expectations import Expectation, Expectations
from sluis.control.ledger import Ledger
from sluis.control.ports import CommandStore, Devices
from sluis.control.settings import ControlSettings
from sluis.model import Command, Kind, Point, Quality, Stage
from sluis.rules import shows_effect
from sluis.runtime import Clock
from sluis.runtime.waiting import within

log = logging.getLogger(__name__)

PERIODS = 1.2
"""How many of its own reporting intervals a proof point gets. Less than one and a meter that reports every five
minutes never proves anything; more only delays the finding."""

LOOK_BACK = 50
"""Past commands looked through for one that the same proof did show."""

Key = tuple[str, str]


class Proofs:
    """Follows commands after DONE until EFFECTIVE, INEFFECTIVE, or a newer wish for the same point."""

    def __init__(
        self,
        devices: Devices,
        ledger: Ledger,
        expectations: Expectations,
        store: CommandStore,
        clock: Clock,
        settings: ControlSettings,
    ) -> None:
        self._devices = devices
        self._ledger = ledger
        self._expectations = expectations
        self._store = store
        self._clock = clock
        self._settings = settings
        self._running: dict[Key, tuple[str, asyncio.Task[None]]] = {}

    def expect(self, command: Command, point: Point) -> Expectation | None:
        """Begin to look, before the command is sent: the effect may show before the device says that it is done."""
        shower = self._devices.points(command.device).get(point.proof) if point.proof else None
        value = command.value
        if shower is None or value is None or point.kind is Kind.TRIGGER:
            return None
        return self._expectations.expect(
            command.device,
            shower.key,
            lambda shown: shows_effect(value, shower, shown),
            self._clock.stamp().mono_us,
        )

    def follow(self, command: Command, proof: Expectation, group: asyncio.TaskGroup) -> None:
        """Go on looking if the command was done."""
        receipt = self._ledger.get(command.id)
        if receipt is None or receipt.stage is not Stage.DONE:
            self._expectations.forget(proof)
            return
        self._ledger.proving(command.id, True)
        self._running[(command.device, command.point)] = (command.id, group.create_task(self._prove(command, proof)))

    def stop(self, key: Key) -> None:
        """A newer wish: what the old one brought about can no longer be seen."""
        if key in self._running:
            self._running[key][1].cancel()

    async def _prove(self, command: Command, proof: Expectation) -> None:
        key = (command.device, command.point)
        shower = self._devices.points(command.device)[proof.key[1]]
        within_s = max(self._settings.proof_s, PERIODS * (shower.every_s or 0))
        try:
            await within(self._clock, within_s, proof.met())
            self._ledger.advance(command.id, Stage.EFFECTIVE, f"{shower.key} shows the effect.")
        except TimeoutError:
            await self._unproven(command, proof, shower)
        finally:
            self._expectations.forget(proof)
            if self._running.get(key, ("",))[0] == command.id:
                del self._running[key]
            self._ledger.proving(command.id, False)

    async def _unproven(self, command: Command, proof: Expectation, shower: Point) -> None:
        """No new reading showed it. What the point holds decides, if that is evidence at all."""
        held = self._devices.twin(command.device).reported.get(shower.key)
        point = self._devices.points(command.device).get(command.point)
        inferred = point is not None and point.meta.get("proof") == "inferred"
        if held is None or held.stale or held.quality is Quality.BAD:
            log.info("command %s could not be proven: %s says nothing", command.id, shower.key)
            return
        is_old = held.stamp.mono_us < proof.since_us
        if is_old and (shower.every_s is not None or inferred):
            # From before the command, of a point that would have reported again: no evidence of anything after it.
            return
        if proof.test(held.value):
            self._ledger.advance(command.id, Stage.EFFECTIVE, f"{shower.key} shows the effect.")
        elif not inferred or await self._shown_before(command):
            detail = f"Commanded, but {shower.key} is {held.value} and does not show it."
            self._ledger.advance(command.id, Stage.INEFFECTIVE, detail, "command.not-effective")

    async def _shown_before(self, command: Command) -> bool:
        """Whether this proof ever showed this wish. A plug with nothing plugged in draws no power; only where
        something is known to be driven is its silence a finding."""
        past = await self._store.receipts(device=command.device, point=command.point, limit=LOOK_BACK)
        return any(one.stage is Stage.EFFECTIVE and one.command.value == command.value for one in past)
