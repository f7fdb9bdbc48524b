"""The alerts: those that are open in memory, all of them in the store, and what people do with them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from sluis.model import Actor, AlertChanged, Refused, Role, SluisError, StoreError
from sluis.rules import Rule
from sluis.runtime import Bus, Clock
from sluis.watch.alert import Alert, AlertStep, Cause, Params, grouped
from sluis.watch.ports import AlertStore, Audit

log = logging.getLogger(__name__)

UNSAVED = 10_000
"""Changes kept in memory while the store takes nothing (a full disk). Beyond it the oldest are dropped: what is open
stays right, because the newest change of an alert holds all of it."""

RETRY_S = 5.0
"""Pause after the store refused changes."""

NOTE_MAX = 2_000
"""Characters of a note."""

Key = tuple[str, str, str]
"""(rule, device, point): at most one open alert each."""


class UnknownAlert(SluisError, LookupError):
    """There is no alert of this number."""

    code: ClassVar[str] = "alert.unknown"
    hint = "Old alerts are removed with the history they belong to."


class Alerts:
    """Opens, changes and clears. All methods run on the event loop; `run` writes behind."""

    def __init__(self, store: AlertStore, clock: Clock, bus: Bus, audit: Audit) -> None:
        self.told: Callable[[Alert, str], None] = lambda alert, what: None
        """Called with (alert, `opened` or `cleared`) for notifications."""
        self._store = store
        self._clock = clock
        self._bus = bus
        self._audit = audit
        self._open: dict[Key, Alert] = {}
        self._next_id = 1
        self._unsaved: deque[tuple[Alert, AlertStep]] = deque(maxlen=UNSAVED)
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()

    # -- for people and the panel -------------------------------------------------------------------------

    async def open(self) -> list[Alert]:
        """Open alerts, worst first."""
        return self.now()

    def now(self) -> list[Alert]:
        """The same, at once."""
        return [alert for cause in self.attention() for alert in cause.alerts]

    def attention(self) -> list[Cause]:
        """What needs attention, grouped by cause, worst first."""
        return grouped(list(self._open.values()))

    async def history(self, limit: int, before_id: int | None = None, *, device: str = "") -> list[Alert]:
        """All alerts, open and past, newest first."""
        await self._flush()
        return await self._store.alerts(limit, before_id, device=device)

    async def alert(self, alert_id: int) -> Alert | None:
        held = self._held(alert_id)
        return held or await self._store.alert(alert_id)

    async def steps(self, alert_id: int) -> list[AlertStep]:
        """What happened to an alert: who, when, note; oldest first."""
        await self._flush()
        return await self._store.steps(alert_id)

    async def acknowledge(self, alert_id: int, actor: Actor, note: str = "") -> Alert:
        """*I take this*: the alert has an owner now. It still clears only when the condition does."""
        alert = await self._permitted(alert_id, actor)
        if alert.acknowledged_at_us and alert.owner == actor.name and not note:
            return alert
        now_us = self._clock.stamp().at_us
        taken = replace(alert, acknowledged_at_us=now_us, acknowledged_by=actor.name, owner=actor.name)
        return await self._done(taken, "acknowledged", actor, note)

    async def assign(self, alert_id: int, owner: str, actor: Actor) -> Alert:
        """Give an alert to a person or team; "" gives it back."""
        alert = await self._permitted(alert_id, actor)
        return await self._done(replace(alert, owner=owner), "assigned", actor, owner)

    async def note(self, alert_id: int, actor: Actor, text: str) -> Alert:
        """Write something down beside an alert, open or past."""
        return await self._done(await self._permitted(alert_id, actor), "note", actor, text)

    # -- for watch ----------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Bring back the open alerts."""
        self._next_id = await self._store.last_id() + 1
        for alert in await self._store.open_alerts():
            self._open[_key(alert)] = alert

    def held(self, rule: str, device: str, point: str) -> Alert | None:
        """The open alert of a rule about a subject."""
        return self._open.get((rule, device, point))

    def opened(self) -> Iterable[Alert]:
        return tuple(self._open.values())

    def begin(
        self, rule: Rule, device: str, point: str, area: str, what: str, params: Params, affected: Sequence[str] = ()
    ) -> Alert:
        """Open an alert; the one that is open already when there is one."""
        held = self._open.get((rule.key, device, point))
        if held is not None:
            return held
        alert = Alert(
            id=self._next_id,
            rule=rule.key,
            version=rule.version,
            severity=rule.severity.word,
            device=device,
            point=point,
            area=area,
            opened_at_us=self._clock.stamp().at_us,
            what=what,
            params=params,
            title=rule.title,
            owner=rule.owner,
            card=rule.card,
            affected=tuple(affected),
        )
        self._next_id += 1
        self._change(alert, "opened", "")
        self.told(alert, "opened")
        return alert

    def clear(self, alert: Alert, why: str = "", folded_into: int = 0) -> None:
        """End an alert: its condition is over, or it turned out to be part of another."""
        held = self._open.get(_key(alert))
        if held is None or held.id != alert.id:
            return
        ended = replace(held, cleared_at_us=self._clock.stamp().at_us, folded_into=folded_into)
        self._change(ended, "folded" if folded_into else "cleared", "", why)
        self.told(ended, "cleared")

    def affect(self, alert: Alert, devices: Iterable[str]) -> Alert:
        """More devices turn out to suffer from this."""
        held = self._open.get(_key(alert), alert)
        more = tuple(dict.fromkeys((*held.affected, *devices)))
        if more == held.affected:
            return held
        grown = replace(held, affected=more)
        self._change(grown, "changed", "", f"{len(more)} devices affected")
        return grown

    async def run(self) -> None:
        """Write changes to the store, in order."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._unsaved:
                try:
                    await self._flush()
                except StoreError as error:
                    log.warning("alerts are not stored: %s", error)
                    await self._clock.sleep(RETRY_S)

    async def _flush(self) -> None:
        async with self._writing:
            changes = list(self._unsaved)
            if changes:
                await self._store.save(changes)
                for change in changes:
                    if self._unsaved and self._unsaved[0] is change:
                        self._unsaved.popleft()

    def _held(self, alert_id: int) -> Alert | None:
        return next((alert for alert in self._open.values() if alert.id == alert_id), None)

    async def _permitted(self, alert_id: int, actor: Actor) -> Alert:
        alert = await self.alert(alert_id)
        if alert is None:
            raise UnknownAlert(f"there is no alert {alert_id}")
        if not actor.may(Role.OPERATOR, alert.area):
            raise Refused(f"{actor.label} may not handle alerts{f' in {alert.area}' if alert.area else ''}")
        return alert

    async def _done(self, alert: Alert, what: str, actor: Actor, note: str) -> Alert:
        detail: dict[str, Any] = {"note": note[:NOTE_MAX]} if note else {}
        await self._audit.record(actor, f"alert.{what}", str(alert.id), detail)
        self._change(alert, what, actor.label, note[:NOTE_MAX])
        await self._flush()
        return alert

    def _change(self, alert: Alert, what: str, who: str, note: str = "") -> None:
        stamp = self._clock.stamp()
        if alert.open:
            self._open[_key(alert)] = alert
        elif (held := self._open.get(_key(alert))) is not None and held.id == alert.id:
            del self._open[_key(alert)]
        self._unsaved.append((alert, AlertStep(alert.id, stamp.at_us, what, who, note)))
        self._wake.set()
        published = "cleared" if what == "folded" else what
        self._bus.publish(
            AlertChanged(
                alert.id, published, alert.rule, alert.device, alert.point, alert.severity, alert.message, stamp
            )
        )


def _key(alert: Alert) -> Key:
    return (alert.rule, alert.device, alert.point)
