"""Pairing, as a person tells it of a device: one answer, for all drivers of devices that are connected to."""

from __future__ import annotations

import re

from sluis.model import ConfigError
from sluis.sdk import Ask, Driver, Station

PAIRING = Ask(
    "pairing",
    "Pairing",
    secret=True,
    hint="The six digits on its label or display; yes for a device that is paired without. Empty: it is not paired.",
)
PASSKEY = re.compile(r"[0-9]{6}")


def station(driver: Driver) -> Station | None:
    """What the link must know to pair; None where it needs not. ConfigError when the answer is none."""
    told = str(driver.setting("pairing")).strip().lower()
    if not told or told == "no":
        return None
    if told == "yes":
        return Station(driver.native_id, settings={"pair": True})
    if not PASSKEY.fullmatch(told):
        raise ConfigError("is neither six digits nor yes", where="pairing")
    return Station(driver.native_id, settings={"pair": True, "passkey": told})
