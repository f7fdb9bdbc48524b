"""`sluis label`, `card` and `commission`, against the real API."""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from PIL import Image
from tests.cli.conftest import Done
from tests.panel.conftest import Site
from tests.provision.papers.conftest import codes_of, pages_of, text_of

Run = Callable[..., Awaitable[Done]]


async def test_labels_are_written(site: Site, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "out.pdf"
    done = await run("label", "--all", "-o", str(file), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"file": str(file), "bytes": file.stat().st_size}
    ((_, picture),) = pages_of(file.read_bytes())
    assert {code.rpartition("/")[2] for code in codes_of(picture)} == {"meter-one", "meter-two"}
    picture_file = tmp_path / "one.png"
    await run("label", "meter-one", "--tape", "dymo-57x32", "-o", str(picture_file))
    assert len(codes_of(Image.open(io.BytesIO(picture_file.read_bytes())))) == 1


async def test_what_cannot_be_labelled_is_said(site: Site, run: Run, tmp_path: Path) -> None:
    assert "name devices, or an --area" in (await run("label")).stderr
    assert "the label of one device" in (await run("label", "a", "b", "--tape", "x")).stderr
    unknown = await run("label", "meter-one", "--sheet", "papyrus")
    assert unknown.exit_code == 1 and "there is no sheet 'papyrus'" in unknown.stderr and "l7160" in unknown.stderr
    refused = await run("label", "meter-one", "-o", str(tmp_path / "no" / "where.pdf"))
    assert refused.exit_code == 1 and "cannot be written: No such file" in refused.stderr
    assert "brother-62x29" in (await run("label", "--stock")).stdout


async def test_a_card_is_written_printed_and_reset(site: Site, run: Run, tmp_path: Path) -> None:
    first = (await run("card", "show", "meter-two", "--language", "en")).stdout
    assert first.startswith("# Lamp")
    done = await run("card", "edit", "meter-two", "--language", "en", "--file", "-", typed="# Lamp\n\nPull the cord.\n")
    assert "Undo: sluis card reset meter-two --language en" in done.stdout
    file = tmp_path / "card.pdf"
    await run("card", "print", "meter-two", "--language", "en", "-o", str(file))
    assert "Pull the cord." in text_of(file.read_bytes())
    await run("card", "reset", "meter-two", "--language", "en")
    assert (await run("card", "show", "meter-two", "--language", "en")).stdout == first
    same = await run("card", "edit", "meter-two", "--language", "en", "--file", "-", typed=first)
    assert same.stderr.strip() == "Nothing was changed."


async def test_an_area_is_handed_over(site: Site, run: Run, tmp_path: Path) -> None:
    assert "No area was walked yet" in (await run("commission", "list")).stdout
    begun = json.loads((await run("commission", "begin", "Hal", "--json")).stdout)
    walk, count = begun["id"], len(begun["steps"])
    ran = await run("commission", "run", walk)
    assert ran.exit_code == 1, "nothing was reported yet, so there are failures"
    assert f"{count} of {count} done" in ran.stdout
    await run("commission", "judge", walk, "0", "passed", "--note", "burns")
    file = tmp_path / "hal.certificate"
    await run("commission", "sign", walk, "-o", str(file))
    genuine = await run("commission", "verify", str(file))
    assert genuine.exit_code == 0 and genuine.stdout.startswith("Genuine. Hal (")
    shown = json.loads((await run("commission", "verify", str(file), "--json")).stdout)
    assert shown["checks"][0]["note"] == "burns"
    file.write_text(file.read_text().replace("burns", "shines"))
    forged = await run("commission", "verify", str(file))
    assert forged.exit_code == 1 and "was changed, or another gateway signed it" in forged.stderr
    nothing = tmp_path / "nothing.pub"
    nothing.write_text("x")
    assert "is not a public key" in (await run("commission", "verify", str(file), "--key", str(nothing))).stderr
    report = tmp_path / "report.pdf"
    await run("commission", "report", walk, "--language", "en", "-o", str(report))
    assert "Commissioning report: Hal" in text_of(report.read_bytes())
    again = json.loads((await run("commission", "begin", "--repeat", walk, "--json")).stdout)
    await run("commission", "drop", again["id"], "--yes")
    listed = (await run("commission", "list")).stdout
    assert walk in listed and again["id"] not in listed and "signed" in listed


async def test_the_asset_register_is_listed_and_exported(site: Site, run: Run, tmp_path: Path) -> None:
    shown = (await run("assets")).stdout
    assert "In use since" in shown and "Lamp" in shown
    listed = json.loads((await run("assets", "--json")).stdout)
    assert {one["key"] for one in listed} >= {"meter-one", "meter-two"}
    file = tmp_path / "register.csv"
    assert (await run("assets", "--csv", str(file))).exit_code == 0
    assert len(file.read_text("utf-8-sig").splitlines()) == len(listed) + 1
