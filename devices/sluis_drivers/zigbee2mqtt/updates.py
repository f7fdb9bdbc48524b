"""The firmware of a Zigbee device, which its bridge fetches and sends over the air.

    <base>/<name>   {"update": {"state": "idle" | "available" | "scheduled" | "updating", "progress": P, "remaining": S,
                                "installed_version": N, "latest_version": N}, ...}
    <base>/bridge/request/device/ota_update/V    {"id": IEEE, "transaction": T}                    (to the bridge)
    <base>/bridge/response/device/ota_update/V   {"status": "ok", "data": {"id": IEEE, ...}, "transaction": T}
                                                 {"status": "error", "data": {}, "error": WHY, "transaction": T}

    V update | check | N whole number or null | T "sluis/" and the IEEE address: an error names the device by that only
After Zigbee2MQTT's guide, "OTA updates", and its lib/extension/otaUpdate.ts (2.1). A failed update leaves the state
`available`, which each later report of the device repeats: that word says nothing of how the last update went. A
battery device must be awake when it is asked. Images come from the bridge's own index, never from a URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sluis.sdk import Decoded, NotMine, Reading, firmware
from sluis.sdk.payload import dict_of, text_of

VERBS: Mapping[str, str] = {firmware.UPDATE.key: "update", firmware.CHECK.key: "check"}
STATES: Mapping[str, str] = {
    "idle": firmware.IDLE,
    "scheduled": firmware.SCHEDULED,
    "updating": firmware.DOWNLOADING,
}


def topics(base: str) -> tuple[str, ...]:
    """Where the bridge answers. All devices share them."""
    return tuple(f"{base}/bridge/response/device/ota_update/{verb}" for verb in VERBS.values())


def request(ieee: str) -> bytes:
    return msgspec.json.encode({"id": ieee, "transaction": _transaction(ieee)})


def _transaction(ieee: str) -> str:
    return f"sluis/{ieee}"


def reported(update: Any) -> list[Reading]:
    """Of the part `update` of a device's state."""
    said = dict_of(update)
    found: list[Reading] = []
    for key, point in (("installed_version", firmware.INSTALLED), ("latest_version", firmware.AVAILABLE)):
        if type(said.get(key)) is int:
            found.append(point(str(said[key])[:20]))
    state = STATES.get(text_of(said.get("state")))
    if state is not None:
        found += firmware.stands(state)
    percent = said.get("progress")
    if isinstance(percent, int | float) and not isinstance(percent, bool) and 0 <= percent <= 100:
        found.append(firmware.PROGRESS(percent))
    return found


def answered(verb: str, said: Mapping[str, Any], ieee: str) -> list[Decoded]:
    """Of the bridge's answer to `update` or `check`; nothing for a success, which the state has said by then. NotMine
    when it is about another device, or was asked by somebody else."""
    if said.get("transaction") != _transaction(ieee):
        raise NotMine
    if said.get("status") != "error":
        return []
    why = text_of(said.get("error"), 200) or "the bridge does not say why"
    return list(firmware.stands(firmware.FAILED, why)) if verb == "update" else [firmware.REASON(why)]
