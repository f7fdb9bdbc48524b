"""The words of a message about alerts, in the recipient's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sluis.watch.alert import Alert
from sluis.watch.ports import Message
from sluis.watch.settings import NotifySettings, RecipientSettings

LINES = 30
"""Alerts written out in one message. A phone shows about ten; beyond thirty nobody reads on and the panel is better."""

WORDS = {
    "en": {
        "info": "Info",
        "warning": "Warning",
        "critical": "Critical",
        "over": "Over",
        "many": "{count} alerts",
        "more": "... and {count} more",
        "since": "since {time}",
        "devices": "{count} devices affected",
        "panel": "More on the panel: {url}",
    },
    "nl": {
        "info": "Info",
        "warning": "Waarschuwing",
        "critical": "Kritiek",
        "over": "Voorbij",
        "many": "{count} meldingen",
        "more": "... en nog {count}",
        "since": "sinds {time}",
        "devices": "{count} apparaten getroffen",
        "panel": "Meer op het paneel: {url}",
    },
}

Told = tuple[Alert, str]
"""(alert, `opened` or `cleared`)"""


def compose(
    parcel: str, told: Sequence[Told], recipient: RecipientSettings, to: str, settings: NotifySettings, at_us: int
) -> Message:
    """One message about one or many alerts, the worst first."""
    told = sorted(told, key=lambda one: (one[1] == "cleared", -one[0].level, one[0].opened_at_us))
    words = WORDS[recipient.language]
    lines = [_line(alert, what, recipient.language, settings.timezone) for alert, what in told[:LINES]]
    if len(told) > LINES:
        lines.append(words["more"].format(count=len(told) - LINES))
    if settings.panel_url:
        lines += ["", words["panel"].format(url=f"{settings.panel_url.rstrip('/')}/alerts")]
    return Message(
        id=parcel,
        to=to,
        subject=_subject(told, recipient.language, settings.site),
        text="\n".join(lines) + "\n",
        body=_body(parcel, told, recipient, settings.site, at_us),
        at_us=at_us,
    )


def _subject(told: Sequence[Told], language: str, site: str) -> str:
    words = WORDS[language]
    alert, what = told[0]
    first = words["over"] if what == "cleared" else words[alert.severity]
    rest = alert.sentence(language) if len(told) == 1 else words["many"].format(count=len(told))
    # A device's name may hold anything; a header may not hold a line break.
    return " ".join(f"[{site}] {first}: {rest}".split())[:200]


def _line(alert: Alert, what: str, language: str, timezone: str) -> str:
    words = WORDS[language]
    first = words["over"] if what == "cleared" else words[alert.severity]
    about = [f"#{alert.id}", words["since"].format(time=_time(alert.opened_at_us, timezone))]
    if alert.area:
        about.insert(0, alert.area)
    if alert.affected:
        about.append(words["devices"].format(count=len(alert.affected)))
    return f"{first}: {alert.sentence(language)} ({', '.join(about)})"


def _time(at_us: int, timezone: str) -> str:
    return datetime.fromtimestamp(at_us / 1e6, ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M")


def _body(parcel: str, told: Sequence[Told], recipient: RecipientSettings, site: str, at_us: int) -> Mapping[str, Any]:
    return {
        "id": parcel,
        "site": site,
        "at_us": at_us,
        "alerts": [
            {
                "id": alert.id,
                "what": what,
                "rule": alert.rule,
                "version": alert.version,
                "severity": alert.severity,
                "device": alert.device,
                "point": alert.point,
                "area": alert.area,
                "message": alert.sentence(recipient.language),
                "affected": list(alert.affected),
                "owner": alert.owner,
                "opened_at_us": alert.opened_at_us,
                "cleared_at_us": alert.cleared_at_us or None,
            }
            for alert, what in told
        ],
    }
