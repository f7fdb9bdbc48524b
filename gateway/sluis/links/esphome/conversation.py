"""One node: connect, learn what it has, hear its states, connect again.

Theory of operation. The library speaks the protocol and keeps the connection alive; this holds it to a deadline, waits
longer and longer between tries, and says each change of the connection as a frame. A node tells all its states right
after its description, when nobody can read them yet: the driver of a node that was just described is still to be
made. So the last state of each entity is kept, and told again once the driver says that it knows the description.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from sluis.links.esphome import forms
from sluis.links.esphome.settings import EsphomeSettings
from sluis.model import LinkError
from sluis.runtime import Clock
from sluis.runtime.supervisor import Backoff
from sluis.sdk import Station

if TYPE_CHECKING:
    from aioesphomeapi.client import APIClient
    from aioesphomeapi.model import EntityState

log = logging.getLogger(__name__)

COMMANDS = frozenset(
    [
        *(
            "alarm_control_panel",
            "button",
            "climate",
            "cover",
            "date",
            "datetime",
            "fan",
            "light",
            "lock",
            "media_player",
        ),
        *("number", "select", "siren", "switch", "text", "time", "update", "valve", "water_heater"),
    ]
)
"""Types of entity that take commands."""
MOMENTARY = "event"
"""Its states are happenings: told once, never again."""

ANOTHER = "another node answers at this address"

Deliver = Callable[[str, bytes], Any]


class Conversation:
    """With one node, until cancelled."""

    def __init__(self, station: Station, settings: EsphomeSettings, clock: Clock, deliver: Deliver) -> None:
        self.station = station
        self.state = "not connected yet"
        self._settings = settings
        self._clock = clock
        self._deliver = deliver
        self._client: APIClient | None = None
        self._digest = 0
        self._told = False
        """Whether the driver that knows this description was told all states."""
        self._held: dict[tuple[str, int, int], bytes] = {}

    @property
    def key(self) -> str:
        return str(self.station.settings.get("key", ""))

    @property
    def _mac(self) -> str:
        """The hardware address of the node that was described first; "" while there is none."""
        return _digits(str(self.station.settings.get("mac", "")))

    def refit(self, station: Station) -> None:
        """The driver was made anew, perhaps from this connection's own description."""
        self.station = station
        self._tell_all()

    async def run(self) -> None:
        backoff = Backoff(cap_s=self._settings.reconnect_cap_s)
        while True:
            reason, expected = await self._connection(backoff)
            self._say(reason, expected)
            await self._clock.sleep(backoff.next_s())

    def command(self, data: bytes) -> None:
        """Carry out `{"type": T, "key": N, ...}`, the arguments of the library's command for that type."""
        if self._client is None:
            raise LinkError(f"{self.station.source} is not connected: {self.state}")
        try:
            said: dict[str, Any] = msgspec.json.decode(data)
            kind = said.pop("type")
            if kind not in COMMANDS:
                raise LinkError(f"{self.station.source}: an entity of type {kind!r:.40} takes no commands")
            getattr(self._client, f"{kind}_command")(**said)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise LinkError(f"{self.station.source}: not a command: {error}") from error
        except self._errors() as error:
            raise LinkError(f"{self.station.source}: {error}") from error

    # -- one connection -----------------------------------------------------------------------------------

    async def _connection(self, backoff: Backoff) -> tuple[str, bool]:
        """Be connected until that ends; why it ended, and whether the node said goodbye."""
        ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def stopped(expected: bool) -> None:
            if not ended.done():
                ended.set_result(expected)

        client = self._make()
        try:
            async with asyncio.timeout(self._settings.connect_s):
                await client.connect(on_stop=stopped, log_errors=False)
                device, entities, _ = await client.device_info_and_list_entities()
            if self._mac and _digits(device.mac_address) != self._mac:  # without encryption the library does not look
                return ANOTHER, False
            self._client = client
            self._connected(device, entities)
            backoff.reset()
            client.subscribe_states(self._hear)
            expected = await ended
            return ("it closed the connection" if expected else "the connection was lost"), expected
        except TimeoutError:
            return f"no answer within {self._settings.connect_s:g} s", False
        except self._errors() as error:
            return _plainly(error), False
        except (OSError, ValueError) as error:
            return str(error), False
        finally:
            self._client = None
            with suppress(*self._errors()):
                client.force_disconnect()

    def _make(self) -> APIClient:
        from aioesphomeapi.client import APIClient

        host, _, port = self.station.source.rpartition(":")
        return APIClient(
            host.strip("[]"),
            int(port),
            None,
            client_info="Sluis",
            keepalive=self._settings.keep_alive_s,
            noise_psk=self.key or None,
            expected_mac=self._mac or None,
        )

    @staticmethod
    def _errors() -> tuple[type[Exception], ...]:
        from aioesphomeapi.core import APIConnectionError

        return (APIConnectionError,)

    def _connected(self, device: Any, entities: list[Any]) -> None:
        self._held.clear()
        data, self._digest = forms.description(device.to_dict(), map(forms.entity, entities))
        self._told = self.station.settings.get("described") == self._digest
        self.state = "connected"
        self._deliver(f"{self.station.source}/description", data)
        self._say("", False)

    def _hear(self, state: EntityState) -> None:
        said = forms.entity(state)
        data = msgspec.json.encode(said)
        if said["type"] != MOMENTARY:
            self._held[said["type"], state.key, state.device_id] = data
        self._deliver(f"{self.station.source}/state", data)

    def _tell_all(self) -> None:
        if self._told or self._client is None or self.station.settings.get("described") != self._digest:
            return
        self._told = True
        self._say("", False)
        for data in self._held.values():
            self._deliver(f"{self.station.source}/state", data)

    def _say(self, reason: str, expected: bool) -> None:
        """A frame for each change of the connection; a reason that repeats is said once."""
        connected = self._client is not None
        changed, self.state = self.state != (reason or "connected"), reason or "connected"
        if connected or changed:
            said = {"connected": connected, "expected": expected, "reason": reason}
            self._deliver(f"{self.station.source}/connection", msgspec.json.encode(said))
        if changed and not connected:
            log.info("ESPHome node %s: %s", self.station.source, reason)


def _digits(mac: str) -> str:
    return mac.replace(":", "").lower()


def _plainly(error: Exception) -> str:
    """What went wrong, in words for people where the library's are not."""
    from aioesphomeapi import core

    if isinstance(error, core.InvalidEncryptionKeyAPIError):
        return "it refuses the encryption key"
    if isinstance(error, core.RequiresEncryptionAPIError):
        return "it wants an encryption key"
    if isinstance(error, core.EncryptionPlaintextAPIError):
        return "it does not encrypt, but a key was told"
    if isinstance(error, core.BadMACAddressAPIError):
        return ANOTHER
    return " ".join(str(error).split())[:200]
