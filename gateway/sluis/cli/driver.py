"""`sluis driver`: write, check, record and replay drivers."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluis.cli.driver_faults import faults, release
from sluis.cli.driver_record import record
from sluis.cli.driver_simulate import simulate
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
    sluis driver check acme_t1.py       its grade, rule by rule
    sluis driver record 'acme/#'        what your device really sends
    sluis driver record --link ble      the same over the air, or any other link
    sluis driver replay acme-t1.jsonl   what the driver makes of it
    sluis driver simulate acme_t1_sim.py   a stand-in for the device
    """


for command in (record, simulate, faults, release):
    driver.add_command(command)


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
    "--kind",
    type=click.Choice(["mqtt", "ble", "serial", "net", "gpio"]),
    help="How it is reached; told by the recording, else mqtt.",
)
@click.option("--frames", "recording", type=click.Path(path_type=Path, exists=True), help="A recording of the device.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Where to write it; here if not said.",
)
@as_json
def new(vendor: str, model: str, kind: str | None, recording: Path | None, folder: Path, json_: bool) -> None:
    """Write a driver for VENDOR MODEL with its frames and a simulator. They pass `sluis driver check` as they are.

    From a recording, the driver knows the device by what it really sends, and its frames are the recorded ones.

    \b
    sluis driver new ACME T1
    sluis driver new ACME T2 --kind serial
    sluis driver new Klima T9 --frames recorded.jsonl
    """
    from sluis.cli.scaffold import kind_of, scaffold
    from sluis.sdk.testing import load

    recorded = [case.entry for case in load(recording)] if recording else []
    key, texts = scaffold(vendor, model, kind or kind_of(recorded), recorded)
    files = {folder / name: text for name, text in texts.items()}
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
@click.option("--sim", type=click.Path(path_type=Path, exists=True), help="Its simulator, when it is elsewhere.")
@click.option("--grade", type=click.Choice(["draft", "bronze", "silver", "gold"]), help="What it must reach.")
@as_json
@click.pass_obj
def check(where: Where, file: str, frames: Path | None, sim: Path | None, grade: str | None, json_: bool) -> None:
    """Grade a driver FILE (or a built-in driver's key): the conformance suite, and trouble on the way to its device.

    Its frames are KEY.jsonl beside it, in `frames/` beside it, or in tests/devices/frames; its simulator, if there is
    one, FILE_sim.py beside it.

    Exit code 0 when it reaches the grade asked for, or the one it claims; else by what it reached: 1 for nothing,
    11 for draft, 12 for bronze, 13 for silver.

    \b
    sluis driver check acme_t1.py
    sluis driver check acme_t1.py --grade silver
    sluis driver check tasmota --frames tests/devices/frames/tasmota.jsonl
    """
    from sluis.cli.driver_check import as_plain, checked, exit_code, lines_of_report

    path = Path(file)
    reports = []
    for cls in classes(file, where):
        at = frames or frames_of(cls.about.key, path.parent if path.suffix == ".py" else Path())
        beside = path.with_name(f"{path.stem}_sim.py")
        reports.append((checked(cls, at, sim or (beside if path.suffix == ".py" and beside.exists() else None)), at))
    if json_:
        out([as_plain(report, at) for report, at in reports])
    for report, at in reports if not json_ else ():
        click.echo("\n".join(lines_of_report(report, at)))
    raise SystemExit(max(exit_code(report, grade) for report, _ in reports))


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
@click.argument("frames", type=click.Path(path_type=Path, exists=True))
@click.option("--driver", "wanted", help="Driver key or file; the frames file's name when not said.")
@click.option("--write", is_flag=True, help="Put what the driver says now into FRAMES, once you have looked at it.")
@as_json
@click.pass_obj
def replay(where: Where, frames: Path, wanted: str | None, write: bool, json_: bool) -> None:
    """Print what a driver says of every line of FRAMES. With --json: lines to put back into the file.

    \b
    sluis driver replay recorded.jsonl --driver acme_t1.py
    sluis driver replay acme-t1.jsonl
    sluis driver replay acme-t1.jsonl --write
    """
    from sluis.sdk.testing import Bench, filled, load

    beside = frames.parent / f"{frames.stem.replace('-', '_')}.py"
    cls = classes(wanted or (str(beside) if beside.exists() else frames.stem), where)[0]
    cases = list(load(frames))
    if write:
        bench = Bench(cls)
        lines = [one for case in cases for one in filled(bench, case)]
        frames.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines), encoding="utf-8")
        click.echo(f"{len(lines)} lines written to {frames}", err=json_)
    bench = Bench(cls)
    for case in cases:
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
