"""`sluis driver simulate` and `record`, played against each other: a port, a terminal, a device that is asked."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sluis.cli import main
from sluis.cli.scaffold import kind_of

TALKS = """
from sluis.sdk.standin import StandIn

class Talks(StandIn):
    kind = "{kind}"
    every_s = 0.1

    def says(self):
        yield "", b"T=21.5"
"""


def sluis(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, words)])


@contextmanager
def simulated(file: Path) -> Iterator[str]:
    """Where the stand-in is found."""
    command = [sys.executable, "-u", "-m", "sluis", "driver", "simulate", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


@pytest.mark.parametrize(("kind", "way"), [("net", "--peer"), ("serial", "--port")])
def test_what_a_stand_in_says_is_recorded(tmp_path: Path, kind: str, way: str) -> None:
    stand_in, file = tmp_path / "talks_sim.py", tmp_path / "recorded.jsonl"
    stand_in.write_text(TALKS.format(kind=kind))
    with simulated(stand_in) as place:
        taken = sluis("driver", "record", way, place, "--framing", "line", "--count", 3, "--seconds", 30, "--out", file)
    assert taken.exit_code == 0, taken.output
    assert "stopped" not in taken.output
    assert [json.loads(line)["text"] for line in file.read_text().splitlines()] == ["T=21.5"] * 3


def test_nothing_is_said_to_be_nothing(tmp_path: Path) -> None:
    made = sluis("driver", "new", "ACME", "T2", "--kind", "net", "--folder", tmp_path)
    assert made.exit_code == 0, made.output
    with simulated(tmp_path / "acme_t2_sim.py") as place:
        taken = sluis("driver", "record", "--peer", place, "--seconds", 1, "--out", tmp_path / "none.jsonl")
    assert taken.exit_code == 1
    assert "nothing arrived" in taken.output


def test_a_recording_of_a_device_that_was_added_replays(tmp_path: Path) -> None:
    assert sluis("driver", "new", "ACME", "T2", "--kind", "net", "--folder", tmp_path).exit_code == 0
    line = {"name": "recorded-1", "topic": "192.0.2.7:4001", "text": "T=21.5", "asked": "T?\r\n"}
    (tmp_path / "recorded.jsonl").write_text(json.dumps(line) + "\n")
    said = sluis("driver", "replay", tmp_path / "recorded.jsonl", "--driver", tmp_path / "acme_t2.py")
    assert "temperature = 21.5" in said.output, said.output


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ({"topic": "192.0.2.7:4001", "text": "T=21.5"}, "net"),
        ({"topic": "udp:192.0.2.7:5568", "text": "x"}, "net"),
        ({"topic": "serial/1", "text": "T=21.5"}, "serial"),
        ({"topic": "bus/3", "text": "T=21.5", "asked": "T?"}, "serial"),
        ({"topic": "acme/t1/state", "text": "{}"}, "mqtt"),
        ({"topic": "GPIO17/about", "text": "{}"}, "gpio"),
        ({"topic": "A4:C1:38:00:00:01", "hex": "0201060d09"}, "ble"),
    ],
)
def test_a_recording_tells_how_its_device_is_reached(line: dict[str, str], kind: str) -> None:
    assert kind_of([line]) == kind


def test_a_recording_of_a_peer_makes_a_driver_for_the_network(tmp_path: Path) -> None:
    frames = tmp_path / "recorded.jsonl"
    frames.write_text(json.dumps({"name": "recorded-1", "topic": "192.0.2.7:4001", "text": "T=21.5"}) + "\n")
    made = sluis("driver", "new", "ACME", "T9", "--frames", frames, "--folder", tmp_path)
    assert made.exit_code == 0, made.output
    assert 'kinds=("net",)' in (tmp_path / "acme_t9.py").read_text()


def test_a_port_that_somebody_holds_is_told_as_such(tmp_path: Path) -> None:
    far, near = os.openpty()
    fcntl.ioctl(near, termios.TIOCEXCL)
    fcntl.flock(near, fcntl.LOCK_EX)
    try:
        taken = sluis(
            "driver", "record", "--port", os.ttyname(near), "--seconds", 1.5, "--out", tmp_path / "none.jsonl"
        )
    finally:
        os.close(near)
        os.close(far)
    assert taken.exit_code == 1
    assert "is in use by" in taken.output and "nothing arrived" not in taken.output, taken.output


def test_what_is_no_adapter_and_no_address_is_said_in_a_sentence(tmp_path: Path) -> None:
    taken = sluis("driver", "record", "--adapter", "the blue one", "--out", tmp_path / "none.jsonl")
    assert taken.exit_code == 1 and "is neither hci0, nor an address" in taken.output
    stand_in = tmp_path / "nameless_sim.py"
    stand_in.write_text(TALKS.format(kind="ble"))
    played = sluis("driver", "simulate", stand_in)
    assert played.exit_code == 1 and "'' is no Bluetooth address" in played.output
