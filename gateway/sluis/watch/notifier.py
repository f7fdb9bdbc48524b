"""Who is told what, when, and again when it did not arrive.

Theory of operation. What there is to tell goes into an outbox in the store first. Notices for one recipient are
gathered for some seconds and leave as one *parcel*; then the recipient is left alone for some minutes, and what comes
meanwhile is in the next. A parcel that does not arrive is tried again, the same, at growing intervals, also after a
restart. An alert that is over before it was told is not told at all.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sluis.model import LinkError, Stamp, StoreError
from sluis.rules import Severity
from sluis.runtime import Clock
from sluis.runtime.waiting import within
from sluis.watch.alert import Alert
from sluis.watch.alerts import Alerts
from sluis.watch.messages import Told, compose
from sluis.watch.ports import Courier, Notice, NoticeStore
from sluis.watch.settings import HOURS, NotifySettings, RecipientSettings

log = logging.getLogger(__name__)

FIRST_RETRY_S = 30.0
LAST_RETRY_S = 3600.0
"""Waits between tries: 30 s, doubling, up to an hour. Faster and a mail server in trouble gets more of it; slower and
a message waits half a day for a server that was back after an hour."""

FAILING_AFTER = 3
"""Tries in vain before an alert says that messages do not arrive. One or two happen whenever a server restarts."""

IMPOSSIBLE_US = 26 * 3600 * 1_000_000
"""No notice waits longer than a night or a retry; a due time further off means that the clock was set back."""

Group = tuple[str, str]
"""(recipient, channel)"""


class Notifier:
    """Hands notices to couriers. `told` is the hook of `Alerts`."""

    def __init__(
        self,
        settings: NotifySettings,
        store: NoticeStore,
        alerts: Alerts,
        couriers: Mapping[str, Courier],
        clock: Clock,
        report: Callable[[str, bool, str, str], None] = lambda what, present, point, detail: None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._alerts = alerts
        self._couriers = couriers
        self._clock = clock
        self._report = report
        self._recipients = {recipient.name: recipient for recipient in settings.recipients}
        self._new: list[Notice] = []
        self._over: set[int] = set()
        self._last_sent_us: dict[Group, int] = {}
        self._wake = asyncio.Event()
        alerts.told = self.told

    def told(self, alert: Alert, what: str) -> None:
        """An alert opened or cleared: note down whom to tell."""
        if what == "cleared":
            self._over.add(alert.id)
            if alert.folded_into:
                self._wake.set()
                return
        at_us = self._clock.stamp().at_us
        for recipient in self._recipients.values():
            if not wants(recipient, alert):
                continue
            due_us = self._due_us(recipient, alert.level, self._clock.stamp())
            for channel, address in (("mail", recipient.mail), ("webhook", recipient.webhook)):
                if address and channel in self._couriers:
                    self._new.append(
                        Notice(0, recipient.name, channel, alert.id, what, at_us, alert.severity, due_us=due_us)
                    )
        self._wake.set()

    async def run(self) -> None:
        while True:
            wait_s = 60.0
            try:
                await self._enter()
                wait_s = await self._send_due()
            except StoreError as error:
                log.warning("messages wait: %s", error)
            try:
                await within(self._clock, wait_s, self._wake.wait())
            except TimeoutError:
                pass
            self._wake.clear()

    # -- the outbox ---------------------------------------------------------------------------------------

    async def _enter(self) -> None:
        """Put what is new into the outbox, without what was over before anybody was told."""
        new, self._new = self._new, []
        over, self._over = self._over, set()
        try:
            if over:
                await self._drop_untold(new, over)
            if new:
                await self._store.add(new)
        except StoreError:
            self._new, self._over = new + self._new, over | self._over
            raise

    async def _drop_untold(self, new: list[Notice], over: set[int]) -> None:
        waiting = [one for one in await self._store.waiting() if not one.parcel]
        untold = [one for one in (*waiting, *new) if one.alert_id in over and one.what == "opened"]
        pointless = {(one.recipient, one.channel, one.alert_id) for one in untold}
        new[:] = [one for one in new if (one.recipient, one.channel, one.alert_id) not in pointless]
        await self._store.remove([one.id for one in untold if one.id])

    async def _send_due(self) -> float:
        """Send every group that is due; seconds until there is something to do again."""
        now_us = self._clock.stamp().at_us
        groups: dict[Group, list[Notice]] = {}
        for notice in await self._store.waiting():
            groups.setdefault((notice.recipient, notice.channel), []).append(notice)
        due: list[list[Notice]] = []
        next_us = now_us + 3600 * 1_000_000
        for group, notices in groups.items():
            for parcel in _parcels(notices):
                at_us = self._parcel_due_us(group, parcel, now_us)
                if at_us <= now_us:
                    due.append([one for one in parcel if one.parcel or _ready(one, now_us)])
                else:
                    next_us = min(next_us, at_us)
        await asyncio.gather(*(self._send(parcel) for parcel in due))
        return 0.0 if due else max(0.05, (next_us - now_us) / 1e6)

    def _parcel_due_us(self, group: Group, parcel: Sequence[Notice], now_us: int) -> int:
        earliest = min((one.due_us for one in parcel if one.due_us - now_us <= IMPOSSIBLE_US), default=now_us)
        if parcel[0].parcel:
            return earliest
        # Whoever was told just now is left alone for a while, a shorter one when it is critical.
        critical = any(one.severity == "critical" for one in parcel)
        pause_us = int(self._settings.pause_s * 1e6 / (5 if critical else 1))
        last_us = self._last_sent_us.get(group)
        if last_us is None or last_us > now_us:
            return earliest
        return max(earliest, last_us + pause_us)

    async def _send(self, notices: list[Notice]) -> None:
        recipient = self._recipients.get(notices[0].recipient)
        ids = [one.id for one in notices]
        told = await self._told(notices)
        if recipient is None or not told:
            await self._store.remove(ids)
            return
        if not notices[0].parcel:
            # The parcel is fixed before the first try, so that every retry says the same.
            parcel = f"{notices[0].id}-{secrets.token_hex(6)}"
            notices = [replace(one, parcel=parcel) for one in notices]
            await self._store.change(notices)
        channel, now_us = notices[0].channel, self._clock.stamp().at_us
        to = recipient.mail if channel == "mail" else recipient.webhook
        message = compose(notices[0].parcel, told, recipient, to, self._settings, notices[0].at_us)
        try:
            await self._couriers[channel].deliver(message)
        except (LinkError, KeyError) as error:
            await self._again(notices, str(error))
            return
        self._last_sent_us[(recipient.name, channel)] = now_us
        await self._store.remove(ids)
        self._report("notify-failing", False, f"recipient:{recipient.name}", "")

    async def _told(self, notices: Sequence[Notice]) -> list[Told]:
        """The alerts of a parcel; of one that opened and cleared, the clearing only."""
        told: dict[int, Told] = {}
        for notice in notices:
            alert = await self._alerts.alert(notice.alert_id)
            if alert is not None:
                told[alert.id] = (alert, notice.what)
        return list(told.values())

    async def _again(self, notices: list[Notice], problem: str) -> None:
        now_us = self._clock.stamp().at_us
        tries = notices[0].tries + 1
        log.warning("message to %s does not arrive (try %d): %s", notices[0].recipient, tries, problem)
        if tries >= FAILING_AFTER:
            self._report("notify-failing", True, f"recipient:{notices[0].recipient}", problem)
        if now_us - notices[0].at_us > self._settings.give_up_s * 1e6:
            await self._store.remove([one.id for one in notices])
            return
        wait_us = int(min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** min(tries - 1, 20)) * 1e6)
        await self._store.change([replace(one, tries=tries, due_us=now_us + wait_us) for one in notices])

    def _due_us(self, recipient: RecipientSettings, severity: Severity, now: Stamp) -> int:
        gathered_us = now.at_us + int(self._settings.gather_s * 1e6)
        if severity >= Severity[recipient.quiet.below.upper()] or not now.trusted:
            # A clock that cannot be trusted knows no night.
            return gathered_us
        return quiet_until_us(recipient.quiet.hours, self._settings.timezone, gathered_us)


def wants(recipient: RecipientSettings, alert: Alert) -> bool:
    """Whether the recipient is to be told of this alert."""
    if alert.level < Severity[recipient.least.upper()]:
        return False
    return not recipient.areas or not alert.area or alert.area in recipient.areas


def quiet_until_us(hours: str, timezone: str, at_us: int) -> int:
    """The end of the quiet hours when `at_us` is within them; `at_us` itself when it is not."""
    match = HOURS.fullmatch(hours)
    if match is None:
        return at_us
    begin, end = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4]))
    local = datetime.fromtimestamp(at_us / 1e6, ZoneInfo(timezone))
    minute = local.hour * 60 + local.minute
    within_them = begin <= minute < end if begin <= end else (minute >= begin or minute < end)
    if not within_them:
        return at_us
    over = local.replace(hour=end // 60, minute=end % 60, second=0, microsecond=0)
    if over <= local:
        over = (local + timedelta(days=1)).replace(hour=end // 60, minute=end % 60, second=0, microsecond=0)
    return int(over.timestamp() * 1e6)


def _parcels(notices: Sequence[Notice]) -> list[list[Notice]]:
    """Notices that leave together: those already packed, by parcel; the loose ones as one, but only behind the packed
    ones: while a message does not arrive, a second one would not either."""
    parcels: dict[str, list[Notice]] = {}
    for notice in notices:
        parcels.setdefault(notice.parcel, []).append(notice)
    loose = parcels.pop("", [])
    return list(parcels.values()) or [loose]


def _ready(notice: Notice, now_us: int) -> bool:
    return notice.due_us <= now_us or notice.due_us - now_us > IMPOSSIBLE_US
