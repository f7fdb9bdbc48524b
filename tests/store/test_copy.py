"""A copy taken while readings pour in is one moment, whole; the writer is not stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sluis.model import StoreError
from sluis.store.connection import connect
from sluis.store.health import check_integrity
from sluis.store.history import all_readings

from .conftest import NOW, Store


async def test_a_copy_is_consistent(store: Store, tmp_path: Path) -> None:
    async def pour() -> None:
        for batch in range(60):
            await store.put("temperature", [(i, i) for i in range(batch * 100, batch * 100 + 100)])
            if batch % 20 == 10:
                await store.packing.pack(NOW)

    pouring = asyncio.ensure_future(pour())
    lengths = []
    for number in range(4):
        target = tmp_path / f"copy{number}.db"
        await store.database.copy_to(target)
        assert check_integrity(target, thorough=True) == []
        connection = connect(target, read_only=True)
        values = [one.value for one in all_readings(connection, store.points["temperature"])]
        connection.close()
        assert values == list(range(len(values))), "all up to some moment, each once"
        assert not target.with_name(target.name + "-wal").exists()
        lengths.append(len(values))
    await pouring
    assert lengths == sorted(lengths)
    assert len(await store.all("temperature")) == 6_000


async def test_a_copy_to_nowhere_is_an_error(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        await store.database.copy_to(tmp_path / "no" / "such" / "folder.db")
    assert await store.put("temperature", [(0, 1)]) == 1
