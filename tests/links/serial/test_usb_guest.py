"""A real USB adapter but for the metal: QEMU's FTDI with the kernel's own ftdi_sio, in a guest (`tests/guest`).

It is plugged in and pulled out while the guest runs; at the other end of its wire pymodbus's server is the meter. What
happens in it is `vm/scenario.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guest.machine import MARKS, Steps, run_guest

pytestmark = MARKS


@pytest.fixture(scope="module")
def steps(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Steps:
    """What the guest told, by step."""
    folder = tmp_path_factory.mktemp("wires")
    wires = [
        *("-chardev", f"socket,id=monitor,path={folder}/monitor,server=on,wait=off", "-mon", "monitor,mode=control"),
        *("-chardev", f"socket,id=wire,path={folder}/wire,server=on,wait=off"),
        *("-chardev", f"socket,id=hands,path={folder}/monitor", "-chardev", f"socket,id=far,path={folder}/wire"),
        *("-chardev", "null,id=nowhere"),
        *("-device", "pci-serial-2x,chardev1=hands,chardev2=far", "-device", "qemu-xhci,id=usb"),
    ]
    return run_guest(
        request,
        Path(__file__).parent / "vm" / "guest.sh",
        needs=("ser2net", "/lib/systemd/systemd-udevd"),
        devices=wires,
    )


def test_it_is_known_by_what_it_says_and_where_it_is(steps: Steps) -> None:
    assert "no adapter usb:0403:6001 is plugged in" in steps["not-there"]["reason"]
    plugged = steps["plugged"]
    assert (plugged["device"], plugged["adapter"]) == ("/dev/ttyUSB0", "usb:0403:6001:SLUIS1")
    assert plugged["place"].endswith("/1:1.0")
    assert "QEMU USB SERIAL" in plugged["words"]


def test_the_adapter_hands_over_at_once_what_it_hears(steps: Steps) -> None:
    """An FTDI collects for 16 ms otherwise, and cuts frames by it."""
    assert steps["plugged"]["latency_ms"] == "1"


def test_pulled_and_plugged_elsewhere_under_another_number_it_heals(steps: Steps) -> None:
    assert "SLUIS1 is not plugged in" in steps["pulled"]["reason"]
    assert steps["pulled"]["states"][-3:] == ["open", "healing", "missing"]
    again = steps["again"]
    assert (again["device"], again["reconnects"], again["steps"]) == ("/dev/ttyUSB1", 1, [["reopen", True, ""]])
    assert again["place"].endswith("/2:1.0")


def test_a_stranger_in_its_socket_is_refused_and_named(steps: Steps) -> None:
    assert "usb:0403:6001:OTHER" in steps["swapped"]["reason"]
    assert steps["by-name"]["adapter"] == "usb:0403:6001:OTHER"


def test_the_program_that_has_locked_it_is_named(steps: Steps) -> None:
    locked = steps["locked"]
    assert "/dev/ttyUSB1 is in use by python" in locked["reason"]
    assert f"(process {locked['pid']})" in locked["reason"]


def test_a_port_gone_deaf_climbs_the_ladder_until_the_adapter_is_reset(steps: Steps) -> None:
    """The kernel says itself that it did."""
    told = [(rung, healed) for rung, healed, _ in steps["reset"]["steps"]]
    assert told == [("reopen", False), ("find", False), ("usb-reset", True)]
    assert steps["reset"]["resets"] == 1


def test_without_the_right_to_reset_it_is_let_go_and_taken_anew(steps: Steps) -> None:
    told = [(rung, healed) for rung, healed, _ in steps["authorized"]["steps"]]
    assert told == [("reopen", False), ("find", False), ("usb-reset", True)]
    assert steps["authorized"]["resets"] == 0


def test_a_serial_server_is_set_lost_and_found(steps: Steps) -> None:
    """ser2net has the port; speed and parity are what the kernel says of it."""
    assert (steps["server-set"]["speed"], steps["server-set"]["even"]) == ("19200", True)
    assert "2217" in steps["server-back"]["reason"]
    assert steps["server-back"]["rungs"] == ["reopen"]


def test_the_rules_of_an_installation_let_the_services_user_reset_an_adapter(steps: Steps) -> None:
    """And no other device. `packaging/60-sluis.rules`, read by udev."""
    rights = steps["rights"]
    assert "A udev rule must let the service's user write to the adapter" in rights["without"]
    assert (rights["with_rules"], steps["as-service"]["resets"]) == ("reset", 1)
    assert (rights["node"], rights["hub"]) == ("root:sluis 664", "root:root 664")
    assert rights["rfkill"] == "root:sluis 664"
    assert rights["modems"] == "1"
