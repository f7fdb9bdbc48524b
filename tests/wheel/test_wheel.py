"""The built wheel in a clean environment: nothing may work only because the checkout is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = shutil.which("uv") or str(ROOT / ".venv" / "bin" / "uv")
SUITES = ("tests/gateway", "tests/devices", "tests/twins", "tests/rules", "tests/services/intake", "tests/migrations")
"""What is run against the wheel: the whole gateway with its demo, every driver, the deciders, old databases."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as for a release."""
    folder = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", folder)
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_the_panel_the_schema_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("store/schema/0001/readings.sql") for name in names)
    assert any("share/sluis/dashboards/panel/templates/" in name for name in names)
    assert any("share/sluis/dashboards/panel/dist/" in name and name.endswith(".js") for name in names)
    assert not [name for name in names if "node_modules" in name or name.startswith("tests/")]


def test_the_suite_passes_against_it(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    run(UV, "venv", "--python", sys.executable, venv)
    wanted = tmp_path / "requirements.txt"
    run(UV, "export", "--frozen", "--no-emit-project", "--no-hashes", "--output-file", wanted)
    run(UV, "pip", "install", "--python", venv / "bin" / "python", "--requirement", wanted, wheel)
    python = venv / "bin" / "python"
    where = run(python, "-c", "import sluis; print(sluis.__file__)", cwd=tmp_path)
    assert str(venv) in where
    run(python, "-m", "pytest", "-q", "-x", "-m", "not soak", "-p", "no:cacheprovider", *SUITES)
