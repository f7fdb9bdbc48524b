"""The newest schema opens every older one, refuses a newer one, and a power cut in between leaves the old one whole."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sluis.model import Stamp
from sluis.store.connection import connect
from sluis.store.database import Database
from sluis.store.faults import StoreDamaged, StoreNewer
from sluis.store.health import check_integrity
from sluis.store.migrations import SCHEMA, migrate, versions
from sluis.store.readings import Readings
from sluis.store.settings import StoreSettings

DUMPS = sorted(Path(__file__).parent.glob("*.sql"))
SETTINGS = StoreSettings(commit_interval_s=0, reserve_mb=0)


def restored(dump: Path, path: Path) -> Path:
    """The database a dump was made of."""
    connection = sqlite3.connect(path)
    connection.executescript(dump.read_text())
    connection.close()
    return path


def test_there_is_a_dump_of_every_version() -> None:
    assert [int(dump.stem) for dump in DUMPS] == versions()


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.stem)
async def test_every_older_version_opens_with_all_its_readings(dump: Path, tmp_path: Path) -> None:
    path = restored(dump, tmp_path / "sluis.db")
    database = Database(path, SETTINGS)
    database.start()
    latest = await Readings(database, Stamp(0, 0)).latest()
    assert sorted(value for _, value, _ in latest.values() if not isinstance(value, str)) == [True, 21.5]
    assert "heat" in [value for _, value, _ in latest.values()]
    assert database.read_now(lambda c: c.execute("PRAGMA user_version").fetchone()[0]) == versions()[-1]
    database.close()
    assert check_integrity(path, thorough=True) == []


def test_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sluis.db"
    Database(path, SETTINGS).close()
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 999")
    raw.close()
    with pytest.raises(StoreNewer, match="999") as caught:
        Database(path, SETTINGS)
    assert "newer version" in caught.value.hint
    assert "newer" in check_integrity(path)[0]


def scaled(folder: Path, second: str) -> Path:
    """The schema folder of a future Sluis: version 1, and `second` as version 2."""
    (folder / "0001").mkdir(parents=True)
    for file in (SCHEMA / "0001").glob("*.sql"):
        (folder / "0001" / file.name).write_text(file.read_text())
    (folder / "0002").mkdir()
    (folder / "0002" / "a.sql").write_text(second)
    return folder


SLOW_STEP = """
CREATE TABLE added (x INTEGER) STRICT;
ALTER TABLE boots ADD COLUMN note TEXT;
INSERT INTO added WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100000000) SELECT x FROM n;
"""

CHILD = """
import sys
from pathlib import Path
from sluis.store.connection import connect
from sluis.store.migrations import migrate
connection = connect(Path(sys.argv[1]))
print("migrating", flush=True)
migrate(connection, Path(sys.argv[2]))
print("done", flush=True)
"""


def test_a_power_cut_in_the_middle_leaves_the_old_version_whole(tmp_path: Path) -> None:
    path = restored(DUMPS[0], tmp_path / "sluis.db")
    before = "\n".join(contents(path))
    schema = scaled(tmp_path / "schema", SLOW_STEP)
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path), str(schema)], stdout=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdout.readline() == "migrating\n"
    log = path.with_name("sluis.db-wal")
    while not log.exists() or log.stat().st_size < 1_000_000:  # it is really in the middle of it
        assert child.poll() is None
    child.kill()
    assert child.communicate()[0] == ""
    assert check_integrity(path, thorough=True) == []
    assert "\n".join(contents(path)) == before
    connection = connect(path)
    migrate(connection)
    connection.close()


def test_a_step_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = restored(DUMPS[0], tmp_path / "sluis.db")
    before = contents(path)
    schema = scaled(tmp_path / "schema", "CREATE TABLE added (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1);")
    connection = connect(path)
    with pytest.raises(OSError, match=r"version 2.*nowhere"):
        migrate(connection, schema)
    connection.close()
    assert contents(path) == before


def contents(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    found = [*connection.iterdump(), str(connection.execute("PRAGMA user_version").fetchone())]
    connection.close()
    return found


@pytest.mark.parametrize("spoil", ["text", "header", "page"])
def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path: Path, spoil: str) -> None:
    path = restored(DUMPS[0], tmp_path / "sluis.db")
    whole = path.read_bytes()
    spoiled = {
        "text": b"this is no database\n" * 500,
        "header": b"\0" * 200 + whole[200:],
        "page": whole[:4096] + b"\xff" * (len(whole) - 4096),
    }
    path.write_bytes(spoiled[spoil])
    assert check_integrity(path) != []
    if spoil == "page":  # the schema is readable: this shows when the page is used
        return
    with pytest.raises(StoreDamaged) as caught:
        Database(path, SETTINGS)
    assert "backup" in caught.value.hint
    assert path.read_bytes() == spoiled[spoil], "left for repair"
