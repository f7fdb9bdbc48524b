"""Settings of notifications."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

SeverityWord = Literal["info", "warning", "critical"]
HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """The mail server that takes our messages."""

    host: str = ""
    """Host name of the mail server; "" for no mail."""
    port: int = 587
    """587 for STARTTLS, 465 for TLS from the first byte, 25 for none."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is protected. `none` sends everything readable, and no password at all."""
    user: str = ""
    """Name to sign in with; "" for no sign-in."""
    password_file: Path | None = None
    """File that holds the password and nothing else."""
    sender: str = "sluis@localhost"
    """Address the messages come from."""
    ca_file: Path | None = None
    """Certificate authority of the mail server, where it is not a public one."""
    timeout_s: float = 20.0
    """How long the server may take for one step."""


@dataclass(frozen=True, slots=True)
class QuietSettings:
    """When a recipient wants to be left alone."""

    hours: str = ""
    """`22:00-07:00` in the site's time; "" for never."""
    below: SeverityWord = "critical"
    """Alerts less severe than this wait until the quiet hours are over."""

    def __post_init__(self) -> None:
        if self.hours and not HOURS.fullmatch(self.hours):
            raise ValueError(f"quiet hours {self.hours!r} are not like 22:00-07:00")


@dataclass(frozen=True, slots=True)
class RecipientSettings:
    """Somebody, or some system, that is told of alerts."""

    name: str
    """What the recipient is called on the panel and in the log."""
    mail: str = ""
    """Mail address; "" for none."""
    webhook: str = ""
    """URL that alerts are posted to as JSON; "" for none."""
    webhook_secret_file: Path | None = None
    """File that holds the key the webhook's messages are signed with (HMAC-SHA256)."""
    language: Literal["nl", "en"] = "en"
    """Language of the messages."""
    least: SeverityWord = "warning"
    """Less severe alerts are not sent."""
    areas: tuple[str, ...] = ()
    """Only alerts of these areas (and of the gateway itself); empty for all."""
    quiet: QuietSettings = field(default_factory=QuietSettings)
    """When to leave the recipient alone."""

    def __post_init__(self) -> None:
        if not (self.mail or self.webhook):
            raise ValueError(f"recipient {self.name!r} has neither mail nor webhook")


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Who is told of alerts, how, and how often."""

    smtp: SmtpSettings = field(default_factory=SmtpSettings)
    """The mail server."""
    recipients: tuple[RecipientSettings, ...] = ()
    """Who is told."""
    gather_s: float = 10.0
    """How long alerts are gathered before the first message goes, so that a storm is one message."""
    pause_s: float = 300.0
    """Least time between two messages to one recipient; what comes meanwhile is in the next. Critical: a fifth."""
    give_up_s: float = 259_200.0
    """After this long without success a message is given up (three days)."""
    timezone: str = "Europe/Amsterdam"
    """Time zone of quiet hours and of times in messages."""
    site: str = "Sluis"
    """Name of the site in subject lines."""
    panel_url: str = ""
    """Address of the panel for links in messages; "" for no links."""

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {self.timezone!r}") from error
