"""The firmware of a Tasmota device, and how an update of it goes (see device.py for the frames).

After the firmware's own source, version 14.2: `CmndUpgrade` in support_command.ino, `Every250mSeconds` in
support_tasmota.ino, `MqttConnected` in xdrv_02_9_mqtt.ino.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sluis.sdk import Reading, firmware
from sluis.sdk.payload import text_of
from sluis_drivers.tasmota.parts import Part


def parts() -> Iterator[Part]:
    """The firmware that runs, and how an update of it goes."""
    yield Part(firmware.INSTALLED, ("Info1", "Version"), _version)
    yield Part(firmware.STATE, ("Info1", "Version"), lambda said: firmware.STATE(_after_start(text_of(said))))
    yield Part(firmware.REASON, ("Info1", "Version"), lambda said: firmware.REASON(""))
    yield Part(firmware.STATE, ("Upgrade",), lambda said: firmware.STATE(_course(text_of(said))))
    yield Part(firmware.REASON, ("Upgrade",), _why)
    yield Part(firmware.UPDATE, ("Upgrade",), lambda said: None)


def announced(said: Mapping[str, Any]) -> list[Reading]:
    """The version that an announcement names (`sw`): it is kept by the broker, where INFO1 is said once."""
    found = _version(said.get("sw"))
    return [found] if found is not None else []


def _version(said: Any) -> Reading | None:
    """Without its variant, which only some messages name: 14.2.0(release-tasmota), 14.2.0(tasmota), 14.2.0. The small
    one that only makes room is nothing that was wanted, and says nothing here."""
    version, _, variant = text_of(said).partition("(")
    return firmware.INSTALLED(version) if version and "minimal" not in variant else None


def _after_start(version: str) -> str:
    return firmware.INSTALLING if "minimal" in version else firmware.IDLE


def _course(said: str) -> str:
    """Of the answer to Upgrade and of what ends it. Whatever is neither a start nor a success is a failure."""
    if said.startswith("Version "):
        return firmware.DOWNLOADING
    return firmware.INSTALLING if said.startswith("Successful") else firmware.FAILED


def _why(said: Any) -> Reading:
    words = text_of(said, 200)
    return firmware.REASON(words.removeprefix("Failed ") if _course(words) == firmware.FAILED else "")
