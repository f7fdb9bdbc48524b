"""`sluis board try`: boards to rehearse with, when there is no hardware."""

from __future__ import annotations

import asyncio
import secrets
import signal
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluis.cli.lazy import Failure
from sluis.cli.show import as_json, out

if TYPE_CHECKING:
    from sluis_provision.rehearsal import VirtualBoard

KINDS = ("micropython", "esp32", "esp32c3", "esp32s3", "pico-w", "pico-2-w")
TRY = dict.fromkeys(KINDS[1:4], "esptool --port LINES flash-id") | {
    kind: f"sluis flash --profile {kind} --port PORT --image IMAGE" for kind in KINDS[4:]
}
HEARD_DBM = -55
MOST = 64
"""Boards at once. Each is a process of some 10 MB."""


@click.command("try")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default=KINDS[0],
    show_default=True,
    help="What they are: boards that run MicroPython already, bare chips for esptool, bare Picos in BOOTSEL.",
)
@click.option("--count", type=click.IntRange(1, MOST), default=1, show_default=True, help="How many boards.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep their flash here, and use what is there; a folder that is thrown away when not said.",
)
@click.option("--wifi", multiple=True, metavar="NAME[:PASSWORD]", help="A network that they hear; repeatable.")
@as_json
def board_try(kind: str, count: int, folder: Path | None, wifi: tuple[str, ...], json_: bool) -> None:
    """Start virtual boards to rehearse with: the real MicroPython with flash of its own behind a serial port each.

    They run until Ctrl-C. What works on a board that runs MicroPython works on them: the panel, mpremote, a terminal
    program. Their flash is empty at first. x86-64 only, unless `micropython` is on the path.

    A chip is in its loader when its BOOT is held at a reset: write a word (`load`, `boot`) into the pipe beside its
    port, as the flasher does, or let esptool do it over its serial server, whose lines reset it. An image to practise
    with lies in the folder. With --wifi a board has a radio, and can be told its network by Improv.

    A Pico without a program is a drive: the folder beside its port that is printed too. Copy a UF2 there, or let the
    flasher do it. `load` in its pipe plugs it in anew with BOOTSEL held.

    \b
    sluis board try
    sluis board try --count 8 --folder tray/
    sluis board try --kind esp32c3 --wifi attic:secret
    sluis board try --kind pico-w --folder tray/
    sluis board try --json
    """
    from sluis_provision.rehearsal import micropython

    interpreter = micropython()
    if interpreter is None:
        raise Failure(
            "there is no MicroPython for this machine", "Put one on the path, or name it in MICROPYTHON (unix port)."
        )
    if folder is not None:
        asyncio.run(_run(interpreter, folder, kind, count, wifi, json_))
        return
    with tempfile.TemporaryDirectory(prefix="sluis-boards-") as made:
        asyncio.run(_run(interpreter, Path(made), kind, count, wifi, json_))


async def _run(interpreter: str, folder: Path, kind: str, count: int, wifi: Sequence[str], json_: bool) -> None:
    """Until Ctrl-C, or the end of whoever started it."""
    boards = [_board(interpreter, folder, number, kind, wifi) for number in range(count)]
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    running = [asyncio.ensure_future(board.run()) for board in boards]
    try:
        for board in boards:
            board.power(True)
        await asyncio.gather(*(board.ready() for board in boards))
        told = [{"port": str(board.cable), "uid": board.uid, **await _more(board, folder)} for board in boards]
        if json_:
            out(told)
        else:
            for one in told:
                click.echo("  ".join(one.values()))
            click.echo(f"Ctrl-C takes them away. Try: {TRY.get(kind, 'mpremote connect PORT')}")
        await ended.wait()
    finally:
        for task in running:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*running, return_exceptions=True)


def _board(interpreter: str, folder: Path, number: int, kind: str, wifi: Sequence[str]) -> VirtualBoard:
    from sluis_provision.rehearsal import VirtualBoard, VirtualEsp, VirtualPico

    place, uid = folder / f"board-{number + 1}", _uid(folder, number, kind)
    made: VirtualBoard
    if kind == KINDS[0]:
        made = VirtualBoard(interpreter, place, uid, radio=bool(wifi))
    elif kind.startswith("pico"):
        made = VirtualPico(interpreter, place, uid, kind=kind, radio=bool(wifi))
    else:
        made = VirtualEsp(interpreter, place, uid, chip=kind, radio=bool(wifi))
    networks = [dict(zip(("ssid", "password"), word.split(":", 1), strict=False)) for word in wifi]
    made.wire({"wifi": {"networks": [network | {"rssi": HEARD_DBM} for network in networks]}} if wifi else {})
    return made


async def _more(board: VirtualBoard, folder: Path) -> dict[str, str]:
    """What a chip has besides its port: a serial server or a drive, and an image to practise with."""
    from sluis_provision.rehearsal import VirtualEsp, VirtualPico, bootrom
    from sluis_provision.rehearsal.esp_image import practice_image
    from sluis_provision.rehearsal.hardware import version_of

    if isinstance(board, VirtualPico):
        image = folder / f"{board.chip}.uf2"
        if not image.exists():
            image.write_bytes(bootrom.practice_image(board.chip))
        return {"drive": str(board.drive), "image": str(image)}
    if not isinstance(board, VirtualEsp):
        return {}
    image = folder / f"{board.chip}.bin"
    if not image.exists():
        image.write_bytes(practice_image(board.chip, await asyncio.to_thread(version_of, board.interpreter)))
    return {"lines": await board.serve_lines(), "image": str(image)}


def _uid(folder: Path, number: int, kind: str) -> str:
    """The number of the chip, which stays when the folder does."""
    file = folder / f"board-{number + 1}" / "uid"
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        file.write_text(f"02{secrets.token_hex(5)}" if kind.startswith("esp") else f"e6{secrets.token_hex(7)}")
    return file.read_text().strip()
