"""Messages by mail: one SMTP conversation per message, with STARTTLS or TLS and a sign-in where asked for."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from sluis.model import ConfigError, LinkError
from sluis.watch.ports import Message
from sluis.watch.settings import SmtpSettings


class MailCourier:
    """`watch`'s Courier for the channel `mail`. smtplib blocks, so each conversation has a thread."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        if settings.security == "none" and settings.user:
            raise ConfigError("a password would travel readable", where="notify.smtp.security", allowed="starttls, tls")

    async def deliver(self, message: Message) -> None:
        """Return when the server has taken the message. LinkError when it has not."""
        await asyncio.to_thread(self._deliver, message)

    def _deliver(self, message: Message) -> None:
        try:
            with self._connect() as server:
                server.send_message(self._mail(message))
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise LinkError(f"mail server {self._settings.host}: {_reason(error)}") from error

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        where = (settings.host, settings.port)
        context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(*where, timeout=settings.timeout_s, context=context)
        else:
            server = smtplib.SMTP(*where, timeout=settings.timeout_s)
        try:
            if settings.security == "starttls":
                server.starttls(context=context)
            if settings.user:
                server.login(settings.user, self._password())
        except BaseException:
            server.close()
            raise
        return server

    def _password(self) -> str:
        """Read for every message: a password that was renewed works without a restart."""
        return self._settings.password_file.read_text().strip() if self._settings.password_file else ""

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._settings.sender
        mail["To"] = message.to
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(datetime.fromtimestamp(message.at_us / 1e6, UTC))
        mail["Message-ID"] = f"<{message.id}@{self._settings.sender.rpartition('@')[2] or 'sluis'}>"
        # RFC 3834: no holiday replies to a machine.
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        return mail


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"{error.smtp_code} {said}"
    return str(error) or type(error).__name__
