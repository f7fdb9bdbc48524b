"""What the BLE link needs of whatever moves its radio: the seam between Sluis and Bluetooth libraries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from sluis.links.ble.pairing import Pairing
from sluis.links.ble.settings import BleSettings
from sluis.links.ble.states import AdapterState
from sluis.runtime import Clock
from sluis.runtime.ladder import Rung

Heard = Callable[[str, bytes, "int | None"], None]
"""Called with address (upper-case), AD structures and dBm for each advertisement; from the event loop."""


class BlePeer(Protocol):
    """A connection to one device. UUIDs are 4 hex digits or 36 characters, lower-case. All raise LinkError."""

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as the library knows."""

    async def read(self, uuid: str) -> bytes: ...

    async def write(self, uuid: str, data: bytes) -> None: ...

    async def notify(self, uuid: str, told: Callable[[bytes], None]) -> None:
        """Have the characteristic notify (or indicate): `told` is called with each value until the connection ends."""

    async def answers(self) -> bool:
        """Whether the device answers on this connection now: it is asked something that does no harm."""

    async def close(self) -> None:
        """Also when it is lost already; raises nothing."""


class BleBackend(Protocol):
    """One adapter. Every method has a deadline of its own and raises nothing but LinkError and what follows from it."""

    address: str
    """Where it is, for a person."""
    lost: Callable[[str], None]
    """Set by its user: called when scanning has ended by itself, with the reason."""

    async def probe(self) -> AdapterState:
        """What the adapter is in, as far as one can tell without scanning."""

    async def scan(self, heard: Heard) -> None:
        """Begin to scan, or begin anew. AdapterTrouble when that cannot be."""

    async def rest(self) -> None:
        """End scanning; raises nothing."""

    async def close(self) -> None:
        """Let go of the adapter; raises nothing."""

    async def connect(self, address: str, *, pairing: Pairing | None, lost: Callable[[], None]) -> BlePeer:
        """Connect to a device that was heard lately, and pair with it where that is told. `lost` is called when the
        connection ends by itself. LinkError when it is not heard, does not answer, or refuses the pairing."""

    def cures(self) -> Sequence[Rung]:
        """What can be done for the adapter beyond scanning anew, mildest first."""


def backend_of(settings: BleSettings, clock: Clock) -> BleBackend:
    """What moves the adapter of these settings."""
    if settings.virtual:
        from sluis.links.ble.bumble_radio import BumbleBackend

        return BumbleBackend(settings, clock)
    from sluis.links.ble.bluez import BluezBackend

    return BluezBackend(settings, clock)
