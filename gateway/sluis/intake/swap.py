"""One device takes the place of another: what must hold for it, and what each is afterwards.

History, limits, rules and alerts know a device by its key. So the key stays with the place, and the two devices
exchange what they are: the place gets the newcomer's identity, and the newcomer's own key keeps the dead one's, out of
use. Nothing is copied, and a dead device that comes alive again is known for what it is.
"""

from __future__ import annotations

from dataclasses import replace

from sluis.intake.entry import Entry
from sluis.intake.setup import answers, check
from sluis.model import Availability, ConfigError, Device, DeviceState, NotNow
from sluis.sdk import Driver


class WrongModel(ConfigError):
    """A device can only be replaced by one of the same model."""

    code = "device.wrong-model"
    hint = "History and rules would not fit. Adopt it as a device of its own."


class StillAlive(NotNow):
    """The device that is to be replaced is still heard."""

    code = "device.still-alive"
    hint = "Were the two named the wrong way round? Switch the old one off first."


def check_swap(old: Entry, new: Entry, *, force: bool) -> None:
    """ConfigError, WrongModel or StillAlive (unless forced) when `new` cannot take the place of `old`."""
    was, comes = old.device, new.device
    if was.key == comes.key:
        raise ConfigError("is the device itself", where=comes.key)
    if was.state not in (DeviceState.ADOPTED, DeviceState.RETIRED):
        raise ConfigError(f"is {was.state}, not in use: there is no place to take", where=was.key)
    if was.driver != comes.driver:
        raise WrongModel(f"has driver {comes.driver}, {was.label} has {was.driver}", where=comes.label)
    if _product(was) != _product(comes) and all((was.model, comes.model)):
        raise WrongModel(
            f"is a {comes.vendor} {comes.model}, {was.label} is a {was.vendor} {was.model}", where=comes.label
        )
    missing = sorted(set(old.points) - set(new.points))
    if missing and new.points and not all((was.model, comes.model)):
        raise WrongModel(f"has no {', '.join(missing[:5])}", where=comes.label)
    if was.state is DeviceState.ADOPTED and old.twin.availability is Availability.ONLINE and not force:
        raise StillAlive(f"{was.label} is online")


def exchanged(was: Device, comes: Device, cls: type[Driver] | None, at_us: int) -> tuple[Device, Device]:
    """(the device in the old one's place, the old one under the newcomer's key). ConfigError when what a person told of
    the old one does not fit the new one."""
    description = dict(comes.description)
    if cls is not None and cls.about.setup:
        description["setup"] = _told(cls, was, comes)
        check(cls, comes.native_id, description)
    place = replace(
        comes,
        key=was.key,
        name=was.name,
        area=was.area,
        asset_number=comes.asset_number or was.asset_number,
        parent=comes.parent or was.parent,
        same_as=was.same_as,
        state=DeviceState.ADOPTED,
        adopted_at_us=at_us,
    )
    gone = replace(was, key=comes.key, name="", same_as="", state=DeviceState.RETIRED)
    return place, gone


def _told(cls: type[Driver], was: Device, comes: Device) -> dict[str, object]:
    """What a person told: of the new one, and where nothing was told of it, of the old one. A secret is a device's own
    (a bind key), the rest is of the model (a register map)."""
    secret = {ask.key for ask in cls.about.setup if ask.secret}
    asked = {ask.key for ask in cls.about.setup}
    before = {key: value for key, value in was.description.get("setup", {}).items() if key in asked - secret}
    return dict(answers(cls.about, {**before, **comes.description.get("setup", {})}))


def _product(device: Device) -> tuple[str, str]:
    return device.vendor.casefold(), device.model.casefold()
