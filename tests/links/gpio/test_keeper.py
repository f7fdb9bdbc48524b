"""The process that holds the pins, over gpiozero's mock: what becomes of outputs, however the gateway ends."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sluis.links.gpio.settings import PinSettings
from tests.links.gpio.bench import Child

Start = Callable[..., Child]
LAMP = PinSettings("lamp", 17, "output", active_low=True)
HEATER = PinSettings("heater", 27, "output", safe=True)
SIREN = PinSettings("siren", 5, "output", at_stop="hold", at_crash="hold")
STRIP = PinSettings("strip", 18, "pwm")
DOOR = PinSettings("door", 6, active_low=True, debounce_ms=20)
WATER = PinSettings("water", 22, "counter", active_low=True, debounce_ms=0)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[Child] = []

    def begin(*pins: PinSettings, **plan: object) -> Child:
        child = Child(tmp_path / "keeper", *pins, **plan)  # type: ignore[arg-type]  # as Child takes them
        made.append(child)
        assert child.hear("ready") == {"ready": "mock", "problem": plan.get("problem", "")}
        return child

    yield begin
    for child in made:
        if child.process.poll() is None:
            child.process.kill()
        child.close()


def all_on(child: Child) -> None:
    """Everything the other way than it is safe."""
    for number, (gpio, to) in enumerate(((17, 1), (27, 0), (5, 1), (18, 0.25))):
        child.say({"id": number, "set": f"GPIO{gpio}", "to": to})
        assert child.hear("id") == {"id": number, "ok": True}
    assert [child.pins.level(gpio) for gpio in (17, 27, 5, 18)] == [0, 0, 1, 0.25]


def levels(child: Child) -> list[float | None]:
    return [child.pins.level(gpio) for gpio in (17, 27, 5, 18)]


SAFE = [1, 1, 0, 0]
"""Electric levels: the lamp is off when its pin is high, the heater's safe state is on."""
SAFE_BUT_HELD = [1, 1, 1, 0]


def test_outputs_start_safe_and_do_what_they_are_told(start: Start) -> None:
    child = start(LAMP, HEATER, SIREN, STRIP)
    assert levels(child) == SAFE
    all_on(child)


def test_an_end_of_the_gateway_makes_outputs_safe(start: Start) -> None:
    """Its pipe ends: however it died."""
    child = start(LAMP, HEATER, SIREN, STRIP)
    all_on(child)
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert child.process.wait(10) == 0
    assert levels(child) == SAFE_BUT_HELD


def test_a_stop_in_order_makes_outputs_safe(start: Start) -> None:
    child = start(LAMP, HEATER, SIREN, STRIP)
    all_on(child)
    child.say({"stop": True})
    assert child.hear("stopped")
    assert child.process.wait(10) == 0
    assert levels(child) == SAFE_BUT_HELD


def test_a_signal_makes_outputs_safe_and_a_terminals_interrupt_is_the_gateways(start: Start) -> None:
    child = start(LAMP, HEATER, SIREN, STRIP)
    all_on(child)
    child.process.send_signal(signal.SIGINT)
    child.say({"id": 9, "get": "GPIO17"})
    assert child.hear("id") == {"id": 9, "ok": True}
    child.process.send_signal(signal.SIGTERM)
    assert child.process.wait(10) == 0
    assert levels(child) == SAFE_BUT_HELD


def test_a_gateway_that_hangs_loses_its_outputs_and_gets_them_back(start: Start) -> None:
    child = start(LAMP, HEATER, SIREN, STRIP, hang_s=0.4)
    all_on(child)
    assert "0.4 s" in child.hear("safe")["safe"]
    assert levels(child) == SAFE_BUT_HELD
    child.say({"id": 1, "set": "GPIO17", "to": 1})
    assert child.hear_of(17, level=1)
    assert child.pins.level(17) == 0


def test_nonsense_from_the_gateway_makes_outputs_safe(start: Start) -> None:
    child = start(LAMP, HEATER, SIREN, STRIP)
    all_on(child)
    assert child.process.stdin is not None
    child.process.stdin.write(b"{broken\n")
    child.process.stdin.flush()
    assert child.process.wait(10) == 1
    assert levels(child) == SAFE_BUT_HELD


def test_a_gateway_that_does_not_read_holds_nothing_up(start: Start) -> None:
    """The pipe is full; commands are obeyed, and the end is still noticed."""
    child = start(LAMP, HEATER, SIREN, STRIP)
    for number in range(3_000):
        child.say({"id": number, "set": "GPIO17", "to": number % 2})
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert child.process.wait(20) == 0
    assert child.pins.level(17) == 1


def test_what_cannot_be_is_refused(start: Start) -> None:
    child = start(LAMP, DOOR)
    child.say({"id": 1, "set": "GPIO6", "to": 1})
    assert "not an output" in child.hear("id")["error"]
    child.say({"id": 2, "set": "GPIO9", "to": 1})
    assert "no pin is reserved at GPIO9" in child.hear("id")["error"]


def test_a_contact_is_told_once_it_holds(start: Start) -> None:
    child = start(DOOR)
    child.hear_of(6, level=0)
    child.pins.drive(6, 0, 1, 0, 1, 0)
    said = child.hear_of(6)
    assert said["data"] == {"level": 1}
    assert said["age_us"] >= 20_000


def test_counts_outlive_the_process_however_it_ends(start: Start, tmp_path: Path) -> None:
    first = start(WATER)
    first.hear_of(22, count=0)
    first.pins.drive(22, *([0, 1] * 40))
    first.hear_of(22, count=40)
    assert first.process.stdin is not None
    first.process.stdin.close()  # the gateway was killed
    first.process.wait(10)
    second = start(WATER)
    second.hear_of(22, count=40)
    second.pins.drive(22, 0, 1, 0, 1)
    second.hear_of(22, count=42)
    second.say({"stop": True})
    second.process.wait(10)
    assert json.loads(second.totals.read_text())["counts"] == {"water": 42}


def test_a_power_cut_loses_no_more_than_was_not_saved(start: Start) -> None:
    first = start(WATER, save_s=0.05)
    first.pins.drive(22, *([0, 1] * 7))
    first.hear_of(22, count=7)
    while not first.totals.exists() or json.loads(first.totals.read_text())["counts"] != {"water": 7}:
        first.say({"id": 1, "get": "GPIO22"})
        first.hear_of(22)
    first.process.kill()
    first.process.wait(10)
    start(WATER).hear_of(22, count=7)


def test_damaged_totals_go_on_from_the_file_before(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "keeper"
    folder.mkdir()
    (folder / "totals.before").write_text('{"counts": {"water": 990}, "outputs": {}}')
    (folder / "totals.json").write_text('{"counts": {"wat')
    child = Child(folder, WATER)
    try:
        assert "totals.json is damaged" in child.hear("ready")["problem"]
        child.hear_of(22, count=990)
    finally:
        child.close()


def test_an_output_may_come_back_as_it_was(start: Start) -> None:
    lamp = PinSettings("lamp", 17, "output", at_start="last", at_crash="hold")
    first = start(lamp)
    assert first.pins.level(17) in (None, 0)
    first.say({"id": 1, "set": "GPIO17", "to": 1})
    first.hear("id")
    first.process.kill()
    first.process.wait(10)
    start(lamp).hear_of(17, level=1)


def test_a_pin_that_fails_leaves_the_outputs_safe(start: Start, tmp_path: Path) -> None:
    """GPIO2 has a resistor that pulls it up; gpiozero refuses it otherwise."""
    sensor = PinSettings("sensor", 2, pull="down")
    lamp = PinSettings("lamp", 17, "output", at_start="last")
    (tmp_path / "keeper").mkdir()
    (tmp_path / "keeper" / "totals.json").write_text('{"counts": {}, "outputs": {"lamp": 1}}')
    child = Child(tmp_path / "keeper", sensor, lamp)
    try:
        assert child.process.wait(10) == 1
        assert child.pins.level(17) == 0
    finally:
        child.close()
