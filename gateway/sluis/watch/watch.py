"""Watch: the rules decider over the bus.

Theory of operation. Every rule has a *track* on every subject it watches. Events become observations, observations
step tracks, and a track that opens or clears opens or clears an alert. Nothing polls: tracks say when time alone
can change them, and one timer waits for the earliest.

One cause, one alert. When a link, bridge or other carrier is down, the devices behind it are *unknown*, which no
rule takes for silence or absence, and the carrier's own alert lists them. Alerts that the same outage raised just
before (silence is often noticed sooner than its cause) are folded into it. After the carrier is back, a device that
stays away gets its own alert.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sluis.model import (
    AvailabilityChanged,
    CommandChanged,
    Device,
    DeviceChanged,
    DeviceState,
    Event,
    LinkChanged,
    ReadingChanged,
    StoreError,
)
from sluis.rules import (
    Absent,
    Fact,
    Happens,
    Heard,
    Observation,
    Phase,
    Poor,
    Reach,
    State,
    Subject,
    Tick,
    Transition,
    Unreachable,
    step,
)
from sluis.runtime import Bus, Clock
from sluis.runtime.waiting import within
from sluis.watch.alert import Alert
from sluis.watch.alerts import Alerts
from sluis.watch.memory import Remembrance
from sluis.watch.phrasing import phrase
from sluis.watch.ports import Devices
from sluis.watch.roots import affected_by, reach_of, root_of
from sluis.watch.rulebook import RuleBook
from sluis.watch.symptoms import Symptoms
from sluis.watch.tracks import Track, Tracks
from sluis.watch.wishes import Wishes

log = logging.getLogger(__name__)

FOLD_S = 180.0
"""Alerts about a device that opened at most this long before its carrier's are taken for the same outage. A broker
tells a lost client's will after 1.5 times its keep-alive (90 s for the usual 60), and an alert waits some tens of
seconds more. Smaller and one outage gives two alerts; larger and a device that broke by itself vanishes in the
alert of a later outage."""


class Watch:
    """Runs the rules. Alerts and rules are separate objects that the panel also talks to."""

    def __init__(
        self,
        devices: Devices,
        alerts: Alerts,
        rules: RuleBook,
        remembrance: Remembrance,
        clock: Clock,
        bus: Bus,
    ) -> None:
        self.alerts = alerts
        self.rules = rules
        self.started = False
        """Whether what was open before a restart is in force again."""
        self._devices = devices
        self._clock = clock
        self._remembrance = remembrance
        self._tracks = Tracks()
        self._reach: dict[str, Reach] = {}
        self._children: dict[str, list[str]] | None = None
        """Device -> the devices whose traffic it carries; None when it must be looked up again."""
        self._wishes = Wishes(devices, self.report)
        self._symptoms = Symptoms(devices, rules, self.report)
        # From the beginning: what happens between now and `run` must not be missed.
        self._subscription = bus.subscribe(
            "watch", ReadingChanged, AvailabilityChanged, LinkChanged, CommandChanged, DeviceChanged
        )
        self._replan = asyncio.Event()
        self._asleep_until: int | None = None
        self._early: list[tuple[str, bool, dict[str, Any]]] | None = []
        """What was said before the open alerts were known; None from then on."""

    # -- for others ---------------------------------------------------------------------------------------

    def report(
        self,
        what: str,
        present: bool,
        *,
        device: str = "",
        point: str = "",
        detail: str = "",
        wish: str | float | bool | None = None,
    ) -> None:
        """Say whether something is so: one of `rules.conditions.HAPPENINGS`, about a device, one of its points, or
        the house (`point` is then `link:NAME` or `gateway:WHAT`). Say it as often as you like."""
        if self._early is not None:
            said = {"device": device, "point": point, "detail": detail, "wish": wish}
            self._early.append((what, present, said))
            return
        now_us = self._clock.stamp().mono_us
        subject = self._subject(device, point)
        if not present and all(self.alerts.held(*track.key) is None for track in self._existing(what, subject)):
            for track in self._existing(what, subject):
                self._feed(track, Fact(False), now_us)
            return
        for track in self._tracks.fact(what, subject, now_us):
            if wish is not None:
                track.state = replace(track.state, memory=replace(track.state.memory, value=wish))
            self._feed(track, Fact(present, detail), now_us)
        self._wake_if_earlier()

    def health(self) -> dict[str, int]:
        """For the health page."""
        return {"tracks": sum(1 for _ in self._tracks), "open": len(tuple(self.alerts.opened()))}

    async def run(self) -> None:
        await self._load()
        self.started = True
        early, self._early = self._early or [], None
        for what, present, said in early:
            self.report(what, present, **said)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._wait_for_time())
            group.create_task(self._symptoms.run(self._clock))
            group.create_task(self.alerts.run())
            group.create_task(self.rules.run())
            group.create_task(self._remembrance.run())

    # -- starting -----------------------------------------------------------------------------------------

    async def _load(self) -> None:
        await self.alerts.load()
        await self.rules.refresh()
        self.rules.changed = self._regovern
        self._tracks.govern(self.rules.in_force())
        now = self._clock.stamp()
        for device in self._devices.devices(DeviceState.ADOPTED):
            self._tracks.watch(device, self._devices.points(device.key), now.mono_us)
        await self._resume()
        self._clear_orphans()
        for device in self._devices.devices(DeviceState.ADOPTED):
            self._acquaint(device.key, self._tracks.of_device(device.key))

    async def _resume(self) -> None:
        """Bring states back, and make every open alert's track open."""
        now = self._clock.stamp()
        try:
            kept = await self._remembrance.load(now)
        except StoreError as error:
            log.warning("rules start without memory: %s", error)
            kept = {}
        for key, (version, state) in kept.items():
            track = self._tracks.get(key)
            if track is not None and track.rule.version == version:
                track.state = state
                self._tracks.plan(track)
        for alert in self.alerts.opened():
            self._reopen(alert, now.mono_us)

    def _reopen(self, alert: Alert, now_us: int) -> None:
        rule = self.rules.get(alert.rule)
        tracks = [self._tracks.get((alert.rule, alert.device, alert.point))]
        if rule is not None and isinstance(rule.when, Happens):
            tracks = [*self._tracks.fact(rule.when.what, self._subject(alert.device, alert.point), now_us)]
            self._wishes.resume(alert)
        for track in tracks:
            if track is not None and track.rule.key == alert.rule:
                memory = replace(track.state.memory, present=True, value=alert.params.get("value"))
                track.state = State(memory, Phase.OPEN, now_us, resumed=True)

    def _clear_orphans(self) -> None:
        for alert in self.alerts.opened():
            track = self._tracks.get((alert.rule, alert.device, alert.point))
            if track is None:
                self.alerts.clear(alert, "the rule or the device is no longer in use")

    # -- the loops ----------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        dropped = self._subscription.dropped
        async for events in self._subscription:
            self._take(events)
            if self._subscription.dropped != dropped:
                log.warning(
                    "watch missed %d events and looks at everything again", self._subscription.dropped - dropped
                )
                dropped = self._subscription.dropped
                for device in self._devices.devices(DeviceState.ADOPTED):
                    self._acquaint(device.key, self._tracks.of_device(device.key))
            self._wake_if_earlier()

    async def _wait_for_time(self) -> None:
        while True:
            self._asleep_until = self._tracks.next_us()
            try:
                if self._asleep_until is None:
                    await self._replan.wait()
                else:
                    left_us = self._asleep_until - self._clock.stamp().mono_us
                    await within(self._clock, left_us / 1e6, self._replan.wait())
            except TimeoutError:
                pass
            self._replan.clear()
            now_us = self._clock.stamp().mono_us
            for track in self._tracks.overdue(now_us):
                self._feed(track, Tick(), now_us)

    def _wake_if_earlier(self) -> None:
        moment = self._tracks.next_us()
        if moment is not None and (self._asleep_until is None or moment < self._asleep_until):
            self._replan.set()

    # -- events -------------------------------------------------------------------------------------------

    def _take(self, events: Iterable[Event]) -> None:
        now_us = self._clock.stamp().mono_us
        for event in events:
            if isinstance(event, ReadingChanged):
                for track in self._tracks.of_point(event.device, event.point):
                    self._feed(track, Heard(event.value, event.quality, event.stale), now_us)
                self._wishes.heard(event)
            elif isinstance(event, AvailabilityChanged):
                self._reached(event.device)
                # A child that was unknown and stays unknown publishes nothing, yet its carrier came or went.
                for child in self._descendants(event.device):
                    self._reached(child)
            elif isinstance(event, LinkChanged):
                for device in self._devices.devices(DeviceState.ADOPTED):
                    self._reached(device.key)
                self.report("link-down", not event.up, point=f"link:{event.link}", detail=event.reason)
            elif isinstance(event, CommandChanged):
                self._wishes.commanded(event.receipt)
            elif isinstance(event, DeviceChanged):
                self._device_changed(event.device)

    def _reached(self, key: str) -> None:
        """Tell the rules how the device can be reached now; note it as evidence when its carrier is down."""
        if self._devices.device(key).state is not DeviceState.ADOPTED:
            return
        before = self._reach.get(key)
        reach = reach_of(self._devices, key, before)
        if reach == before:
            return
        self._reach[key] = reach
        now_us = self._clock.stamp().mono_us
        for track in self._tracks.of_device(key):
            if not isinstance(track.rule.when, Happens):
                self._feed(track, reach, now_us)
        if reach.blocked:
            self._join_cause(key)

    def _descendants(self, key: str) -> list[str]:
        if self._children is None:
            self._children = {}
            for device in self._devices.devices(DeviceState.ADOPTED):
                if device.parent:
                    self._children.setdefault(device.parent, []).append(device.key)
        found = list(self._children.get(key, ()))
        for child in found:
            found += [one for one in self._children.get(child, ()) if one not in found and one != key]
        return found

    def _device_changed(self, device: Device) -> None:
        now_us = self._clock.stamp().mono_us
        self._children = None
        if device.state is not DeviceState.ADOPTED:
            self._reach.pop(device.key, None)
            self._end(self._tracks.forget(device.key), "the device is no longer in use")
            return
        new, gone = self._tracks.watch(device, self._devices.points(device.key), now_us)
        self._end(gone, "the rule no longer watches this")
        self._acquaint(device.key, new)

    def _acquaint(self, key: str, tracks: Iterable[Track]) -> None:
        """Tell tracks what is known already. Resumed ones wait for something new."""
        now_us = self._clock.stamp().mono_us
        twin = self._devices.twin(key)
        reach = self._reach[key] = reach_of(self._devices, key, self._reach.get(key))
        for track in tracks:
            if track.state.resumed or isinstance(track.rule.when, Happens):
                continue
            self._feed(track, reach, now_us)
            held = twin.reported.get(track.subject.point)
            if held is not None and not held.stale:
                self._feed(track, Heard(held.value, held.quality), now_us)

    def _regovern(self) -> None:
        """Other rules are in force."""
        now_us = self._clock.stamp().mono_us
        self._tracks.govern(self.rules.in_force())
        for device in self._devices.devices(DeviceState.ADOPTED):
            new, gone = self._tracks.watch(device, self._devices.points(device.key), now_us)
            self._end(gone, "the rule was changed or removed")
            self._acquaint(device.key, new)
        self._wake_if_earlier()

    # -- deciding -----------------------------------------------------------------------------------------

    def _feed(self, track: Track, observation: Observation, now_us: int) -> None:
        phase = track.state.phase
        track.state, change = step(track.rule, track.state, observation, now_us)
        self._tracks.plan(track)
        if change is Transition.OPENED:
            self._opened(track, now_us)
        elif change is Transition.CLEARED:
            held = self.alerts.held(*track.key)
            if held is not None:
                self.alerts.clear(held)
        if track.state.phase is not phase:
            self._remembrance.changed(track)

    def _opened(self, track: Track, now_us: int) -> None:
        subject = track.subject
        if isinstance(track.rule.when, Absent | Poor) and self._is_away(subject.device):
            # The device's own alert says it; ask again when its time has passed once more.
            track.state = State.fresh(now_us)
            self._tracks.plan(track)
            return
        label, point = "", None
        if subject.device:
            label = self._devices.device(subject.device).label
            point = self._devices.points(subject.device).get(subject.point)
        what, params = phrase(track.rule, track.state, label, point, subject.point.partition(":")[2])
        if isinstance(track.rule.when, Happens) and "value" in params:
            params["wish"] = params["value"]
        affected = affected_by(self._devices, subject) if isinstance(track.rule.when, Unreachable | Happens) else []
        alert = self.alerts.begin(track.rule, subject.device, subject.point, subject.area, what, params, affected)
        for key in affected or ([subject.device] if isinstance(track.rule.when, Unreachable) else []):
            self._fold(key, alert, now_us)

    def _is_away(self, device: str) -> bool:
        """Whether an alert about the device's reach is open, or about to."""
        for track in self._tracks.of_device(device):
            if isinstance(track.rule.when, Unreachable):
                least = Phase.OPEN if track.rule.when.how == "unheard" else Phase.PENDING
                if track.state.phase in (Phase.OPEN, least):
                    return True
        return False

    def _join_cause(self, key: str) -> None:
        root = root_of(self._devices, key)
        for alert in self.alerts.opened():
            about = ("device", alert.device) if alert.device else tuple(alert.point.split(":", 1))
            if root is not None and about == root and alert.what in ("link-down", "offline", "not-back", "unheard"):
                grown = self.alerts.affect(alert, [key])
                self._fold(key, grown, self._clock.stamp().mono_us)

    def _fold(self, key: str, cause: Alert, now_us: int) -> None:
        """Alerts that the same outage raised about this device just before become part of the cause's."""
        oldest_us = self._clock.stamp().at_us - int(FOLD_S * 1e6)
        for track in self._tracks.of_device(key):
            held = self.alerts.held(*track.key)
            if held is None or held.id == cause.id or not isinstance(track.rule.when, Absent | Poor | Unreachable):
                continue
            if held.opened_at_us >= oldest_us:
                fresh = State.fresh(now_us)
                blocked = bool(self._devices.twin(key).blocked_by)
                track.state = replace(fresh, memory=replace(fresh.memory, blocked=blocked))
                self._tracks.plan(track)
                self._remembrance.changed(track)
                self.alerts.clear(held, f"part of alert {cause.id}", folded_into=cause.id)

    def _end(self, tracks: Iterable[Track], why: str) -> None:
        for track in tracks:
            self._remembrance.forget(track)
            held = self.alerts.held(*track.key)
            if held is not None:
                self.alerts.clear(held, why)

    def _subject(self, device: str, point: str) -> Subject:
        if not device:
            return Subject("", point)
        held = self._devices.device(device)
        declared = self._devices.points(device).get(point)
        return Subject(device, point, held.area, held.driver, declared.quantity if declared else "")

    def _existing(self, what: str, subject: Subject) -> list[Track]:
        found = [self._tracks.get((rule.key, subject.device, subject.point)) for rule in self.rules.in_force()]
        return [
            track for track in found if track and isinstance(track.rule.when, Happens) and track.rule.when.what == what
        ]
