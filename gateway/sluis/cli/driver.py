"""`sluis driver`: write, check, record and replay drivers."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluis.cli.lazy import Failure
from sluis.cli.show import as_json, out, table
from sluis.cli.where import Where

if TYPE_CHECKING:
    from sluis.sdk import Driver
    from sluis.sdk.testing import Bench, Case

GROUP = "sluis.drivers"
CHECKOUT_FRAMES = Path("tests/devices/frames")


@dataclass(frozen=True, slots=True)
class Found:
    """A driver class, or why there is none."""

    source: str
    cls: type[Driver] | None
    fault: str = ""


@click.group()
def driver() -> None:
    """Write, check, record and replay drivers. The cookbook: docs/driver-cookbook.md.

    \b
    sluis driver new ACME T1            a driver that works, to change
    sluis driver check acme_t1.py       the conformance suite
    sluis driver record 'acme/#'        what your device really sends
    sluis driver replay acme-t1.jsonl   what the driver makes of it
    """


@driver.command("list")
@as_json
@click.pass_obj
def list_drivers(where: Where, json_: bool) -> None:
    """List the drivers: built in, installed and dropped into the drivers folder.

    \b
    sluis driver list
    """
    found = list(everything(where.folder / "drivers"))
    if json_:
        out([described(one) for one in found])
    else:
        rows = [list(map(str, described(one).values()))[:5] for one in found]
        table(["Key", "Vendor", "Models", "Grade", "From"], rows, "There are no drivers.")
    for one in found:
        if one.fault and not json_:
            click.echo(f"\n{one.source} cannot be used:\n{one.fault}", err=True)
    if any(one.fault for one in found):
        raise SystemExit(1)


def described(found: Found) -> dict[str, str]:
    about = found.cls.about if found.cls else None
    if about is None:
        return {"key": "-", "vendor": "", "models": "", "grade": "broken", "source": found.source, "fault": found.fault}
    models = ", ".join(about.models)
    return {
        "key": about.key,
        "vendor": about.vendor,
        "models": models,
        "grade": about.grade.value,
        "source": found.source,
        "fault": "",
    }


def everything(folder: Path) -> Iterator[Found]:
    """All drivers there are; a broken one with its traceback."""
    from importlib.metadata import entry_points

    import sluis_drivers
    from sluis.sdk.loading import drivers_of, drivers_of_file

    yield from (Found("built-in", cls) for cls in drivers_of(sluis_drivers))
    for entry in entry_points(group=GROUP):
        try:
            yield Found(entry.value, entry.load())
        except Exception:
            yield Found(entry.value, None, traceback.format_exc())
    for path in sorted(folder.glob("*.py")):
        try:
            yield from [Found(str(path), cls) for cls in drivers_of_file(path)]
        except Exception:
            yield Found(str(path), None, traceback.format_exc())


@driver.command()
@click.argument("vendor")
@click.argument("model")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Where to write it; here if not said.",
)
@as_json
def new(vendor: str, model: str, folder: Path, json_: bool) -> None:
    """Write a driver for VENDOR MODEL with its frames. Both pass `sluis driver check` as they are.

    \b
    sluis driver new ACME T1
    """
    from sluis.sdk.scaffold import scaffold

    key, source, frames = scaffold(vendor, model)
    files = {folder / f"{key.replace('-', '_')}.py": source, folder / f"{key}.jsonl": frames}
    there = [str(file) for file in files if file.exists()]
    if there:
        raise Failure(f"{there[0]} exists", "Choose another folder or remove it first.")
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        file.write_text(text, encoding="utf-8")
    if json_:
        out({"key": key, "files": [str(file) for file in files]})
        return
    for file in files:
        click.echo(f"wrote {file}")
    click.echo(f"Now: sluis driver check {next(iter(files))}")


@driver.command()
@click.argument("file")
@click.option("--frames", type=click.Path(path_type=Path, exists=True), help="Its frames file, when it is elsewhere.")
@as_json
@click.pass_obj
def check(where: Where, file: str, frames: Path | None, json_: bool) -> None:
    """Hold a driver FILE (or a built-in driver's key) against the conformance suite. Exit code 1 when a rule fails.

    Its frames are KEY.jsonl beside it, in `frames/` beside it, or in tests/devices/frames.

    \b
    sluis driver check acme_t1.py
    sluis driver check tasmota --frames tests/devices/frames/tasmota.jsonl
    """
    from sluis.sdk.testing import conformance

    path = Path(file)
    checked = []
    for cls in classes(file, where):
        at = frames or frames_of(cls.about.key, path.parent if path.suffix == ".py" else Path())
        checked.append((cls.about.key, at, conformance(cls, at)))
    if json_:
        out([{"key": key, "frames": str(at), "findings": [asdict(f) for f in found]} for key, at, found in checked])
    for key, at, found in checked if not json_ else ():
        click.echo(f"{key} with {at}")
        for finding in found:
            click.echo(f"  {click.style(str(finding), fg=None if finding.ok else 'red')}")
        failed = sum(not finding.ok for finding in found)
        click.echo(f"{len(found) - failed} of {len(found)} rules hold")
    if any(not finding.ok for _, _, found in checked for finding in found):
        raise SystemExit(1)


def classes(file: str, where: Where) -> list[type[Driver]]:
    """The driver classes of a file, or the one with this key. Failure with the traceback when the file is broken."""
    from sluis.sdk.loading import drivers_of_file

    path = Path(file)
    if path.suffix == ".py":
        if not path.exists():
            raise Failure(f"there is no file {path}", "Write one: sluis driver new VENDOR MODEL")
        try:
            return drivers_of_file(path)
        except Exception as error:
            raise Failure(f"{path} cannot be used", traceback.format_exc()) from error
    found = [one.cls for one in everything(where.folder / "drivers") if one.cls and one.cls.about.key == file]
    if not found:
        raise Failure(f"there is no driver {file!r}", "sluis driver list")
    return found


def frames_of(key: str, folder: Path) -> Path:
    """Where a driver's frames are, or should be."""
    places = [folder / f"{key}.jsonl", folder / "frames" / f"{key}.jsonl", CHECKOUT_FRAMES / f"{key}.jsonl"]
    return next((place for place in places if place.exists()), places[0])


@driver.command()
@click.argument("topics", nargs=-1, required=True)
@click.option("--broker", help="mqtt://[user:password@]host[:port]; the running gateway's own when not said.")
@click.option("--out", "file", type=click.Path(path_type=Path), default=Path("recorded.jsonl"), show_default=True)
@click.option("--seconds", type=float, help="Stop after this long; Ctrl-C stops it too.")
@click.option("--count", type=int, help="Stop after this many frames.")
@as_json
@click.pass_obj
def record(
    where: Where,
    topics: tuple[str, ...],
    broker: str | None,
    file: Path,
    seconds: float | None,
    count: int | None,
    json_: bool,
) -> None:
    """Record what arrives on TOPICS of a live broker into a frames file.

    \b
    sluis driver record 'acme/#' --out acme-t1.jsonl
    sluis driver record 'tele/+/SENSOR' --broker mqtt://10.0.0.5 --seconds 60
    """
    from sluis.cli.recorder import address_of, record_frames

    address = address_of(broker, where.folder)
    if not json_:
        click.echo(f"Recording {', '.join(topics)} from {address.host}:{address.port} to {file}. Ctrl-C stops.")
    taken = record_frames(address, topics, file, seconds, count)
    if json_:
        out({"frames": taken, "file": str(file)})
    else:
        click.echo(f"{taken} frames in {file}. Next: sluis driver replay {file} --driver KEY")


@driver.command()
@click.argument("frames", type=click.Path(path_type=Path, exists=True))
@click.option("--driver", "wanted", help="Driver key or file; the frames file's name when not said.")
@as_json
@click.pass_obj
def replay(where: Where, frames: Path, wanted: str | None, json_: bool) -> None:
    """Print what a driver says of every line of FRAMES. With --json: lines to put back into the file.

    \b
    sluis driver replay recorded.jsonl --driver acme_t1.py
    sluis driver replay acme-t1.jsonl
    """
    from sluis.sdk.testing import Bench, load

    beside = frames.parent / f"{frames.stem.replace('-', '_')}.py"
    cls = classes(wanted or (str(beside) if beside.exists() else frames.stem), where)[0]
    bench = Bench(cls)
    for case in load(frames):
        said = said_of(bench, case)
        if json_:
            click.echo(json.dumps(dict(case.entry) | said, ensure_ascii=False, default=_text))
        else:
            click.echo(f"{case.name}: {case.frame.source or case.entry.get('command')}")
            for line in lines_of(said):
                click.echo(f"    {line}")


def said_of(bench: Bench, case: Case) -> dict[str, Any]:
    """What the driver says; a line that is only recorded may be an announcement, a device's frame, or both."""
    from sluis.sdk.testing import outcome, recorded

    try:
        return dict(outcome(bench, case)) if case.kind != "recorded" else recorded(bench, case)
    except Exception as error:  # what a driver's author wants to see here
        where = traceback.extract_tb(error.__traceback__)[-1]
        return {"fault": f"{type(error).__name__}: {error} (line {where.lineno} of {Path(where.filename).name})"}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def lines_of(said: dict[str, Any]) -> Iterator[str]:
    """An outcome as lines for people; what is empty is left out."""
    for key, value in said.items():
        if value in ({}, [], None):
            continue
        if key == "readings":
            yield from (f"{point} = {reading!r}" for point, reading in value.items())
        else:
            yield f"{key}: {value}"
