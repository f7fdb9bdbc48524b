"""A new driver to start from: a file that works, with the places to change marked, and its frames."""

from __future__ import annotations

import json
import re

from sluis.model import DriverError

DRIVER = '''"""{vendor} {model}: JSON over MQTT.

Models: {model}.

    {topic}/<id>/state       {{"temperature": T, "relay": true | false}}     CHANGE: draw your device's frames
    {topic}/<id>/relay/set   true | false                                  (to the device)

    T temperature in °C
"""

from __future__ import annotations

from collections.abc import Iterable

from sluis.sdk import (
    About,
    Announcement,
    Command,
    Decoded,
    Driver,
    Frame,
    Implausible,
    Kind,
    Link,
    MqttMatch,
    NotMine,
    Point,
    Sniffed,
)
from sluis.sdk.payload import no_such_point, number_of, object_of, wished_switch


class {name}(Driver):
    """One {vendor} {model}."""

    about = About(
        key="{key}",
        vendor="{vendor}",
        models=("{model}",),
        match=MqttMatch(("{topic}/+/state",)),
        sources=("CHANGE: where the knowledge comes from, with version",),
        acl=(">{topic}/{{id}}/#", "<{topic}/{{id}}/#"),
    )

    temperature = Point("temperature", "°C", minimum=-40, maximum=85, every_s=60)
    relay = Point("outlet", kind=Kind.SWITCH, writable=True)

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        native_id = frame.source.removeprefix("{topic}/").removesuffix("/state")
        if not native_id or "/" in native_id:
            raise NotMine
        return [Announcement(native_id, vendor="{vendor}", model="{model}")]

    def topics(self) -> Iterable[str]:
        return (f"{topic}/{{self.native_id}}/state",)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != f"{topic}/{{self.native_id}}/state":
            raise NotMine
        said = object_of(frame.data)
        if not isinstance(said.get("relay"), bool):
            raise Implausible("relay is neither true nor false")
        return [self.temperature(number_of(said.get("temperature"))), self.relay(said["relay"])]

    async def perform(self, link: Link, command: Command) -> None:
        if command.point != "relay":
            raise no_such_point(command.point)
        word = b"true" if wished_switch(command.point, command.value) else b"false"
        await link.send(word, to=f"{topic}/{{self.native_id}}/relay/set")
'''


def scaffold(vendor: str, model: str) -> tuple[str, str, str]:
    """(key, driver source, frames file) of a new driver. DriverError when the names make no key."""
    key = re.sub(r"[^a-z0-9]+", "-", f"{vendor} {model}".lower()).strip("-")
    name = "".join(word.title() for word in key.split("-"))
    if not key or not name.isidentifier():
        raise DriverError(f"{vendor!r} and {model!r} make no name", hint="Use letters and digits; a letter first.")
    quoted = {part: text.replace("\\", "").replace('"', "") for part, text in (("vendor", vendor), ("model", model))}
    return key, DRIVER.format(key=key, name=name, topic=key, **quoted), _frames(key, **quoted)


def _frames(key: str, vendor: str, model: str) -> str:
    state = f"{key}/a1/state"
    said = {"temperature": 21.5, "relay": True}
    sends = [{"to": f"{key}/a1/relay/set", "text": "true"}]
    lines = [
        {"name": "says that it is there", "topic": state, "json": said, "announces": [{"native_id": "a1"}]},
        {"name": "state", "topic": state, "json": said, "readings": said},
        {"name": "damaged: cut off", "topic": state, "text": '{"temperature": 21', "error": "frame.implausible"},
        {"name": "foreign: another device", "topic": f"{key}/b2/state", "json": said, "error": "frame.not-mine"},
        {"name": "switch on", "command": "relay", "value": True, "sends": sends},
    ]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
