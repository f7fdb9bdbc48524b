"""The site's certificate authority."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from sluis.links.site_ca import RENEW_BEFORE, SERVER_LIFE, SiteCa, local_names
from sluis.runtime import ManualClock

NAMES = ["sluis.local", "localhost", "127.0.0.1", "::1"]


def loaded(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_the_authority_and_the_certificate_stay_the_same(ca: SiteCa) -> None:
    first = ca.server(NAMES).certificate.read_bytes()
    again = SiteCa(ca.folder)
    assert again.fingerprint == ca.fingerprint
    assert again.server(NAMES).certificate.read_bytes() == first


def test_it_names_everything_the_gateway_is_called(ca: SiteCa) -> None:
    names = local_names("sluis.local")
    assert {"sluis.local", "localhost", "127.0.0.1", "::1", socket.gethostname()} <= set(names)
    held = loaded(ca.server(names).certificate)
    san = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "sluis.local" in san.get_values_for_type(x509.DNSName)
    assert not loaded(ca.ca.certificate).not_valid_after_utc < datetime.now(UTC) + timedelta(days=3600)


def test_it_is_renewed_before_it_ends(ca: SiteCa) -> None:
    now = datetime.now(UTC)
    first = loaded(ca.server(NAMES).certificate)
    later = now + SERVER_LIFE - RENEW_BEFORE + timedelta(hours=1)
    second = loaded(ca.server(NAMES, later).certificate)
    assert second.serial_number != first.serial_number
    assert second.not_valid_after_utc > first.not_valid_after_utc


def test_a_new_name_needs_a_new_certificate(ca: SiteCa) -> None:
    first = loaded(ca.server(NAMES).certificate)
    assert loaded(ca.server([*NAMES, "192.0.2.7"]).certificate).serial_number != first.serial_number


async def test_the_keeper_renews_by_itself_and_says_so(ca: SiteCa) -> None:
    clock = ManualClock(int(datetime.now(UTC).timestamp() * 1e6))
    first = loaded(ca.server(NAMES).certificate)
    told: list[str] = []
    keeper = asyncio.ensure_future(ca.keep(lambda: NAMES, clock, lambda: told.append("renewed")))
    await clock.advance(86400 * 7)
    assert told == []
    await clock.advance((SERVER_LIFE - RENEW_BEFORE).total_seconds())
    for _ in range(500):
        if told:
            break
        await asyncio.sleep(0.01)
    keeper.cancel()
    assert told == ["renewed"]
    assert loaded(ca.folder / "server.pem").serial_number != first.serial_number


def test_a_client_that_trusts_it_accepts_the_server_by_each_name(ca: SiteCa) -> None:
    pair = ca.server(NAMES)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair.certificate, pair.key)
    client = ssl.create_default_context(cafile=str(ca.ca.certificate))
    for name in NAMES:
        assert handshake(server, client, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, client, "elsewhere.example")


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> bool:
    """In memory, no sockets."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    mine = client.wrap_bio(back, there, server_hostname=name)
    theirs = server.wrap_bio(there, back, server_side=True)
    done = [False, False]
    for _ in range(10):
        for index, side in enumerate((mine, theirs)):
            try:
                side.do_handshake()
                done[index] = True
            except ssl.SSLWantReadError:
                pass
        if all(done):
            return True
    return False


def test_what_is_revoked_stays_revoked(ca: SiteCa) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    first, second = ca.device("node1", key.public_key()), ca.device("node2", key.public_key())
    ca.revoke(first)
    again = SiteCa(ca.folder)
    again.revoke(second)
    listed = x509.load_pem_x509_crl(again.revocations.read_bytes())
    assert {one.serial_number for one in listed} == {
        x509.load_pem_x509_certificate(pem).serial_number for pem in (first, second)
    }
    assert listed.is_signature_valid(loaded(ca.ca.certificate).public_key())  # type: ignore[arg-type]  # it is an EC key


def test_a_strangers_certificate_cannot_be_revoked_here(ca: SiteCa, tmp_path: Path) -> None:
    other = SiteCa(tmp_path / "other")
    pem = other.device("node1", ec.generate_private_key(ec.SECP256R1()).public_key())
    with pytest.raises(ValueError, match="not ours"):
        ca.revoke(pem)
