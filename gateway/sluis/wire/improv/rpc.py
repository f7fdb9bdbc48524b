"""What travels in both of Improv's envelopes: commands, results, states and faults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from sluis.model import Implausible, Truncated

LONGEST = 255
"""Bytes of data in a packet. Of an RPC on a serial port two less, as its own head is among them."""

SSID_BYTES, PASSWORD_BYTES = 32, 64
"""IEEE 802.11, 9.4.2.2; WPA's passphrase has 63 characters, its raw key 64 digits."""


class State(IntEnum):
    """How far the device is."""

    LOCKED = 1
    """Bluetooth only: somebody has to press a button on it, or switch it off and on."""
    READY = 2
    JOINING = 3
    JOINED = 4


class Fault(IntEnum):
    """What the device finds wrong with the last command."""

    NONE = 0
    BAD_PACKET = 1
    UNKNOWN_COMMAND = 2
    NOT_JOINED = 3
    LOCKED = 4
    BAD_HOSTNAME = 5
    UNKNOWN = 255


class Ask(IntEnum):
    """Commands. 2 asks for the state on a serial port and is `IDENTIFY` on Bluetooth."""

    JOIN = 1
    STATE = 2
    IDENTIFY = 2
    ABOUT = 3
    SCAN = 4
    HOSTNAME = 5
    NAME = 6
    NETWORK = 7


class Can(IntFlag):
    """Capabilities on Bluetooth; on a serial port a device answers `UNKNOWN_COMMAND` instead."""

    IDENTIFY = 1
    ABOUT = 2
    SCAN = 4
    HOSTNAME = 8


class Online(IntFlag):
    """First string of the result of `NETWORK`, as a number."""

    ONLINE = 1
    WIFI = 2
    ETHERNET = 4
    THREAD = 8
    CELLULAR = 16


@dataclass(frozen=True, slots=True)
class Result:
    """What a device answered."""

    asked: int
    """The command; a number that is no `Ask` where the device is newer than we are."""
    strings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """What a device says of itself."""

    firmware: str
    version: str
    hardware: str
    name: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A network that the device hears."""

    ssid: str
    rssi_dbm: int
    secured: bool


def command(ask: Ask, data: bytes = b"") -> bytes:
    """An RPC. ValueError when the data is too long for one."""
    if len(data) > LONGEST:
        raise ValueError(f"{len(data)} bytes of data do not fit into a command")
    return bytes((ask, len(data))) + data


def join(ssid: str, password: str) -> bytes:
    """The RPC that tells a network. ValueError when this can be no network of Wi-Fi."""
    name, secret = ssid.encode(), password.encode()
    if not 0 < len(name) <= SSID_BYTES or len(secret) > PASSWORD_BYTES:
        raise ValueError(f"a network's name has 1 to {SSID_BYTES} bytes and its password at most {PASSWORD_BYTES}")
    return command(Ask.JOIN, strings((ssid, password)))


def strings(texts: Iterable[str]) -> bytes:
    """Strings, each after its length. ValueError when one of them has more than 255 bytes."""
    return b"".join(bytes((len(one),)) + one for one in (text.encode() for text in texts))


def read_rpc(data: bytes) -> tuple[int, bytes]:
    """(command, its data). Truncated or Implausible when the lengths do not agree."""
    if len(data) < 2 or len(data) < 2 + data[1]:
        raise Truncated(f"an RPC of {len(data)} bytes ends too early")
    if len(data) > 2 + data[1]:
        raise Implausible(f"{len(data) - 2 - data[1]} bytes follow the RPC")
    return data[0], data[2:]


def read_strings(data: bytes) -> tuple[str, ...]:
    """The strings. Truncated when the last one is cut off; what is no UTF-8 is shown as such."""
    found, at = [], 0
    while at < len(data):
        end = at + 1 + data[at]
        if end > len(data):
            raise Truncated(f"a string of {data[at]} bytes at {at}, and only {len(data) - at - 1} left")
        found.append(data[at + 1 : end].decode(errors="replace"))
        at = end
    return tuple(found)


def read_result(data: bytes) -> Result:
    """A result without its envelope. FrameError when it is damaged."""
    asked, rest = read_rpc(data)
    return Result(asked, read_strings(rest))


def about(result: Result) -> About:
    """Truncated when there are fewer than the four strings that are promised."""
    if len(result.strings) < 4:
        raise Truncated(f"a device tells four things of itself; this one told {len(result.strings)}")
    return About(*result.strings[:4])


def seen(result: Result) -> tuple[Seen, ...]:
    """Networks in threes: one on a serial port, all on Bluetooth. Implausible when it is something else."""
    texts = result.strings
    if len(texts) % 3:
        raise Implausible(f"{len(texts)} strings are no list of networks")
    try:
        return tuple(
            Seen(texts[at], int(texts[at + 1]), texts[at + 2].upper() != "NO") for at in range(0, len(texts), 3)
        )
    except ValueError as error:
        raise Implausible("a network without a signal strength") from error


def state_of(value: int) -> State:
    """Implausible when there is no such state."""
    try:
        return State(value)
    except ValueError as error:
        raise Implausible(f"Improv has no state {value}") from error


def fault_of(value: int) -> Fault:
    """UNKNOWN for one that is newer than we are."""
    return Fault(value) if value in tuple(Fault) else Fault.UNKNOWN


def summed(data: bytes) -> bytes:
    """With the checksum that both envelopes end with."""
    return data + bytes((sum(data) & 0xFF,))
