"""The real thing but for the copper: lgpio and gpiozero on a real /dev/gpiochip, in a guest (`tests/guest`).

A CP2112 behind the kernel's uhid is the chip, the kernel's own driver makes a gpiochip of it, with edge events, and
what is on its pins is the witness. What happens in it is `vm/scenario.py`. (Debian's kernel has neither gpio-sim nor
gpio-mockup.)
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guest.machine import MARKS, Steps, run_guest

pytestmark = MARKS


@pytest.fixture(scope="module")
def steps(request: pytest.FixtureRequest) -> Steps:
    """What the guest told, by step."""
    return run_guest(request, Path(__file__).parent / "vm" / "guest.sh")


def test_a_chip_is_found_by_its_label(steps: Steps) -> None:
    assert steps["found"]["label"] == "cp2112_gpio"
    assert "is cp2112_gpio" in steps["not-this"]["reason"]
    assert steps["ready"]["what"] == "/dev/gpiochip0 (cp2112_gpio)"


def test_an_input_is_read(steps: Steps) -> None:
    assert (steps["read"]["direction"], steps["read"]["levels"]) == (0, [0, 1, 0])


def test_a_pin_that_somebody_else_has_is_said_with_his_name(steps: Steps) -> None:
    assert "'GPIO busy', it is used by 'lg'" in steps["busy"]["reason"]


def test_outputs_are_safe_when_the_gateway_is_gone_and_stay_outputs(steps: Steps) -> None:
    assert steps["driven"]["levels"] == [1, 1]
    assert (steps["gateway-gone"]["levels"], steps["gateway-gone"]["directions"]) == ([0, 0], [1, 1])


def test_what_the_docs_say_of_a_keeper_that_dies(steps: Steps) -> None:
    """The line keeps what was last driven, until another keeper starts safe."""
    assert steps["keeper-killed"]["levels"] == [1, 0]
    assert steps["started-again"]["levels"] == [0, 0]


def test_a_counter_counts_every_edge_that_the_kernel_tells(steps: Steps) -> None:
    """Far more of them than the keeper looks at levels by itself."""
    assert (steps["counted"]["count"], steps["still"]["count"]) == (20, 20)


def test_a_contact_that_bounces_is_told_once_and_dated_back(steps: Steps) -> None:
    assert steps["bounced"]["level"] == 1
    assert steps["bounced"]["age_ms"] >= 10_000
