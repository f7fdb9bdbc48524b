"""Improv's bytes: what the specification gives, what the node's own codec gives, and what noise makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluis.model import BadChecksum, FrameError, Implausible, NotMine, Truncated
from sluis.wire.advertising import Advertisement, build, parse
from sluis.wire.improv import line, radio, rpc
from sluis.wire.improv.line import Packet, Reader
from sluis.wire.improv.rpc import Ask, Can, Fault, State

VECTORS = [
    json.loads(text)
    for text in (Path(__file__).parents[1] / "vectors" / "improv.jsonl").read_text().splitlines()
    if text.strip()
]


def of(kind: str) -> Any:
    """The vectors of a kind, for a test's parameter."""
    found = [one for one in VECTORS if one["kind"] == kind]
    return pytest.mark.parametrize("case", found, ids=[one["name"] for one in found])


@of("improv_packet")
def test_a_packet(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["data"])
    made = line.serial(Packet(case["type"]), data)
    assert made.hex() == case["expects"]
    assert [(one.kind, one.data) for one in Reader().feed(made)] == [(case["type"], data)]


@of("improv_summed")
def test_on_bluetooth(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["data"])
    made = radio.ble(data)
    assert made.hex() == case["expects"]
    assert radio.unpacked(made) == data


@of("improv_result")
def test_a_result(case: dict[str, Any]) -> None:
    assert rpc.read_result(bytes.fromhex(case["expects"])) == rpc.Result(case["asked"], tuple(case["texts"]))
    assert rpc.command(Ask(case["asked"]), rpc.strings(case["texts"])).hex() == case["expects"]


@of("improv_strings")
def test_strings(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["data"])
    if case["expects"] != "ValueError":
        assert rpc.read_strings(data) == tuple(case["expects"])
    elif case["name"].startswith("bytes that are no UTF-8"):
        assert rpc.read_strings(data) == ("\N{REPLACEMENT CHARACTER}(",), "a device's text is shown all the same"
    else:
        with pytest.raises(Truncated):
            rpc.read_strings(data)


@of("improv_advertisement")
def test_an_advertisement_of_a_node(case: dict[str, Any]) -> None:
    heard = bytes.fromhex(case["expects"])
    assert len(heard) == 31, "all that fits into one"
    said = parse(heard)
    assert said.services == (radio.SERVICE,)
    everything = Can.IDENTIFY | Can.ABOUT | Can.SCAN | Can.HOSTNAME
    assert radio.offered(said) == (State(case["state"]), everything)
    assert said.service_data[radio.SERVICE_DATA] == radio.service_data(State(case["state"]), everything)


@of("improv_split")
def test_packets_among_other_things(case: dict[str, Any]) -> None:
    """The gateway finds the packets that the node finds, unless it is told of a pause, which it does not look for."""
    reader = Reader()
    heard = bytes.fromhex(case["heard"])
    found = [(bytes((one.kind,)) + one.data).hex() for byte in heard for one in reader.feed(bytes((byte,)))]
    if not case["paused"]:
        assert found == [text for kind, text in case["expects"] if kind == "packet"]
        assert reader.damaged == sum(kind == "damaged" for kind, _ in case["expects"])


def test_the_specifications_command() -> None:
    assert rpc.join("MyWirelessAP", "mysecurepassword").hex().startswith("011e0c4d79")


@pytest.mark.parametrize(("ssid", "password"), [("", "x"), ("é" * 17, ""), ("attic", "x" * 65)])
def test_what_cannot_be_a_network(ssid: str, password: str) -> None:
    with pytest.raises(ValueError, match="1 to 32 bytes"):
        rpc.join(ssid, password)


def test_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="256 bytes"):
        line.serial(Packet.RESULT, bytes(256))
    with pytest.raises(ValueError, match="256 bytes"):
        rpc.command(Ask.NAME, bytes(256))
    with pytest.raises(ValueError, match="must be in range"):
        rpc.strings(["x" * 256])


def test_what_a_device_says_of_itself_and_hears() -> None:
    about = rpc.Result(Ask.ABOUT, ("ESPHome", "2025.12.2", "esp32", "Lamp", "more", "of later"))
    assert rpc.about(about) == rpc.About("ESPHome", "2025.12.2", "esp32", "Lamp")
    with pytest.raises(Truncated):
        rpc.about(rpc.Result(Ask.ABOUT, ("ESPHome",)))
    heard = rpc.Result(Ask.SCAN, ("attic", "-60", "WPA2", "guests", "-71", "NO"))
    assert rpc.seen(heard) == (rpc.Seen("attic", -60, True), rpc.Seen("guests", -71, False))
    for texts in (("attic", "-60"), ("attic", "loud", "YES")):
        with pytest.raises(Implausible):
            rpc.seen(rpc.Result(Ask.SCAN, texts))


def test_lengths_that_do_not_agree() -> None:
    for data in (b"", b"\x04", b"\x04\x02a"):
        with pytest.raises(Truncated):
            rpc.read_rpc(data)
    with pytest.raises(Implausible):
        rpc.read_rpc(b"\x04\x00a")
    with pytest.raises(Truncated):
        radio.unpacked(b"\x04\x02ab")


def test_who_offers_improv() -> None:
    with pytest.raises(NotMine):
        radio.offered(Advertisement(name="Lamp"))
    assert radio.offered(Advertisement(services=(radio.SERVICE,))) == (State.READY, Can(0))
    with pytest.raises(Truncated):
        radio.offered(Advertisement(service_data={radio.SERVICE_DATA: b"\x02"}))
    with pytest.raises(Implausible):
        radio.offered(Advertisement(service_data={radio.SERVICE_DATA: b"\x09" + bytes(5)}))
    said = Advertisement(services=(radio.SERVICE,), service_data={radio.SERVICE_DATA: b"\x04\xf1" + bytes(4)})
    assert radio.offered(parse(build(said))) == (State.JOINED, Can.IDENTIFY)


def test_faults_of_a_newer_device() -> None:
    assert rpc.fault_of(3) is Fault.NOT_JOINED
    assert rpc.fault_of(77) is Fault.UNKNOWN


def test_a_command_in_pieces() -> None:
    whole = radio.ble(rpc.join("MyWirelessAP", "mysecurepassword"))
    assembler = radio.Assembler()
    found = [assembler.feed(piece) for piece in radio.pieces(whole)]
    assert found[:-1] == [None] * (len(found) - 1)
    assert found[-1] == rpc.join("MyWirelessAP", "mysecurepassword")
    with pytest.raises(BadChecksum):
        assembler.feed(whole[:-1] + b"\x00")
    assert assembler.feed(radio.ble(b"\x02\x00")) == b"\x02\x00", "a damaged one is not carried along"


@given(st.binary(max_size=300), st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"I", b"i")), max_size=4))
def test_a_packet_is_found_in_any_noise_that_ends(data: bytes, noise: list[bytes]) -> None:
    packet = line.serial(Packet.RESULT, data[:255])
    reader = Reader()
    heard = b"".join(one + packet for one in noise)
    found = [one for at in range(0, len(heard), 7) for one in reader.feed(heard[at : at + 7])]
    assert [one.data for one in found] == [data[:255]] * len(noise)
    assert b"".join(noise).endswith(reader.noise)


@given(st.binary(max_size=600))
def test_garbage_is_never_more_than_a_frame_error(data: bytes) -> None:
    for one in Reader().feed(b"IMPROV\x01" + data):
        try:
            rpc.seen(rpc.read_result(one.data))
        except FrameError:
            continue
    assembler = radio.Assembler()
    for piece in radio.pieces(data):
        try:
            assembler.feed(piece)
        except FrameError:
            continue
