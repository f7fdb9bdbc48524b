"""What every flasher promises, asked of each: files through the REPL of a real MicroPython, and a board in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sluis.model import ProvisionError
from sluis_provision.flashers import Part, Repl
from sluis_provision.flashers.problem import BoardFull
from tests.contracts.rigs.boards import MicroPythonBoard, a_micropython_board
from tests.provision.flash.pretend import Board, Pretend

UID = "e66141040302010a"


@pytest.fixture
def board(tmp_path: Path) -> Iterator[MicroPythonBoard]:
    with a_micropython_board(tmp_path, UID) as made:
        yield made


@pytest.fixture(params=["repl", "pretend"])
def flasher(request: pytest.FixtureRequest) -> Any:
    if request.param == "pretend":
        return Pretend(Board(UID))
    return Repl(request.getfixturevalue("board").port)


def parts() -> list[Part]:
    return [
        Part("text", b"".join(b"N%d = %d\n" % (n, n) for n in range(300)), file="/lib/deep/text.py"),
        Part("bytes", os.urandom(9000), file="/bytes.bin"),
        Part("nothing", b"", file="/nothing"),
        Part("all", bytes(range(256)) * 5, file="/all.bin"),
    ]


async def test_it_says_which_board_it_is(flasher: Any) -> None:
    assert (await flasher.probe()).uid == UID


async def test_what_is_written_is_there_is_confirmed_once_and_progress_only_rises(flasher: Any) -> None:
    wanted, sure, seen = parts(), list[Part](), list[tuple[int, int]]()
    assert await flasher.verify(wanted) == tuple(wanted)
    await flasher.enter_loader()
    await flasher.write(wanted, lambda done, total: seen.append((done, total)), sure.append)
    assert sure == wanted
    assert seen == sorted(seen)
    assert seen[-1] == (sum(len(part.content) for part in wanted),) * 2
    assert await flasher.verify(wanted) == ()


async def test_what_differs_is_named(flasher: Any) -> None:
    await flasher.write(parts()[:1])
    other = Part("other", b"other", file="/lib/deep/text.py")
    absent = Part("absent", b"x", file="/absent")
    assert await flasher.verify([other, absent]) == (other, absent)


async def test_after_erasing_nothing_is_there_and_it_can_be_written(flasher: Any) -> None:
    wanted = parts()
    await flasher.write(wanted)
    await flasher.erase()
    assert await flasher.verify(wanted) == tuple(wanted)
    await flasher.write(wanted)
    assert await flasher.verify(wanted) == ()


async def test_it_starts_and_says_its_version_and_number(flasher: Any) -> None:
    found = await flasher.boot()
    assert found.uid == UID
    assert found.version


async def test_a_full_board_keeps_what_it_had_and_takes_what_fits(board: MicroPythonBoard) -> None:
    flasher = Repl(board.port)
    good = Part("good", os.urandom(20_000), file="/good.bin")
    await flasher.write([good])
    with pytest.raises(BoardFull):
        await flasher.write([Part("big", os.urandom(400_000), file="/big.bin")])
    many = [Part(str(n), os.urandom(90_000), file=f"/{n}.bin") for n in range(4)]
    with pytest.raises(BoardFull):
        await flasher.write(many)
    assert await flasher.verify([good]) == ()
    await flasher.erase()
    await flasher.write(many[:2])
    assert await flasher.verify(many[:2]) == ()


async def test_a_program_that_runs_is_interrupted_and_started_again(board: MicroPythonBoard) -> None:
    flasher = Repl(board.port)
    await flasher.write(
        [Part("main.py", b"import time\nwhile True:\n    print('alive')\n    time.sleep_ms(20)\n", file="/main.py")]
    )
    await flasher.boot()
    async with flasher.console() as console:
        await console.until(b"alive", within_s=20)
    assert (await flasher.probe()).uid == UID


@pytest.mark.parametrize("count", [300, 1_000, 2_000, 6_000, 9_000, 11_000])
async def test_pulled_while_a_file_is_written_the_old_or_the_new_one_is_there(tmp_path: Path, count: int) -> None:
    """The flash of the board that was pulled is that of the board that comes back."""
    old, new = Part("f", b"old" * 1000, file="/f"), Part("f", os.urandom(8000), file="/f")
    with a_micropython_board(tmp_path, UID) as board:
        await Repl(board.port).write([old])
        board.bytes_until_pulled = count
        with pytest.raises(ProvisionError):
            await asyncio.wait_for(Repl(board.port, appears_s=0.5).write([new]), 50)
        kept = (tmp_path / "flash.img").read_bytes()
    again = tmp_path / "again"
    again.mkdir()
    with a_micropython_board(again, UID, kept) as board:
        flasher = Repl(board.port)
        assert len(await flasher.verify([old, new])) == 1
        await flasher.write([new])
        assert await flasher.verify([new]) == ()
