"""Facts about wishes: desired and reported that disagree, and commands without effect."""

from __future__ import annotations

from typing import Protocol

from sluis.model import Quality, ReadingChanged, Receipt, Stage, Value
from sluis.rules import agrees
from sluis.watch.alert import Alert
from sluis.watch.ports import Devices

Key = tuple[str, str]


class Report(Protocol):
    def __call__(
        self,
        what: str,
        present: bool,
        *,
        device: str = ...,
        point: str = ...,
        detail: str = ...,
        wish: Value | None = ...,
    ) -> None: ...


class Wishes:
    """Follows receipts and readings; reports `disagreement` and `not-effective`."""

    def __init__(self, devices: Devices, report: Report) -> None:
        self._devices = devices
        self._report = report
        self._disagreeing: dict[Key, Value] = {}
        self._ineffective: dict[Key, Value] = {}

    def commanded(self, receipt: Receipt) -> None:
        """A receipt moved on."""
        command = receipt.command
        key = (command.device, command.point)
        if receipt.stage is Stage.EXPIRED and command.value is not None and self._wish_of(key) == command.id:
            self._disagreeing[key] = command.value
            self._tell("disagreement", key, True, receipt.detail, command.value)
        elif receipt.stage.final and key in self._disagreeing and not self._wish_of(key):
            self._agree(key)
        if receipt.stage is Stage.INEFFECTIVE and command.value is not None:
            self._ineffective[key] = command.value
            self._tell("not-effective", key, True, receipt.detail, command.value)
        elif receipt.stage is Stage.EFFECTIVE and self._ineffective.get(key) == command.value:
            # Only the same wish proves it repaired: switching a dead lamp off always "works".
            del self._ineffective[key]
            self._tell("not-effective", key, False)

    def heard(self, event: ReadingChanged) -> None:
        """The device may have come round to what was wished."""
        key = (event.device, event.point)
        if key not in self._disagreeing or event.stale or event.quality is Quality.BAD:
            return
        point = self._devices.points(event.device).get(event.point)
        if point is None or agrees(point, self._disagreeing[key], event.value):
            self._agree(key)

    def resume(self, alert: Alert) -> None:
        """An alert that was open before a restart is still followed."""
        wish = alert.params.get("wish")
        if wish is None:
            return
        kept = {"disagreement": self._disagreeing, "not-effective": self._ineffective}.get(alert.what)
        if kept is not None:
            kept[(alert.device, alert.point)] = wish

    def _agree(self, key: Key) -> None:
        del self._disagreeing[key]
        self._tell("disagreement", key, False)

    def _wish_of(self, key: Key) -> str:
        """Id of the command that is still wished for this point, or ""."""
        wish = self._devices.twin(key[0]).desired.get(key[1])
        return wish.command_id if wish is not None else ""

    def _tell(self, what: str, key: Key, present: bool, detail: str = "", wish: Value | None = None) -> None:
        self._report(what, present, device=key[0], point=key[1], detail=detail, wish=wish)
