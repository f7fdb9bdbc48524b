"""Peripherals that others wrote the stack of: Bumble devices on Bumble's virtual controllers.

`Air` is one place in which radios hear each other. Its controllers speak HCI over TCP (for a gateway's link, and as
many peripherals as a test needs), so that the link under test opens a real transport, and loses it for real.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass, field
from typing import Any

from bumble import hci
from bumble.att import ATT_Error
from bumble.controller import Controller
from bumble.core import PhysicalTransport
from bumble.device import Device, DeviceConfiguration
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.tcp_server import open_tcp_server_transport

BATTERY, LEVEL = "180f", "2a19"
UART, UART_IN, UART_OUT, SECRET, BROKEN = (f"6e40000{n}-b5a3-f393-e0a9-e50e24dcca9e" for n in range(1, 6))
"""Nordic UART: write to IN, OUT notifies. SECRET and BROKEN are ours: one for paired
devices only, one that refuses."""


def bthome(celsius: float, percent: float = 50.55) -> bytes:
    """A plain BTHome v2 advertisement: flags, then service data FCD2 with temperature and humidity."""
    body = bytes.fromhex("d2fc40") + b"\x02" + struct.pack("<h", round(celsius * 100)) + b"\x03"
    body += struct.pack("<H", round(percent * 100))
    return bytes.fromhex("020106") + bytes((len(body) + 1, 0x16)) + body


@dataclass
class Peripheral:
    """One device in the air: advertises, has a battery, an echoing UART, and a secret."""

    device: Device
    controller: Controller | None
    level: int = 84
    reads: int = 0
    """Read requests that came."""
    written: list[bytes] = field(default_factory=list)

    @property
    def address(self) -> str:
        return str(self.device.random_address.to_string(with_type_qualifier=False))

    async def advertise(self, data: bytes, every_s: float = 0.05) -> None:
        if self.device.is_advertising:
            await self.device.stop_advertising()
        await self.device.start_advertising(
            advertising_data=data,
            auto_restart=True,
            advertising_interval_min=every_s * 1000,
            advertising_interval_max=every_s * 1000,
        )

    async def hush(self) -> None:
        await self.device.stop_advertising()

    async def notify_level(self, level: int) -> None:
        self.level = level
        await self.device.notify_subscribers(self._level, bytes((level,)))

    async def drop(self) -> None:
        """End all its connections."""
        for connection in list(self.device.connections.values()):
            await connection.disconnect()

    @property
    def subscribed(self) -> bool:
        """Whether somebody asked for a notification."""
        return any(self.device.gatt_server.subscribers.values())

    def serve(self) -> None:
        properties, permissions = Characteristic.Properties, Characteristic.Permissions
        self._level: Characteristic[Any] = Characteristic(
            LEVEL.upper(),
            properties.READ | properties.NOTIFY,
            permissions.READABLE,
            CharacteristicValue(read=lambda _: bytes((self.level,))),
        )
        out: Characteristic[Any] = Characteristic(UART_OUT, properties.NOTIFY, permissions.READABLE, b"")

        async def take(_: object, data: bytes) -> None:
            self.written.append(data)
            await self.device.notify_subscribers(out, b"heard " + data)

        both = properties.WRITE | properties.WRITE_WITHOUT_RESPONSE
        taken: Characteristic[Any] = Characteristic(
            UART_IN, both, permissions.WRITEABLE, CharacteristicValue(write=take)
        )
        secret: Characteristic[Any] = Characteristic(
            SECRET, properties.READ, permissions.READ_REQUIRES_ENCRYPTION, b"only for friends"
        )

        def fail(_: object) -> bytes:
            raise ATT_Error(error_code=0x0E)

        broken: Characteristic[Any] = Characteristic(
            BROKEN, properties.READ, permissions.READABLE, CharacteristicValue(read=fail)
        )
        answer = self.device.gatt_server.on_att_read_request

        def count(*request: Any) -> Any:
            self.reads += 1
            return answer(*request)

        self.device.gatt_server.on_att_read_request = count  # type: ignore[method-assign]
        self.device.add_service(Service(BATTERY.upper(), [self._level]))
        self.device.add_service(Service(UART, [taken, out, secret, broken]))


class Ether(LocalLink):
    """Bumble's, but data on a connection comes from the address that the connection was made with. Linux takes another
    address for each scan, also while it is connected."""

    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: hci.Address,
        transport: PhysicalTransport,
        data: bytes,
    ) -> None:
        connection = sender_controller.le_connections.get(destination_address)
        receiver = self.find_le_controller(destination_address)
        if connection is not None and receiver is not None:
            loop = asyncio.get_running_loop()
            loop.call_soon(receiver.on_link_acl_data, connection.self_address, transport, data)


class Hanging(Controller):
    """A controller that can go mute as real ones do: it takes commands and answers none, and hears nothing. With
    `cured` by a reset it comes back when its host resets it."""

    mute = False
    cured = True

    def on_hci_packet(self, packet: hci.HCI_Packet) -> None:
        if isinstance(packet, hci.HCI_Reset_Command) and (self.cured or not self.mute):
            # What a reset ends (Core volume 4 part E, 7.3.2); Bumble's leaves the scan as it was.
            self.mute = self.le_scan_enable = False
            self.pending_le_connection = None
        if not self.mute:
            super().on_hci_packet(packet)

    def on_hci_le_create_connection_cancel_command(
        self, command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Core volume 4 part E, 7.8.13: the attempt ends, and the host is told so. Bumble's own goes on trying."""
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is not None:
            ended = hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                connection_handle=0,
                role=hci.Role.CENTRAL,
                peer_address_type=pending.peer_address.address_type,
                peer_address=pending.peer_address,
                connection_interval=0,
                peripheral_latency=0,
                supervision_timeout=0,
                central_clock_accuracy=0,
            )
            asyncio.get_running_loop().call_soon(self.send_hci_packet, ended)
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        if not self.mute:
            super().send_hci_packet(packet)


class Adapter:
    """A controller that waits for its host on a loopback port, and can be unplugged."""

    def __init__(self, port: int, link: LocalLink) -> None:
        self.port = port
        self.controller = Hanging(f"adapter-{port}", link=link)
        self._transport: Any = None

    @property
    def spec(self) -> str:
        return f"tcp-client:127.0.0.1:{self.port}"

    async def plug(self) -> None:
        self._transport = await open_tcp_server_transport(f"127.0.0.1:{self.port}")
        self._transport.source.set_packet_sink(self.controller)
        self.controller.set_packet_sink(self._transport.sink)
        self.controller.le_scan_enable = False

    async def unplug(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.server.close()
            self.controller.set_packet_sink(None)
            if transport.sink.transport is not None:
                transport.sink.transport.close()
            await transport.server.wait_closed()


class Air:
    """Controllers that hear each other."""

    def __init__(self) -> None:
        self.link = Ether()
        self._adapters: list[Adapter] = []

    async def adapter(self, port: int) -> Adapter:
        made = Adapter(port, self.link)
        self._adapters.append(made)
        await made.plug()
        return made

    async def peripheral(self, address: str) -> Peripheral:
        controller = Controller(f"device-{address}", link=self.link)
        host = Host()
        host.controller = controller
        config = DeviceConfiguration(name="Sensor", address=hci.Address(address))
        made = Peripheral(Device(config=config, host=host), controller)
        made.serve()
        await made.device.power_on()
        return made

    async def close(self) -> None:
        for controller in list(self.link.controllers):
            controller.le_legacy_advertiser.stop()
            for one in controller.advertising_sets.values():
                one.stop()
        for adapter in self._adapters:
            await adapter.unplug()
