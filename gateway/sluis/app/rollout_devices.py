"""Devices of other makers in rollouts: those whose driver offers the points of `sluis.sdk.firmware`.

A release of theirs is written `DRIVER@VERSION` (what the device's maker or bridge offers) or `DRIVER@VERSION=URL` (an
image that lies there). Nothing of theirs can be had back: an undo says so for each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sluis.control.control import Control
from sluis.fleet import Release, Target, Told
from sluis.intake import Register
from sluis.model import Actor, Device, DeviceState, NotFound, SluisError, UnknownDevice
from sluis.model.commands import Stage
from sluis.model.firmware import AVAILABLE_KEY, INSTALLED_KEY, PROGRESS_KEY, REASON_KEY, STATE_KEY, UPDATE_KEY
from sluis.model.readings import Availability
from sluis.runtime import Clock
from sluis.sdk.firmware import STARTS_S
from sluis.updates import Reply

NAMED = re.compile(r"(?P<driver>[a-z0-9][a-z0-9-]*)@(?P<version>[^\s=]{1,80})(?:=(?P<url>https?://\S{1,500}))?")
PHASES = {"scheduled": "waiting", "downloading": "fetching", "installing": "switching", "failed": "failed"}
"""What a device's state is for a rollout; the others are nothing under way."""


class NoSuchRelease(NotFound):
    """What is to be rolled out is neither an imported bundle nor a maker's version."""

    code = "rollout.no-release"
    hint = "Write the name of an imported bundle, or DRIVER@VERSION, or DRIVER@VERSION=URL (e.g. tasmota@14.2.0)."


class DeviceSite:
    """What a `Site` says of devices."""

    def __init__(self, register: Register, clock: Clock) -> None:
        self.asked: dict[str, int] = {}
        """Device -> monotonic µs at which it was last told to update."""
        self._register = register
        self._clock = clock

    async def targets(self) -> Sequence[Target]:
        return [self._target(one) for one in self._register.devices(DeviceState.ADOPTED) if self._can(one)]

    def _can(self, device: Device) -> bool:
        return UPDATE_KEY in self._register.points(device.key)

    def _target(self, device: Device) -> Target:
        said = self._said(device.key)
        return Target(
            key=device.key,
            kind=device.driver,
            name=device.name,
            area=device.area,
            board=device.model,
            version=str(said.get(INSTALLED_KEY, device.firmware)),
            offers=str(said.get(AVAILABLE_KEY, "")),
            online=self.online(device.key),
        )

    def _said(self, key: str) -> Mapping[str, object]:
        return {point: one.value for point, one in self._register.twin(key).reported.items()}

    def online(self, key: str) -> bool:
        return self._register.twin(key).availability is Availability.ONLINE

    def has(self, key: str) -> bool:
        try:
            return self._register.device(key).state is DeviceState.ADOPTED
        except UnknownDevice:
            return False

    async def release(self, name: str) -> Release:
        found = NAMED.fullmatch(name)
        if found is None:
            raise NoSuchRelease(f"{name!r} is no release")
        return Release(name=name, version=found["version"], kind=found["driver"], url=found["url"] or "")

    def told(self, key: str, at_s: float) -> Told | None:
        """What it runs and does, by its points; None while it is out of reach, as it may be starting anew."""
        if not self.has(key) or not self.online(key):
            return None
        said = self._said(key)
        fresh = not self._old_news(key)
        percent = said.get(PROGRESS_KEY)
        return Told(
            at_s=at_s,
            key=key,
            version=str(said.get(INSTALLED_KEY, "")),
            phase=PHASES.get(str(said.get(STATE_KEY, "")), "") if fresh else self._starting(key),
            percent=int(percent) if isinstance(percent, int | float) else 0,
            reason=str(said.get(REASON_KEY, "")) if fresh else "",
        )

    def _old_news(self, key: str) -> bool:
        """Whether its state is from before it was told to update: a failure then is of an earlier try."""
        state = self._register.twin(key).reported.get(STATE_KEY)
        return state is None or state.stamp.mono_us < self.asked.get(key, 0)

    def _starting(self, key: str) -> str:
        """It may have to ask its maker first."""
        since_us = self._clock.stamp().mono_us - self.asked.get(key, 0)
        return "fetching" if key in self.asked and since_us < STARTS_S * 1e6 else ""


class DeviceCarrier:
    """Implements `Carrier` by the device's own command."""

    def __init__(self, control: Control, asked: dict[str, int], clock: Clock) -> None:
        self._control = control
        self._asked = asked
        """Where it is noted who was told when (`DeviceSite.asked`)."""
        self._clock = clock

    async def offer(self, key: str, release: str, actor: Actor) -> Reply:
        found = NAMED.fullmatch(release)
        self._asked[key] = self._clock.stamp().mono_us
        try:
            receipt = await self._control.submit(key, UPDATE_KEY, found["url"] if found else None, actor)
            ended = await self._control.outcome(receipt.command.id)
        except SluisError as error:
            return Reply("no", str(error))
        if ended.stage is Stage.EXPIRED:
            return Reply("silent", ended.detail)
        refused = ended.stage in (Stage.REFUSED, Stage.FAILED)
        return Reply("no" if refused else "taken", ended.detail)

    async def withdraw(self, key: str, actor: Actor) -> Reply:
        return Reply("no", "its maker's firmware knows no way to stop an update")

    async def undo(self, key: str, actor: Actor) -> Reply:
        return Reply("no", "its maker's firmware keeps no version before")
