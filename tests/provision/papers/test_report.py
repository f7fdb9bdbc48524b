"""The certificate and the report of it."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from sluis.model import ProvisionError
from sluis.wire import note
from sluis_provision.papers.certificate import NAME, Certificate, Check, Result, opened, print_in, print_of, sealed
from sluis_provision.papers.report import Picture, Report, report_pdf

from .conftest import pages_of, text_of

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
AT_US = 1_764_000_000_000_000


def sign(body: str, name: str = NAME) -> str:
    return note.sign(body, name, PUBLIC, KEY.sign)


def verifies(signature: bytes, body: bytes) -> bool:
    try:
        KEY.public_key().verify(signature, body)
    except InvalidSignature:
        return False
    return True


def check(number: int, result: Result = Result.PASSED) -> Check:
    return Check(
        f"lamp-{number}", f"Lamp {number}", "switch on", result, AT_US, "12 W", "11.8 W", "", "Shelly", rssi_dbm=-61
    )


CERTIFICATE = Certificate(
    "Gemeentehuis", "Raadzaal", "Anna Bakker", AT_US, AT_US + 60_000_000, (check(1), check(2, Result.FAILED))
)


def test_what_was_signed_is_read_back() -> None:
    file = sealed(CERTIFICATE, sign)
    assert opened(file, PUBLIC, verifies) == CERTIFICATE
    assert print_in(file) == print_of(CERTIFICATE)
    assert file.splitlines()[-1].startswith(f"— {NAME} ")


@pytest.mark.parametrize("old, new", [("failed", "passed"), ("Raadzaal", "Kelder"), ("-61", "-31"), ("Anna", "Bert")])
def test_a_changed_certificate_is_refused(old: str, new: str) -> None:
    file = sealed(CERTIFICATE, sign).replace(old, new)
    with pytest.raises(ProvisionError, match="changed, or another gateway signed it"):
        opened(file, PUBLIC, verifies)


def test_every_changed_byte_is_noticed() -> None:
    file = sealed(CERTIFICATE, sign)
    for place in range(len(file) - 1):
        changed = file[:place] + chr(ord(file[place]) ^ 1) + file[place + 1 :]
        with pytest.raises(ProvisionError):
            opened(changed, PUBLIC, verifies)


@pytest.mark.parametrize("body", ["sluis-release 1\n{}\n", "sluis-commissioning 1\n{}\n", "sluis-commissioning 1\n[\n"])
def test_what_is_signed_but_no_certificate_is_refused(body: str) -> None:
    with pytest.raises(ProvisionError, match=r"no commissioning certificate|cannot be read"):
        opened(sign(body), PUBLIC, verifies)


def test_the_report_says_what_was_found() -> None:
    zone = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1), "CET"))
    told = text_of(report_pdf(Report(CERTIFICATE, zone), "nl"))
    assert "Opleverrapport: Raadzaal" in told
    assert "1 van 2 controles goed." in told
    assert "2025-11-24 17:01 CET" in told
    assert "Signaal -61 dBm" in told and "fout" in told
    assert print_of(CERTIFICATE) in told and "Handtekening" in told


def test_a_long_room_has_pages_that_are_numbered() -> None:
    long = replace(CERTIFICATE, checks=tuple(check(number) for number in range(120)))
    texts = [text for text, _ in pages_of(report_pdf(Report(long, datetime.now(UTC)), "en"), 36)]
    assert len(texts) > 2
    assert all(f"Page {number}" in text and "Expected" in text for number, text in enumerate(texts[:-1], 1))


def test_nothing_checked_is_said() -> None:
    assert "No checks were done." in text_of(
        report_pdf(Report(replace(CERTIFICATE, checks=()), datetime.now(UTC)), "en")
    )


def test_pictures_are_made_small_and_damaged_ones_refused() -> None:
    photo = io.BytesIO()
    Image.effect_noise((3_000, 4_000), 80).save(photo, "JPEG")
    report = Report(CERTIFICATE, datetime.now(UTC), (Picture(photo.getvalue(), "De kast <links>"),))
    pdf = report_pdf(report, "nl")
    assert len(pdf) < len(photo.getvalue()) / 2
    assert "De kast <links>" in text_of(pdf)
    with pytest.raises(ProvisionError, match="a picture cannot be read"):
        report_pdf(replace(report, pictures=(Picture(b"GIF89a?"),)), "nl")
