"""`sluis board try`: boards to rehearse with, when there is no hardware."""

from __future__ import annotations

import asyncio
import secrets
import signal
import tempfile
from contextlib import suppress
from pathlib import Path

import click

from sluis.cli.lazy import Failure
from sluis.cli.show import as_json, out

MOST = 64
"""Boards at once. Each is a process of some 10 MB."""


@click.command("try")
@click.option("--count", type=click.IntRange(1, MOST), default=1, show_default=True, help="How many boards.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep their flash here, and use what is there; a folder that is thrown away when not said.",
)
@as_json
def board_try(count: int, folder: Path | None, json_: bool) -> None:
    """Start virtual boards to rehearse with: the real MicroPython with flash of its own behind a serial port each.

    They run until Ctrl-C. What works on a board that runs MicroPython works on them: the panel, mpremote, a terminal
    program. Their flash is empty at first. x86-64 only, unless `micropython` is on the path.

    \b
    sluis board try
    sluis board try --count 8 --folder tray/
    sluis board try --json
    """
    from sluis_provision.rehearsal import micropython

    interpreter = micropython()
    if interpreter is None:
        raise Failure(
            "there is no MicroPython for this machine", "Put one on the path, or name it in MICROPYTHON (unix port)."
        )
    if folder is not None:
        asyncio.run(_run(interpreter, folder, count, json_))
        return
    with tempfile.TemporaryDirectory(prefix="sluis-boards-") as made:
        asyncio.run(_run(interpreter, Path(made), count, json_))


async def _run(interpreter: str, folder: Path, count: int, json_: bool) -> None:
    """Until Ctrl-C, or the end of whoever started it."""
    from sluis_provision.rehearsal import VirtualBoard

    boards = [
        VirtualBoard(interpreter, folder / f"board-{number + 1}", _uid(folder, number)) for number in range(count)
    ]
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    for board in boards:
        if not board.exists:
            await asyncio.to_thread(board.flash, {})
    running = [asyncio.ensure_future(board.run()) for board in boards]
    try:
        for board in boards:
            board.power(True)
        await asyncio.gather(*(board.ready() for board in boards))
        told = [{"port": str(board.cable), "uid": board.uid} for board in boards]
        if json_:
            out(told)
        else:
            for one in told:
                click.echo(f"{one['port']}  {one['uid']}")
            click.echo("Ctrl-C takes them away. Try: mpremote connect PORT")
        await ended.wait()
    finally:
        for task in running:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*running, return_exceptions=True)


def _uid(folder: Path, number: int) -> str:
    """The number of the chip, which stays when the folder does."""
    file = folder / f"board-{number + 1}" / "uid"
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        file.write_text("e6" + secrets.token_hex(7))
    return file.read_text().strip()
