"""A real CEC wire: the kernel's vivid driver and the TV of the kernel's own CEC people, in a guest without KVM
(`tests/guest`). What happens in it is `vm/scenario.py`. Needs the Debian package v4l-utils besides.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guest.machine import MARKS, Steps, run_guest

pytestmark = MARKS


@pytest.fixture(scope="module")
def steps(request: pytest.FixtureRequest) -> Steps:
    """What the guest told, by step."""
    return run_guest(request, Path(__file__).parent / "vm" / "guest.sh", needs=("cec-ctl", "cec-follower"))


def test_the_link_has_an_address_as_a_player(steps: Steps) -> None:
    assert (steps["up"]["driver"], steps["up"]["own_address"]) == ("vivid", 4)


def test_the_tv_is_read_and_known(steps: Steps) -> None:
    assert steps["known"]["values"]["power_state"] == "on"
    assert steps["known"]["told"] == {"name": "Beamer", "vendor": "Sony"}


def test_it_is_switched_off_and_on_and_says_where_it_is_on_that_way(steps: Steps) -> None:
    off, on = steps["power-False"], steps["power-True"]
    assert (off["stage"], off["values"]["power"]) == ("done", False)
    assert off["values"]["power_state"] in ("off", "cooling")
    assert (on["stage"], on["values"]["power"]) == ("done", True)
    assert on["values"]["power_state"] in ("on", "warming")
    assert steps["show-us"]["stage"] == "done"


def test_others_learn_our_name_and_that_we_are_on(steps: Steps) -> None:
    assert "name: Sluis" in steps["we-answer"]["said"]
    assert "pwr-state: on" in steps["we-answer"]["said"]


def test_a_command_to_nobody_fails_and_says_so(steps: Steps) -> None:
    assert (steps["nobody-there"]["stage"], steps["nobody-there"]["detail"]) == ("failed", "screen/5: nobody is there")
