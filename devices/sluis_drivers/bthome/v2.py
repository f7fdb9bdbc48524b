"""BTHome v2: the open format of sensors that advertise (ESPHome, b-parasite, ATC thermometers, Shelly BLU ...).

Models: whatever sends service data of UUID FCD2, plain or encrypted. Decoded by bthome-ble.

    service data FCD2 | I | oo vv.. | oo vv.. | ...                       plain
    service data FCD2 | I | ciphertext ...    | C C C C | M M M M         encrypted

    I bits 7-5 version (2), bit 2 it sleeps until triggered, bit 1 its address follows (6 bytes), bit 0 encrypted
    o object id in rising order, v its value, low byte first; 00 packet number, 02 temperature 0.01 °C, 3A button ...
    C counter, low byte first | M AES-CCM check, nonce = address + D2FC + I + C

An encrypted device is believed by its key and its counter: a plain packet, a wrong key, a counter that went back and a
counter that is used for other content are refused and counted. A counter that starts anew below 100 after half a minute
of silence is a changed battery.

Limits: after a restart of the gateway the first counter is believed, whatever it is.
Sources: https://bthome.io/format/ and https://bthome.io/encryption/ (version 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Self

from sluis.sdk import About, BadChecksum, BleMatch, Frame, Implausible, Kind, NotMine, Truncated
from sluis.sdk.driver import Grade
from sluis.wire.advertising import Advertisement
from sluis_drivers.bluetooth.advertiser import BINDKEY, EVERY, EXEMPTIONS, Advertiser
from sluis_drivers.bluetooth.heard import Heard, Parser

SERVICE = "fcd2"
VERSION = 2
ENCRYPTED, ADDRESSED, SLEEPY = 0x01, 0x02, 0x04
PACKET_NUMBER = b"\x00"
BUTTON, COMMAND, ARGUMENTS = 0x3A, 0x3B, 0x1F
SHORTEST = 9
"""Bytes of an encrypted packet: one of content, four of counter, four of check."""

REPEATED_FOR_S = 900.0
"""One encrypted packet is repeated until the next measurement. One that is still sent after this time comes from a
recording, or from a device that hangs: neither is a measurement of now."""


class BTHome(Advertiser):
    """One BTHome sensor."""

    about = About(
        key="bthome",
        vendor="BTHome",
        models=("v2 sensors",),
        match=BleMatch(services=(SERVICE,)),
        sources=("https://bthome.io/format/ (v2)", "https://bthome.io/encryption/ (v2)", "bthome-ble 3.25"),
        grade=Grade.GOLD,
        setup=(BINDKEY, EVERY),
        requires=("bthome-ble",),
        exemptions=EXEMPTIONS,
        proven="the examples of bthome.io and the test packets of bthome-ble",
    )
    every_s = 360.0
    key_bytes = (16,)
    restart_below = 100  # bthome-ble draws the line there too

    def __init__(self, native_id: str = "", description: Mapping[str, Any] | None = None) -> None:
        super().__init__(native_id, description)
        self._packet: tuple[int, bytes] = (-1, b"")
        self._packet_us = 0

    def succeed(self, before: Self) -> None:
        super().succeed(before)
        if before._bindkey == self._bindkey:
            self._packet, self._packet_us = before._packet, before._packet_us

    @classmethod
    def parser(cls, key: bytes) -> Parser:
        parser: Parser = _library().BTHomeBluetoothDeviceData(bindkey=key or None)
        return parser

    @classmethod
    def check(cls, said: Advertisement, source: str, key: bytes) -> None:
        data = said.service_data.get(SERVICE)
        if data is None:
            raise NotMine
        if not data:
            raise Truncated("no information byte")
        info, payload = data[0], data[1:]
        if info >> 5 != VERSION:
            raise Implausible(f"BTHome version {info >> 5}, not {VERSION}")
        if info & ADDRESSED:
            if payload[5::-1].hex(":").upper() != source and source.count(":") == 5:
                raise Implausible("it speaks for another address")
            payload = payload[6:]
        if info & ENCRYPTED:
            if len(payload) < SHORTEST:
                raise Truncated("no room for counter and check")
        elif key:
            raise Implausible("a plain packet from a device that encrypts")
        else:
            _objects(payload)

    @classmethod
    def judged(cls, parser: Any, said: Advertisement, heard: Heard, key: bytes) -> Heard:
        data = said.service_data[SERVICE]
        info, sealed = data[0], bool(data[0] & ENCRYPTED)
        if sealed and key and not parser.bindkey_verified:
            raise BadChecksum("the bind key does not open it")
        points = heard.points if sealed else {**_buttons(data[7:] if info & ADDRESSED else data[1:]), **heard.points}
        if info & SLEEPY:
            points = {point: {**what, "sleepy": True} for point, what in points.items()}
        return replace(
            heard,
            points=points,
            name=heard.name if said.name else "",  # without its name the library takes it for any sensor
            model=heard.model if said.name else "",
            sealed=sealed,
            counter=int.from_bytes(data[-8:-4], "little") if sealed and key else None,
            numbered=sealed or data[1:2] == PACKET_NUMBER,
        )

    def admit(self, heard: Heard, frame: Frame) -> None:
        super().admit(heard, frame)
        if heard.counter is None:
            return
        packet = (heard.counter, heard.essence[0][SERVICE])
        if packet[0] != self._packet[0]:
            self._packet, self._packet_us = packet, frame.stamp.mono_us
        elif packet != self._packet:
            raise Implausible(f"counter {heard.counter} a second time, for other content")
        elif frame.stamp.mono_us - self._packet_us > REPEATED_FOR_S * 1e6:
            raise Implausible(f"counter {heard.counter} for a quarter of an hour: a recording, or it hangs")


@cache
def _library() -> Any:
    from bthome_ble import parser  # 0.4 s and 38 MB, so only where there is such a device

    parser._LOGGER.disabled = True  # it writes a line for each bad packet; those are counted on the device's page
    return parser


@cache
def _lengths() -> Mapping[int, int]:
    """Object id -> length of its value; 0 where the value begins with its length."""
    from bthome_ble.const import MEAS_TYPES

    counted = ("raw", "string", "command")
    return {number: 0 if kind.data_format in counted else kind.data_length for number, kind in MEAS_TYPES.items()}


def _objects(payload: bytes) -> list[int]:
    """Object ids of a plain payload, up to an unknown one: nobody can tell how long that is. Truncated when the last
    object is shorter than it must be."""
    at = 0
    found: list[int] = []
    while at < len(payload):
        number = payload[at]
        length = _lengths().get(number)
        if length is None:
            return found
        if length == 0:
            counted = payload[at + 1] if at + 1 < len(payload) else len(payload)
            length = 2 + (counted & ARGUMENTS) if number == COMMAND else 1 + counted
        at += 1 + length
        found.append(number)
    if at > len(payload):
        raise Truncated(f"object {found[-1]:#04x} is cut off")
    return found


def _buttons(payload: bytes) -> Mapping[str, Mapping[str, Any]]:
    """The buttons of a plain packet, pressed or not: the library names only those that were pressed."""
    count = _objects(payload).count(BUTTON)
    names = ["button"] if count == 1 else [f"button_{number}" for number in range(1, count + 1)]
    return {name: {"quantity": "button", "unit": "", "kind": Kind.TRIGGER.value} for name in names}
