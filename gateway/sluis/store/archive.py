"""What a backup is: a tar of three members, in the age format (age-encryption.org/v1) where it matters.

    about.json     what it is, when and where it was made, in the clear
    identity.age   the backup's own key, encrypted with the passphrase (only with a passphrase)
    payload.age    tar.gz of the files and `manifest.json`, encrypted to the backup's own key (if any), the owner's
                   public keys (if any) and the gateway's own key, with which it proves its backups

So any age tool opens it: `tar xf FILE; age -d identity.age > key; age -d -i key payload.age | tar xz`.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sqlite3
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from pyrage import DecryptError, decrypt_io, encrypt_io, passphrase, x25519

from sluis.model import SluisError, StoreError
from sluis.store.database import connect
from sluis.store.migrations import versions

FORMAT = 1
COUNTED = ("devices", "readings", "audit", "users", "alerts")
"""Tables whose number of rows goes into the manifest and is compared when the backup is proven."""


class BackupError(SluisError, ValueError):
    """A backup cannot be made, opened or believed."""

    code = "backup"


@dataclass(frozen=True, slots=True)
class Keys:
    """What opens a backup: a passphrase, or age identities."""

    passphrase: str = ""
    identities: tuple[str, ...] = ()


def write_archive(
    target: Path,
    database: Path,
    files: Mapping[str, Path],
    about: Mapping[str, Any],
    *,
    recipients: Iterable[str],
    secret: str = "",
) -> None:
    """Pack, encrypt and write. `database` is a consistent copy; `files` maps names in the backup to files."""
    target_keys = [x25519.Recipient.from_str(one) for one in recipients]
    own = x25519.Identity.generate()
    if secret:
        target_keys.append(own.to_public())
    if not target_keys:
        raise BackupError("nobody could open this backup", hint="Give a passphrase or a public key (age1...).")
    packed = target.with_suffix(".packed")
    sealed = target.with_suffix(".sealed")
    try:
        _pack(packed, database, files, about)
        with packed.open("rb") as plain, sealed.open("wb") as cipher:
            encrypt_io(plain, cipher, target_keys)
        members: dict[str, bytes] = {"about.json": json.dumps({"format": FORMAT, **about}, indent=1).encode()}
        if secret:
            members["identity.age"] = passphrase.encrypt(f"{own}\n".encode(), secret)
        with tarfile.open(target, "w") as tar:
            for name, data in members.items():
                _add(tar, name, data)
            tar.add(sealed, "payload.age", filter=_plain)
    finally:
        packed.unlink(missing_ok=True)
        sealed.unlink(missing_ok=True)


def _pack(target: Path, database: Path, files: Mapping[str, Path], about: Mapping[str, Any]) -> None:
    manifest: dict[str, Any] = {"about": dict(about), "rows": row_counts(database), "sha256": {}}
    everything = {"sluis.db": database, **files}
    with tarfile.open(target, "w:gz", compresslevel=3) as tar:
        for name, path in sorted(everything.items()):
            try:
                manifest["sha256"][name] = _put(tar, name, path)
            except FileNotFoundError:
                if path is database:
                    raise
                # Somebody has just removed it, or put another in its place: a site at work.
        _add(tar, "manifest.json", json.dumps(manifest, indent=1).encode())


class _Hashing:
    """What is read of a file, and its SHA-256: the same bytes, also when it is replaced meanwhile."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


def _put(tar: tarfile.TarFile, name: str, path: Path) -> str:
    """Add a file as it is now; its SHA-256."""
    with path.open("rb") as file:
        reader = _Hashing(file)
        tar.addfile(_plain(tar.gettarinfo(arcname=name, fileobj=file)), cast(BinaryIO, reader))
        return reader.digest.hexdigest()


def about_archive(file: Path) -> dict[str, Any]:
    """What a backup says of itself. BackupError when it is none."""
    try:
        with tarfile.open(file, "r:") as tar:
            member = tar.extractfile("about.json")
            about: dict[str, Any] = json.loads(member.read()) if member else {}
    except (tarfile.TarError, OSError, KeyError, ValueError) as error:
        raise BackupError(f"{file.name} is no backup, or is damaged: {error}") from error
    if about.get("format") != FORMAT:
        raise BackupError(f"{file.name} has format {about.get('format')!r}; this Sluis reads {FORMAT}")
    return about


def unpack_archive(file: Path, into: Path, keys: Keys) -> dict[str, Any]:
    """Decrypt and unpack into the empty folder `into`, checking every file; the manifest. BackupError else."""
    about_archive(file)
    into.mkdir(parents=True, exist_ok=True)
    packed = into / ".packed"
    try:
        with tarfile.open(file, "r:") as tar:
            _decrypt(tar, packed, keys)
        with tarfile.open(packed, "r:gz") as tar:
            for member in tar:
                _unpack(tar, member, into)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise BackupError(f"{file.name} is damaged: {error}") from error
    finally:
        packed.unlink(missing_ok=True)
    return _checked(file, into)


def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    """Plain files and folders only, below `into` only. (Python 3.11.2 of Debian 12 has no extraction filters yet.)"""
    target = into / member.name
    if not target.resolve().is_relative_to(into.resolve()):
        raise tarfile.TarError(f"{member.name!r} leads out of the backup")
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    content = tar.extractfile(member) if member.isreg() else None
    if content is None:
        raise tarfile.TarError(f"{member.name!r} is no plain file")
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("xb") as plain:
        shutil.copyfileobj(content, plain)
    target.chmod(member.mode & 0o755)


def _decrypt(tar: tarfile.TarFile, target: Path, keys: Keys) -> None:
    identities = [x25519.Identity.from_str(one.strip()) for one in keys.identities]
    try:
        if keys.passphrase and "identity.age" in tar.getnames():
            member = tar.extractfile("identity.age")
            assert member is not None
            identities.append(
                x25519.Identity.from_str(passphrase.decrypt(member.read(), keys.passphrase).decode().strip())
            )
        payload = tar.extractfile("payload.age")
        assert payload is not None
        with target.open("wb") as plain:
            decrypt_io(io.BytesIO(payload.read()), plain, identities)
    except (DecryptError, KeyError) as error:
        raise BackupError("this key or passphrase does not open the backup, or it is damaged") from error


def _checked(file: Path, folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").unlink()
    for name, digest in manifest["sha256"].items():
        if sha256_of(folder / name) != digest:
            raise BackupError(f"{name} in {file.name} is not what was backed up")
    check_database(folder / "sluis.db", manifest["rows"])
    return manifest


def check_database(path: Path, rows: Mapping[str, int]) -> None:
    """Whether a restored database is whole, known to this Sluis, and has the rows it should. BackupError else."""
    connection = connect(path)
    try:
        verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        raise BackupError(f"the database in the backup cannot be read: {error}") from error
    finally:
        connection.close()
    if verdict != "ok":
        raise BackupError(f"the database in the backup is damaged: {verdict}")
    if version not in versions():
        raise BackupError(f"the database in the backup has schema version {version}, which this Sluis does not know")
    found = row_counts(path)
    for table, count in rows.items():
        if found.get(table) != count:
            raise BackupError(f"{table} has {found.get(table)} rows, {count} were backed up")


def row_counts(path: Path) -> dict[str, int]:
    """Rows of the tables that matter, in a database that nobody writes to."""
    connection = connect(path)
    try:
        held = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608  (fixed names)
            for table in COUNTED
            if table in held
        }
    finally:
        connection.close()


def copy_database(source: Path, target: Path) -> None:
    """A consistent copy of a database in use (SQLite's online backup). StoreError when it fails."""
    reader, writer = connect(source, read_only=True), sqlite3.connect(target)
    try:
        reader.backup(writer, pages=2_000)
    except sqlite3.Error as error:
        raise StoreError(f"cannot copy the database: {error}") from error
    finally:
        writer.close()
        reader.close()


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Owner and group mean nothing on the machine a backup is restored on."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))
