"""Recordings leave the house without addresses, keys and passwords, and still read as one device's."""

from __future__ import annotations

import json

import pytest

from sluis.sdk.testing import cases_of, decoded
from sluis.sdk.testing.replay import Bench
from sluis.sdk.testing.scrub import scrubbed
from sluis_drivers.tasmota.device import Tasmota

MAC = "A4C138D0E1F2"
KEY = "231d39c1d7cc1ab1aee224cd096db932"


@pytest.mark.parametrize(
    "text",
    [
        "A4:C1:38:D0:E1:F2", "a4:c1:38:d0:e1:f2", "A4-C1-38-D0-E1-F2", MAC, MAC.lower(), f"tasmota_{MAC}",
        "ATC_D0E1F2 is a4c138d0e1f2", '{"mac": "a4:c1:38:d0:e1:f2", "name": "ATC_D0E1F2"}', "0x00158d00d0e1f2ab",
    ],
)  # fmt: skip
def test_no_address_survives(text: str) -> None:
    (line,) = scrubbed([{"name": "x", "topic": f"t/{text}", "text": text}])
    told = json.dumps(line).lower()
    for form in ("d0e1f2", "d0:e1:f2", "d0-e1-f2"):
        assert form not in told
    assert line["topic"] == f"t/{line['text']}", "the same in both places"


def test_addresses_as_bytes_in_either_order_and_what_is_learnt_late() -> None:
    mac = bytes.fromhex(MAC)
    lines = scrubbed(
        [
            {"name": "1", "topic": "x", "hex": (b"\x10" + mac + b"\x11" + mac[::-1] + b"\x12").hex()},
            {"name": "2", "topic": "A4:C1:38:D0:E1:F2", "hex": b"\x09ATC_D0E1F2".hex(), "asked_hex": mac.hex()},
        ]
    )
    told = json.dumps(lines).lower()
    assert "d0e1f2" not in told
    assert mac[::-1].hex()[:6] not in told
    assert b"d0e1f2".hex() not in told
    assert b"D0E1F2".hex() not in told
    assert lines[1]["topic"] == "A4:C1:38:00:00:01"
    assert bytes.fromhex(lines[0]["hex"])[1:7].hex() == "a4c138000001"


@pytest.mark.parametrize(
    "said",
    [
        {"password": "hunter22"}, {"wifi": {"psk": "hunter22"}}, {"bindkey": "hunter22"}, [{"SSID": "hunter22"}],
        {"url": "mqtt://me:hunter22@host"}, {"key": "hunter22hunter22"},
    ],
)  # fmt: skip
def test_no_key_and_no_password_survives(said: object) -> None:
    for entry in ({"text": json.dumps(said)}, {"json": said}):
        assert "hunter22" not in json.dumps(scrubbed([{"name": "x", "topic": "t", **entry}]))


def test_a_key_is_known_by_its_length() -> None:
    (line,) = scrubbed([{"name": "x", "topic": "t", "text": f"key={KEY};"}])
    assert line["text"] == f"key={'0' * 32};"


@pytest.mark.parametrize(
    "text", ["1700000000000", "123456789012", '{"key": "button_1"}', "0000fcd2-0000-1000-8000-00805f9b34fb", "21.5"]
)
def test_what_is_no_secret_stays(text: str) -> None:
    (line,) = scrubbed([{"name": "x", "topic": f"a/{text}", "text": text}])
    assert (line["topic"], line["text"]) == (f"a/{text}", text)


def test_a_scrubbed_recording_decodes_to_the_same_readings() -> None:
    from pathlib import Path

    lines = (Path(__file__).parents[1] / "devices" / "frames" / "tasmota.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    clean = scrubbed(entries)
    outcomes = [said(entries), said(clean)]
    assert outcomes[0] == outcomes[1]
    assert sum(map(len, outcomes[0])) > 5


def said(entries: list[dict[str, object]]) -> list[dict[str, object]]:
    bench = Bench(Tasmota)
    found: list[dict[str, object]] = []
    for case in cases_of(map(json.dumps, entries)):
        if case.kind == "announcement" and "error" not in case.entry:
            bench.sniff(case.frame)
        elif case.kind == "frame" and "error" not in case.entry and "device" not in case.entry:
            found.append(decoded(bench.device(case).decode(case.frame))["readings"])
    return found
