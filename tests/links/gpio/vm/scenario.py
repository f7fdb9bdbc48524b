"""Inside the guest: the keeper with lgpio and gpiozero on a real /dev/gpiochip, and the chip behind it as the witness.

Prints one line `RESULT {json}` for each step, and ends with an exception where one does not come true.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from sluis.links.gpio.chip import ChipError, find_chip
from sluis.links.gpio.settings import PinSettings
from tests.guest.inside import tell, until_now
from tests.links.gpio.bench import Child
from tests.links.gpio.vm.chip import OUT, Chip

LABEL = "cp2112_gpio"
LAMP = PinSettings("lamp", 0, "output")
HEATER = PinSettings("heater", 1, "output", active_low=True, safe=True)
WATER = PinSettings("water", 4, "counter", active_low=True, debounce_ms=0)
DOOR = PinSettings("door", 5, debounce_ms=10_000)
PULSES, BOUNCES = 20, 7


READER = """
import sys
from sluis.links.gpio.chip import open_chip
pin = open_chip("lgpio", [sys.argv[1]], None)[0].pin("GPIO2")
pin.input_with_pull("up")
for _ in sys.stdin:
    print(int(pin.state))
"""


def keeper(*pins: PinSettings) -> Child:
    return Child(Path(tempfile.mkdtemp()) / "keeper", *pins, factory="lgpio", labels=[LABEL])


def hold(chip: Chip, pin: int, level: int, looks: int) -> None:
    """Put a level on a pin until the kernel's driver has seen it."""
    chip.levels[pin] = level
    seen = chip.looks + looks
    until_now(lambda: chip.looks >= seen, "a look of the driver")


def count_edges(chip: Chip) -> None:
    """A meter's pulses, one by one, and a contact that bounces for less than its debounce time."""
    chip.levels[4], chip.levels[5] = 1, 0
    child = keeper(WATER, DOOR)
    child.hear("ready")
    child.hear_of(4, count=0)
    child.hear_of(5, level=0)
    for _ in range(PULSES):
        hold(chip, 4, 0, 5)
        hold(chip, 4, 1, 5)
    tell("counted", **child.hear_of(4, count=PULSES)["data"])
    for number in range(BOUNCES):
        hold(chip, 5, (number + 1) % 2, 2)
    told = child.hear_of(5)
    tell("bounced", level=told["data"]["level"], age_ms=told["age_us"] // 1000)
    child.say({"id": 1, "get": "GPIO4"})
    tell("still", **child.hear_of(4)["data"])
    child.say({"stop": True})
    child.hear("stopped")
    child.close()


def main() -> None:
    os.chdir(tempfile.mkdtemp())  # lgpio makes its pipes where it is
    chip = Chip()
    until_now(lambda: list(Path("/dev").glob("gpiochip*")), "a gpiochip")
    number, label = find_chip([LABEL])
    tell("found", number=number, label=label)
    try:
        find_chip(["pinctrl-rp1"])
    except ChipError as error:
        tell("not-this", reason=str(error))

    # In another process: lgpio holds the interpreter while it waits for the kernel, which waits for our chip's answer.
    reader = subprocess.Popen(
        [sys.executable, "-u", "-c", READER, LABEL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdin is not None
    assert reader.stdout is not None
    read = []
    for level in (0, 1, 0):
        chip.levels[2] = level
        reader.stdin.write("\n")
        reader.stdin.flush()
        read.append(int(reader.stdout.readline()))
    reader.kill()
    reader.wait()
    tell("read", direction=chip.directions[2], levels=read)

    child = keeper(LAMP, HEATER)
    tell("ready", what=child.hear("ready")["ready"])
    assert (chip.levels[:2], chip.directions[:2]) == ([0, 0], [OUT, OUT])
    child.say({"id": 1, "set": "GPIO0", "to": 1})
    child.say({"id": 2, "set": "GPIO1", "to": 0})
    assert (child.hear("id"), child.hear("id")) == ({"id": 1, "ok": True}, {"id": 2, "ok": True})
    tell("driven", levels=chip.levels[:2])
    assert chip.levels[:2] == [1, 1]

    second = keeper(LAMP)
    refused = second.hear("failed")["failed"]
    second.close()
    tell("busy", reason=refused)
    assert chip.levels[:2] == [1, 1]

    assert child.process.stdin is not None
    child.process.stdin.close()
    assert child.process.wait(20) == 0
    tell("gateway-gone", levels=chip.levels[:2], directions=chip.directions[:2])
    assert (chip.levels[:2], chip.directions[:2]) == ([0, 0], [OUT, OUT])

    again = keeper(LAMP, HEATER)
    again.hear("ready")
    again.say({"id": 1, "set": "GPIO0", "to": 1})
    again.hear("id")
    again.process.send_signal(signal.SIGKILL)
    again.process.wait(20)
    tell("keeper-killed", levels=chip.levels[:2])
    assert chip.levels[:2] == [1, 0], "this kernel's driver keeps what was last driven, as that of a Raspberry Pi does"

    third = keeper(LAMP, HEATER)
    third.hear("ready")
    tell("started-again", levels=chip.levels[:2])
    assert chip.levels[:2] == [0, 0]
    third.say({"stop": True})
    third.hear("stopped")
    third.close()
    count_edges(chip)


if __name__ == "__main__":
    main()
