"""Messages reach a real SMTP server and a real web server, and a refusal is noticed."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from sluis.links.notify_smtp import MailCourier
from sluis.links.notify_webhook import WebhookCourier, signature
from sluis.links.site_ca import SiteCa
from sluis.model import ConfigError, LinkError
from sluis.runtime import ManualClock
from sluis.watch.ports import Message
from sluis.watch.settings import NotifySettings, QuietSettings, RecipientSettings, SmtpSettings

MESSAGE = Message(
    id="7-abc",
    to="jan@example.org",
    subject="[School] Kritiek: 29,5 °C",
    text="Eén regel\n",
    body={"id": "7-abc", "alerts": [{"id": 7}]},
    at_us=1_795_518_000_000_000,
)


class Mailbox:
    """An aiosmtpd handler that keeps what arrives."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return self.answer


def admit(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=isinstance(data, LoginPassword) and data.password == b"geheim", handled=False)


Serve = Callable[[str], tuple[Mailbox, SmtpSettings]]


@pytest.fixture
def serve(tmp_path: Path, free_port: int) -> Iterator[Serve]:
    """Start a mail server that demands TLS (of the given kind) and a sign-in."""
    started: list[Controller] = []
    ca = SiteCa(tmp_path / "pki")
    pair = ca.server(["localhost", "127.0.0.1"])
    secret = tmp_path / "password"
    secret.write_text("geheim\n")

    def start(security: str) -> tuple[Mailbox, SmtpSettings]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(str(pair.certificate), str(pair.key))
        mailbox = Mailbox()
        how: dict[str, Any] = {
            "starttls": {"tls_context": context, "require_starttls": True},
            "tls": {"ssl_context": context, "auth_require_tls": False},
            "none": {"auth_require_tls": False},
        }[security]
        if security != "none":
            how |= {"authenticator": admit, "auth_required": security == "starttls"}
        controller = Controller(mailbox, hostname="127.0.0.1", port=free_port, **how)
        controller.start()
        started.append(controller)
        settings = SmtpSettings(
            host="127.0.0.1",
            port=free_port,
            security=security,  # type: ignore[arg-type]  # one of the three
            user="" if security == "none" else "sluis",
            password_file=secret,
            sender="sluis@school.example",
            ca_file=ca.ca.certificate,
            timeout_s=5,
        )
        return mailbox, settings

    yield start
    for controller in started:
        controller.stop()


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
async def test_a_mail_arrives(serve: Serve, security: str) -> None:
    mailbox, settings = serve(security)
    await MailCourier(settings).deliver(MESSAGE)
    (mail,) = mailbox.mails
    assert mail["Subject"] == MESSAGE.subject
    assert mail["Message-ID"] == "<7-abc@school.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().replace("\r\n", "\n") == MESSAGE.text


async def test_a_wrong_password_a_refusal_and_no_server_are_link_errors(serve: Serve, tmp_path: Path) -> None:
    mailbox, settings = serve("starttls")
    wrong = tmp_path / "wrong"
    wrong.write_text("fout")
    values = {name: getattr(settings, name) for name in SmtpSettings.__slots__}
    with pytest.raises(LinkError, match="535"):
        await MailCourier(SmtpSettings(**values | {"password_file": wrong})).deliver(MESSAGE)
    with pytest.raises(LinkError, match="CERTIFICATE_VERIFY_FAILED"):
        await MailCourier(SmtpSettings(**values | {"ca_file": None})).deliver(MESSAGE)
    with pytest.raises(LinkError, match="refused"):
        await MailCourier(SmtpSettings(**values | {"port": 1})).deliver(MESSAGE)
    mailbox.answer = "552 mailbox full"
    with pytest.raises(LinkError, match="552"):
        await MailCourier(settings).deliver(MESSAGE)


def test_a_password_never_travels_readable() -> None:
    with pytest.raises(ConfigError, match="readable"):
        MailCourier(SmtpSettings(host="x", security="none", user="sluis"))


class Receiver(http.server.ThreadingHTTPServer):
    """A web server that keeps what is posted."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.answer = 204
        super().__init__(("127.0.0.1", 0), Hook)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class Hook(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((dict(self.headers), body))
        self.send_response(self.server.answer)
        if self.server.answer == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def posted(url: str) -> Message:
    return Message(MESSAGE.id, url, MESSAGE.subject, MESSAGE.text, MESSAGE.body, MESSAGE.at_us)


async def test_a_webhook_is_signed_with_its_time(receiver: Receiver) -> None:
    courier = WebhookCourier({receiver.url: b"key"}, ManualClock(1_795_518_000_000_000))
    await courier.deliver(posted(receiver.url))
    ((headers, body),) = receiver.posts
    assert json.loads(body) == MESSAGE.body
    assert headers["Sluis-Timestamp"] == "1795518000"
    assert headers["Sluis-Delivery"] == "7-abc"
    assert headers["Sluis-Signature"] == f"v1={signature(b'key', '1795518000', body)}"
    assert signature(b"key", "1795518001", body) != signature(b"key", "1795518000", body)


@pytest.mark.parametrize("answer", [302, 404, 500])
async def test_anything_but_success_is_a_link_error(receiver: Receiver, answer: int) -> None:
    receiver.answer = answer
    with pytest.raises(LinkError, match=str(answer)):
        await WebhookCourier({}, ManualClock()).deliver(posted(receiver.url))
    assert len(receiver.posts) == 1
    assert "Sluis-Signature" not in receiver.posts[0][0]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "nonsense", "http://[::"])
async def test_a_receiver_that_is_not_there_is_a_link_error(url: str) -> None:
    with pytest.raises(LinkError):
        await WebhookCourier({}, ManualClock()).deliver(posted(url))


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="neither mail nor webhook"):
        RecipientSettings("nobody")
    with pytest.raises(ValueError, match="22:00-07:00"):
        QuietSettings("ten to seven")
    with pytest.raises(ValueError, match="no time zone"):
        NotifySettings(timezone="Europe/Delft")
