"""Why is it so? The causal chain behind a point's present value, as typed steps with sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sluis.model import Availability, Device, Frame, Point, Receipt, Stage, Stamp, UnknownPoint
from sluis.rules import agrees
from sluis.twins import Twin
from sluis.watch.alerts import Alerts
from sluis.watch.phrasing import label
from sluis.watch.ports import Commands, Devices
from sluis.watch.rulebook import RuleBook
from sluis.watch.sentences import sentence

EXCERPT = 80
"""Characters of a frame shown in a sentence; all of it is on the device's page."""

DEPTH = 5
"""Commands that led to commands followed back at most: beyond that a person reads the list of commands instead."""

LOOK_BACK = 10
"""Commands of the point looked at for the one that explains its value."""


@dataclass(frozen=True, slots=True)
class Step:
    """One link of the chain."""

    kind: str
    """`value`, `reach`, `frame`, `driver`, `command`, `stage`, `rule`, `run`, `itself`, `alert`, `wish`."""
    at_us: int
    what: str
    """Id of the sentence."""
    params: Mapping[str, Any] = field(default_factory=dict)
    ref: str = ""
    """What it is about, for a link: `device:KEY`, `command:ID`, `rule:NAME`, `alert:ID`, `run:ID`."""

    def sentence(self, language: str) -> str:
        return sentence(self.what, language, self.params)

    def described(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "kind": self.kind,
            "at_us": self.at_us,
            "what": self.sentence("en"),
            "text": {language: self.sentence(language) for language in ("en", "nl")},
            "id": self.what,
            "params": dict(self.params),
            "ref": self.ref,
        }


class Explain:
    """Reads what is known; changes nothing."""

    def __init__(self, devices: Devices, commands: Commands, alerts: Alerts, rules: RuleBook) -> None:
        self._devices = devices
        self._commands = commands
        self._alerts = alerts
        self._rules = rules

    async def why(self, device: str, point: str) -> list[dict[str, Any]]:
        """The chain as JSON, the present first and each step before its cause."""
        return [step.described() for step in await self.chain(device, point)]

    async def chain(self, device: str, point: str) -> list[Step]:
        """UnknownDevice or UnknownPoint when there is nothing to explain."""
        held = self._devices.device(device)
        declared = self._devices.points(device).get(point)
        if declared is None:
            raise UnknownPoint(f"{held.label} has no point {point!r:.80}")
        twin = self._devices.twin(device)
        steps = self._value(held, declared, twin)
        steps += await self._cause(held, declared, twin)
        steps += self._judged(held, declared)
        return steps

    # -- what is ------------------------------------------------------------------------------------------

    def _value(self, device: Device, point: Point, twin: Twin) -> list[Step]:
        about = {"device": device.label, "point": label(point), "unit": point.unit}
        ref = f"device:{device.key}"
        steps = []
        held = twin.reported.get(point.key)
        if held is None:
            steps.append(Step("value", twin.since.at_us, "why.none", about, ref))
        else:
            quality = "stale" if held.stale else held.quality.word
            steps.append(
                Step("value", held.stamp.at_us, "why.value", {**about, "value": held.value, "quality": quality}, ref)
            )
            if held.stale:
                steps.append(Step("reach", held.stamp.at_us, "why.stale", about, ref))
        if twin.availability is not Availability.ONLINE:
            reach = {**about, "availability": twin.availability.value, "reason": twin.reason}
            steps.append(Step("reach", twin.since.at_us, "why.unreachable", reach, ref))
        wish = twin.desired.get(point.key)
        if wish is not None:
            params = {**about, "wish": wish.value}
            steps.append(Step("wish", wish.since.at_us, "why.desired", params, f"command:{wish.command_id}"))
        return steps + (self._frame(device, held.stamp) if held is not None else [])

    def _frame(self, device: Device, stamp: Stamp) -> list[Step]:
        """The raw frame that carried the reading, while it is still remembered."""
        for frame, outcome in reversed(self._devices.frames(device.key)):
            if frame.stamp == stamp:
                ref = f"device:{device.key}"
                received = {"link": frame.link, "source": frame.source, "excerpt": _excerpt(frame)}
                decoded = {"driver": device.driver, "outcome": outcome}
                return [
                    Step("driver", stamp.at_us, "why.decoded", decoded, ref),
                    Step("frame", stamp.at_us, "why.frame", received, ref),
                ]
        return []

    # -- why it is ----------------------------------------------------------------------------------------

    async def _cause(self, device: Device, point: Point, twin: Twin) -> list[Step]:
        """The command whose wish the value is, or that there is none."""
        if not point.writable:
            return []
        held = twin.reported.get(point.key)
        receipts = await self._commands.receipts(device=device.key, point=point.key, limit=LOOK_BACK)
        for receipt in receipts:
            value = receipt.command.value
            newest = receipt is receipts[0]
            if held is not None and value is not None and agrees(point, value, held.value):
                if receipt.stage in (Stage.DONE, Stage.EFFECTIVE, Stage.INEFFECTIVE) or newest:
                    return await self._command(receipt, point)
            elif receipt.stage in (Stage.DONE, Stage.EFFECTIVE, Stage.INEFFECTIVE):
                # The last wish that was fulfilled was another: since then it changed without us.
                return self._itself(device, point, twin) + await self._command(receipt, point)
        if held is None:
            return []
        attempt = await self._command(receipts[0], point) if receipts else []
        return self._itself(device, point, twin) + attempt

    def _itself(self, device: Device, point: Point, twin: Twin) -> list[Step]:
        held = twin.reported[point.key]
        params = {"value": held.value, "unit": point.unit, "device": device.label}
        return [Step("itself", held.stamp.at_us, "why.itself", params, f"device:{device.key}")]

    async def _command(self, receipt: Receipt, point: Point, depth: int = 0) -> list[Step]:
        command = receipt.command
        ref = f"command:{command.id}"
        steps = [
            Step("stage", at_us, f"why.stage.{stage}", {"detail": receipt.detail}, ref)
            for stage, at_us in reversed(receipt.history)
        ]
        reason = f": {command.reason}" if command.reason else ""
        wish = "" if command.value is None else command.value
        params = {"who": command.actor.label, "wish": wish, "unit": point.unit, "reason": reason}
        steps.append(Step("command", command.at_us, "why.wish", params, ref))
        return steps + await self._led_to(command.cause, command.at_us, depth)

    async def _led_to(self, cause: str, at_us: int, depth: int) -> list[Step]:
        """What a command names as its cause: `rule:NAME@VERSION`, `run:ID` or `command:ID`."""
        kind, _, name = cause.partition(":")
        if kind == "rule":
            rule, _, version = name.partition("@")
            held = self._rules.get(rule)
            current = held is not None and held.version == version
            what = "why.rule" if current else "why.rule-gone"
            return [Step("rule", at_us, what, {"rule": rule, "version": version}, f"rule:{rule}")]
        if kind == "run":
            return [Step("run", at_us, "why.run", {"run": name}, cause)]
        if kind == "command" and depth < DEPTH:
            receipt = await self._commands.receipt(name)
            if receipt is not None:
                points = self._devices.points(receipt.command.device)
                point = points.get(receipt.command.point, Point(key=receipt.command.point))
                return await self._command(receipt, point, depth + 1)
        return []

    def _judged(self, device: Device, point: Point) -> list[Step]:
        """Open alerts about the point or its device, with the rule version that opened each."""
        steps = []
        for alert in self._alerts.opened():
            if alert.device == device.key and alert.point in ("", point.key):
                message = {"message": alert.message}
                steps.append(Step("alert", alert.opened_at_us, "why.alert", message, f"alert:{alert.id}"))
                rule = {"rule": alert.rule, "version": alert.version}
                steps.append(Step("rule", alert.opened_at_us, "why.rule", rule, f"rule:{alert.rule}"))
        return steps


def _excerpt(frame: Frame) -> str:
    text = frame.data[:EXCERPT].decode("utf-8", "replace")
    shown = text if text.isprintable() else frame.data[: EXCERPT // 2].hex(" ")
    return shown + ("…" if len(frame.data) > EXCERPT else "")
