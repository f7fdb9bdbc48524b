"""The versions of rules, and the file they come from."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from sluis.model import ConfigError, StoreError
from sluis.store.database import Database
from sluis.watch.ports import RuleVersion


class RuleHistory:
    """`watch`'s RuleVersions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, versions: Sequence[RuleVersion]) -> None:
        rows = [(one.rule, one.version, msgspec.json.encode(one.body), one.author, one.at_us) for one in versions]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO rule_versions (rule, version, body, author, at_us) VALUES (?, ?, ?, ?, ?)", rows
            )

        await self._database.write(work)

    async def versions(self, rule: str) -> list[RuleVersion]:
        """Newest first."""

        def work(connection: sqlite3.Connection) -> list[RuleVersion]:
            rows = connection.execute(
                "SELECT rule, version, body, author, at_us FROM rule_versions WHERE rule = ? ORDER BY id DESC", (rule,)
            )
            return [
                RuleVersion(row["rule"], row["version"], msgspec.json.decode(row["body"]), row["author"], row["at_us"])
                for row in rows
            ]

        return await self._database.read(work)


class RuleFile:
    """`watch`'s RuleText: the file `rules.toml`, replaced whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> str:
        return await asyncio.to_thread(self._read)

    async def write(self, text: str) -> None:
        await asyncio.to_thread(self._write, text)

    async def mark(self) -> str:
        # One stat of a local file: shorter than handing it to a thread.
        try:
            stat = self._path.stat()
        except OSError:
            return ""
        return f"{stat.st_mtime_ns}.{stat.st_size}.{stat.st_ino}"

    def _read(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot be read: {error}", where=str(self._path)) from error

    def _write(self, text: str) -> None:
        beside = self._path.with_name(f".{self._path.name}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            raise StoreError(f"cannot write {self._path}: {error}") from error
