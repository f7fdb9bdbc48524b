"""The command as a process: quick help, right exit codes, completion; and its parts that need no gateway."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sluis.cli import TABLE, main
from sluis.cli.client import events
from sluis.cli.show import age, plain, size, value_text


def sluis(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "sluis", *arguments], capture_output=True, text=True, timeout=50)


def test_help_lists_every_command_without_importing_any() -> None:
    code = "import sys\nfrom sluis.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += (
        "heavy = {'httpx', 'rich', 'fastapi', 'cryptography', 'asyncio'} & set(sys.modules)\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    for section in TABLE.values():
        for name, (_, said) in section.items():
            assert name in done.stdout
            assert said.split(".")[0].split()[0] in done.stdout


def test_a_wrong_command_brings_the_nearest() -> None:
    done = sluis("devcies")
    assert done.returncode == 2
    assert "Did you mean 'devices'?" in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    assert "_SLUIS_COMPLETE" in sluis("completion", shell).stdout


def test_every_command_of_ours_has_help_with_an_example() -> None:
    import click

    context = click.Context(main)
    for name, (place, _) in main.table.items():
        if place.startswith(("sluis.cli.driver", "sluis.cli.selftest", "sluis.cli.backup")):
            continue
        command = main.get_command(context, name)
        assert command is not None
        assert command.help, name
        if not (isinstance(command, click.Group) and not command.invoke_without_command):
            assert f"sluis {name}" in command.help, f"{name}: no example in its help"


def test_values_for_people() -> None:
    assert value_text(21.5, "°C") == "21.5 °C"
    assert value_text(True) == "on"
    assert value_text(None) == "-"
    assert "(stale)" in value_text(3, "W", stale=True)
    assert value_text(3, "W", "uncertain") == "3 W ?"
    assert age(1_000_000, now_s=4.2) == "3 s ago"
    assert age(1_000_000, now_s=7201) == "2 h ago"
    assert age(None) == ""
    assert size(1_234_567) == "1.2 MB"
    assert plain([["a", "bb"], ["ccc", ""]]) == ["a    bb", "ccc"]


def test_the_stream_is_read_as_the_standard_says() -> None:
    lines = ["event: snapshot", 'data: {"a":', "data: 1}", "", ": comment", "", "id: 4", 'data:"x"', ""]
    assert list(events(iter(lines))) == [("snapshot", {"a": 1}), ("message", "x")]


def test_the_reference_page_is_fresh() -> None:
    from sluis.cli.reference import page

    shown = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md").read_text()
    assert shown == page(), "run: python -m sluis.cli.reference > docs/reference/cli.md"
