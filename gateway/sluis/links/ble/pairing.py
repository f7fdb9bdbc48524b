"""Pairing: what a person told of a device that wants it, and what goes wrong with it.

After Bluetooth Core specification 5.4, volume 3 part H (Security Manager): a device with a display or a label has a
passkey of six digits, which proves that nobody stands between; one without is paired without proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bleak.exc import BleakError

HINT = "Tell its passkey with: sluis configure DEVICE --set pairing=123456, or pairing=yes where it has none."

REASONS: Mapping[int, str] = {
    0x01: "it has no passkey to enter",
    0x03: "it wants a passkey",
    0x04: "the passkey is wrong",
    0x05: "it does not pair",
    0x06: "its keys are too short",
    0x09: "it was tried too often; it takes no more tries for a while",
    0x0B: "the passkey is wrong",
}
"""Reason of a Pairing Failed message (3.5.5) -> words."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """How a device is paired when it is connected."""

    passkey: int | None = None
    """Six digits; None for a device without one."""


class PairingFailed(BleakError):
    """The device and we did not come to keys."""

    def __init__(self, reason: int) -> None:
        super().__init__(f"pairing failed: {REASONS.get(reason, f'reason {reason:#04x}')}")


def told(settings: Mapping[str, Any]) -> Pairing | None:
    """What a station's settings say; None for a device that is not to be paired."""
    if not settings.get("pair"):
        return None
    passkey = str(settings.get("passkey", ""))
    return Pairing(int(passkey) if passkey else None)
