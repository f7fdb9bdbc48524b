"""The writer: group commit, pieces that fail alone, appends that wait for company."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from sluis.intake.ports import Batch, Delivery, Row
from sluis.model import StoreError
from sluis.store import deliveries
from sluis.store.health import health
from sluis.store.settings import StoreSettings

from .conftest import Store, at, open_store


def insert(word: str) -> Any:
    return lambda c: c.execute("INSERT INTO boots (started_at_us) VALUES (?)", (word,)).rowcount


async def test_a_piece_that_fails_harms_no_other(store: Store) -> None:
    def bad(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM boots")
        raise LookupError("on purpose")

    outcomes = await asyncio.gather(
        store.database.write(insert("1")),
        store.database.write(bad),
        store.database.write(insert("not a number")),
        store.database.write(insert("2")),
        return_exceptions=True,
    )
    assert outcomes[0] == outcomes[3] == 1
    assert isinstance(outcomes[1], LookupError)
    assert isinstance(outcomes[2], sqlite3.IntegrityError)
    assert len(await store.database.read(lambda c: c.execute("SELECT * FROM boots").fetchall())) == 3


async def test_a_burst_shares_commits(store: Store) -> None:
    before = health(store.readings).commits
    futures = [store.readings.append(Batch([Row(1, at(i), i, 0)])) for i in range(2_000)]
    await asyncio.gather(*map(asyncio.wrap_future, futures))
    assert health(store.readings).commits - before < 200
    assert health(store.readings).tail == 2_000


async def test_a_cancelled_caller_does_not_end_the_writer(store: Store) -> None:
    waiting = [asyncio.ensure_future(store.database.write(insert(str(i)))) for i in range(50)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await store.database.write(insert("7")) == 1


async def test_appends_wait_for_company_and_pieces_take_them_along(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "sluis.db", StoreSettings(commit_interval_s=9.0, stretch_to_s=10, reserve_mb=0))
    append = asyncio.ensure_future(store.put("temperature", [(0, 1.0)]))
    other = asyncio.ensure_future(store.put("temperature", [(1, 2.0)]))
    await asyncio.sleep(0.05)
    assert not append.done()
    await store.database.write(insert("1"))
    assert await asyncio.wait_for(append, 8) == 1
    assert await asyncio.wait_for(other, 8) == 2
    last = store.readings.append(Batch([Row(1, at(2), 3.0, 0)]))
    store.database.close()  # does not wait nine seconds, and loses nothing
    assert last.result(0) == 3


async def test_in_a_hurry_nothing_waits_for_company(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "sluis.db", StoreSettings(commit_interval_s=50, stretch_to_s=60, reserve_mb=0))
    waiting = asyncio.ensure_future(store.put("temperature", [(0, 1.0)]))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    store.database.writer.hasten(30)
    assert await asyncio.wait_for(waiting, 10) == 1
    assert await asyncio.wait_for(store.put("temperature", [(1, 2.0)]), 10) == 2
    store.database.close()


async def test_after_close_every_call_is_an_error(store: Store) -> None:
    store.database.close()
    with pytest.raises(StoreError):
        await store.database.write(insert("1"))
    late: Future[int] = store.readings.append(Batch([Row(1, at(0), 1, 0)]))
    assert isinstance(late.exception(0), StoreError)


async def test_deliveries_are_pruned_to_what_is_remembered(store: Store) -> None:
    per_commit = 8_192
    for session in ("old", "new"):
        for commit in range(12):
            tokens = tuple(range(commit * per_commit % 65_536, commit * per_commit % 65_536 + per_commit))
            batch = Batch([], delivery=Delivery("mqtt", session, tokens, tokens))
            await asyncio.wrap_future(store.readings.append(batch))
    assert await store.database.write(deliveries.prune) == 12 + 8
    found = store.readings.recent_deliveries("mqtt", "new")
    assert len(found) == 32_768
    assert store.readings.recent_deliveries("mqtt", "old") == {}
    assert list(found)[-1] == 12 * per_commit % 65_536 - 1


async def test_identities_outlive_deliveries(store: Store) -> None:
    for commit in range(20):
        identities = tuple(range(commit * 8_192, (commit + 1) * 8_192))
        await asyncio.wrap_future(store.readings.append(Batch([], identities=identities, delivery=None)))
    await asyncio.wrap_future(store.readings.append(Batch([Row(1, at(0), 1, 0)], identities=(-1,))))
    assert await store.database.write(deliveries.prune) == 12
    assert list(store.readings.recent_identities()) == [*range(20 * 8_192 - 65_535, 20 * 8_192), -1]


async def test_bytes_written_are_counted_for_whom(store: Store) -> None:
    meter = store.database.writer.meter
    if not meter.measured:
        pytest.skip("this kernel does not count written bytes")
    before = meter.total
    await store.put("temperature", [(second, 1.0) for second in range(10_000)])
    assert 300_000 < meter.total - before < 3_000_000
    by_subsystem = {name: count for (_, name), count in meter.days().items()}
    assert by_subsystem["readings"] > 300_000
    assert by_subsystem["devices"] > 0
