"""The meeting room's stand-ins as a person starts them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.conftest import a_free_port

from sluis.demo.av.__main__ import DEVICES


@pytest.mark.parametrize("place", ["--port", "--serial"])
def test_a_stand_in_starts_and_says_where_it_is(place: str) -> None:
    where = ["--port", str(a_free_port())] if place == "--port" else ["--serial"]
    command = [sys.executable, "-m", "sluis.demo.av", "projector", *where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
    at = f"127.0.0.1:{where[1]}" if place == "--port" else "/dev/pts/"
    assert line.startswith(f"projector at {at}"), line


@pytest.mark.parametrize("name", DEVICES)
def test_every_stand_in_can_be_made(name: str) -> None:
    make, port, driver = DEVICES[name]
    assert make("secret").heard_frames == []
    assert port > 1024
    assert driver
