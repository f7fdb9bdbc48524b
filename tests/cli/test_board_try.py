"""`sluis board try`: boards that are there until Ctrl-C, with their flash kept or thrown away."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sluis_provision.rehearsal import micropython

pytestmark = [
    pytest.mark.timeout(90),
    pytest.mark.skipif(micropython() is None, reason="there is no MicroPython for this machine"),
]


def started(*words: str | Path) -> tuple[subprocess.Popen[str], list[dict[str, str]]]:
    """The running command, and the boards it told of."""
    command = [sys.executable, "-u", "-m", "sluis", "board", "try", "--json", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    said = ""
    while not said.rstrip().endswith("]"):
        line = process.stdout.readline()
        assert line, "it ended"
        said += line
    return process, json.loads(said)


def ended(process: subprocess.Popen[str]) -> int:
    process.communicate(timeout=15)
    return process.returncode


def on(board: dict[str, str], program: str) -> str:
    command = [sys.executable, "-m", "mpremote", "connect", board["port"], "exec", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_three_boards_are_there_until_ctrl_c_and_are_the_same_next_time(tmp_path: Path) -> None:
    process, boards = started("--count", "3", "--folder", tmp_path)
    try:
        assert len({one["uid"] for one in boards}) == 3
        for one in boards:
            assert on(one, "import machine; print(machine.unique_id().hex())") == one["uid"]
        on(boards[1], "f = open('kept', 'w'); f.write('yes'); f.close()")
    finally:
        process.send_signal(signal.SIGINT)
        assert ended(process) == 0
    assert not any(Path(one["port"]).is_symlink() for one in boards)
    process, again = started("--count", "2", "--folder", tmp_path)
    try:
        assert [one["uid"] for one in again] == [one["uid"] for one in boards[:2]]
        assert on(again[1], "print(open('kept').read())") == "yes"
    finally:
        process.terminate()
        assert ended(process) == 0


def test_a_rollout_can_be_rehearsed_on_thirty() -> None:
    process, boards = started("--count", "30")
    try:
        assert len({one["uid"] for one in boards}) == 30
        assert on(boards[29], "print(6 * 7)") == "42"
    finally:
        process.send_signal(signal.SIGINT)
        assert ended(process) == 0
