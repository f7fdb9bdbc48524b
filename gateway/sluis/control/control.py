"""Control: a wish becomes a command, a command becomes frames, and only what the device reports makes it done.

Theory of operation. `submit` checks, records the command durably, sets the twin's `desired` and returns the receipt
*accepted*. Each device has a lane: one command in flight, the rest waiting in order; a newer wish for the same point
takes the place of one that still waits. In flight means: the driver performs it under the deadline (*sent*), then a
reading that agrees with the wish makes it *done*. Nothing polls: the bus wakes whoever waits. Where the point names a
proof, another point must show the effect within its time (*effective*), or that is a finding (*ineffective*).

A device that says *not now* (`NotNow`: a projector that warms up) is asked again until the deadline; a point may state
how long its device takes (`Point.settles_s`), which is the deadline of commands that name none.

An expired wish stays `desired` until the device complies or somebody wishes otherwise: that disagreement is what
an alert is raised from. A failed or refused wish is dropped.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from sluis.control.checks import (
    Busy,
    UnknownCommand,
    check_actor,
    check_deadline,
    check_firmware,
    check_reach,
    check_value,
)
from sluis.control.expectations import Expectation, Expectations
from sluis.control.leases import Leases, NoLeases
from sluis.control.ledger import Ledger
from sluis.control.ports import Audit, CommandStore, Devices
from sluis.control.proofs import Proofs
from sluis.control.settings import ControlSettings
from sluis.model import (
    Actor,
    Command,
    CommandError,
    DriverError,
    Event,
    Expired,
    FrameError,
    Kind,
    LinkError,
    NotNow,
    Point,
    Quality,
    ReadingChanged,
    Receipt,
    SluisError,
    Stage,
    StoreError,
    UnknownPoint,
    Value,
)
from sluis.model.faults import DriverFailed
from sluis.rules import agrees
from sluis.runtime import Bus, Clock
from sluis.runtime.waiting import within
from sluis.sdk import Driver, Link
from sluis.twins.twin import Desired

log = logging.getLogger(__name__)

Key = tuple[str, str]

DEADLINE_S = 5.0
"""A command's deadline where neither it nor its point says another. Long enough for a slow radio; longer and a person
at a wall panel presses a second time."""


class Control:
    """Takes commands at any time; carries them out while `run` runs. Its failure ends the gateway."""

    def __init__(
        self,
        devices: Devices,
        links: Mapping[str, Link],
        clock: Clock,
        bus: Bus,
        audit: Audit,
        store: CommandStore,
        *,
        leases: Leases | None = None,
        settings: ControlSettings | None = None,
    ) -> None:
        self._devices = devices
        self._links = links
        self._clock = clock
        self._bus = bus
        self._audit = audit
        self._store = store
        self._leases = leases or NoLeases()
        self._settings = settings or ControlSettings()
        self._ledger = Ledger(store, clock, bus)
        self._expectations = Expectations()
        self._lanes: dict[str, deque[tuple[Command, int]]] = {}
        self._working: set[str] = set()
        self._proofs = Proofs(devices, self._ledger, self._expectations, store, clock, self._settings)
        self._unfulfilled: dict[Key, str] = {}
        self._group: asyncio.TaskGroup | None = None
        self._on_driver_fault: Callable[[DriverFailed], None] = lambda failed: None

    # -- for others ---------------------------------------------------------------------------------------

    async def submit(
        self,
        device: str,
        point: str,
        value: Value | None,
        actor: Actor,
        *,
        deadline_s: float | None = None,
        reason: str = "",
        cause: str = "",
    ) -> Receipt:
        """Accept a command and return its receipt; it goes on by itself.

        Raises UnknownDevice, UnknownPoint, ReadOnly, OutOfRange, Refused, DeviceOffline, LeaseHeld or Busy when it
        cannot be accepted; a refusal is in the audit log as well.
        """
        try:
            wish, declared, deadline_s = self._check(device, point, value, actor, deadline_s)
        except CommandError as error:
            await self._record(actor, "command.refused", device, point, value, str(error))
            raise
        now = self._clock.stamp()
        command = Command(
            id=f"{now.at_us:014x}{secrets.token_hex(3)}",
            device=device,
            point=point,
            value=wish,
            actor=actor,
            at_us=now.at_us,
            deadline_s=deadline_s,
            reason=reason,
            cause=cause,
        )
        receipt, _ = await asyncio.gather(
            self._ledger.accept(command), self._record(actor, "command.submit", device, point, wish, reason)
        )
        self._wish(command, declared)
        self._queue(command, declared, now.mono_us + int(deadline_s * 1e6))
        return receipt

    def on_driver_fault(self, listener: Callable[[DriverFailed], None]) -> None:
        """Call `listener` whenever a driver itself fails."""
        self._on_driver_fault = listener

    async def outcome(self, command_id: str, *, proven: bool = False) -> Receipt:
        """The final receipt, awaited. With `proven`, wait for the proof of the effect as well, where there is one."""
        return await self._ledger.outcome(await self.command(command_id), proven)

    def receipt(self, command_id: str) -> Receipt | None:
        """The newest receipt of a recent command (since the start, the last thousands)."""
        return self._ledger.get(command_id)

    def receipts(self) -> list[Receipt]:
        """Recent receipts, the newest change first."""
        return self._ledger.recent()

    async def command(self, command_id: str) -> Receipt:
        """The newest receipt of any command. UnknownCommand when there is none."""
        receipt = self._ledger.get(command_id) or await self._store.receipt(command_id)
        if receipt is None:
            raise UnknownCommand(f"there is no command {command_id!r:.40}")
        return receipt

    async def commands(self, *, device: str = "", point: str = "", limit: int = 100, before: str = "") -> list[Receipt]:
        """Commands of all times with their newest stage, newest first."""
        return await self._store.receipts(device=device, point=point, limit=limit, before=before)

    def health(self) -> dict[str, int]:
        """For the health page."""
        waiting = sum(len(lane) for lane in self._lanes.values())
        return {"waiting": waiting, "in_flight": len(self._working), "unfulfilled": len(self._unfulfilled)}

    async def run(self) -> None:
        await self._ledger.interrupted()
        subscription = self._bus.subscribe("control", ReadingChanged)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                group.create_task(self._ledger.run())
                for device in self._lanes:
                    self._start(device)
                async for events in subscription:
                    self._expectations.look(events)
                    if self._unfulfilled:
                        self._settle_wishes(events)
        finally:
            self._group = None
            subscription.close()

    # -- accepting ----------------------------------------------------------------------------------------

    def _check(
        self, device: str, point: str, value: Value | None, actor: Actor, deadline_s: float | None
    ) -> tuple[Value | None, Point, float]:
        check_actor(actor, self._devices.device(device))
        declared = self._devices.points(device).get(point)
        if declared is None:
            raise UnknownPoint(f"{self._devices.device(device).label} has no point {point!r:.80}")
        check_firmware(actor, self._devices.device(device), declared)
        wish = check_value(declared, value)
        until_s = check_deadline(max(DEADLINE_S, declared.settles_s or 0.0) if deadline_s is None else deadline_s)
        check_reach(self._devices.device(device), self._devices.twin(device))
        self._leases.check(device, declared, actor, self._clock.stamp().mono_us)
        if len(self._lanes.get(device, ())) >= self._settings.queue_per_device and not self._waits(device, declared):
            raise Busy(f"{self._settings.queue_per_device} commands already wait for this device")
        return wish, declared, until_s

    async def _record(self, actor: Actor, action: str, device: str, point: str, value: Value | None, why: str) -> None:
        try:
            await self._audit.record(actor, action, f"{device}/{point}", {"value": value, "why": why})
        except StoreError:
            log.warning("%s by %s is not in the audit log: the store does not take it", action, actor.label)

    def _wish(self, command: Command, point: Point) -> None:
        key = (command.device, command.point)
        self._unfulfilled.pop(key, None)
        self._proofs.stop(key)
        if point.kind is not Kind.TRIGGER and command.value is not None:
            twin = self._devices.twin(command.device)
            twin.desired[command.point] = Desired(command.value, self._clock.stamp(), command.id)

    def _waits(self, device: str, point: Point) -> bool:
        return point.kind is not Kind.TRIGGER and any(
            command.point == point.key for command, _ in self._lanes.get(device, ())
        )

    def _queue(self, command: Command, point: Point, deadline_us: int) -> None:
        lane = self._lanes.setdefault(command.device, deque())
        older = next((entry for entry in lane if entry[0].point == command.point), None)
        if older is not None and point.kind is not Kind.TRIGGER:
            lane[lane.index(older)] = (command, deadline_us)
            self._ledger.advance(
                older[0].id, Stage.REFUSED, "A newer wish for the same point took its place.", "command.superseded"
            )
        else:
            lane.append((command, deadline_us))
        self._start(command.device)

    def _start(self, device: str) -> None:
        if self._group is not None and device not in self._working:
            self._working.add(device)
            self._group.create_task(self._work(device))

    # -- carrying out -------------------------------------------------------------------------------------

    async def _work(self, device: str) -> None:
        lane = self._lanes[device]
        try:
            while lane:
                command, deadline_us = lane.popleft()
                await self._carry_out(command, deadline_us)
        finally:
            self._working.discard(device)
            if not lane:
                self._lanes.pop(device, None)

    async def _carry_out(self, command: Command, deadline_us: int) -> None:
        if self._left_s(deadline_us) <= 0:
            self._end(command, Stage.EXPIRED, "Its time was over before its turn came.", Expired.code)
            return
        point = self._devices.points(command.device).get(command.point)
        if point is None:
            self._end(command, Stage.FAILED, "The device no longer offers this point.", UnknownPoint.code)
            return
        # Expect before performing: a device may report the new value before its own answer to the command.
        confirmed, proof = self._expect(command, point), self._proofs.expect(command, point)
        try:
            already = self._reports(command, point)
            if await self._send(command, point, deadline_us):
                await self._confirm(command, point, confirmed, already, deadline_us)
        finally:
            if confirmed:
                self._expectations.forget(confirmed)
            if proof and self._group:
                self._proofs.follow(command, proof, self._group)

    def _expect(self, command: Command, point: Point) -> Expectation | None:
        value = command.value
        if value is None or point.kind is Kind.TRIGGER:
            return None
        return self._expectations.expect(
            command.device,
            command.point,
            lambda reported: agrees(point, value, reported),
            self._clock.stamp().mono_us,
        )

    async def _send(self, command: Command, point: Point, deadline_us: int) -> bool:
        """Let the driver perform it; False when it ended here."""
        try:
            self._leases.check(command.device, point, command.actor, self._clock.stamp().mono_us)
            driver = self._devices.driver(command.device)
            name = self._devices.device(command.device).link
            link = self._links.get(name)
            if link is None:
                raise LinkError(f"there is no link {name!r}")
            try:
                await self._perform(driver, link, command, deadline_us)
            except Exception as error:
                if isinstance(error, DriverError) or not isinstance(error, SluisError | OSError):
                    device = self._devices.device(command.device)
                    self._on_driver_fault(DriverFailed(device.driver, "perform", error, device, command=command))
                raise
        except TimeoutError:
            self._end(command, Stage.EXPIRED, "The device did not answer in time.", Expired.code)
        except (CommandError, FrameError) as error:
            self._end(command, Stage.REFUSED, str(error), error.code)
        except (SluisError, OSError) as error:
            self._end(command, Stage.FAILED, str(error), getattr(error, "code", LinkError.code))
        except Exception as error:  # a driver that breaks its contract harms this command only
            log.exception("driver of %s failed to perform %s", command.device, command.point)
            self._end(command, Stage.FAILED, f"The driver failed: {error!r:.200}", "driver")
        else:
            self._ledger.advance(command.id, Stage.SENT)
            return True
        return False

    async def _perform(self, driver: Driver, link: Link, command: Command, deadline_us: int) -> None:
        """Perform, again and again while the device says *not now* and there is time left."""
        while True:
            try:
                await within(self._clock, self._left_s(deadline_us), driver.perform(link, command))
                return
            except NotNow as error:
                if self._left_s(deadline_us) <= error.again_s:
                    raise
                receipt = self._ledger.get(command.id)
                if receipt is not None and receipt.detail != str(error):
                    self._ledger.advance(command.id, Stage.ACCEPTED, str(error), error.code)
                await self._clock.sleep(error.again_s)

    async def _confirm(
        self, command: Command, point: Point, confirmed: Expectation | None, already: bool, deadline_us: int
    ) -> None:
        if confirmed is None:
            self._end(command, Stage.DONE, "Sent; an action has no state to report.")
            return
        if point.meta.get("optimistic"):
            self._end(command, Stage.DONE, "Sent; this device does not report the value.")
            return
        left_s = self._left_s(deadline_us)
        try:
            await within(self._clock, min(left_s, self._settings.already_s) if already else left_s, confirmed.met())
        except TimeoutError:
            if self._reports(command, point):
                self._end(command, Stage.DONE, "The device already reported this value.")
            else:
                self._end(command, Stage.EXPIRED, "The device did not report the wished value in time.", Expired.code)
            return
        self._end(command, Stage.DONE)

    def _reports(self, command: Command, point: Point) -> bool:
        """Whether the device reports the wished value now, fresh."""
        held = self._devices.twin(command.device).reported.get(command.point)
        if held is None or held.stale or held.quality is Quality.BAD or command.value is None:
            return False
        return agrees(point, command.value, held.value)

    def _end(self, command: Command, stage: Stage, detail: str = "", code: str = "") -> None:
        key = (command.device, command.point)
        desired = self._devices.twin(command.device).desired
        wish = desired.get(command.point)
        if wish is not None and wish.command_id == command.id:
            if stage is Stage.EXPIRED:
                self._unfulfilled[key] = command.id
            else:
                del desired[command.point]
        self._ledger.advance(command.id, stage, detail, code)

    def _settle_wishes(self, events: Sequence[Event]) -> None:
        """A wish that expired is fulfilled after all when the device comes round to it."""
        for event in events:
            if not isinstance(event, ReadingChanged) or event.stale or event.quality is Quality.BAD:
                continue
            key = (event.device, event.point)
            if key not in self._unfulfilled:
                continue
            desired = self._devices.twin(event.device).desired
            wish, point = desired.get(event.point), self._devices.points(event.device).get(event.point)
            if wish is None or point is None or agrees(point, wish.value, event.value):
                desired.pop(event.point, None)
                del self._unfulfilled[key]

    def _left_s(self, deadline_us: int) -> float:
        return (deadline_us - self._clock.stamp().mono_us) / 1e6
