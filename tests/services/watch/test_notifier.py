"""Who is told what and when: gathering, pauses, quiet hours, retries, restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sluis.model import LinkError
from sluis.rules import Above, Rule, Severity
from sluis.runtime import Bus, ManualClock
from sluis.store.alerts import AlertLog
from sluis.store.notices import Outbox
from sluis.watch import Alert, Alerts, Notifier, NotifySettings
from sluis.watch.notifier import quiet_until_us
from sluis.watch.ports import Message
from sluis.watch.settings import QuietSettings, RecipientSettings
from tests.rest import CountingDatabase, resting
from tests.services.watch.conftest import Shelf

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = int(datetime(2026, 11, 24, 12, 0, tzinfo=ZONE).timestamp() * 1e6)
JAN = RecipientSettings("jan", mail="jan@example.org", language="nl")


class Post:
    """A courier that remembers, and refuses while `error` is set."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.tried: list[str] = []
        self.error = ""

    async def deliver(self, message: Message) -> None:
        self.tried.append(message.id)
        if self.error:
            raise LinkError(self.error)
        self.taken.append(message)


class Office:
    def __init__(self, folder: Path, *recipients: RecipientSettings, at_us: int = NOON) -> None:
        self.folder, self.recipients = folder, recipients or (JAN,)
        self.database = CountingDatabase(folder / "sluis.db")
        self.database.start()
        self.clock = ManualClock(at_us, rest=resting(self.database))
        self.alerts = Alerts(AlertLog(self.database), self.clock, Bus(), Shelf())
        self.mail, self.hook = Post(), Post()
        self.reports: list[tuple[str, bool, str, str]] = []
        self.outbox = Outbox(self.database)
        self.notifier = Notifier(
            NotifySettings(recipients=tuple(self.recipients), site="School"),
            self.outbox,
            self.alerts,
            {"mail": self.mail, "webhook": self.hook},
            self.clock,
            lambda *said: self.reports.append(said),
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> Office:
        await self.alerts.load()
        self._tasks = [asyncio.ensure_future(part.run()) for part in (self.alerts, self.notifier)]
        await self.clock.rest()
        return self

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self.database.close()

    async def restart(self, away_s: float = 5) -> Office:
        await self.clock.rest()
        await self.stop()
        return await Office(self.folder, *self.recipients, at_us=self.clock.at_us + int(away_s * 1e6)).start()

    async def pass_s(self, for_s: float) -> None:
        await self.clock.advance(for_s)
        await self.clock.rest()

    def open(self, name: str = "hot", severity: Severity = Severity.WARNING, area: str = "Lab") -> Alert:
        rule = Rule(name, Above(28), severity=severity)
        params: dict[str, str | int | float | bool] = {
            "device": name.title(),
            "point": "temperature",
            "value": 29.5,
            "limit": 28,
            "unit": "°C",
        }
        return self.alerts.begin(rule, name, "temperature", area, "above", params)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Callable[..., Office]]:
    made: list[Office] = []

    def make(*recipients: RecipientSettings, at_us: int = NOON) -> Office:
        made.append(Office(tmp_path, *recipients, at_us=at_us))
        return made[-1]

    yield make
    for one in made:
        await one.stop()


Make = Callable[..., Office]


async def test_an_alert_is_told_in_the_recipients_language(office: Make) -> None:
    here = await office().start()
    here.open()
    await here.pass_s(5)
    assert here.mail.taken == []
    await here.pass_s(6)
    (message,) = here.mail.taken
    assert message.to == "jan@example.org"
    assert message.subject == "[School] Waarschuwing: Hot: temperature is 29,5 °C, boven 28 °C"
    assert "sinds 2026-11-24 12:00" in message.text
    assert message.body["alerts"][0]["message"] == "Hot: temperature is 29,5 °C, boven 28 °C"
    assert await here.outbox.waiting() == []


async def test_a_storm_is_one_message_and_then_there_is_peace(office: Make) -> None:
    here = await office().start()
    for number in range(40):
        here.open(f"room{number}")
    await here.pass_s(11)
    (message,) = here.mail.taken
    assert "40 meldingen" in message.subject
    assert "en nog 10" in message.text
    assert len(message.body["alerts"]) == 40
    here.open("late")
    await here.pass_s(200)
    assert len(here.mail.taken) == 1
    here.open("later")
    await here.pass_s(200)
    assert len(here.mail.taken) == 2
    assert {alert["rule"] for alert in here.mail.taken[1].body["alerts"]} == {"late", "later"}


async def test_critical_waits_less(office: Make) -> None:
    here = await office().start()
    here.open("one")
    await here.pass_s(11)
    here.open("two", Severity.CRITICAL)
    await here.pass_s(61)
    assert len(here.mail.taken) == 2


async def test_what_was_over_before_it_was_told_is_not_told(office: Make) -> None:
    here = await office().start()
    here.alerts.clear(here.open())
    await here.pass_s(30)
    other = here.open("other")
    await here.pass_s(2)
    here.alerts.clear(other)
    await here.pass_s(30)
    assert here.mail.taken == []
    assert await here.outbox.waiting() == []


async def test_the_end_is_told_to_who_was_told_the_beginning(office: Make) -> None:
    here = await office().start()
    alert = here.open()
    await here.pass_s(11)
    here.alerts.clear(alert)
    await here.pass_s(400)
    assert [message.subject.split(":")[0] for message in here.mail.taken] == [
        "[School] Waarschuwing",
        "[School] Voorbij",
    ]


async def test_a_folded_alert_is_not_told_as_over(office: Make) -> None:
    here = await office().start()
    alert = here.open()
    await here.pass_s(11)
    here.alerts.clear(alert, folded_into=99)
    await here.pass_s(400)
    assert len(here.mail.taken) == 1


async def test_recipients_choose_severity_area_and_channel(office: Make) -> None:
    here = await office(
        RecipientSettings("boss", mail="boss@example.org", least="critical"),
        RecipientSettings("lab", webhook="http://lab/hook", areas=("Lab",)),
    ).start()
    here.open("hall", area="Hall")
    here.open("lab")
    here.open("house", Severity.CRITICAL, area="")
    await here.pass_s(11)
    (mail,), (hook,) = here.mail.taken, here.hook.taken
    assert {alert["rule"] for alert in mail.body["alerts"]} == {"house"}
    assert {alert["rule"] for alert in hook.body["alerts"]} == {"house", "lab"}
    assert hook.to == "http://lab/hook"


async def test_quiet_hours_end_with_one_digest_of_what_is_still_so(office: Make) -> None:
    late = int(datetime(2026, 11, 24, 23, 0, tzinfo=ZONE).timestamp() * 1e6)
    sleeper = RecipientSettings("jan", mail="jan@example.org", quiet=QuietSettings("22:00-07:00"))
    here = await office(sleeper, at_us=late).start()
    here.open("one")
    gone = here.open("two")
    await here.pass_s(3600)
    assert here.mail.taken == []
    here.open("fire", Severity.CRITICAL)
    await here.pass_s(11)
    assert [alert["rule"] for alert in here.mail.taken[0].body["alerts"]] == ["fire"]
    here.alerts.clear(gone)
    await here.pass_s(7.2 * 3600)
    assert [alert["rule"] for alert in here.mail.taken[1].body["alerts"]] == ["one"]


async def test_retries_are_the_same_message_and_failing_is_reported(office: Make) -> None:
    here = await office().start()
    here.mail.error = "no answer"
    here.open()
    await here.pass_s(11)
    await here.pass_s(31)
    here.open("meanwhile")
    await here.pass_s(61)
    assert ("notify-failing", True, "recipient:jan", "no answer") in here.reports
    here.mail.error = ""
    await here.pass_s(121)
    assert here.mail.taken[0].id == here.mail.tried[0] == here.mail.tried[1]
    assert [alert["rule"] for alert in here.mail.taken[0].body["alerts"]] == ["hot"]
    assert ("notify-failing", False, "recipient:jan", "") in here.reports
    await here.pass_s(400)
    assert [alert["rule"] for alert in here.mail.taken[-1].body["alerts"]] == ["meanwhile"]


async def test_nothing_is_forgotten_over_a_restart(office: Make) -> None:
    here = await office().start()
    here.mail.error = "no answer"
    here.open()
    await here.pass_s(11)
    first = here.mail.tried[0]
    here.open("fresh")
    after = await here.restart()
    await after.pass_s(40)
    told = {alert["rule"] for message in after.mail.taken for alert in message.body["alerts"]}
    assert first in [message.id for message in after.mail.taken]
    await after.pass_s(400)
    told |= {alert["rule"] for message in after.mail.taken for alert in message.body["alerts"]}
    assert told == {"hot", "fresh"}
    await after.stop()


async def test_a_message_is_given_up_in_the_end(office: Make) -> None:
    here = await office().start()
    here.mail.error = "no such user"
    here.open()
    await here.pass_s(11)
    await here.pass_s(4 * 86_400)
    for _ in range(3):
        await here.pass_s(3601)
    assert await here.outbox.waiting() == []


async def test_a_clock_set_back_two_weeks_holds_no_message(office: Make) -> None:
    here = await office().start()
    here.open()
    await here.clock.rest()
    here.clock.jump(-14 * 86_400)
    await here.pass_s(61)
    assert len(here.mail.taken) == 1


@pytest.mark.parametrize(
    ("hours", "at", "until"),
    [
        ("22:00-07:00", "21:59", "21:59"),
        ("22:00-07:00", "22:00", "07:00+1"),
        ("22:00-07:00", "06:59", "07:00"),
        ("22:00-07:00", "07:00", "07:00"),
        ("12:00-13:00", "12:30", "13:00"),
        ("", "03:00", "03:00"),
    ],
)
def test_quiet_hours(hours: str, at: str, until: str) -> None:
    def us(clock: str) -> int:
        text, _, days = clock.partition("+")
        hour, minute = map(int, text.split(":"))
        return int(datetime(2026, 11, 24 + int(days or 0), hour, minute, tzinfo=ZONE).timestamp() * 1e6)

    assert quiet_until_us(hours, "Europe/Amsterdam", us(at)) == us(until)
