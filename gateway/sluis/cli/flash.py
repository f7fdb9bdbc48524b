"""`sluis flash`: bare boards, as many at once as there are ports."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluis.cli.lazy import EXIT_FINDING, Failure
from sluis.cli.where import Where

if TYPE_CHECKING:
    from sluis_provision.bench import Bench, Card, Job, Socket
    from sluis_provision.flashers import BoardFound
    from sluis_provision.images.profiles import Profile


@click.command()
@click.option("--profile", required=True, help="Which board it is; `sluis bundle images` lists them.")
@click.option("--port", "ports", multiple=True, help="Port of a board, or the folder of its BOOTSEL drive; repeatable.")
@click.option("--all", "all_", is_flag=True, help="Every board of this kind that is plugged in by USB.")
@click.option("--image", help="Another image of the catalogue, or a file of your own.  [default: the profile's]")
@click.option(
    "--files",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder whose files are put on each board after its first start.",
)
@click.option("--erase", is_flag=True, help="Erase the whole flash first, the board's files too.")
@click.option("--yes", is_flag=True, help="Overwrite without asking for each board.")
@click.option("--wait", "wait_s", default=30.0, show_default=True, help="Seconds to wait for an unplugged board.")
@click.option("--report", type=click.Path(path_type=Path), help="Write a report: JSON when the name ends in .json.")
@click.option("--json", "json_", is_flag=True, help="Print a JSON object a line, for programs; last the report.")
@click.pass_obj
def flash(
    where: Where,
    profile: str,
    ports: tuple[str, ...],
    all_: bool,
    image: str | None,
    files: Path | None,
    erase: bool,
    yes: bool,
    wait_s: float,
    report: Path | None,
    json_: bool,
) -> None:
    """Write MicroPython to boards, read it back, and see each of them start.

    All boards are written at once. A board or an image of another chip, and an image with a wrong hash, are refused
    before anything is written. Ctrl-C ends it in order and says how each board was left; the same command again
    carries on from there. Exit code 0 when every board is done, else 1.

    \b
    sluis flash --profile esp32-c3 --port /dev/ttyUSB0
    sluis flash --profile pico-w --all --yes --report tray-7.json
    sluis flash --profile pico-w --port /media/pi/RPI-RP2 --image firmware.uf2
    """
    from sluis_provision.images.profiles import profile as profile_named

    if bool(ports) == all_:
        raise click.UsageError("Give the boards with --port, or --all.")
    kind = profile_named(profile)
    job = _job(where, kind, image, files, erase)
    sockets = _sockets(ports, all_, kind)
    teller = _Lines() if json_ else _Bars()
    bench = _bench(where, job, teller, yes, wait_s)
    stopped = False
    with teller:
        try:
            asyncio.run(bench.run(sockets))
        except KeyboardInterrupt:
            stopped = True
    _end(bench, report, json_)
    if stopped or any(card.failure for card in bench.cards.values()):
        raise click.exceptions.Exit(EXIT_FINDING)


def _job(where: Where, kind: Profile, image: str | None, files: Path | None, erase: bool) -> Job:
    from sluis_provision.bench import Job
    from sluis_provision.flashers import Part
    from sluis_provision.images.catalogue import catalogue
    from sluis_provision.images.chosen import chosen
    from sluis_provision.images.store import Store

    picked = chosen(kind, image, catalogue(), Store(where.folder / "images"))
    return Job(
        profile=kind,
        image=picked.name,
        sha256=hashlib.sha256(picked.content).hexdigest(),
        parts=[Part(picked.name, picked.content, picked.at)],
        version=picked.version,
        files=_files(files),
        erase=erase,
    )


def _files(folder: Path | None) -> list[Any]:
    from sluis_provision.flashers import Part

    if folder is None:
        return []
    found = sorted(file for file in folder.rglob("*") if file.is_file())
    if not found:
        raise Failure(f"{folder} holds no files")
    return [Part(file.name, file.read_bytes(), file="/" + file.relative_to(folder).as_posix()) for file in found]


def _sockets(ports: tuple[str, ...], all_: bool, kind: Profile) -> list[Socket]:
    from sluis.links.serial.ports import usb_ports
    from sluis_provision.bench.sockets import boards_among, named

    known = [(one.device, one.usb.vendor, one.usb.place) for one in usb_ports() if one.usb is not None]
    found = boards_among(known, kind.family) if all_ else named(ports, known)
    if not found:
        raise Failure(f"no {kind.name} is plugged in", "Plug one in, or name its port with --port.")
    return found


def _bench(where: Where, job: Job, teller: _Lines | _Bars, yes: bool, wait_s: float) -> Bench:
    from sluis_provision.bench import Bench, Memory
    from sluis_provision.bench.sockets import file_flasher, flasher

    async def approve(socket: Socket, found: BoardFound, job: Job) -> bool:
        return yes or await teller.ask(socket, found, job)

    return Bench(
        job,
        lambda socket: flasher(socket, job.profile),
        files_by=file_flasher,
        approve=approve,
        memory=Memory(where.folder / "provision" / "boards.json"),
        tell=teller.tell,
        patience_s=wait_s,
    )


def _end(bench: Bench, file: Path | None, json_: bool) -> None:
    from sluis_provision.bench import report, text

    made = report(bench.job, bench.cards.values(), bench.unmanned)
    if file is not None:
        content = json.dumps(made, indent=2) + "\n" if file.suffix == ".json" else text(made)
        file.write_text(content, encoding="utf-8")
    if json_:
        click.echo(json.dumps({"report": made}))
    else:
        click.echo(text(made), nl=False)


class _Lines:
    """For programs: each change as a line of JSON."""

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def tell(self, card: Card) -> None:
        from sluis_provision.bench import event

        click.echo(json.dumps(event(card)))

    async def ask(self, _socket: Socket, _found: BoardFound, _job: Job) -> bool:
        return False  # a program says --yes


class _Bars:
    """For people: one bar for each board."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[step]:10}"),
            TextColumn("{task.fields[said]}", markup=False),
        )
        self._tasks: dict[str, Any] = {}
        self._asking = asyncio.Lock()

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tell(self, card: Card) -> None:
        if card.port not in self._tasks:
            self._tasks[card.port] = self._progress.add_task(card.port, total=100, step="", said="")
        self._progress.update(self._tasks[card.port], completed=card.percent, step=str(card.step), said=card.said)

    async def ask(self, socket: Socket, found: BoardFound, job: Job) -> bool:
        """One question at a time."""
        if not sys.stdin.isatty():
            return False
        now = f"it runs MicroPython {found.version}" if found.version else "what it runs is not known"
        async with self._asking:
            self._progress.stop()
            sure = await asyncio.to_thread(
                click.confirm, f"{socket.port}: {found.chip} {found.uid}, {now}. Overwrite it with {job.image}?"
            )
            self._progress.start()
        return bool(sure)
