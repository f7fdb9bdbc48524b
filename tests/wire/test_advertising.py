"""AD structures: there and back, published examples, and garbage."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluis.model import FrameError, Truncated
from sluis.wire.advertising import Advertisement, build, parse, uuid16, uuid128

uuids = st.integers(0, 0xFFFF).map(lambda number: f"{number:04x}") | st.uuids().map(str).map(uuid16)
payloads = st.binary(max_size=200)
advertisements = st.builds(
    Advertisement,
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    services=st.lists(uuids, max_size=200).map(tuple),
    service_data=st.dictionaries(uuids, payloads, max_size=4),
    manufacturer_data=st.dictionaries(st.integers(0, 0xFFFF), payloads, max_size=4),
    tx_power_dbm=st.none() | st.integers(-128, 127),
)


@given(advertisements)
def test_what_is_built_is_parsed(advertisement: Advertisement) -> None:
    assert parse(build(advertisement)) == advertisement


@given(st.binary(max_size=80))
def test_any_bytes_raise_frame_error_only(data: bytes) -> None:
    try:
        said = parse(data)
    except FrameError:
        return
    assert parse(build(said)) == said


@given(advertisements, st.data())
def test_a_cut_row_is_noticed_or_ends_between_two_structures(advertisement: Advertisement, data: st.DataObject) -> None:
    whole = build(advertisement)
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    try:
        said = parse(cut)
    except Truncated:
        return
    assert said.services == advertisement.services[: len(said.services)]
    assert said.service_data.items() <= advertisement.service_data.items()


def test_bthome_advertisement() -> None:
    """The example of https://bthome.io/format/: flags, service data of fcd2, name."""
    said = parse(bytes.fromhex("020106 0b09 4449592d73656e736f72 0a16 d2fc 4002c40903bf13"))
    assert said == Advertisement("DIY-sensor", service_data={"fcd2": bytes.fromhex("4002c40903bf13")})


def test_every_size_of_uuid() -> None:
    long = UUID("6e400001-b5a3-f393-e0a9-e50e24dcca9e")
    services = parse(bytes.fromhex("03020f18 050578563412 1107") + long.bytes[::-1]).services
    assert services == ("180f", "12345678-0000-1000-8000-00805f9b34fb", str(long))
    data = parse(bytes.fromhex("0416d2fc01 06207856341202 1221") + long.bytes[::-1] + b"\x03").service_data
    assert data == {"fcd2": b"\x01", services[1]: b"\x02", str(long): b"\x03"}


def test_a_uuid_of_the_sig_is_short_however_it_was_sent() -> None:
    base = UUID("0000fcd2-0000-1000-8000-00805f9b34fb")
    assert parse(b"\x11\x07" + base.bytes[::-1]).services == ("fcd2",)
    assert parse(bytes.fromhex("0720d2fc00004064")).service_data == {"fcd2": b"\x40\x64"}
    assert (uuid16(str(base).upper()), uuid128("FCD2")) == ("fcd2", str(base))


def test_a_shortened_name_gives_way_to_the_whole_one() -> None:
    assert parse(b"\x03\x08Ru\x08\x09Ruuvi 1").name == "Ruuvi 1"
    assert parse(b"\x03\x08Ru").name == "Ru"


def test_the_rest_after_a_length_of_nought_is_padding() -> None:
    assert parse(bytes.fromhex("020af4") + bytes(5) + b"\xff").tx_power_dbm == -12


@pytest.mark.parametrize(
    "data", ["05", "0516d2fc", "0216d2", "0116", "02ff99", "010a", "04030f1801", "1007" + "00" * 15]
)
def test_damage_is_named(data: str) -> None:
    with pytest.raises(Truncated):
        parse(bytes.fromhex(data))


@pytest.mark.parametrize(
    "advertisement",
    [
        Advertisement(name="x" * 255),
        Advertisement(services=("fcd",)),
        Advertisement(services=("12345678",)),
        Advertisement(service_data={"fcd2": bytes(253)}),
    ],
)
def test_what_fits_into_no_structure_is_not_built(advertisement: Advertisement) -> None:
    with pytest.raises(ValueError, match=r"cannot hold|UUID|hexadecimal"):
        build(advertisement)
