"""The chip behind the header's pins, reached with gpiozero; only the keeper's process imports it.

What gpiozero's own pins do otherwise, and why it matters here:
- they claim a line as an input first and drive it low before it gets its level. A relay that pulls when low clicks at
  every start. Here a line is claimed as an output with its level, in one step;
- they turn lines into inputs when they are closed. Here a line keeps what the safe state gave it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

LABELS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")
"""Labels of the chips that drive a Raspberry Pi's header: Pi 5, Pi 4 and CM4, all before. The number of the chip is no
name: on the Pi 5 it was 4 and became 0 with kernel 6.6.45 (raspberrypi/linux pull request 6144)."""

PI_3 = 0xA02082
"""Revision of a Pi 3B: the 40-pin header, for machines that are no Raspberry Pi and have such a chip all the same."""

DRIVE = "drive"
"""Pipe in the mock's folder; each line `GPIO17 1` puts a level on an input."""


class ChipError(Exception):
    """The pins cannot be reached; a sentence for people."""


def open_chip(factory: str, labels: Sequence[str], mock_dir: Path | None) -> tuple[Any, str]:
    """A pin factory, and what it stands for (`/dev/gpiochip0 (pinctrl-rp1)`, `mock`). ChipError when there is none."""
    if factory == "mock":
        return _mock(mock_dir), "mock"
    number, label = find_chip(labels)
    return _real(number), f"/dev/gpiochip{number} ({label})"


def find_chip(labels: Sequence[str], devices: Path = Path("/dev")) -> tuple[int, str]:
    """Number and label of the first chip with one of these labels. ChipError says what was found instead."""
    import lgpio

    seen: list[str] = []
    for file in sorted(devices.glob("gpiochip*")):
        number = int(file.name.removeprefix("gpiochip"))
        if not os.access(file, os.R_OK | os.W_OK):
            seen.append(f"{file} may not be opened by this user (group gpio)")
            continue
        with suppress(lgpio.error):
            handle = lgpio.gpiochip_open(number)
            try:
                label = str(lgpio.gpio_get_chip_info(handle)[3])
            finally:
                lgpio.gpiochip_close(handle)
            if label in labels:
                return number, label
            seen.append(f"{file} is {label}")
    found = "; ".join(seen) or "this machine has no GPIO chip"
    raise ChipError(f"no chip {' or '.join(labels)}: {found}")


def _real(number: int) -> Any:
    import lgpio
    from gpiozero.exc import PinUnknownPi
    from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin
    from gpiozero.pins.pi import PiPin

    class KeptPin(LGPIOPin):  # type: ignore[misc]  # gpiozero has no types
        def __init__(self, factory: Any, info: Any) -> None:
            PiPin.__init__(self, factory, info)
            self._pwm = self._bounce = self._callback = None
            self._edges = lgpio.BOTH_EDGES

        def output_with_state(self, state: float) -> None:
            self._claim(lambda: lgpio.gpio_claim_output(self.factory._handle, self._number, int(state)))

        def input_with_pull(self, pull: str) -> None:
            self._claim(lambda: super(KeptPin, self).input_with_pull(pull))

        def close(self) -> None:
            """The line stays as it is."""

        def _claim(self, claim: Callable[[], Any]) -> None:
            try:
                claim()
            except lgpio.error as error:
                user = str(lgpio.gpio_get_line_info(self.factory._handle, self._number)[4])
                raise ChipError(f"{self!r}: {error}" + (f", it is used by {user!r}" if user else "")) from error

    class Factory(LGPIOFactory):  # type: ignore[misc]  # gpiozero has no types
        def _get_revision(self) -> int:
            try:
                return int(super()._get_revision())
            except PinUnknownPi:
                return PI_3

    factory = Factory(number)
    factory.pin_class = KeptPin
    return factory


def _mock(folder: Path | None) -> Any:
    from gpiozero.pins.mock import MockFactory, MockPWMPin

    if folder is None:
        return MockFactory(pin_class=MockPWMPin)
    shown = folder
    shown.mkdir(parents=True, exist_ok=True)

    class ShownPin(MockPWMPin):  # type: ignore[misc]  # gpiozero has no types
        def _change_state(self, value: float) -> bool:
            changed = bool(super()._change_state(value))
            (shown / str(self)).write_text(f"{float(self.state):g}\n")
            return changed

    with suppress(FileExistsError):
        os.mkfifo(shown / DRIVE, 0o600)
    return MockFactory(pin_class=ShownPin)
