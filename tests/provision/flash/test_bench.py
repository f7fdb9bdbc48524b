"""The bench: every board to its end, whatever happens to the others."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sluis_provision.bench import Bench, Card, Job, Memory, Seat, Socket, Step, event, report, text
from sluis_provision.bench.job import PIECE
from sluis_provision.flashers import BoardFound, Part
from sluis_provision.flashers.problem import BoardRefused
from sluis_provision.images.profiles import profile
from tests.provision.flash.pretend import Board, Pretend

CONTENT = bytes(range(256)) * (5 * PIECE // 256)
"""Five pieces."""
STEPS_OF_ONE = 11
"""Actions of a board that is flashed anew: probe, loader, five parts, verification, start, and some to spare."""


def a_job(**changes: Any) -> Job:
    sound = {
        "profile": profile("esp32-c3"),
        "image": "image.bin",
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "parts": [Part("image.bin", CONTENT, 0)],
        "version": "1.29.0",
    }
    return Job(**(sound | changes))


def a_bench(boards: Mapping[str, Board], told: list[Card] | None = None, **changes: Any) -> Bench:
    job = changes.pop("job", a_job())
    tell = told.append if told is not None else (lambda _card: None)
    return Bench(job, lambda socket: Pretend(boards[socket.port]), tell=tell, **changes)


async def flashed(boards: Mapping[str, Board], **changes: Any) -> Bench:
    bench = a_bench(boards, **changes)
    await bench.run([Socket(port) for port in boards])
    return bench


async def test_a_board_goes_all_the_way_and_each_step_is_told() -> None:
    told: list[Card] = []
    bench = await flashed({"a": Board("01")}, told=told)
    steps = list(dict.fromkeys(card.step for card in told))
    assert steps == [Step.SEEN, Step.PROBED, Step.APPROVED, Step.WRITING, Step.VERIFIED, Step.BOOTED, Step.DONE]
    percents = [card.percent for card in told if card.step is Step.WRITING]
    assert percents == sorted(percents)
    assert percents[-1] == 99
    assert bench.unmanned == [Step.TESTED, Step.IDENTIFIED, Step.LABELLED]


async def test_one_bad_board_does_not_stop_the_others() -> None:
    boards = {
        "good": Board("01"),
        "wrong": Board("02", chip="esp32"),
        "small": Board("03", flash_bytes=1 << 20),
        "worn": Board("04", worn={"0x40000"}),
        "old": Board("05", version="1.20.0"),
        "fine": Board("06"),
    }
    bench = await flashed(boards)
    ends = {port: card.failure.code if card.failure else str(card.step) for port, card in bench.cards.items()}
    assert ends == {
        "good": "done",
        "wrong": "provision.wrong-chip",
        "small": "provision.too-large",
        "worn": "provision.not-verified",
        "old": "provision.not-started",
        "fine": "done",
    }
    assert boards["wrong"].wrote == []
    assert boards["small"].wrote == []
    assert "0x40000" in bench.cards["worn"].said


@pytest.mark.parametrize("moment", range(STEPS_OF_ONE))
async def test_pulled_at_any_moment_the_next_attempt_repairs_it_and_writes_nothing_twice(moment: int) -> None:
    board, memory = Board("01", pull_after=moment), Memory()
    first = await flashed({"a": board}, memory=memory)
    if board.pull_after is not None:
        assert first.cards["a"].step is Step.DONE
        return
    failure = first.cards["a"].failure
    assert failure is not None
    assert failure.code == "provision.unplugged"
    confirmed = list(board.wrote)
    second = await flashed({"elsewhere": board}, memory=memory)
    assert second.cards["elsewhere"].step is Step.DONE
    assert board.wrote == confirmed + [place for place in places() if place not in confirmed]
    assert second.cards["elsewhere"].kept == len(confirmed) * PIECE


def places() -> list[str]:
    return [f"0x{n * PIECE:x}" for n in range(5)]


async def test_a_board_that_comes_back_in_time_goes_on_by_itself(tmp_path: Path) -> None:
    port = tmp_path / "ttyUSB0"
    port.touch()
    board = Board("01", pull_after=4)
    told: list[Card] = []
    bench = a_bench({str(port): board}, told, patience_s=10)
    await bench.run([Socket(str(port))])
    assert bench.cards[str(port)].step is Step.DONE
    assert [card.step for card in told].count(Step.SEEN) == 2
    assert board.wrote == places()


async def test_what_is_remembered_is_read_back_before_it_is_relied_on() -> None:
    board, memory = Board("01"), Memory()
    await flashed({"a": board}, memory=memory)
    board.held["0x80000"] = "somebody wrote something else"
    board.wrote.clear()
    bench = await flashed({"a": board}, memory=memory)
    assert bench.cards["a"].step is Step.DONE
    assert board.wrote == ["0x80000"]


async def test_erasing_forgets() -> None:
    board, memory = Board("01"), Memory()
    await flashed({"a": board}, memory=memory)
    board.wrote.clear()
    await flashed({"a": board}, memory=memory, job=a_job(erase=True))
    assert board.wrote == places()


async def test_the_memory_outlives_the_process_and_its_own_damage(tmp_path: Path) -> None:
    file = tmp_path / "boards.json"
    board = Board("01")
    await flashed({"a": board}, memory=Memory(file))
    parts = [Part("p", CONTENT[:PIECE], 0)]
    assert Memory(file).known("01", parts) == parts
    assert Memory(file).known("02", parts) == []
    for damage in ("", "[]", '{"01": 3}', "{"):
        file.write_text(damage)
        assert Memory(file).known("01", parts) == []


async def test_two_boards_with_one_number() -> None:
    boards = {"a": Board("01"), "b": Board("01")}
    bench = await flashed(boards)
    ends = sorted(card.failure.code if card.failure else "" for card in bench.cards.values())
    assert ends == ["", "provision.same-id"]
    assert sorted(len(board.wrote) for board in boards.values()) == [0, 5]
    refused = next(card for card in bench.cards.values() if card.failure)
    assert "01" in refused.said


async def test_a_board_nobody_approves_is_left_as_it_is() -> None:
    async def only_b(socket: Socket, _found: BoardFound, _job: Job) -> bool:
        return socket.port == "b"

    boards = {"a": Board("01"), "b": Board("02")}
    bench = await flashed(boards, approve=only_b)
    assert [str(card.step) for card in bench.cards.values()] == ["failed", "done"]
    assert boards["a"].wrote == []
    assert boards["a"].held == {}


async def test_stopping_says_where_each_board_is_and_the_next_run_carries_on(
    eventually: Callable[..., Awaitable[None]],
) -> None:
    boards = {"a": Board("01"), "b": Board("02", hang=asyncio.Event())}
    memory = Memory()
    bench = a_bench(boards, memory=memory)
    run = asyncio.create_task(bench.run([Socket(port) for port in boards]))
    await eventually(
        lambda: len(bench.cards) == 2 and bench.cards["a"].step is Step.DONE and bench.cards["b"].step is Step.WRITING
    )
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    failure = bench.cards["b"].failure
    assert failure is not None
    assert (failure.at, failure.code) == (Step.WRITING, "provision.stopped")
    assert bench.cards["a"].step is Step.DONE
    boards["b"].hang = None
    again = await flashed({"b": boards["b"]}, memory=memory)
    assert again.cards["b"].step is Step.DONE


async def test_the_steps_after_the_start_are_whosever_they_are() -> None:
    seats: list[Seat] = []

    async def identify(seat: Seat) -> str:
        seats.append(seat)
        return "its key is written"

    async def test(seat: Seat) -> str:
        if seat.found.uid == "02":
            raise BoardRefused("GPIO4 gives no value", hint="Check the wire to GPIO4.")
        return "all parts answer"

    boards = {"a": Board("01"), "b": Board("02")}
    bench = await flashed(boards, actions={Step.TESTED: test, Step.IDENTIFIED: identify})
    assert bench.cards["a"].step is Step.DONE
    failure = bench.cards["b"].failure
    assert failure is not None
    assert (failure.at, failure.next) == (Step.BOOTED, "Check the wire to GPIO4.")
    assert [seat.found.uid for seat in seats] == ["01"]
    assert bench.unmanned == [Step.LABELLED]


async def test_files_go_on_after_the_first_start() -> None:
    board = Board("01")
    told: list[Card] = []
    files = [Part("main.py", b"print(1)", file="/main.py")]
    await flashed({"a": board}, told=told, job=a_job(files=files), files_by=lambda _socket: Pretend(board))
    assert board.wrote == [*places(), "/main.py"]
    steps = [card.step for card in told if card.step is not Step.WRITING or card.percent == 0]
    assert steps[-4:] == [Step.WRITING, Step.VERIFIED, Step.BOOTED, Step.DONE]


async def test_the_report_says_of_each_board_what_became_of_it_and_what_to_do() -> None:
    bench = await flashed({"a": Board("01"), "b": Board("02", chip="esp32")})
    made = json.loads(json.dumps(report(bench.job, bench.cards.values(), bench.unmanned)))
    assert (made["done"], made["failed"], made["sha256"]) == (1, 1, bench.job.sha256)
    assert made["boards"][0]["board"]["uid"] == "01"
    assert made["boards"][1]["code"] == "provision.wrong-chip"
    for_people = text(made)
    assert "--profile" in for_people
    assert "Not done here: tested, identified, labelled." in for_people
    assert json.loads(json.dumps(event(bench.cards["b"])))["failed_at"] == "seen"
