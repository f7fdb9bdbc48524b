"""Boards whose own programs stand in the way: each is written all the same, or says why not and is then repaired."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from sluis_provision.flashers import Part, Repl, Uf2
from sluis_provision.flashers.drives import by_name
from sluis_provision.flashers.problem import NoRepl, NotStarted, PortUnusable, Unplugged
from sluis_provision.images.profiles import profile
from sluis_provision.rehearsal import VirtualBoard, VirtualPico, micropython
from sluis_provision.rehearsal.bootrom import practice_image

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(micropython() is None, reason="there is no MicroPython for this machine"),
]

UID = "e66141040302010a"
GOOD = [Part("boot", b"", file="/boot.py"), Part("main", b"print('mended')\n", file="/main.py")]
IMAGE = Part("image", practice_image("rp2040"))
Eventually = Callable[..., Awaitable[None]]

DEAF = b"import micropython\nmicropython.kbd_intr(-1)\nwhile True: pass\n"


@pytest.fixture
async def pico(tmp_path: Path) -> AsyncIterator[VirtualPico]:
    """It runs MicroPython."""
    made = VirtualPico(str(micropython()), tmp_path / "board", UID)
    running = asyncio.ensure_future(made.run())
    made.power(True)
    await made.ready()
    await by_uf2(made).write([IMAGE])
    await by_uf2(made).boot()
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def by_uf2(pico: VirtualPico) -> Uf2:
    files = profile("pico-w").file_system
    return Uf2(by_name(str(pico.cable)), name="the board", file_system=(files.at, files.size))


async def given(pico: VirtualPico, file: str, program: bytes, eventually: Eventually) -> None:
    """Its program from the last time, and it was just plugged in."""
    await Repl(str(pico.cable)).write([Part("stubborn", program, file=file)])
    pico.power(False)
    await eventually(lambda: not pico.cable.exists())
    pico.power(True)
    await eventually(lambda: pico.cable.exists())


@pytest.mark.parametrize(
    ("file", "program"),
    [
        ("/boot.py", b"raise RuntimeError('no')\n"),
        ("/main.py", b"def broken(:\n"),
        ("/main.py", b"while True: pass\n"),
        ("/main.py", b"import sys\nwhile True: sys.stdout.buffer.write(bytes(range(256)) * 8)\n"),
        pytest.param(
            "/main.py",
            b"import time\nfor n in range(20):\n    try: time.sleep(9)\n    except KeyboardInterrupt: pass\n",
            marks=pytest.mark.soak,
        ),
    ],
    ids=["boot.py raises", "no program", "never yields", "rubbish for ever", "swallows twenty interrupts"],
)
async def test_it_is_written_at_the_first_attempt(
    pico: VirtualPico, eventually: Eventually, file: str, program: bytes
) -> None:
    await given(pico, file, program, eventually)
    repl = Repl(str(pico.cable))
    await repl.write(GOOD)
    assert (await repl.boot()).uid == UID
    assert await repl.verify(GOOD) == ()


@pytest.mark.parametrize(
    "program",
    [
        b"import machine\nmachine.reset()\n",
        pytest.param(DEAF, marks=pytest.mark.soak),  # all rungs of the ladder: 20 s
    ],
    ids=["boot loop", "deaf to interrupts"],
)
async def test_it_says_why_not_and_a_hand_at_bootsel_repairs_it(
    pico: VirtualPico, eventually: Eventually, program: bytes
) -> None:
    await given(pico, "/main.py", program, eventually)
    try:
        await Repl(str(pico.cable)).write(GOOD)
    except (NoRepl, NotStarted, PortUnusable, Unplugged) as refused:
        assert refused.hint
    else:
        assert program != DEAF, "an interrupt may come before a reset, but not to who is deaf"
    pico.press(load=True)
    await eventually(lambda: pico.in_bootsel)
    flasher = by_uf2(pico)
    await flasher.erase()
    await flasher.write([IMAGE])
    await flasher.boot()
    await Repl(str(pico.cable)).write(GOOD)
    assert await Repl(str(pico.cable)).verify(GOOD) == ()


@pytest.mark.parametrize("share", [0.0, 0.4, 0.99])
async def test_pulled_while_it_gets_files_it_is_unplugged_at_once_and_the_next_run_carries_on(
    pico: VirtualPico, eventually: Eventually, share: float
) -> None:
    parts = [Part(f"part {n}", bytes([65 + n]) * 6_000, file=f"/lib/part_{n}.py") for n in range(3)]

    def pull(done: int, total: int) -> None:
        if done > share * total:
            pico.power(False)

    with pytest.raises(Unplugged):
        await Repl(str(pico.cable)).write(parts, pull)
    await eventually(lambda: not pico.cable.exists())
    pico.power(True)
    repl = Repl(str(pico.cable))
    await repl.write(parts)
    assert await repl.verify(parts) == ()


async def test_two_boards_with_one_number_are_told_apart_by_their_ports_and_refused(tmp_path: Path) -> None:
    from sluis_provision.bench import Bench, Job, Socket

    boards = [VirtualBoard(str(micropython()), tmp_path / name, UID) for name in ("one", "two")]
    for board in boards:
        board.flash({})
    running = [asyncio.ensure_future(board.run()) for board in boards]
    for board in boards:
        board.power(True)
        await board.ready()
    job = Job(profile=profile("pico-w"), image="files", sha256="", parts=GOOD)
    bench = Bench(job, lambda socket: Repl(socket.port))
    try:
        await bench.run([Socket(str(board.cable)) for board in boards])
        failures = [card.failure for card in bench.cards.values() if card.failure]
        assert len(failures) == 1 and failures[0].code == "provision.same-id"
        assert all(str(board.cable) in failures[0].reason for board in boards)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
