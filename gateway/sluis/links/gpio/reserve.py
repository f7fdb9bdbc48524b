"""Who has which pin. Two uses of one pin are an error that names both, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sluis.links.gpio import profiles
from sluis.links.gpio.profiles import Board, Hat, HatPin
from sluis.links.gpio.settings import GpioSettings, PinSettings
from sluis.model import ConfigError


@dataclass(frozen=True, slots=True)
class Use:
    """Why a pin is taken."""

    by: str
    """A sentence's subject: `SDA of bus i2c1`, `HAT waveshare-relay-3ch (CH1)`."""
    offer: HatPin | None = None
    """The HAT's pin that the gateway may drive."""


def taken(board: Board, hats: Mapping[str, Hat], buses: tuple[str, ...]) -> dict[int, Use]:
    """The pins that buses and HATs have. ConfigError when two of them want the same."""
    wanted: dict[str, str] = {name: "" for name, bus in board.buses.items() if bus.always}
    wanted |= dict.fromkeys(buses, "gpio.buses")
    wanted |= {name: f"HAT {hat.key}" for hat in hats.values() for name in hat.buses}
    found: dict[int, Use] = {}
    for name, why in wanted.items():
        bus = board.buses.get(name)
        if bus is None:
            raise ConfigError(f"there is no bus {name!r} on {board.name}", where=why, allowed=", ".join(board.buses))
        for signal, gpio in bus.pins.items():
            _take(found, gpio, Use(f"{signal} of bus {name}" + (f" ({why})" if why else "")))
    for hat in hats.values():
        for pin in hat.pin:
            _take(found, pin.gpio, Use(f"HAT {hat.key} ({pin.name})", pin if pin.offered else None))
    return found


def resolve(settings: GpioSettings) -> tuple[Board | None, dict[str, Hat]]:
    """The board (None when it is none that is known) and the HATs of these settings, checked. ConfigError when a
    profile is not there, or a pin is not there or has two uses."""
    known = profiles.boards()
    board = profiles.board(settings.board) if settings.board else profiles.recognised(known)
    hats = {key: profiles.hat(key) for key in settings.hats}
    # A board that nobody described has the usual header.
    check(settings, board or known["pi-4b"], hats)
    return board, hats


def check(settings: GpioSettings, board: Board, hats: Mapping[str, Hat]) -> None:
    """ConfigError when a pin is not there, or has two uses."""
    uses = taken(board, hats, settings.buses)
    for pin in settings.pin:
        if not board.pin(pin.gpio):
            raise ConfigError(f"GPIO{pin.gpio} of {pin.name!r} is not on the header of {board.name}", where="gpio.pin")
        use = uses.get(pin.gpio)
        if use is not None:
            _fits(pin, use)
        fixed = board.header.pulls.get(pin.source)
        if fixed and not pin.drives and pin.pull != fixed:
            raise ConfigError(
                f"GPIO{pin.gpio} of {pin.name!r} has a resistor on the board that pulls it {fixed}", where="gpio.pin"
            )


def _take(found: dict[int, Use], gpio: int, use: Use) -> None:
    if gpio in found:
        raise ConfigError(f"GPIO{gpio} is wanted by {found[gpio].by} and by {use.by}", where="gpio")
    found[gpio] = use


def _fits(pin: PinSettings, use: Use) -> None:
    """A HAT's relay is there to be used, as what it is."""
    offer = use.offer
    if offer is None:
        raise ConfigError(f"GPIO{pin.gpio} is wanted by {pin.name!r} and by {use.by}", where="gpio.pin")
    if offer.kind != pin.kind:
        raise ConfigError(
            f"GPIO{pin.gpio} of {pin.name!r} is an {offer.kind} of {use.by}, not an {pin.kind}", where="gpio.pin"
        )
    if offer.active_low != pin.active_low:
        raise ConfigError(
            f"GPIO{pin.gpio} of {pin.name!r}: on {use.by} low is {'on' if offer.active_low else 'off'}",
            where="gpio.pin",
            hint=f"Set active_low = {str(offer.active_low).lower()}",
        )
