"""A thermometer with a relay that speaks JSON over MQTT."""

from __future__ import annotations

from typing import Any

DRIVER = '''"""$vendor $model: JSON over MQTT.

Models: $model.

    $key/<id>/state       {"temperature": T, "relay": true | false}     CHANGE: draw your device's frames
    $key/<id>/relay/set   true | false                                  (to the device)

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


class $name(Driver):
    """One $vendor $model."""

    about = About(
        key="$key",
        vendor="$vendor",
        models=("$model",),
        match=MqttMatch(("$key/+/state",)),
        sources=("CHANGE: where the knowledge comes from, with version",),
        acl=(">$key/{id}/#", "<$key/{id}/#"),
        sdk=$sdk,
    )

    temperature = Point("temperature", "°C", minimum=-40, maximum=85, every_s=60)
    relay = Point("outlet", kind=Kind.SWITCH, writable=True)

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        native_id = frame.source.removeprefix("$key/").removesuffix("/state")
        if not native_id or "/" in native_id:
            raise NotMine
        return [Announcement(native_id, vendor="$vendor", model="$model")]

    def topics(self) -> Iterable[str]:
        return (f"$key/{self.native_id}/state",)

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source != f"$key/{self.native_id}/state":
            raise NotMine
        said = object_of(frame.data)
        if not isinstance(said.get("relay"), bool):
            raise Implausible("relay is neither true nor false")
        return [self.temperature(number_of(said.get("temperature"))), self.relay(said["relay"])]

    async def perform(self, link: Link, command: Command) -> None:
        if command.point != "relay":
            raise no_such_point(command.point)
        word = b"true" if wished_switch(command.point, command.value) else b"false"
        await link.send(word, to=f"$key/{self.native_id}/relay/set")
'''

STAND_IN = '''"""Stand-in for a $vendor $model. Play it: sluis driver simulate $file"""

from __future__ import annotations

import json
from collections.abc import Iterable

from sluis.sdk.standin import StandIn


class $name(StandIn):
    kind = "mqtt"

    def __init__(self) -> None:
        self.relay = False

    def says(self) -> Iterable[tuple[str, bytes]]:
        yield "$key/a1/state", json.dumps({"temperature": 21.5, "relay": self.relay}).encode()

    def answers(self, to: str, data: bytes) -> Iterable[tuple[str, bytes]]:
        if to == "$key/a1/relay/set" and data in (b"true", b"false"):
            self.relay = data == b"true"
            yield from self.says()
'''


def lines(key: str) -> list[dict[str, Any]]:
    """Its frames, without what the driver makes of them."""
    said = {"temperature": 21.5, "relay": True}
    sends = [{"to": f"{key}/a1/relay/set", "text": "true"}]
    return [
        {"name": "state", "topic": f"{key}/a1/state", "json": said},
        {"name": "damaged: cut off", "topic": f"{key}/a1/state", "text": '{"temperature": 21', "device": "a1"},
        {"name": "foreign: another device", "topic": f"{key}/b2/state", "json": said, "device": "a1"},
        {"name": "switch on", "device": "a1", "command": "relay", "value": True, "sends": sends},
    ]
