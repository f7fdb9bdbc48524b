"""A device's own firmware as ordinary points, under the same names whatever the protocol.

A driver whose protocol can update the device offers what it can of these points, and takes `UPDATE` as a command:

    firmware_installed  what runs, as the device writes it
    firmware_available  the newest that its maker or bridge offers; the same as installed where there is nothing newer
    firmware_state      idle | scheduled | downloading | installing | failed
    firmware_progress   of the download, where the device tells it
    firmware_reason     the device's own words for the last failure; "" for none
    firmware_update     start. None or "": the newest that is offered; else the URL of an image
    firmware_check      look for a newer one; the answer is `firmware_available`

An update has worked when `firmware_installed` says so after the device came back. `failed` stays until the device
starts again or another update begins. The gateway takes `firmware_update` from technicians and rollouts only, never
from a script, a rule or another system (`sluis.control.checks`). These points go by their names: a driver whose device
calls something else by one of them renames that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sluis.model import Kind, OutOfRange, Point, Reading, Value
from sluis.model.firmware import (
    AVAILABLE_KEY,
    CHECK_KEY,
    INSTALLED_KEY,
    PROGRESS_KEY,
    REASON_KEY,
    STATE_KEY,
    UPDATE_KEY,
)

IDLE, SCHEDULED, DOWNLOADING, INSTALLING, FAILED = "idle", "scheduled", "downloading", "installing", "failed"
STARTS_S = 30.0
"""How long a device may take to say that it starts: it may have to ask its maker first."""

INSTALLED = Point("firmware", kind=Kind.TEXT, key=INSTALLED_KEY, category="diagnostic")
AVAILABLE = Point("firmware", kind=Kind.TEXT, key=AVAILABLE_KEY, category="diagnostic")
STATE = Point(
    kind=Kind.CHOICE,
    options=(IDLE, SCHEDULED, DOWNLOADING, INSTALLING, FAILED),
    key=STATE_KEY,
    category="diagnostic",
)
PROGRESS = Point("", "%", minimum=0, maximum=100, key=PROGRESS_KEY, category="diagnostic")
REASON = Point(kind=Kind.TEXT, key=REASON_KEY, category="diagnostic")
UPDATE = Point("update", kind=Kind.TRIGGER, writable=True, key=UPDATE_KEY, category="config", settles_s=STARTS_S)
CHECK = Point(kind=Kind.TRIGGER, writable=True, key=CHECK_KEY, category="config", settles_s=STARTS_S)

ALL = (INSTALLED, AVAILABLE, STATE, PROGRESS, REASON, UPDATE, CHECK)
"""For a driver whose protocol has them all."""

URL = re.compile(r"https?://[\x21-\x7e]{1,500}")


def stands(state: str, reason: str = "") -> Iterable[Reading]:
    """The state, and the reason that goes with it: a failure's own, or none."""
    return [STATE(state), REASON(reason[:200])]


def wanted(value: Value | None) -> str:
    """What a command wants installed: "" for the newest that is offered, or a URL. OutOfRange for anything else."""
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not URL.fullmatch(value):
        raise OutOfRange(
            f"{UPDATE_KEY} takes the URL of an image, not {value!r:.80}",
            hint="http:// or https://, without blanks; nothing at all for the newest that the maker offers.",
        )
    return value


def newest_only(value: Value | None) -> None:
    """For devices that fetch only what their maker offers. OutOfRange when something else is wanted."""
    if wanted(value):
        raise OutOfRange("this device installs only what its maker offers", hint="Leave the URL out.")
