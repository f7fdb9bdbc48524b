"""The real thing but for the antenna: Linux's own HCI, bluetoothd and bleak's BlueZ backend, in a guest without KVM
(`tests/guest`).

Its controller is Bumble's behind the kernel's vhci. What happens in it is `vm/scenario.py`. Needs the Debian packages
bluez and dbus besides.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guest.machine import MARKS, Steps, run_guest

pytestmark = MARKS


@pytest.fixture(scope="module")
def steps(request: pytest.FixtureRequest) -> Steps:
    """What the guest told, by step."""
    needs = ("dbus-daemon", "/usr/libexec/bluetooth/bluetoothd")
    return run_guest(request, Path(__file__).parent / "vm" / "guest.sh", needs=needs, memory_mb=1536)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("no-dbus", "there is no D-Bus here"),
        ("no-daemon", "bluetoothd does not run"),
        ("no-adapter", "there is no such Bluetooth adapter"),
        ("daemon-silent", "bluetoothd does not answer"),
    ],
)
def test_what_is_missing_is_said_and_waited_for(steps: Steps, step: str, said: str) -> None:
    assert said in steps[step]["reason"]


def test_a_sensor_is_heard_read_and_notifies_through_bluetoothd(steps: Steps) -> None:
    assert steps["heard"]["rssi"] == -50
    assert steps["read"]["level"] == 84
    assert steps["notified"]["level"] == 77


def test_an_adapter_that_was_switched_off_is_switched_on(steps: Steps) -> None:
    assert steps["powered-off"]["cured"]


def test_a_mute_controller_climbs_the_ladder_until_it_is_reset(steps: Steps) -> None:
    told = [(rung, healed) for rung, healed, _ in steps["mute"]["steps"]]
    assert told == [("rescan", False), ("reopen", False), ("power-cycle", False), ("rfkill", True)]
    assert steps["mute"]["reset"]


def test_a_daemon_that_died_is_found_again(steps: Steps) -> None:
    assert "daemon-restarted" in steps


def test_an_adapter_by_its_address_scans_actively_and_passively(steps: Steps) -> None:
    assert steps["active"]["adapter"].count(":") == 5
    assert steps["passive"]["adapter"] == steps["active"]["adapter"]


def test_nothing_waits_for_a_daemon_for_ever(steps: Steps) -> None:
    assert steps["daemon-silent"]["abandoned"] == 0
    assert steps["stopped"]["for_s"] < 10
    assert not steps["stopped"]["scanning"]
