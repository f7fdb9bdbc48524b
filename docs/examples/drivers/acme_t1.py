"""ACME T1: thermometer with a relay, over MQTT.

Models: T1, firmware 2.x.

    acme/<id>/state          {"t": T, "h": H, "relay": "ON" | "OFF"}     every 30 s
    acme/<id>/online         1 | 0 (will), retained
    acme/<id>/relay/set      ON | OFF                                    (to the device)

    T temperature in tenths of °C | H relative humidity in %
"""

from __future__ import annotations

from collections.abc import Iterable

from sluis.sdk import (
    About,
    Announcement,
    Availability,
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
    Presence,
    Sniffed,
)
from sluis.sdk.payload import no_such_point, number_of, object_of, wished_switch


class AcmeT1(Driver):
    """One T1."""

    about = About(
        key="acme-t1",
        vendor="ACME",
        models=("T1",),
        match=MqttMatch(("acme/+/online",)),
        sources=("ACME T1 protocol note 1.2, section 4",),
        acl=(">acme/{id}/state", ">acme/{id}/online", "<acme/{id}/relay/set"),
    )

    temperature = Point("temperature", "°C", minimum=-40, maximum=85, every_s=30)
    humidity = Point("humidity", "%", minimum=0, maximum=100, every_s=30)
    relay = Point("outlet", kind=Kind.SWITCH, writable=True)

    @classmethod
    def sniff(cls, frame: Frame) -> Iterable[Sniffed]:
        native_id = frame.source.split("/")[1] if frame.source.count("/") == 2 else ""
        if not native_id or frame.data != b"1":
            return ()
        return [Announcement(native_id, vendor="ACME", model="T1")]

    def topics(self) -> Iterable[str]:
        return (f"acme/{self.native_id}/state", f"acme/{self.native_id}/online")

    def decode(self, frame: Frame) -> Iterable[Decoded]:
        if frame.source == f"acme/{self.native_id}/online":
            if frame.data not in (b"1", b"0"):
                raise NotMine
            return [Presence(Availability.ONLINE if frame.data == b"1" else Availability.OFFLINE)]
        if frame.source != f"acme/{self.native_id}/state":
            raise NotMine
        said = object_of(frame.data)
        if said.get("relay") not in ("ON", "OFF"):
            raise Implausible("relay is neither ON nor OFF")
        return [
            self.temperature(number_of(said.get("t")) / 10),
            self.humidity(number_of(said.get("h"))),
            self.relay(said["relay"] == "ON"),
        ]

    async def perform(self, link: Link, command: Command) -> None:
        if command.point != "relay":
            raise no_such_point(command.point)
        on = wished_switch(command.point, command.value)
        await link.send(b"ON" if on else b"OFF", to=f"acme/{self.native_id}/relay/set")
