"""A new driver to start from: a file that works, with the places to change marked, its frames, and a simulator."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

from sluis.cli.scaffold import ble, gpio, line, mqtt
from sluis.model import DriverError
from sluis.sdk import SDK_VERSION
from sluis.sdk.loading import drivers_of_text
from sluis.sdk.testing.frames import cases_of
from sluis.sdk.testing.replay import Bench, filled

KINDS = ("mqtt", "ble", "serial", "net", "gpio")
MEDIA = {"serial": "a serial line", "net": "TCP"}


SOURCES = {
    "ble": r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}",
    "net": r"(?:udp:)?(?:[^:]+|\[[0-9a-fA-F:]+\]):\d{1,5}",
    "gpio": r"GPIO\d+",
}
"""What a source begins with, by kind of link."""


def scaffold(
    vendor: str, model: str, kind: str = "mqtt", recorded: Sequence[Mapping[str, Any]] = ()
) -> tuple[str, dict[str, str]]:
    """(key, name of each file -> its text) of a new driver. DriverError when the names make no key, or the recording
    holds no such device."""
    key = re.sub(r"[^a-z0-9]+", "-", f"{vendor} {model}".lower()).strip("-")
    name = "".join(word.title() for word in key.split("-"))
    if not key or not name.isidentifier():
        raise DriverError(f"{vendor!r} and {model!r} make no name", hint="Use letters and digits; a letter first.")
    stem = key.replace("-", "_")
    words = {
        "key": key,
        "name": name,
        "kind": kind,
        "vendor": _plain(vendor),
        "model": _plain(model),
        "medium": MEDIA.get(kind, ""),
        "sdk": str(SDK_VERSION),
        "file": f"{stem}_sim.py",
    }
    module = {"mqtt": mqtt, "ble": ble, "serial": line, "net": line, "gpio": gpio}[kind]
    frames = _lines(kind, words, recorded)
    driver = Template(module.DRIVER).substitute(words)
    text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in _filled(driver, key, frames))
    stand_in = Template(module.STAND_IN).substitute(words)
    return key, {f"{stem}.py": driver, f"{key}.jsonl": text, f"{stem}_sim.py": stand_in}


def kind_of(recorded: Sequence[Mapping[str, Any]]) -> str:
    """How the recorded device is reached, by the names of its sources; `mqtt` where they could be topics."""
    for entry in recorded:
        topic = str(entry.get("topic", ""))
        root = topic.partition("/")[0]
        for kind, form in SOURCES.items():
            if re.fullmatch(form, root):
                return kind
        if topic == "serial/1" or ("/" in topic and ("asked" in entry or "asked_hex" in entry)):
            return "serial"
    return "mqtt"


def _lines(kind: str, words: dict[str, str], recorded: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The frames to begin with; what a recording tells of the device goes into `words`."""
    if kind == "ble":
        device = ble.seen_in(recorded) if recorded else ble.example()
        if device is None:
            raise DriverError("no advertisement in the recording holds data", hint="Record for longer: --seconds 60")
        words |= {"match": device.match, "field": device.field, "where": device.where, "address": device.address}
        words |= {"length": str(len(device.measured)), "advert": device.data.hex()}
        return ble.lines(device, recorded)
    if kind == "mqtt":
        made = mqtt.lines(words["key"])
    else:
        made = gpio.lines(words["key"]) if kind == "gpio" else line.lines(kind)
    return [*made, *map(dict, recorded)]


def _filled(driver: str, key: str, frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The frames with what the new driver makes of them."""
    (cls,) = drivers_of_text(driver.encode(), f"{key.replace('-', '_')}.py")
    bench = Bench(cls)
    return [one for case in cases_of(map(json.dumps, frames)) for one in filled(bench, case)]


def _plain(text: str) -> str:
    """A name as it may stand in a string of the driver."""
    return re.sub(r'[\\"$\n]', "", text)
