"""The audit log: what it records, and that no tampering stays unseen."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sluis.model import Actor, Role
from sluis.runtime import ManualClock
from sluis.store.audit import CHECKPOINT_S, AuditLog
from sluis.store.database import Database, connect
from sluis.wire.chain import GENESIS, canonical, link, split_notes

ANNA = Actor("person", "anna", Role.ADMIN, origin="192.0.2.7")


@dataclass
class Log:
    """An audit log on a real database, with a way round the triggers: a second connection without them."""

    audit: AuditLog
    database: Database
    clock: ManualClock
    folder: Path

    async def fill(self, count: int = 10) -> None:
        for number in range(1, count + 1):
            await self.audit.record(ANNA, "device.adopt", f"device-{number}", {"after": {"name": f"n{number}"}})
            await self.clock.advance(1)

    def tamper(self, *statements: str) -> None:
        raw = connect(self.folder / "sluis.db")
        for table in ("audit", "audit_checkpoints"):
            raw.execute(f"DROP TRIGGER {table}_no_update")
            raw.execute(f"DROP TRIGGER {table}_no_delete")
        for statement in statements:
            raw.execute(statement)
        raw.close()

    async def findings(self) -> list[tuple[int, str]]:
        return [(one.seq, one.kind) for one in (await self.audit.verify()).findings]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    database = Database(tmp_path / "sluis.db")
    database.start()
    clock = ManualClock()
    audit = AuditLog(database, clock, tmp_path / "pki", tmp_path / "log" / "audit-checkpoints")
    yield Log(audit, database, clock, tmp_path)
    database.close()


async def test_an_entry_says_who_what_where_when_and_why(log: Log) -> None:
    await log.audit.record(ANNA, "rule.save", "cold", {"before": {"at": 18}, "after": {"at": 17}}, reason="too many")
    (entry,) = await log.audit.entries(10)
    assert (entry.seq, entry.actor, entry.origin, entry.action) == (1, "person:anna", "192.0.2.7", "rule.save")
    assert entry.detail == {"before": {"at": 18}, "after": {"at": 17}}
    assert (entry.reason, entry.trusted, entry.at_us) == ("too many", True, log.clock.at_us)
    assert len(entry.digest) == 64


async def test_entries_come_newest_first_in_pages_and_by_noun(log: Log) -> None:
    await log.fill(5)
    await log.audit.record(ANNA, "user.add", "bert")
    assert [one.seq for one in await log.audit.entries(2)] == [6, 5]
    assert [one.seq for one in await log.audit.entries(2, before=5)] == [4, 3]
    assert [one.object for one in await log.audit.entries(9, action="user")] == ["bert"]
    assert [one.seq for one in await log.audit.entries(9, object="device-3")] == [3]
    assert await log.audit.entries(9, actor="person:nobody") == []


async def test_the_triggers_stop_accidents(log: Log) -> None:
    await log.fill(2)
    for statement in ("UPDATE audit SET body = '{}'", "DELETE FROM audit"):
        with pytest.raises(sqlite3.DatabaseError, match="append-only"):
            await log.database.write(lambda db, sql=statement: db.execute(sql))
    assert (await log.audit.verify()).sound


async def test_hostile_text_is_kept_within_bounds(log: Log) -> None:
    nasty = {"a": "\ud800\0" + "x" * 100_000, "b": float("nan"), "c": object, "d": {1: [float("inf")]}}
    await log.audit.record(Actor("person", "\udfff" * 3), "x.y", "\0" * 2_000, nasty)
    (entry,) = await log.audit.entries(1)
    assert len(entry.object) == 500
    assert (await log.audit.verify()).sound
    await log.audit.record(ANNA, "x.y", "z", {str(n): "y" * 400 for n in range(100)})
    assert "omitted" in (await log.audit.entries(1))[0].detail


async def test_a_whole_log_is_sound(log: Log) -> None:
    await log.fill(9)
    await log.audit.checkpoint()
    await log.fill(4)
    verdict = await log.audit.verify()
    assert (verdict.sound, verdict.entries, verdict.checkpoints) == (True, 13, 1)


async def test_a_changed_row_is_named(log: Log) -> None:
    await log.fill()
    log.tamper("UPDATE audit SET body = replace(body, 'anna', 'bert') WHERE seq = 7")
    assert await log.findings() == [(7, "changed")]


async def test_a_changed_row_with_a_fresh_digest_is_named(log: Log) -> None:
    await log.fill()
    raw = connect(log.folder / "sluis.db")
    body, before = raw.execute("SELECT body, before FROM audit WHERE seq = 7").fetchone()
    body = body.replace("anna", "bert")
    log.tamper(f"UPDATE audit SET body = '{body}', digest = x'{link(before, body.encode()).hex()}' WHERE seq = 7")
    assert await log.findings() == [(7, "changed")]


async def test_a_removed_row_is_named(log: Log) -> None:
    await log.fill()
    log.tamper("DELETE FROM audit WHERE seq IN (4, 5)")
    findings = (await log.audit.verify()).findings
    assert (findings[0].seq, findings[0].kind, findings[0].what) == (4, "removed", "rows 4 to 5 missing")


async def test_a_row_removed_with_the_rest_closed_up_is_found(log: Log) -> None:
    await log.fill()
    log.tamper(
        "DELETE FROM audit WHERE seq = 4", *[f"UPDATE audit SET seq = {n - 1} WHERE seq = {n}" for n in range(5, 11)]
    )
    assert (4, "reordered") in await log.findings()


async def test_an_inserted_row_is_named(log: Log) -> None:
    await log.fill()
    raw = connect(log.folder / "sluis.db")
    before = raw.execute("SELECT digest FROM audit WHERE seq = 3").fetchone()[0]
    body = raw.execute("SELECT body FROM audit WHERE seq = 4").fetchone()[0].replace("anna", "eve")
    digest = link(before, body.encode()).hex()
    log.tamper(
        *[f"UPDATE audit SET seq = {n + 1} WHERE seq = {n}" for n in range(10, 3, -1)],
        f"INSERT INTO audit (seq, body, before, digest) VALUES (4, '{body}', x'{before.hex()}', x'{digest}')",
    )
    assert await log.findings() == [(4, "inserted")]


async def test_two_rows_that_changed_places_are_named(log: Log) -> None:
    await log.fill()
    log.tamper(
        "UPDATE audit SET seq = 100 WHERE seq = 3",
        "UPDATE audit SET seq = 3 WHERE seq = 8",
        "UPDATE audit SET seq = 8 WHERE seq = 100",
    )
    findings = await log.findings()
    assert (3, "reordered") in findings and (8, "reordered") in findings


async def test_a_cut_off_end_is_seen_through_the_checkpoint_file(log: Log) -> None:
    await log.fill()
    await log.audit.checkpoint()
    log.tamper("DELETE FROM audit WHERE seq > 8", "DELETE FROM audit_checkpoints")
    assert await log.findings() == [(9, "truncated")]


async def test_a_chain_made_anew_is_seen_through_the_checkpoint(log: Log) -> None:
    await log.fill(4)
    await log.audit.checkpoint()
    await log.fill(6)
    await log.audit.checkpoint()
    raw = connect(log.folder / "sluis.db")
    before, statements = GENESIS, []
    for seq, body in raw.execute("SELECT seq, body FROM audit ORDER BY seq").fetchall():
        body = body.replace("device-2", "device-9") if seq == 6 else body
        digest = link(before, body.encode())
        links = f"before = x'{before.hex()}', digest = x'{digest.hex()}'"
        statements.append(f"UPDATE audit SET body = '{body}', {links} WHERE seq = {seq}")
        before = digest
    log.tamper(*statements)
    findings = (await log.audit.verify()).findings
    assert [(one.seq, one.kind) for one in findings] == [(5, "rewritten")]
    assert "5 to 10" in findings[0].what


async def test_a_forged_checkpoint_is_named(log: Log) -> None:
    await log.fill(3)
    await log.audit.checkpoint()
    file = log.folder / "log" / "audit-checkpoints"
    file.write_text(file.read_text().replace("\n3\n", "\n2\n"))
    assert await log.findings() == [(0, "checkpoint")]


async def test_a_checkpoint_is_made_once_per_state_and_survives_a_restart(log: Log) -> None:
    await log.fill(3)
    first = await log.audit.checkpoint()
    assert first is not None and await log.audit.checkpoint() is None
    again = AuditLog(log.database, log.clock, log.folder / "pki", log.folder / "log" / "audit-checkpoints")
    assert await again.checkpoint() is None
    await again.record(ANNA, "a.b", "c")
    assert await again.checkpoint() is not None
    assert split_notes((log.folder / "log" / "audit-checkpoints").read_text())[0] == first
    assert (await again.verify()).checkpoints == 2


async def test_checkpoints_come_at_the_start_every_hour_and_at_the_end(
    log: Log, tasks: Callable[[Awaitable[object]], asyncio.Task[object]], eventually: Callable[..., Awaitable[None]]
) -> None:
    async def checkpoints() -> int:
        return (await log.audit.verify()).checkpoints

    async def are(count: int) -> bool:
        return await checkpoints() == count

    await log.fill(1)
    running = tasks(log.audit.run())
    await eventually(lambda: are(1))
    await log.audit.record(ANNA, "a.b", "c")
    await log.clock.advance(CHECKPOINT_S)
    await eventually(lambda: are(2))
    await log.audit.record(ANNA, "a.b", "c")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await are(3)


async def test_the_key_is_for_its_owner_only(log: Log) -> None:
    assert stat.S_IMODE((log.folder / "pki" / "audit.key").stat().st_mode) == 0o600


async def test_a_hundred_thousand_entries_are_checked_in_five_seconds(log: Log) -> None:
    def fill(db: sqlite3.Connection) -> None:
        before, rows = GENESIS, []
        for seq in range(1, 100_001):
            body = canonical({"seq": seq, "action": "device.adopt", "actor": "person:anna", "detail": {"n": seq}})
            digest = link(before, body)
            rows.append((seq, body.decode(), before, digest))
            before = digest
        db.executemany("INSERT INTO audit (seq, body, before, digest) VALUES (?, ?, ?, ?)", rows)

    await log.database.write(fill)
    began = time.process_time()
    verdict = await log.audit.verify()
    spent_s = time.process_time() - began
    assert verdict.sound and verdict.entries == 100_000
    assert spent_s < 5, f"{spent_s:.2f} s"
