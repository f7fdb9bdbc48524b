"""`sluis bundle`, and what `sluis flash` refuses before it opens a port."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sluis.cli import main
from sluis_provision.images.catalogue import catalogue


def sluis(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--data-dir", str(folder), *words])


def test_images_are_listed_with_their_boards_before_any_is_here(tmp_path: Path) -> None:
    said = sluis(tmp_path, "bundle", "images")
    assert said.exit_code == 0
    assert "missing" in said.output
    assert "sluis bundle import" in said.output
    listed = json.loads(sluis(tmp_path, "bundle", "images", "--json").output)
    assert {one["key"]: one["profiles"] for one in listed}["micropython-pico-w"] == ["pico-w"]


def test_a_stick_without_images_says_so(tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    said = sluis(tmp_path, "bundle", "import", str(tmp_path / "stick"))
    assert said.exit_code == 1
    assert "holds no images" in said.output
    said = sluis(tmp_path, "bundle", "import", str(tmp_path / "no-stick"))
    assert said.exit_code == 1
    assert "plugged in" in said.output


def test_a_tampered_image_on_a_stick_is_refused_and_is_not_flashed(tmp_path: Path) -> None:
    runtime = catalogue()["micropython-esp32-c3"]
    (tmp_path / runtime.file).write_bytes(b"tampered")
    said = sluis(tmp_path, "bundle", "import", str(tmp_path / runtime.file))
    assert said.exit_code == 1
    assert "refused" in said.output
    vouched = hashlib.sha256(b"tampered").hexdigest()
    said = sluis(tmp_path, "bundle", "import", str(tmp_path), "--approve", vouched, "--json")
    assert json.loads(said.output)[0]["code"] == "provision.image-hash"
    said = sluis(tmp_path, "flash", "--profile", "esp32-c3", "--port", "/dev/null", "--yes")
    assert said.exit_code == 1
    assert "is not on this machine" in said.output
    assert runtime.url in said.output


def test_unknown_files_are_named_and_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "holiday.bin").write_bytes(b"photo")
    said = sluis(tmp_path, "bundle", "import", str(tmp_path), "--json")
    assert said.exit_code == 0
    assert json.loads(said.output) == [
        {
            "file": "holiday.bin",
            "outcome": "unknown",
            "said": "the catalogue does not know this file",
            "key": "",
            "code": "",
        }
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--profile", "esp32-c4", "--port", "x"], "esp32-c3"),
        (["--profile", "esp32-c3"], "--port, or --all"),
        (["--profile", "esp32-c3", "--all", "--port", "x"], "--port, or --all"),
        (["--profile", "esp32-c3", "--port", "x", "--image", "no-such.bin"], "no-such.bin is neither"),
    ],
)
def test_a_wrong_command_line_of_flash_says_what_is_right(tmp_path: Path, words: list[str], sentence: str) -> None:
    said = sluis(tmp_path, "flash", *words)
    assert said.exit_code in (1, 2)
    assert sentence in said.output
    assert "Traceback" not in said.output
