"""Boards and HATs as profiles, held against gpiozero's own knowledge; and who has which pin."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from gpiozero.pins.pi import PiBoardInfo

from sluis.app.config import Settings, build
from sluis.links.gpio import profiles
from sluis.links.gpio.chip import LABELS
from sluis.links.gpio.reserve import check
from sluis.links.gpio.settings import GpioSettings, PinSettings
from sluis.model import ConfigError

REVISIONS = {"pi-zero-2w": 0x902120, "pi-3b-plus": 0xA020D3, "pi-4b": 0xC03115, "pi-5": 0xC04170, "cm4-io": 0xA03140}
"""One revision code of each board, as gpiozero reads it."""

BOARDS = profiles.boards()


@pytest.mark.parametrize("key", sorted(BOARDS))
def test_a_header_is_as_gpiozero_has_it(key: str) -> None:
    header = PiBoardInfo.from_revision(REVISIONS[key]).headers["J8"]
    for position, what in enumerate(BOARDS[key].header.pins, 1):
        assert {"3V3": "3V3", "5V": "5V"}.get(what, what) == header.pins[position].name, position


@pytest.mark.parametrize("key", sorted(BOARDS))
def test_a_bus_is_on_pins_that_gpiozero_knows_for_it(key: str) -> None:
    """Where gpiozero names a function of a pin (`I2C SDA`), ours is the same signal."""
    header = PiBoardInfo.from_revision(REVISIONS[key]).headers["J8"]
    roles = {pin.name: pin.interfaces for pin in header.pins.values()}
    words = {"i2c": "i2c", "spi": "spi", "uart": "uart"}
    seen = 0
    for bus in BOARDS[key].buses.values():
        for gpio in bus.pins.values():
            interfaces = roles[f"GPIO{gpio}"]
            assert "gpio" in interfaces
            if bus.kind in words:
                assert words[bus.kind] in interfaces, (bus.name, gpio, interfaces)
                seen += 1
    assert seen >= 13


def test_every_board_has_a_chip_that_is_looked_for() -> None:
    assert {board.chip for board in BOARDS.values()} == set(LABELS)
    assert all(board.sources and board.flash.how and board.power.supply for board in BOARDS.values())


def test_a_board_is_recognised_by_what_the_firmware_says(tmp_path: Path) -> None:
    file = tmp_path / "compatible"
    file.write_bytes(b"raspberrypi,4-model-b\0brcm,bcm2711\0")
    found = profiles.recognised(BOARDS, file)
    assert found is not None
    assert found.key == "pi-4b"
    file.write_bytes(b"acme,toaster\0")
    assert profiles.recognised(BOARDS, file) is None
    assert profiles.recognised(BOARDS, tmp_path / "nothing") is None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(profiles.hardware(), tmp_path / "hardware")
    return tmp_path / "hardware"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("boards/pi-4b.toml", 'soc = "BCM2711"', 'sok = "BCM2711"', "unknown key 'sok'"),
        ("boards/pi-4b.toml", 'soc = "BCM2711"\n', "", "'soc' is missing"),
        ("boards/pi-4b.toml", 'soc = "BCM2711"', "soc = 2711", "is 2711 (allowed: text)"),
        ("boards/pi-4b.toml", 'header = "pi-40"', 'header = "pi-41"', "there is no header 'pi-41'"),
        ("boards/pi-4b.toml", "TXD = 12", "TXD = 99", "GPIO99 is not on"),
        ("boards/pi-4b.toml", "[power]", "[powr]", "power: is missing"),
        ("headers/pi-40.toml", '"GPIO26"', '"GPIO19"', "a GPIO is there twice"),
        ("hats/waveshare-relay-3ch.toml", "gpio = 26", 'gpio = "26"', "is '26' (allowed: a whole number)"),
        ("hats/waveshare-relay-3ch.toml", "gpio = 26", "gpio = = 26", "Invalid value"),
    ],
)
def test_a_wrong_profile_says_where_and_what(folder: Path, file: str, old: str, new: str, said: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as raised:
        profiles.boards(folder), profiles.hats(folder)
    assert said in str(raised.value)
    assert Path(file).name in str(raised.value)


def test_a_profile_that_is_not_there_brings_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no profile 'pi-4'") as raised:
        profiles.board("pi-4")
    assert "pi-4b" in str(raised.value)


def reserved(*pins: PinSettings, hats: tuple[str, ...] = (), buses: tuple[str, ...] = ()) -> None:
    settings = GpioSettings(pin=pins, hats=hats, buses=buses)
    check(settings, BOARDS["pi-4b"], {key: profiles.hat(key) for key in hats})


RELAY = PinSettings("heating", 26, "output", active_low=True)


@pytest.mark.parametrize(
    ("wish", "one", "other"),
    [
        (lambda: GpioSettings(pin=(PinSettings("a", 17), PinSettings("b", 17))), "'a'", "'b'"),
        (lambda: GpioSettings(pin=(PinSettings("a", 17), PinSettings("a", 18))), "GPIO17", "GPIO18"),
        (lambda: reserved(PinSettings("door", 2), buses=("i2c1",)), "'door'", "SDA of bus i2c1"),
        (lambda: reserved(PinSettings("door", 0)), "'door'", "SDA of bus eeprom"),
        (lambda: reserved(PinSettings("door", 14), hats=("waveshare-rs485-can",)), "'door'", "TXD of bus uart0"),
        (
            lambda: reserved(PinSettings("door", 25), hats=("waveshare-rs485-can",)),
            "'door'",
            "waveshare-rs485-can (CAN INT)",
        ),
        (
            lambda: reserved(PinSettings("door", 26), hats=("waveshare-relay-3ch",)),
            "'door'",
            "waveshare-relay-3ch (CH1)",
        ),
        (
            lambda: reserved(buses=("spi1",), hats=("waveshare-relay-3ch",)),
            "MOSI of bus spi1",
            "waveshare-relay-3ch (CH2)",
        ),
        (lambda: reserved(buses=("w1",), hats=("waveshare-rs485-can",)), "DQ of bus w1", "waveshare-rs485-can (RSE)"),
        (lambda: reserved(buses=("spi1", "pcm")), "bus spi1", "bus pcm"),
    ],
)
def test_two_uses_of_a_pin_are_named_both(wish: Callable[[], object], one: str, other: str) -> None:
    with pytest.raises(ConfigError) as raised:
        wish()
    assert one in str(raised.value)
    assert other in str(raised.value)


def test_a_hats_relay_is_there_to_be_used_as_it_is() -> None:
    reserved(RELAY, hats=("waveshare-relay-3ch",))
    with pytest.raises(ConfigError, match="low is on") as raised:
        reserved(PinSettings("heating", 26, "output"), hats=("waveshare-relay-3ch",))
    assert raised.value.hint == "Set active_low = true"


@pytest.mark.parametrize(
    ("pin", "said"),
    [
        (PinSettings("far", 40), "GPIO40 of 'far' is not on the header"),
        (PinSettings("door", 3, pull="down"), "pulls it up"),
    ],
)
def test_a_pin_that_cannot_be(pin: PinSettings, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        reserved(pin)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[gpio.pin]]\nname = "Door"\ngpio = 17', "lower-case letters"),
        ('[[gpio.pin]]\nname = "door"\ngpio = 170', "a BCM number"),
        ('[[gpio.pin]]\nname = "door"\ngpio = 17\nkind = "switch"', "'input', 'output', 'pwm', 'counter'"),
        ('[[gpio.pin]]\nname = "fan"\ngpio = 18\nkind = "pwm"\nat_crash = "hold"', "cannot hold"),
        ('[[gpio.pin]]\nname = "fan"\ngpio = 18\nkind = "pwm"\nfrequency_hz = 50000', "1 to 10000"),
        ('[[gpio.pin]]\nname = "door"\ngpio = 17\ndebounce_ms = -5', "-1, or 0 to 10000"),
        ("[gpio]\nhang_s = 1", "5 or more"),
        ('[gpio]\nfactory = "rpigpio"', "'auto', 'lgpio', 'mock'"),
    ],
)
def test_settings_say_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        build(Settings, tomllib.loads(text), "sluis.toml")
    assert said in str(raised.value)
