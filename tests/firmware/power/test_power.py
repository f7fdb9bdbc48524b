"""Power is cut at every program and every erase of an update, on the real interpreter and the real littlefs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.firmware.power.plan import SEQUENCE, envelope, plan, program, run
from tests.firmware.vm import application

pytestmark = pytest.mark.timeout(120)


def test_every_cut_leaves_the_old_or_the_new_whole(tmp_path: Path) -> None:
    *cuts, end = run(tmp_path, plan(cuts=[1, 100_000, 1]))
    assert [one["cut"] for one in cuts] == list(range(1, end["end"] + 1))
    assert len(cuts) > 40
    assert all(one["was_cut"] for one in cuts)
    assert all((one["ran"] == 2) == (one["slot"] == "b") == (one["whole"] == SEQUENCE) for one in cuts)
    assert {(one["ran"], one["trial"]) for one in cuts} == {(1, False), (2, True), (2, False)}
    order = [one["ran"] for one in cuts]
    assert order == sorted(order)  # once switched, it stays


def test_from_the_second_slot_to_the_first_as_well(tmp_path: Path) -> None:
    """Without `/slot.json` the loader takes `/a`: this way round, that is the slot that is filled only half."""
    *cuts, end = run(tmp_path, plan("b", cuts=[2, 100_000, 3]))
    assert len(cuts) == len(range(2, end["end"] + 1, 3))
    assert all((one["ran"] == 2) == (one["slot"] == "a") == (one["whole"] == SEQUENCE) for one in cuts)


@pytest.mark.parametrize("bad", [[5], [9, 10, 11], [20, 21]])
def test_bad_blocks_are_gone_round(tmp_path: Path, bad: list[int]) -> None:
    *cuts, _end = run(tmp_path, plan(bad=bad, cuts=[3, 100_000, 17]))
    assert len(cuts) > 2


@pytest.mark.parametrize("blocks", [16, 24])
def test_what_does_not_fit_is_refused_before_the_first_byte(tmp_path: Path, blocks: int) -> None:
    (said,) = run(tmp_path, plan(blocks=blocks, refused=True))
    assert said == {"said": "bundle.space", "ran": 1, "whole": 0, "offer": False, "left": []}


def test_flash_that_fills_up_meanwhile_ends_the_update_and_nothing_else(tmp_path: Path) -> None:
    (said,) = run(tmp_path, plan(ballast=True, refused=True))
    assert "28" in said["said"]  # ENOSPC
    assert (said["ran"], said["whole"], said["offer"]) == (1, 0, False)


@pytest.mark.parametrize(
    ("contents", "why"),
    [({"part.py": b"VERSION = 3\n"}, "another file"), ({"part.py": program(2)["part.py"][:-1]}, "cut short")],
)
def test_a_gateway_that_sends_other_files_gets_nowhere(tmp_path: Path, contents: dict[str, bytes], why: str) -> None:
    """The manifest is genuine, and what is sent for its hashes is not."""
    import base64
    import hashlib

    told = plan(refused=True)
    for path, data in contents.items():
        genuine = hashlib.sha256(program(2)[path]).hexdigest()
        told["contents"][genuine] = base64.b64encode(data.ljust(len(program(2)[path]), b"#")).decode()
    (said,) = run(tmp_path, told)
    assert (said["said"][:7], said["ran"], said["whole"]) == ("part.py", 1, 0), why


@pytest.mark.parametrize(
    ("other", "says"),
    [({"board": "esp32-c3"}, "bundle.board"), ({"runtime": "9.0"}, "bundle.runtime"), ({"since": 3}, "bundle.step")],
)
def test_a_release_for_others_is_refused(tmp_path: Path, other: dict[str, object], says: str) -> None:
    (said,) = run(tmp_path, plan(refused=True, envelope=envelope(program(2), **other).decode()))
    assert (said["said"].startswith(says), said["ran"], said["left"]) == (True, 1, [])


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_every_cut_of_an_update_of_the_real_application(tmp_path: Path) -> None:
    """All files of the firmware, of which every third changed."""
    import base64
    import hashlib

    real = {file.path[3:]: file.content for file in application() if file.path.startswith("/a/")}
    old = {path: data if index % 3 else data + b"old" for index, (path, data) in enumerate(sorted(real.items()))}
    told = plan(blocks=160, cuts=[1, 1_000_000, 1])
    told["files"] |= {f"/a/{path}": base64.b64encode(data).decode() for path, data in (program(1) | old).items()}
    new = program(2) | real
    told["contents"] = {hashlib.sha256(data).hexdigest(): base64.b64encode(data).decode() for data in new.values()}
    told["envelope"] = envelope(new).decode()
    *cuts, end = run(tmp_path, told, timeout_s=7200)
    assert len(cuts) == end["end"]
    assert all((one["ran"] == 2) == (one["slot"] == "b") for one in cuts)
