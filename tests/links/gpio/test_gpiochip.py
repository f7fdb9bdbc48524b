"""The real thing but for the copper: lgpio and gpiozero on a real /dev/gpiochip, in a guest (`tests/guest`).

A USB gadget on the kernel's dummy controller plays an MCP2221A, the kernel's own driver makes a gpiochip of it, and
what is on its pins is the witness. What happens in it is `vm/scenario.py`. Edges are not among it: this chip has no
interrupts.
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
    assert steps["found"]["label"] == "mcp2221_gpio"
    assert "is mcp2221_gpio" in steps["not-this"]["reason"]
    assert steps["ready"]["what"] == "/dev/gpiochip0 (mcp2221_gpio)"


def test_an_input_is_read(steps: Steps) -> None:
    assert (steps["read"]["direction"], steps["read"]["levels"]) == (1, [0, 1, 0])


def test_a_pin_that_somebody_else_has_is_said_with_his_name(steps: Steps) -> None:
    assert "'GPIO busy', it is used by 'lg'" in steps["busy"]["reason"]


def test_outputs_are_safe_when_the_gateway_is_gone_and_stay_outputs(steps: Steps) -> None:
    assert steps["driven"]["levels"] == [1, 1]
    assert (steps["gateway-gone"]["levels"], steps["gateway-gone"]["directions"]) == ([0, 0], [0, 0])


def test_what_the_docs_say_of_a_keeper_that_dies(steps: Steps) -> None:
    """The line keeps what was last driven, until another keeper starts safe."""
    assert steps["keeper-killed"]["levels"] == [1, 0]
    assert steps["started-again"]["levels"] == [0, 0]
