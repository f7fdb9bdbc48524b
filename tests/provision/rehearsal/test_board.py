"""A virtual board in the hands of those who know boards: mpremote as it is, and the flasher that ships."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sluis.model import ProvisionError
from sluis_provision.flashers.kinds import Part
from sluis_provision.flashers.problem import BoardFull
from sluis_provision.flashers.repl import Repl
from sluis_provision.rehearsal import VirtualBoard, micropython
from sluis_provision.rehearsal.hardware import BLOCK, BLOCKS

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(micropython() is None, reason="there is no MicroPython for this machine"),
]

UID = "e66164084373b031"
Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[VirtualBoard]:
    made = VirtualBoard(str(micropython()), tmp_path / "board", UID)
    made.flash({})
    running = asyncio.ensure_future(made.run())
    made.power(True)
    await made.ready()
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def mpremote(board: VirtualBoard, *words: str | Path) -> str:
    """What the unmodified program says."""
    command = [sys.executable, "-m", "mpremote", "connect", str(board.cable), *map(str, words)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, stdin=asyncio.subprocess.DEVNULL
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, said.decode()
    return said.decode().replace("\r", "")


async def reset(board: VirtualBoard, eventually: Eventually) -> None:
    """A hard one, and the board is up again."""
    starts = board.starts
    await mpremote(board, "resume", "reset")
    await eventually(lambda: board.starts > starts)


def files_of(board: VirtualBoard, folder: Path) -> dict[str, bytes]:
    """What is in its flash, read from the image."""
    from littlefs import LittleFS

    held = LittleFS(block_size=BLOCK, block_count=BLOCKS, prog_size=256, read_size=256, mount=False)
    held.context.buffer = bytearray((folder / "flash.img").read_bytes())
    held.mount()
    return {
        f"{root.rstrip('/')}/{name}": held.open(f"{root.rstrip('/')}/{name}", "rb").read()
        for root, _, names in held.walk("/")
        for name in names
    }


# -- mpremote, as it comes: what its own command tests look at ----------------------------------------------


async def test_it_evaluates_and_executes(board: VirtualBoard) -> None:
    assert await mpremote(board, "exec", "print(6 * 7)") == "42\n"
    assert await mpremote(board, "eval", "[1, 2] + [3]") == "[1, 2, 3]\n"
    assert await mpremote(board, "exec", "import machine; print(machine.unique_id().hex())") == f"{UID}\n"


async def test_it_runs_a_file_of_this_machine(board: VirtualBoard, tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text("import os\nprint('here', os.listdir('/'))\n")
    assert await mpremote(board, "run", tmp_path / "hello.py") == "here []\n"


async def test_files_go_to_it_and_come_back(board: VirtualBoard, tmp_path: Path) -> None:
    there = tmp_path / "data.bin"
    there.write_bytes(bytes(range(256)) * 40)
    await mpremote(board, "fs", "mkdir", ":lib")
    await mpremote(board, "fs", "cp", there, ":lib/data.bin")
    assert files_of(board, tmp_path / "board") == {"/lib/data.bin": there.read_bytes()}
    assert "10240 data.bin" in await mpremote(board, "fs", "ls", ":lib")
    await mpremote(board, "fs", "cp", ":lib/data.bin", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == there.read_bytes()
    await mpremote(board, "fs", "rm", ":lib/data.bin")
    await mpremote(board, "fs", "rmdir", ":lib")
    assert files_of(board, tmp_path / "board") == {}


async def test_a_folder_is_copied_and_hashed(board: VirtualBoard, tmp_path: Path) -> None:
    (tmp_path / "package" / "inner").mkdir(parents=True)
    (tmp_path / "package" / "inner" / "a.py").write_text("A = 1\n")
    (tmp_path / "package" / "b.py").write_text("B = 2\n")
    await mpremote(board, "fs", "cp", "-r", tmp_path / "package", ":")
    assert set(files_of(board, tmp_path / "board")) == {"/package/inner/a.py", "/package/b.py"}
    assert await mpremote(board, "exec", "from package.inner.a import A; print(A)") == "1\n"
    assert "sha256" in await mpremote(board, "fs", "sha256sum", ":package/b.py")


async def test_what_was_set_is_there_with_resume_and_gone_after_a_soft_reset(board: VirtualBoard) -> None:
    await mpremote(board, "exec", "x = 5")
    assert await mpremote(board, "resume", "exec", "print(x)") == "5\n"
    await mpremote(board, "resume", "soft-reset")
    assert await mpremote(board, "resume", "exec", "print('x' in globals())") == "False\n"


async def test_a_folder_of_this_machine_is_mounted(board: VirtualBoard, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "remote_one.py").write_text("print('from over there')\n")
    assert "from over there" in await mpremote(board, "mount", tmp_path / "shared", "exec", "import remote_one")


# -- as a board ---------------------------------------------------------------------------------------------


async def test_its_programs_run_at_a_start_and_an_interrupt_gives_the_prompt(
    board: VirtualBoard, eventually: Eventually
) -> None:
    await mpremote(board, "exec", "open('boot.py', 'w').write('print(1)')")
    await mpremote(board, "exec", "open('main.py', 'w').write('import time\\nwhile True: time.sleep(0.1)')")
    await reset(board, eventually)
    assert await mpremote(board, "exec", "import os; print(sorted(os.listdir('/')))") == "['boot.py', 'main.py']\n"


async def test_a_reset_is_told_by_its_cause(board: VirtualBoard, eventually: Eventually) -> None:
    cause = "import machine; print(machine.reset_cause())"
    assert await mpremote(board, "resume", "exec", cause) == "1\n"
    await mpremote(board, "soft-reset")
    assert await mpremote(board, "resume", "exec", cause) == "5\n"
    await reset(board, eventually)
    assert await mpremote(board, "resume", "exec", cause) == "2\n"


async def test_the_flasher_that_ships_writes_it_and_repairs_what_a_pulled_plug_left(
    board: VirtualBoard, eventually: Eventually, tmp_path: Path
) -> None:
    parts = [Part(f"part {n}", bytes([65 + n]) * 9_000, file=f"/lib/part_{n}.py") for n in range(4)]
    flasher = Repl(str(board.cable))
    found = await flasher.probe()
    assert found.uid == UID

    def pull(done: int, total: int) -> None:
        if done > total // 2:
            board.power(False)

    with pytest.raises(ProvisionError):
        await flasher.write(parts, pull)
    await eventually(lambda: not board.running)
    board.power(True)
    await board.ready()
    assert len(await flasher.verify(parts)) in (1, 2), "half of it is there"
    await flasher.write(parts)
    assert await flasher.verify(parts) == ()
    assert files_of(board, tmp_path / "board") == {part.file: part.content for part in parts}
    with pytest.raises(BoardFull):
        await flasher.write([Part("too much", b"x" * BLOCK * BLOCKS, file="/big")])


async def test_power_that_goes_in_the_middle_of_a_write_leaves_the_old_file_or_the_new(
    board: VirtualBoard, tmp_path: Path, eventually: Eventually
) -> None:
    await mpremote(board, "exec", "f = open('/kept', 'w'); f.write('old'); f.close()")
    change = "import os; f = open('/new', 'w'); f.write('new' * 50); f.close(); os.rename('/new', '/kept')"
    cut, found = 0, b"old"
    while found == b"old" and cut < 60:
        board.power(False)
        await eventually(lambda: not board.running)
        board.cut_at(cut)
        board.power(True)
        await board.ready()
        command = [sys.executable, "-m", "mpremote", "connect", str(board.cable), "resume", "exec", change]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        while process.returncode is None and board.powered:
            await asyncio.sleep(0.01)
        if process.returncode is None:
            process.kill()  # the board is gone, and it waits for an answer
        await process.wait()
        found = files_of(board, tmp_path / "board")["/kept"]
        assert found in (b"old", b"new" * 50)
        cut += 4
    assert found == b"new" * 50 and cut > 4, "some cuts came too early for it, the last one too late"
