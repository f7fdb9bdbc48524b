"""Register maps: those that ship, and whatever can be wrong with one. The device is pymodbus's own server, without a
socket: what our driver asks is read by its framers, and it answers from registers that pymodbus has written."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.simulator import DataType, SimData, SimDevice
from pymodbus.simulator.simcore import SimCore

from sluis.model import (
    Command,
    ConfigError,
    Frame,
    Kind,
    LinkError,
    OutOfRange,
    Quality,
    Reading,
    ReadOnly,
    Refused,
    UnknownPoint,
)
from sluis.model.commands import SYSTEM
from sluis.model.units import fits
from sluis.sdk.testing import START, RecordingLink
from sluis_drivers.modbus.device import Modbus
from sluis_drivers.modbus.mapping import MAP_KEYS, REGISTER_KEYS, Register, RegisterMap, parsed, shipped
from sluis_drivers.modbus.plan import blocks
from sluis_drivers.modbus.values import bytes_of, scaled, shortest, words_of

PAGE = Path(__file__).parents[2] / "docs" / "drivers" / "modbus.md"
PYMODBUS = {
    "u16": "UINT16", "s16": "INT16", "u32": "UINT32", "s32": "INT32", "u64": "UINT64", "s64": "INT64",
    "float32": "FLOAT32", "float64": "FLOAT64",
}  # fmt: skip


class Peer:
    """A Modbus device as pymodbus is one; as a link it hands each question to it and keeps what comes back."""

    def __init__(self, device: SimDevice, tcp: bool) -> None:
        self._core: Any = SimCore([device])
        self._framer = (FramerSocket if tcp else FramerRTU)(DecodePDU(True))
        self.frames: list[Frame] = []
        self.asked: list[Any] = []

    async def send(self, data: bytes, *, to: str = "", retain: bool = False) -> None:
        raise AssertionError("a Modbus driver asks")

    async def request(self, data: bytes, *, to: str = "", reply: str = "", timeout_s: float = 5.0) -> Frame:
        used, question = self._framer.handleFrame(data, 0, 0)
        assert question is not None and used == len(data), "pymodbus cannot read what was asked"
        self.asked.append(question)
        answer = await question.datastore_update(self._core, question.dev_id)
        answer.dev_id, answer.transaction_id = question.dev_id, question.transaction_id
        self.frames.append(Frame("bus", to, self._framer.buildFrame(answer), START, asked=data))
        return self.frames[-1]

    async def holds(self, function: int, address: int, count: int) -> Sequence[int]:
        held = await self._core.async_getValues(7, function, address, count)
        assert isinstance(held, list)
        return held


def device_of(registers: RegisterMap, words: dict[tuple[int, int], int]) -> SimDevice:
    """A pymodbus device that has exactly the registers that the map asks for, and what it writes."""
    found: dict[int, dict[int, int]] = {1: {}, 2: {}, 3: {}, 4: {}}
    for block in blocks(registers):
        found[block.function] |= dict.fromkeys(range(block.address, block.address + block.count), 0)
    for one in registers.registers:
        if one.write_function:
            home = 1 if one.write_function in (5, 15) else 3
            found[home] |= dict.fromkeys(range(one.write_address, one.write_address + one.words), 0)
    for (function, address), word in words.items():
        found[function][address] = word
    for function in found:
        found[function] = found[function] or {0: 0}
    bits = [[SimData(a, values=[bool(v)], datatype=DataType.BITS) for a, v in found[f].items()] for f in (1, 2)]
    regs = [[SimData(a, values=v, datatype=DataType.REGISTERS) for a, v in found[f].items()] for f in (3, 4)]
    return SimDevice(7, (bits[0], bits[1], regs[0], regs[1]))


def filled(registers: RegisterMap, seed: int) -> tuple[dict[tuple[int, int], int], dict[str, Any]]:
    """Registers of a device with random values in them, as pymodbus writes them; and what they mean."""
    chance = random.Random(seed)
    words: dict[tuple[int, int], int] = {}
    expected: dict[str, Any] = {}
    for one in registers.registers:
        raw, expected[one.point.key] = a_value(one, chance)
        for at, word in enumerate(pymodbus_words(one, raw)):
            where = one.function, one.address + at
            words[where] = words.get(where, 0) | word
    return words, expected


def a_value(one: Register, chance: random.Random) -> tuple[Any, Any]:
    """(what stands in the registers, what it means)"""
    if one.type == "bit":
        raw = chance.randrange(2)
        return raw, bool(raw)
    if one.type == "string":
        return "SN 4711".ljust(2 * one.words, "\0"), "SN 4711"
    if one.choices:
        number = chance.choice(list(one.choices))
        return number << one.low, one.choices[number]
    if one.point.kind is Kind.SWITCH:
        raw = chance.randrange(2)
        return raw << one.low, bool(raw)
    if one.width:
        raw = chance.randrange(1 << one.width)
        return raw << one.low, raw
    if one.type.startswith("float"):
        value = chance.randrange(-4_000, 4_000) / 16  # the same in 32 bits and in decimals
        return value, float(Decimal(value) * Decimal(str(one.scale)) + Decimal(str(one.offset)))
    low = -20_000 if one.type.startswith("s") else 0
    raw = chance.randrange(low, 20_000)
    value = float(Decimal(raw) * Decimal(str(one.scale)) + Decimal(str(one.offset)))
    return raw, value


def pymodbus_words(one: Register, raw: Any) -> list[int]:
    if one.type == "bit":
        return [raw]
    if one.type == "string":
        return list(ModbusClientMixin.convert_to_registers(raw, ModbusClientMixin.DATATYPE.STRING))
    low_first = one.order in ("CDAB", "DCBA")
    made = ModbusClientMixin.convert_to_registers(
        raw, ModbusClientMixin.DATATYPE[PYMODBUS[one.type]], word_order="little" if low_first else "big"
    )
    swap = one.order in ("BADC", "DCBA")
    return [int.from_bytes(word.to_bytes(2, "big"), "little") if swap else word for word in made]


async def polled(driver: Modbus, peer: Peer) -> dict[str, Any]:
    peer.frames.clear()
    await driver.poll(peer)
    said = [item for frame in peer.frames for item in driver.decode(frame)]
    assert all(isinstance(item, Reading) for item in said)
    return {item.point: item.value for item in said if isinstance(item, Reading)}


def differences(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """What was read otherwise than it stands in the device; numbers to 9 digits."""
    return {
        key: (found.get(key), value)
        for key, value in expected.items()
        if found.get(key) != (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)
    } | {key: found[key] for key in found.keys() - expected.keys()}


def told(text: str, native_id: str = "BUS/7", **more: Any) -> Modbus:
    return Modbus(native_id, {"setup": {"map": "custom", "custom": text, "unit": 7, **more}})


def command(point: str, value: Any) -> Command:
    return Command("c1", "device", point, value, SYSTEM, 0)


# -- the maps that ship -----------------------------------------------------------------------------------


def test_there_are_five_meters_and_a_ventilation_unit() -> None:
    assert len(shipped()) >= 6
    assert "systemair-save" in shipped()


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_map_is_sound(name: str) -> None:
    made = parsed(shipped()[name], name)
    assert made.name and made.vendor and made.models
    assert len(made.source) > 40, "a map says where its numbers come from"
    assert len({one.point.key for one in made.registers}) == len(made.registers)
    assert all(not fits(one.point) for one in made.registers)
    for one in made.registers:
        for other in made.registers:
            apart = one is other or one.function != other.function or one.end <= other.address
            assert apart or other.end <= one.address, f"{one.point.key} and {other.point.key}"


@pytest.mark.parametrize("name", shipped())
@pytest.mark.parametrize("native_id", ["BUS/7", "192.0.2.7:502", "192.0.2.7:502/7"])
async def test_a_shipped_map_reads_what_a_device_has(name: str, native_id: str) -> None:
    made = parsed(shipped()[name], name)
    for seed in range(3):
        words, expected = filled(made, seed)
        driver = Modbus(native_id, {"setup": {"map": name, "unit": 7}})
        peer = Peer(device_of(made, words), tcp=":" in native_id)
        assert differences(await polled(driver, peer), expected) == {}
        assert len(peer.asked) == len(blocks(made))


@pytest.mark.parametrize("name", shipped())
async def test_a_shipped_map_writes_what_may_be_written(name: str) -> None:
    made = parsed(shipped()[name], name)
    driver = Modbus("BUS/7", {"setup": {"map": name}})
    for one in (one for one in made.registers if one.write_function):
        peer = Peer(device_of(made, {}), tcp=False)
        choices = one.write_choices or one.choices or {}
        value: Any = True if one.point.kind is Kind.SWITCH else one.point.minimum
        raw = 1 if one.point.kind is Kind.SWITCH else round((one.point.minimum or 0) / one.scale)
        if choices:
            raw, value = list(choices.items())[-1]
        await driver.perform(peer, command(one.point.key, value))
        assert await peer.holds(3, one.write_address, 1) == [raw]
        assert peer.asked[-1].function_code == one.function, "it is read back"


def test_an_overflow_of_a_carlo_gavazzi_never_passes_for_good() -> None:
    """Its upper word is 7FFF (protocol of the EM24, section 2.2); the lower one may be anything."""
    for one in (one for one in parsed(shipped()["carlo-gavazzi-em340"], "").registers if one.type == "s32"):
        for low in (0, 1, 0x8000, 0xFFFE):
            assert one.point.maximum is not None, one.point.key
            assert scaled(0x7FFF0000 | low, one.scale, one.offset) > one.point.maximum, one.point.key


def test_power_of_an_sdm630_is_asked_with_few_questions() -> None:
    assert len(blocks(parsed(shipped()["eastron-sdm630"], ""))) == 2


# -- the format -------------------------------------------------------------------------------------------

EVERYTHING = """
name = "All there is"
vendor = "Nobody"
models = ["T1000"]
source = "this test"
max_gap = 2

[registers.relay]
function = 1
address = 3
writable = true

[registers.contact]
function = 2
address = 20

[registers.many]
function = 1
address = 4
writable = true
write_function = 15

[registers.serial]
address = 100
type = "string"
words = 5

[registers.total]
address = 110
type = "u64"
order = "CDAB"
scale = 0.001
unit = "kWh"
quantity = "energy"

[registers.swapped]
address = 114
type = "s32"
order = "BADC"

[registers.backwards]
address = 116
type = "float64"
order = "DCBA"

[registers.temperature]
address = 120
type = "s16"
scale = 0.1
offset = -5
unit = "°C"
quantity = "temperature"
none = [0x8000]
minimum = -40
maximum = 60
writable = true

[registers.limit]
address = 121
type = "float32"
unit = "W"
quantity = "power"
minimum = 0
maximum = 5000
writable = true

[registers.heating]
address = 123
bit = 0
writable = true

[registers.stage]
address = 123
bits = [4, 6]
choices = { 0 = "off", 1 = "low", 2 = "high" }
writable = true

[registers.level]
address = 123
bits = [8, 15]
"""


@pytest.mark.parametrize("native_id", ["BUS/7", "192.0.2.7:502"])
async def test_every_type_order_and_bit_field_is_read(native_id: str) -> None:
    made = parsed(EVERYTHING, "custom")
    for seed in range(20):
        words, expected = filled(made, seed)
        peer = Peer(device_of(made, words), tcp=":" in native_id)
        assert differences(await polled(told(EVERYTHING, native_id), peer), expected) == {}


@pytest.mark.parametrize(
    ("point", "value", "function", "address", "holds"),
    [
        ("relay", True, 1, 3, [True]),
        ("many", True, 1, 4, [True]),
        ("temperature", -12.5, 3, 120, [0xFFB5]),
        ("limit", 1500.5, 3, 121, [0x44BB, 0x9000]),
        ("heating", True, 3, 123, [0x0A01]),
        ("stage", "high", 3, 123, [0x0A20]),
    ],
)
async def test_what_is_written_stands_in_the_device_and_is_read_back(
    point: str, value: Any, function: int, address: int, holds: list[int]
) -> None:
    made = parsed(EVERYTHING, "custom")
    peer = Peer(device_of(made, {(3, 123): 0x0A00}), tcp=False)
    driver = told(EVERYTHING)
    await driver.perform(peer, command(point, value))
    assert await peer.holds(function, address, len(holds)) == holds
    said = [item for item in driver.decode(peer.frames[-1]) if isinstance(item, Reading)]
    assert {item.point: item.value for item in said}[point] == value
    assert list(driver.decode(peer.frames[-2])) == [], "the answer to a write says nothing"


async def test_what_cannot_be_written_is_refused_before_anything_is_sent() -> None:
    peer, driver = Peer(device_of(parsed(EVERYTHING, ""), {}), tcp=False), told(EVERYTHING)
    for point, value, error in [
        ("temperature", 61, OutOfRange), ("temperature", "warm", OutOfRange), ("relay", 1, OutOfRange),
        ("stage", "full", OutOfRange), ("contact", True, ReadOnly), ("nothing", 1, UnknownPoint),
    ]:  # fmt: skip
        with pytest.raises(error):
            await driver.perform(peer, command(point, value))
    assert peer.asked == []


async def test_the_devices_own_refusal_is_the_commands() -> None:
    lacking = SimDevice(7, SimData(500, values=1, datatype=DataType.REGISTERS))
    with pytest.raises(Refused, match=r"exception 2 \(illegal data address\)"):
        await told(EVERYTHING).perform(Peer(lacking, tcp=False), command("temperature", 20))


async def test_not_available_is_no_reading_and_an_unknown_choice_is_uncertain() -> None:
    made = parsed(EVERYTHING, "")
    peer, driver = Peer(device_of(made, {(3, 120): 0x8000, (3, 123): 0x0050}), tcp=False), told(EVERYTHING)
    await driver.poll(peer)
    said = {item.point: item for frame in peer.frames for item in driver.decode(frame) if isinstance(item, Reading)}
    assert "temperature" not in said
    assert (said["stage"].value, said["stage"].quality) == ("5", Quality.UNCERTAIN)


async def test_what_is_wanted_rarely_is_asked_rarely() -> None:
    text = MAP + "every_s = 10\n[registers.a]\naddress = 1\n[registers.b]\naddress = 9\nevery_s = 30\n"
    peer, driver = Peer(device_of(parsed(text, ""), {}), tcp=False), told(text)
    assert driver.poll_every_s() == 10
    for _ in range(6):
        await driver.poll(peer)
    assert [question.address for question in peer.asked] == [1, 9, 1, 1, 1, 9, 1, 1]
    with pytest.raises(LinkError):
        await driver.poll(RecordingLink())
    peer.asked.clear()
    await driver.poll(peer)
    assert [question.address for question in peer.asked] == [1, 9], "everything, after a loss"
    slower = told(text, every_s=60)
    assert slower.poll_every_s() == 60
    assert {point.every_s for point in slower.points()} == {60}


def test_blocks_keep_to_the_gap_and_to_the_most_that_a_device_answers() -> None:
    tables = "".join(f"[registers.r{at}]\naddress = {at}\n" for at in (0, 1, 4, 9, 10, 11))
    made = parsed(MAP + "max_gap = 2\nmax_block = 3\n" + tables, "")
    assert [(block.address, block.count) for block in blocks(made)] == [(0, 2), (4, 1), (9, 3)]
    made = parsed(MAP + "max_gap = 4\n" + tables, "")
    assert [(block.address, block.count) for block in blocks(made)] == [(0, 12)]


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=4), st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"]))
def test_orders_there_and_back(words: list[int], order: str) -> None:
    assert words_of(bytes_of(words, order), order) == words


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_the_shortest_number_is_the_same_32_bit_float(value: float) -> None:
    import struct

    assert struct.pack(">f", shortest(value)) == struct.pack(">f", value)


# -- what can be wrong ------------------------------------------------------------------------------------

MAP = 'name = "T"\nvendor = "T"\nmodels = ["T"]\nsource = "test"\n'
A = MAP + "[registers.a]\naddress = 1\n"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "custom: "),
        ("[", "no TOML"),
        ("a = " + "[" * 5000, "no TOML"),
        ("#" * 100_001, "100000"),
        (MAP, "custom: registers"),
        (MAP.replace('name = "T"', ""), "custom: "),
        ('vendor = "T"\nmodels = ["T"]\nsource = "t"\n[registers.a]\naddress = 1', "custom: name"),
        (MAP + "speed = 9600\n[registers.a]\naddress = 1", "custom: speed"),
        (MAP + "every_s = 0\n[registers.a]\naddress = 1", "custom: registers.a.every_s|custom: every_s"),
        (MAP + "max_block = 126\n[registers.a]\naddress = 1", "custom: max_block"),
        (MAP + "max_gap = -1\n[registers.a]\naddress = 1", "custom: max_gap"),
        (MAP + "base = 2\n[registers.a]\naddress = 1", "custom: base"),
        (MAP + 'order = "ACBD"\n[registers.a]\naddress = 1', "custom: order"),
        (MAP + "function = 7\n[registers.a]\naddress = 1", "custom: function"),
        (MAP + "registers = { a = 1 }", "registers.a"),
        (MAP + "[registers.a]\nunit = 'V'", "registers.a.address"),
        (MAP + "[registers.A]\naddress = 1", "registers.A"),
        (MAP + "base = 1\n[registers.a]\naddress = 0", "registers.a.address"),
        (A + 'adress = "1"', "registers.a.adress.*Did|registers.a.adress"),
        (A + 'type = "u8"', "registers.a.type"),
        (A + 'type = "bit"', "registers.a.type"),
        (A + "function = 1\ntype = 'u16'", "registers.a.type"),
        (A + 'type = "string"', "registers.a.words"),
        (A + "words = 2", "registers.a.words"),
        (A + "scale = 0", "registers.a.scale"),
        (A + "scale = inf", "registers.a.scale"),
        (A + 'scale = "0.1"', "registers.a.scale"),
        (A + "writable = 1", "registers.a.writable"),
        (A + "bit = 16", "registers.a.bit"),
        (A + "bits = [3, 1]", "registers.a.bits"),
        (A + "bits = ['0', 1]", "registers.a.bits"),
        (A + "type = 's16'\nbit = 1", "registers.a.bit"),
        (A + "choices = {}", "registers.a.choices"),
        (A + "choices = { on = 'on' }", "registers.a.choices.on"),
        (A + "choices = { 1 = 'on', 2 = 'on' }", "registers.a.choices.2"),
        (A + "choices = { 1 = 5 }", "registers.a.choices.1"),
        (A + "type = 'float32'\nchoices = { 1 = 'on' }", "registers.a.choices"),
        (A + "type = 'float32'\nswitch = true", "registers.a.switch"),
        (A + "none = ['x']", "registers.a.none"),
        (A + "quantity = 'warmth'", "registers.a.quantity"),
        (A + "quantity = 'power'\nunit = 'V'", "registers.a.unit"),
        (A + "minimum = 5\nmaximum = 1", "registers.a.minimum"),
        (A + "category = 'other'", "registers.a.category"),
        (A + "proof = 'b'", "registers.a.proof"),
        (A + "writable = true", "registers.a.writable"),
        (A + "function = 4\nwritable = true\nminimum = 0\nmaximum = 1", "registers.a.writable"),
        (A + "write_address = 5", "registers.a.write_address"),
        (A + "writable = true\nminimum = 0\nmaximum = 1\nwrite_function = 5", "registers.a.write_function"),
        (A + "writable = true\nminimum = 0\nmaximum = 1\nwrite_choices = { 1 = 'x' }", "registers.a.write_choices"),
        (A + "type = 'string'\nwords = 2\nwritable = true", "registers.a.writable"),
        (A + "type = 'u32'\nbit = 1\nwritable = true", "registers.a.writable"),
        (A + "[registers.b]\naddress = 0\ntype = 'u32'", "registers.b.address"),
        (A + "bits = [0, 3]\n[registers.b]\naddress = 1\nbit = 3", "registers.b.address"),
    ],
)
def test_a_map_that_is_wrong_is_refused_by_the_name_of_the_key(text: str, where: str) -> None:
    with pytest.raises(ConfigError) as refused:
        told(text or " ")
    assert re.search(where, str(refused.value)), str(refused.value)


def test_a_wrong_unit_or_an_unknown_map_is_refused() -> None:
    for native_id, setup in [
        ("BUS/0", {"map": "abb-b23"}), ("BUS/248", {"map": "abb-b23"}), ("BUS/x", {"map": "abb-b23"}),
        ("192.0.2.7:502", {"map": "abb-b23", "unit": 256}), ("BUS/1", {"map": "abb"}), ("BUS/1", {"map": "custom"}),
    ]:  # fmt: skip
        with pytest.raises(ConfigError):
            Modbus(native_id, {"setup": setup})


def test_a_device_that_nobody_told_anything_about_offers_nothing() -> None:
    driver = Modbus("BUS/1")
    assert list(driver.points()) == []
    assert driver.poll_every_s() is None


# -- the page ---------------------------------------------------------------------------------------------


def test_the_page_documents_every_key_and_every_map() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.M)
    assert set(rows) == MAP_KEYS.keys() | REGISTER_KEYS.keys()
    for name in shipped():
        assert f"`{name}`" in PAGE.read_text()


def test_the_page_shows_a_map_that_works() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.S)
    assert [point.key for point in told(text).points()]
