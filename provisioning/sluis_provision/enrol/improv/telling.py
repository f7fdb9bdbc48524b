"""Which of the networks we know a device is told, and what is said when none of them takes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sluis.model import ConfigError
from sluis.wire.improv.rpc import Seen, State
from sluis_provision.enrol.improv.device import Device
from sluis_provision.enrol.improv.problem import Joined, Locked, NotJoined
from sluis_provision.enrol.issued import Network

Told = tuple[str, str]
"""The network that was joined, and the address of the device's page ("" where it has none)."""


def nothing_said(_text: str) -> None:
    """For whoever does not look."""


async def tell(
    device: Device, networks: Sequence[Network], *, again: bool = False, said: Callable[[str], None] = nothing_said
) -> Told:
    """Tell it networks, the strongest it hears first, until it has joined one. Each try is `said`.

    Joined when it has one already and `again` is not given, Locked, NoImprov, NotJoined with the reason for each.
    """
    state = await device.state()
    if state is State.LOCKED:
        raise Locked(f"{device.name} wants somebody to be beside it first")
    if state is State.JOINED and not again:
        raise Joined(f"{device.name} has a network already")
    if not networks:
        hint = "Give one (--ssid), or add the site's: sluis node network-add SSID"
        raise ConfigError("there is no network to tell", where="networks", hint=hint)
    heard = {one.ssid: one for one in reversed(await device.scan())}
    failed = []
    for network in sorted(networks, key=lambda one: -_strength(heard.get(one.ssid))):
        said(f"tells it {network.ssid} ({_how(heard, network)})")
        try:
            return network.ssid, await device.join(network.ssid, network.password)
        except NotJoined:
            failed.append(f"{network.ssid} ({_how(heard, network)})")
    raise NotJoined(f"{device.name} could not join {', '.join(failed)}", hint=_advice(heard, networks))


def _strength(seen: Seen | None) -> int:
    return seen.rssi_dbm if seen else -999


def _how(heard: dict[str, Seen], network: Network) -> str:
    seen = heard.get(network.ssid)
    return f"heard at {seen.rssi_dbm} dBm" if seen else "not heard"


def _advice(heard: dict[str, Seen], networks: Sequence[Network]) -> str:
    """What to look at first: a network that is heard and refuses has another password."""
    if any(one.ssid in heard for one in networks):
        again = "correct it with: sluis node network-add SSID, or give --ssid"
        return f"A network that is heard and does not take it has another password: {again}."
    names = ", ".join(list(reversed(heard))[:5]) or "none at all"
    return f"None of these is in its reach; it hears {names}. Is the access point on, and does it have 2.4 GHz?"
