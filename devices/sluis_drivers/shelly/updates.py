"""The firmware of a Shelly device, and how an update of it goes.

    Shelly.GetDeviceInfo     {"ver": "1.4.4"}
    Shelly.CheckForUpdate    {} | {"stable": {"version": "1.5.1", "build_id"}, "beta": {...}}
    sys status               {"available_updates": {} | {"stable": {"version"}, "beta": {"version"}}}
    Shelly.Update            {"stage": "stable"} | {"url": URL}, answered with null
    events of sys            ota_begin, ota_progress {"progress_percent": P}, ota_success, ota_error, each with a "msg"

After the Gen2+ API documentation, Services: Shelly, System (firmware 1.4 to 1.7); the field of the progress after
Home Assistant's reader of the same events (homeassistant/components/shelly/update.py, 2026). Beta versions are offered
to nobody: who wants one gives its URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluis.sdk import Decoded, Reading, Value, firmware
from sluis.sdk.payload import dict_of, text_of

CHECK_ID = 7111


def call(value: Value | None) -> tuple[str, dict[str, Any]]:
    """The method and parameters of an update."""
    url = firmware.wanted(value)
    return "Shelly.Update", {"url": url} if url else {"stage": "stable"}


def installed(said: Mapping[str, Any]) -> list[Reading]:
    """Of the answer to GetDeviceInfo."""
    version = text_of(said.get("ver"))
    return [firmware.INSTALLED(version)] if version else []


def offered(updates: Any) -> list[Reading]:
    """Of `available_updates`, and of the answer to CheckForUpdate."""
    if not isinstance(updates, dict):
        return []
    return [firmware.AVAILABLE(text_of(dict_of(updates.get("stable")).get("version")))]


def happened(event: Mapping[str, Any]) -> list[Decoded]:
    """Of one event of the component `sys`."""
    what = event.get("event")
    if what == "ota_begin":
        return [*firmware.stands(firmware.DOWNLOADING), firmware.PROGRESS(0)]
    if what == "ota_progress":
        return [*firmware.stands(firmware.DOWNLOADING), *_percent(event.get("progress_percent"))]
    if what == "ota_success":
        return [*firmware.stands(firmware.INSTALLING), firmware.PROGRESS(100)]
    if what == "ota_error":
        return list(firmware.stands(firmware.FAILED, text_of(event.get("msg"), 200) or "the device does not say why"))
    return []


def _percent(said: Any) -> list[Reading]:
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= 100:
        return []
    return [firmware.PROGRESS(said)]
