"""The site's own certificate authority: one per gateway, made at the first start, never leaving it.

The broker's TLS listener, the panel and (later) devices' own certificates hang below it. ECDSA P-256 throughout: every
browser and every microcontroller's TLS library verifies it, and a Pi signs with it in under a millisecond.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ifaddr
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sluis.links.files import write_whole
from sluis.runtime import Clock

log = logging.getLogger(__name__)

LOOK_EVERY_S = 86_400.0
"""How often the keeper looks whether a certificate is near its end or the machine has another address. Far below
RENEW_BEFORE; more often gains nothing."""

CRL_LIFE = timedelta(days=3650)
"""A revocation list is renewed with every revocation and lives as long as the authority: a list that ends would
lock every device out because nobody was revoked for a while."""

CA_LIFE = timedelta(days=3650)
SERVER_LIFE = timedelta(days=397)
"""The longest that Apple's platforms accept of a server certificate is 398 days (825 for private authorities)."""
RENEW_BEFORE = timedelta(days=60)
"""Renewed this long before its end; a gateway that was off for a month still comes back with a valid one."""
BACKDATED = timedelta(days=1)
"""A client whose clock is a little behind must not see a certificate from the future."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Two PEM files."""

    certificate: Path
    key: Path


class SiteCa:
    """Certificates under `<data_dir>/pki`."""

    def __init__(self, folder: Path, site_name: str = "Sluis") -> None:
        self.folder = folder
        self.ca = KeyPair(folder / "site-ca.pem", folder / "site-ca.key")
        if not self.ca.certificate.exists() or not self.ca.key.exists():
            self._make_ca(site_name)
        self._ca_key = _load_key(self.ca.key)
        self._ca = x509.load_pem_x509_certificate(self.ca.certificate.read_bytes())
        self.revocations = folder / "revoked.pem"
        if not self.revocations.exists():
            self._write_revocations([])

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the CA certificate, as browsers show it."""
        return self._ca.fingerprint(hashes.SHA256()).hex(":").upper()

    def server(self, names: Iterable[str], now: datetime | None = None) -> KeyPair:
        """The server certificate for these names and addresses; made anew when it is near its end or names changed."""
        pair = KeyPair(self.folder / "server.pem", self.folder / "server.key")
        wanted = sorted(set(names))
        now = now or datetime.now(UTC)
        if pair.certificate.exists() and pair.key.exists():
            held = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
            fresh = held.not_valid_after_utc - now > RENEW_BEFORE and held.not_valid_before_utc <= now
            if fresh and held.issuer == self._ca.subject and _names_of(held) >= set(wanted):
                return pair
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(wanted[0], key.public_key(), SERVER_LIFE, now, wanted, ExtendedKeyUsageOID.SERVER_AUTH)
        _write_key(pair.key, key)
        # The chain: some clients (and mosquitto's) want the issuer beside it.
        write_whole(pair.certificate, _pem(certificate) + _pem(self._ca), mode=0o644)
        return pair

    def device(self, name: str, public_key: ec.EllipticCurvePublicKey, days: int = 3650) -> bytes:
        """A client certificate (PEM) for a device's own key."""
        life = timedelta(days=days)
        return _pem(self._sign(name, public_key, life, datetime.now(UTC), [], ExtendedKeyUsageOID.CLIENT_AUTH))

    def revoke(self, certificate: bytes) -> None:
        """Put a device's certificate (PEM) on the list. ValueError when this authority did not issue it.

        The broker reads the list at its start: `Mosquitto.restart`.
        """
        given = x509.load_pem_x509_certificate(certificate)
        try:
            given.verify_directly_issued_by(self._ca)
        except (ValueError, TypeError, InvalidSignature):
            raise ValueError("the certificate is not ours") from None
        listed = list(x509.load_pem_x509_crl(self.revocations.read_bytes()))
        if given.serial_number in {one.serial_number for one in listed}:
            return
        fresh = x509.RevokedCertificateBuilder().serial_number(given.serial_number)
        self._write_revocations([*listed, fresh.revocation_date(datetime.now(UTC)).build()])

    async def keep(self, names: Callable[[], Iterable[str]], clock: Clock, on_renewed: Callable[[], None]) -> None:
        """Look once a day, until cancelled; `on_renewed` when there is a new server certificate to be taken into use.

        While the clock is not trusted nothing is judged by it.
        """
        while True:
            await clock.sleep(LOOK_EVERY_S)
            stamp = clock.stamp()
            if not stamp.trusted:
                continue
            file = self.folder / "server.pem"
            before = file.read_bytes() if file.exists() else b""
            # A few milliseconds on the event loop, once a day.
            self.server(names(), stamp.at)
            if file.read_bytes() != before:
                log.info("the server certificate was renewed; it ends on %s", self.expires_at().date())
                on_renewed()

    def expires_at(self) -> datetime:
        """When the server certificate ends; the CA's end when there is none."""
        file = self.folder / "server.pem"
        held = x509.load_pem_x509_certificate(file.read_bytes()) if file.exists() else self._ca
        return held.not_valid_after_utc

    def _make_ca(self, site_name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(f"{site_name} site CA")
        now = datetime.now(UTC)
        certificate = (
            _builder(subject, subject, key.public_key(), now, CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write_key(self.ca.key, key)
        write_whole(self.ca.certificate, _pem(certificate), mode=0o644)

    def _write_revocations(self, listed: list[x509.RevokedCertificate]) -> None:
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._ca.subject)
        builder = builder.last_update(now - BACKDATED).next_update(now + CRL_LIFE)
        for one in listed:
            builder = builder.add_revoked_certificate(one)
        signed = builder.sign(self._ca_key, hashes.SHA256())
        write_whole(self.revocations, signed.public_bytes(serialization.Encoding.PEM), mode=0o644)

    def _sign(
        self,
        name: str,
        public_key: ec.EllipticCurvePublicKey,
        life: timedelta,
        now: datetime,
        names: list[str],
        purpose: x509.ObjectIdentifier,
    ) -> x509.Certificate:
        builder = (
            _builder(_name(name), self._ca.subject, public_key, now, life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._ca_key.public_key()), critical=False
            )
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_san(one) for one in names]), critical=False)
        return builder.sign(self._ca_key, hashes.SHA256())


def local_names(hostname: str) -> list[str]:
    """Every name and address this machine may be called by."""
    host = socket.gethostname()
    names = {hostname, host, f"{host.removesuffix('.local')}.local", "localhost", "127.0.0.1", "::1"}
    addresses = (str(one.ip) for adapter in ifaddr.get_adapters() for one in adapter.ips if one.is_IPv4)
    names.update(address for address in addresses if not address.startswith("169.254."))
    return sorted(name for name in names if name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names_of(certificate: x509.Certificate) -> set[str]:
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = san.get_values_for_type(x509.IPAddress)
    return {*san.get_values_for_type(x509.DNSName), *(str(address) for address in addresses)}


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_whole(path, pem)
