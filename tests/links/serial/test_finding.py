"""Which port a setting means: by vendor, product, serial number and socket, never by the kernel's number."""

from __future__ import annotations

import json
import os
import pty
from functools import partial
from pathlib import Path

import pytest

from sluis.links.serial.finding import Finder, Memory
from sluis.links.serial.ports import Found, UsbId, board_ports, usb_ports
from sluis.links.serial.problem import PortProblem
from sluis.links.serial.reset import reset_usb
from sluis.links.serial.settings import SerialSettings
from tests.links.serial.usb import plug

FTDI, CH340, ACM = (0x0403, 0x6001), (0x1A86, 0x7523), (0x2341, 0x0043)


def finder(sys: Path, port: str, memory: Memory | None = None, *, replaceable: bool = False) -> Finder:
    settings = SerialSettings("bus", port, replaceable=replaceable)
    return Finder(settings, memory or Memory(), partial(usb_ports, sys, Path("/dev")))


def problem(one: Finder) -> PortProblem:
    with pytest.raises(PortProblem) as caught:
        one.find()
    return caught.value


def test_adapters_are_known_by_what_they_say_and_where_they_are(tmp_path: Path) -> None:
    plug(tmp_path, "ttyUSB0", "1.3", FTDI, serial="A10K", maker="FTDI", model="FT232R  USB UART")
    plug(tmp_path, "ttyUSB1", "1.4", CH340, model="USB Serial")
    plug(tmp_path, "ttyACM0", "2", ACM, serial="75", port_number=None)
    (tmp_path / "class" / "tty" / "tty1").mkdir()
    assert usb_ports(tmp_path) == [
        Found(
            "/dev/ttyUSB0",
            UsbId(*FTDI, "A10K", "0000:01:00.0/1.3:1.0"),
            "FTDI FT232R USB UART",
            next(tmp_path.glob("devices/**/1-1.3")),
        ),
        Found("/dev/ttyUSB1", UsbId(*CH340, "", "0000:01:00.0/1.4:1.0"), "USB Serial", next(tmp_path.glob("**/1-1.4"))),
        Found("/dev/ttyACM0", UsbId(*ACM, "75", "0000:01:00.0/2:1.0"), "", next(tmp_path.glob("devices/**/1-2"))),
    ]


def test_the_number_of_the_bus_says_nothing(tmp_path: Path) -> None:
    plug(tmp_path / "a", "ttyUSB0", "1.3", FTDI, bus=1)
    plug(tmp_path / "b", "ttyUSB0", "1.3", FTDI, bus=3)
    [one], [two] = usb_ports(tmp_path / "a"), usb_ports(tmp_path / "b")
    assert one.usb == two.usb


def test_an_adapter_with_four_ports_has_four_places(tmp_path: Path) -> None:
    for number in range(4):
        plug(
            tmp_path, f"ttyUSB{number}", f"{number + 1}", FTDI, serial="Q", interface=f"1.{number}", port_number=number
        )
    assert len({one.usb.place for one in usb_ports(tmp_path) if one.usb}) == 4


def test_no_usb_is_no_port(tmp_path: Path) -> None:
    assert usb_ports(tmp_path) == []


def test_it_is_found_again_under_another_number(tmp_path: Path) -> None:
    """Named by hand as ttyUSB0, once."""
    memory = Memory(tmp_path / "memory.json")
    device = pty_path()
    listed = [Found(device, UsbId(*FTDI, "A10K", "x/1.3:1.0"))]
    settings = SerialSettings("bus", device)
    assert Finder(settings, memory, lambda: listed).find().device == device
    listed[:] = [
        Found(device, UsbId(*FTDI, "OTHER", "x/1.4:1.0")),  # the number went to somebody else
        Found("/dev/ttyUSB7", UsbId(*FTDI, "A10K", "x/1.3:1.0")),
    ]
    later = Finder(settings, Memory(tmp_path / "memory.json"), lambda: listed)  # after a restart
    assert later.find().device == "/dev/ttyUSB7"


def pty_path() -> str:
    master, slave = pty.openpty()
    name = os.ttyname(slave)
    PTYS.extend((master, slave))
    return name


PTYS: list[int] = []


@pytest.fixture(autouse=True)
def _close_ptys() -> object:
    yield
    while PTYS:
        os.close(PTYS.pop())


def test_one_with_a_serial_number_may_move_to_another_socket(tmp_path: Path) -> None:
    memory = Memory()
    plug(tmp_path / "a", "ttyUSB0", "1.3", FTDI, serial="A10K")
    plug(tmp_path / "b", "ttyUSB1", "1.4", FTDI, serial="A10K")
    assert finder(tmp_path / "a", "usb:0403:6001", memory).find().device == "/dev/ttyUSB0"
    assert finder(tmp_path / "b", "usb:0403:6001", memory).find().device == "/dev/ttyUSB1"


def test_two_equal_ones_are_told_apart_by_their_socket(tmp_path: Path) -> None:
    """As two CH340 are, which have no serial number."""
    plug(tmp_path, "ttyUSB0", "1.3", CH340)
    plug(tmp_path, "ttyUSB1", "1.4", CH340)
    said = problem(finder(tmp_path, "usb:1a86:7523"))
    assert said.state == "ambiguous"
    assert "usb:1a86:7523@0000:01:00.0/1.4:1.0" in said.hint
    assert finder(tmp_path, "usb:1a86:7523@0000:01:00.0/1.4:1.0").find().device == "/dev/ttyUSB1"


def test_two_that_claim_the_same_serial_number_too(tmp_path: Path) -> None:
    memory = Memory()
    plug(tmp_path / "a", "ttyUSB0", "1.3", FTDI, serial="0001")
    assert finder(tmp_path / "a", "usb:0403:6001:0001", memory).find().device == "/dev/ttyUSB0"
    plug(tmp_path / "a", "ttyUSB1", "1.4", FTDI, serial="0001")
    assert finder(tmp_path / "a", "usb:0403:6001:0001", memory).find().device == "/dev/ttyUSB0"
    plug(tmp_path / "b", "ttyUSB0", "1.1", FTDI, serial="0001")
    plug(tmp_path / "b", "ttyUSB1", "1.2", FTDI, serial="0001")
    assert problem(finder(tmp_path / "b", "usb:0403:6001:0001", memory)).state == "ambiguous"


def test_a_swapped_adapter_is_refused_and_named(tmp_path: Path) -> None:
    memory = Memory()
    plug(tmp_path / "a", "ttyUSB0", "1.3", FTDI, serial="A10K")
    plug(tmp_path / "b", "ttyUSB0", "1.3", FTDI, serial="B22X", model="FT232R")
    finder(tmp_path / "a", "usb:0403:6001", memory).find()
    said = problem(finder(tmp_path / "b", "usb:0403:6001", memory))
    assert said.state == "swapped"
    assert "usb:0403:6001:B22X FT232R" in str(said)
    assert "usb:0403:6001:A10K" in str(said)


def test_one_of_the_same_kind_in_the_same_socket_may_be_allowed(tmp_path: Path) -> None:
    memory = Memory()
    plug(tmp_path / "a", "ttyUSB0", "1.3", FTDI, serial="A10K")
    plug(tmp_path / "b", "ttyUSB0", "1.3", FTDI, serial="B22X")
    plug(tmp_path / "c", "ttyUSB0", "1.3", CH340)
    finder(tmp_path / "a", "usb:0403:6001", memory, replaceable=True).find()
    found = finder(tmp_path / "b", "usb:0403:6001", memory, replaceable=True).find()
    assert found.usb is not None
    assert found.usb.serial == "B22X"
    assert problem(finder(tmp_path / "c", "usb:0403:6001", memory, replaceable=True)).state == "swapped"


def test_one_without_a_serial_number_in_another_socket_is_not_believed(tmp_path: Path) -> None:
    memory = Memory()
    plug(tmp_path / "a", "ttyUSB0", "1.3", CH340)
    plug(tmp_path / "b", "ttyUSB0", "1.4", CH340)
    finder(tmp_path / "a", "usb:1a86:7523", memory).find()
    said = problem(finder(tmp_path / "b", "usb:1a86:7523", memory))
    assert (said.state, "1.4:1.0" in str(said), "1.3:1.0" in said.hint) == ("swapped", True, True)


def test_what_is_not_plugged_in_is_missing(tmp_path: Path) -> None:
    memory = Memory()
    plug(tmp_path / "a", "ttyUSB0", "1.3", FTDI, serial="A10K")
    finder(tmp_path / "a", "usb:0403:6001", memory).find()
    for port in ("usb:0403:6001", "usb:dead:beef", "usb:nonsense", "/dev/serial/by-id/none"):
        assert problem(finder(tmp_path / "empty", port, memory)).state == "missing"


def test_another_setting_is_found_anew(tmp_path: Path) -> None:
    memory = Memory()
    plug(tmp_path, "ttyUSB0", "1.3", FTDI, serial="A10K")
    plug(tmp_path, "ttyUSB1", "1.4", FTDI, serial="B22X")
    assert finder(tmp_path, "usb:0403:6001:A10K", memory).find().device == "/dev/ttyUSB0"
    assert finder(tmp_path, "usb:0403:6001:B22X", memory).find().device == "/dev/ttyUSB1"


def test_a_damaged_memory_is_an_empty_one(tmp_path: Path) -> None:
    file = tmp_path / "memory.json"
    for text in ("{", "[]", '{"bus": 3}', '{"bus": {"port": "usb:0403:6001"}}'):
        file.write_text(text)
        assert Memory(file).recall("bus", "usb:0403:6001") is None
    Memory(file).keep("bus", "usb:0403:6001", UsbId(*FTDI, "A", "p"))
    assert json.loads(file.read_text())["bus"]["serial"] == "A"


def test_a_serial_server_is_its_own_address(tmp_path: Path) -> None:
    assert finder(tmp_path, "socket://192.0.2.7:4001").find() == Found("socket://192.0.2.7:4001")


# -- reset ----------------------------------------------------------------------------------------------------


def test_an_adapter_is_reset_by_taking_its_permission_away(tmp_path: Path) -> None:
    adapter = plug(tmp_path, "ttyUSB0", "1.3", FTDI)
    node = tmp_path / "dev" / "bus" / "usb" / "001"
    node.mkdir(parents=True)
    (node / "007").write_text("")  # no USB device: the ioctl is refused
    (adapter / "authorized").write_text("1")
    reset_usb(adapter, tmp_path / "dev")
    assert (adapter / "authorized").read_text() == "1"


def test_a_reset_that_is_not_possible_says_so(tmp_path: Path) -> None:
    adapter = plug(tmp_path, "ttyUSB0", "1.3", FTDI)
    (adapter / "authorized").mkdir()
    with pytest.raises(PortProblem, match="cannot be reset") as caught:
        reset_usb(adapter, tmp_path / "dev")
    assert caught.value.state == "denied"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": "a/b"}, "name"),
        ({"port": ""}, "port"),
        ({"baud": 0}, "baud"),
        ({"rs485": "kernel"}, "pyserial"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SerialSettings(**{"name": "bus", "port": "/dev/ttyUSB0", **wrong})  # type: ignore[arg-type]


def test_uarts_of_the_board_are_found_and_those_without_hardware_are_not(tmp_path: Path) -> None:
    for name, kind, console in (("ttyAMA0", "32", "N"), ("ttyS0", "4", "Y"), ("ttyS1", "0", "N"), ("ttyUSB0", "", "")):
        tty = tmp_path / "class" / "tty" / name
        (tty / "device").mkdir(parents=True)
        (tty / "type").write_text(f"{kind}\n")
        (tty / "console").write_text(f"{console}\n")
    (tmp_path / "class" / "tty" / "ttyS2").mkdir()
    assert board_ports(tmp_path) == [
        Found("/dev/ttyAMA0", words="UART of the board"),
        Found("/dev/ttyS0", words="console of this machine"),
    ]
    assert board_ports(tmp_path / "nothing") == []
