"""Checks of the installation: configuration, broker, ports, secrets, certificates, database, backups."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import stat
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluis.cli.doctor.finding import Finding, Place, note, ok, wrong
from sluis.model import SluisError

if TYPE_CHECKING:
    from cryptography import x509

SECRETS = ("run/cli-token", "run/*.json", "broker/*password*", "broker/accounts.json", "pki/**/*.key", "sluis.db*")
"""Files in the data folder that only the gateway may read."""
EXPIRES_NOTE_DAYS = 30
BACKUP_NOTE_DAYS = 8
"""A backup proven longer ago than this is as good as unproven: something may have changed since."""
CONNECT_S = 1.0


def config(place: Place) -> Iterable[Finding]:
    path = place.config
    if path is None or not path.exists():
        yield ok("Configuration", "none: the built-in settings are used")
        return
    try:
        read_config(path)
    except SluisError as error:
        yield wrong(
            "Configuration", str(error), "The gateway does not start with it.", error.hint or f"Correct {path}."
        )
        return
    yield ok("Configuration", str(path))


def read_config(path: Path) -> Any:
    """Read it as the gateway itself does; ConfigError when it would not start."""
    from sluis.app import config as settings
    from sluis.links.gpio.reserve import resolve

    read = settings.load(path)
    if read.gpio.pin:
        resolve(read.gpio)
    return read


def broker(place: Place) -> Iterable[Finding]:
    unpacked = sorted(place.data_dir.glob("broker/**/sbin/mosquitto"))
    found = shutil.which("mosquitto") or next((p for p in ("/usr/sbin/mosquitto",) if place.path(p).exists()), None)
    if found or unpacked:
        yield ok("Broker", f"mosquitto at {found or unpacked[0]}")
    else:
        why = "Devices publish to it; without it nothing arrives."
        yield wrong(
            "Broker", "mosquitto is not installed", why, "sudo apt install mosquitto, or let `make run` fetch it."
        )


def running(place: Place) -> Iterable[Finding]:
    """Is the gateway running, and do its listeners answer?"""
    file = place.data_dir / "run" / "gateway.json"
    try:
        said = json.loads(file.read_text())
    except (OSError, ValueError):
        yield note(
            "Gateway",
            f"not running with data folder {place.data_dir}",
            "",
            "Start it: sluis demo, or systemctl start sluis",
        )
        return
    if not Path(f"/proc/{said.get('pid')}").exists():
        why = "It ended without cleaning up: a crash or a power cut."
        yield wrong(
            "Gateway",
            f"process {said.get('pid')} is gone",
            why,
            "See the log (journalctl -u sluis), then start it again.",
        )
        return
    host, port = address(str(said.get("url", "")))
    if answers(host, port):
        yield ok("Gateway", f"running, process {said['pid']}, panel at {said['url']}")
    else:
        why = "People and the command line cannot reach it."
        yield wrong(
            "Gateway",
            f"process {said['pid']} runs, but {host}:{port} does not answer",
            why,
            "Restart it, and see its log.",
        )


def address(url: str) -> tuple[str, int]:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 443


def answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), CONNECT_S):
            return True
    except OSError:
        return False


def secrets(place: Place) -> Iterable[Finding]:
    """Nobody but the gateway's user may read its keys and passwords, and no stranger its database."""
    found = sorted({path for pattern in SECRETS for path in place.data_dir.glob(pattern) if path.is_file()})
    loose = [path for path in found if others_can_read(path, place.data_dir)]
    for path in loose:
        mode = stat.S_IMODE(path.stat().st_mode)
        why = "Other users of this machine can read it."
        yield wrong("Secrets", f"{path} has mode {mode:03o}", why, f"chmod 600 {path}")
    if found and not loose:
        yield ok("Secrets", f"{len(found)} files, out of reach of other users")


def others_can_read(path: Path, top: Path) -> bool:
    """Whether users outside the file's group can read it: its own mode, and that of the folders up to `top`."""
    folders = [folder for folder in path.parents if folder == top or top in folder.parents]
    reach = all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)
    return reach and bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))


def certificates(place: Place) -> Iterable[Finding]:
    from cryptography import x509

    now = datetime.fromtimestamp(place.now_s, UTC)
    for path in sorted({*place.data_dir.glob("pki/*.crt"), *place.data_dir.glob("pki/*.pem")}):
        try:
            made = x509.load_pem_x509_certificate(path.read_bytes())
        except (OSError, ValueError):
            if b"BEGIN CERTIFICATE" in safe_bytes(path) or not safe_bytes(path):
                yield wrong(
                    "Certificate", f"{path.name} cannot be read", "TLS does not start.", "Restore it from a backup."
                )
            continue
        days = (made.not_valid_after_utc - now).days
        said = f"{path.name} is valid for {days} more days"
        if days < 0:
            yield wrong(
                "Certificate",
                f"{path.name} expired {-days} days ago",
                "Devices and browsers refuse it.",
                "Restart the gateway; it renews its own.",
            )
        elif days < EXPIRES_NOTE_DAYS:
            yield note("Certificate", said, "", "The gateway renews its own; restart it when this stays.")
        else:
            yield ok("Certificate", said + (f"; fingerprint {sha256(made)}" if path.name == "site-ca.pem" else ""))


def sha256(certificate: x509.Certificate) -> str:
    """As phones and browsers show it, for comparing before the certificate is trusted."""
    from cryptography.hazmat.primitives.hashes import SHA256

    return certificate.fingerprint(SHA256()).hex(":").upper()


def safe_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def database(place: Place) -> Iterable[Finding]:
    """SQLite's own quick check; read only, so the gateway may be running."""
    path = place.data_dir / "sluis.db"
    if not path.exists():
        yield ok("Database", "none yet: it is made at the first start")
        return
    try:
        with sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5) as connection:
            said = [row[0] for row in connection.execute("PRAGMA quick_check(5)")]
        connection.close()
    except sqlite3.Error as error:
        said = [str(error)]
    if said == ["ok"]:
        yield ok("Database", f"{path.stat().st_size / 1e6:.1f} MB, intact")
    else:
        why = "A bad card or a power cut damaged it."
        yield wrong(
            "Database",
            "damaged: " + "; ".join(said),
            why,
            "Stop the gateway and restore the last backup: sluis backup restore",
        )


def backups(place: Place) -> Iterable[Finding]:
    """When was a backup last proven by restoring it? Proofs lie beside the backups."""
    folder = place.data_dir / "backups"
    made = sorted(folder.glob("*.sluis-backup")) if folder.is_dir() else []
    if not made:
        yield note("Backups", "none", "A card can die any day.", "sluis backup create")
        return
    proofs = [proof_of(path) for path in folder.glob(".*.proof.json")]
    for name, problem in ((proof["name"], proof["problem"]) for proof in proofs if proof.get("problem")):
        yield wrong(
            "Backups", f"{name}: {problem}", "It cannot be restored.", "sluis backup create, then sluis backup verify"
        )
    proven = max((proof.get("verified_at_us") or 0 for proof in proofs), default=0)
    days = (place.now_s - proven / 1e6) / 86400
    if not proven:
        yield note(
            "Backups", f"{len(made)}, never proven", "Only a restored backup is a backup.", "sluis backup verify"
        )
    elif days > BACKUP_NOTE_DAYS:
        yield note("Backups", f"{len(made)}, last proven {days:.0f} days ago", "", "sluis backup verify")
    else:
        yield ok("Backups", f"{len(made)}, last proven {max(0, days):.0f} days ago")


def proof_of(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
