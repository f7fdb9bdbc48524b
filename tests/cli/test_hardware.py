"""`sluis board` and `sluis gpio`."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from tests.links.gpio.bench import MockPins

from sluis.cli import main


def test_boards_and_hats_are_listed() -> None:
    said = CliRunner().invoke(main, ["board", "list"])
    assert said.exit_code == 0
    for key in ("pi-zero-2w", "pi-3b-plus", "pi-4b", "pi-5", "cm4-io", "waveshare-relay-3ch", "waveshare-rs485-can"):
        assert key in said.output
    listed = json.loads(CliRunner().invoke(main, ["board", "list", "--json"]).output)
    assert listed["boards"]["pi-5"]["chip"] == "pinctrl-rp1"


def test_a_board_is_drawn() -> None:
    said = CliRunner().invoke(main, ["board", "show", "pi-4b"])
    assert said.exit_code == 0
    assert "TXD uart0" in said.output
    assert "GPIO21" in said.output
    shown = json.loads(CliRunner().invoke(main, ["board", "show", "waveshare-relay-3ch", "--json"]).output)
    assert [pin["gpio"] for pin in shown["pin"]] == [26, 20, 21]


def test_a_board_that_is_not_known_brings_those_that_are() -> None:
    said = CliRunner().invoke(main, ["board", "show", "toaster"])
    assert said.exit_code == 1
    assert "there is no profile 'toaster'" in said.output
    assert "pi-4b" in said.output


def test_outputs_are_made_safe_without_a_gateway(tmp_path: Path) -> None:
    """What the service does after the gateway has ended; what is to hold is left alone."""
    config = tmp_path / "sluis.toml"
    config.write_text(
        f'data_dir = "{tmp_path / "data"}"\n[gpio]\nfactory = "mock"\nmock_dir = "{tmp_path / "mock"}"\n'
        '[[gpio.pin]]\nname = "heater"\ngpio = 17\nkind = "output"\nsafe = true\n'
        '[[gpio.pin]]\nname = "siren"\ngpio = 27\nkind = "output"\nat_crash = "hold"\n'
        '[[gpio.pin]]\nname = "door"\ngpio = 22\n'
    )
    said = CliRunner().invoke(main, ["gpio", "safe", "--config", str(config)])
    assert said.exit_code == 0, said.output
    mock = MockPins(tmp_path / "mock")
    assert (mock.level(17), mock.level(27)) == (1, None)


def test_making_safe_says_when_it_could_not(tmp_path: Path) -> None:
    config = tmp_path / "sluis.toml"
    config.write_text(
        f'data_dir = "{tmp_path / "data"}"\n[gpio]\nfactory = "lgpio"\n'
        '[[gpio.pin]]\nname = "heater"\ngpio = 17\nkind = "output"\n'
    )
    said = CliRunner().invoke(main, ["gpio", "safe", "--config", str(config)])
    assert said.exit_code == 1
    assert "could not be made safe: no chip" in said.output


def test_without_pins_there_is_nothing_to_make_safe(tmp_path: Path) -> None:
    config = tmp_path / "sluis.toml"
    config.write_text("")
    assert CliRunner().invoke(main, ["gpio", "safe", "--config", str(config)]).exit_code == 0
