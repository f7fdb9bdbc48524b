"""Runs the parts of a node: opens their buses, reads each at its own pace, sets, tests, and makes safe.

A part that fails is named once in the log, tried again with growing pauses, and stops no other.
"""

import asyncio

from sluis_node.config import load
from sluis_node.part import Actuator, Fault

try:
    from typing import Any, Callable

    from sluis_node.part import Part
except ImportError:  # a node has no typing
    pass

PAUSES_S = (2, 5, 10, 30, 60)
"""Between tries of a part that failed. The last one stays: a sensor that is plugged in again is back in a minute."""


class Runner:
    """The parts of a configuration that `config.check` found nothing wrong with.

    `tell(values)` takes readings by point; `note(text)` what a person should know.
    """

    def __init__(
        self, config: "dict[str, Any]", tell: "Callable[[dict[str, Any]], None]", note: "Callable[[str], None]"
    ) -> None:
        self._tell = tell
        self._note = note
        self._buses: "dict[str, dict[str, Any]]" = config["buses"]
        self.parts: "list[Part]" = []
        self.faults: "dict[str, str]" = {}
        """What is wrong with a part now, by its key."""
        self._started: "list[Part]" = []
        self._tasks: "list[asyncio.Task[None]]" = []
        for key, settings in config["parts"].items():
            self.parts.append(load(settings["part"])(key, settings, self._buses))

    def points(self) -> "dict[str, dict[str, Any]]":
        """All points as they are announced."""
        found = {}
        for part in self.parts:
            for suffix, about in part.points().items():
                label = part.settings.get("name")
                if label and "name" not in about:
                    about["name"] = "%s %s" % (label, suffix.replace("_", " ")) if suffix else label
                found[part.point(suffix)] = about
        return found

    # -- running ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Actuators first and at once: their pins must not float while a sensor is searched for."""
        for part in self.parts:
            if isinstance(part, Actuator):
                self._open(part)
        for part in self.parts:
            self._tasks.append(asyncio.create_task(self._keep(part)))

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self.safe()

    def safe(self) -> None:
        """All actuators to their safe state."""
        for part in self._started:
            if isinstance(part, Actuator):
                try:
                    part.safe()
                except Exception as error:
                    self._failed(part, error)

    async def _keep(self, part: "Part") -> None:
        tries = 0
        while True:
            try:
                if self._open(part):
                    await part.run(self._heard)
                    return
            except Exception as error:
                self._failed(part, error)
            self._reopen(part)
            await asyncio.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
            tries += 1
            if part.key not in self.faults:
                tries = 0

    def _open(self, part: "Part") -> bool:
        if part in self._started:
            return True
        try:
            name = part.settings.get("bus")
            if name is not None and "open" not in self._buses[name]:
                self._buses[name]["open"] = _open_bus(self._buses[name])
            part.start()
        except Exception as error:
            self._failed(part, error)
            return False
        self._started.append(part)
        return True

    def _reopen(self, part: "Part") -> None:
        """A sensor that failed starts anew, as it may have lost its power. An actuator keeps its state."""
        if part in self._started and not isinstance(part, Actuator):
            self._started.remove(part)

    def _heard(self, part: "Part", values: "dict[str, Any]") -> None:
        """What cannot be is told as it is, so that the gateway sees it and marks it as bad, and named as a fault."""
        strange = _strange(part, values)
        if strange:
            self._failed(part, Fault(strange))
        elif self.faults.pop(part.key, None) is not None:
            self._note("%s answers again" % part.key)
        self._tell({part.point(suffix): value for suffix, value in values.items() if value is not None})

    def _failed(self, part: "Part", error: Exception) -> None:
        text = said(error)
        if self.faults.get(part.key) != text:
            self._note("%s at %s: %s. %s" % (part.key, part.where(), text, part.CHECK))
        self.faults[part.key] = text

    def trouble(self) -> str:
        """All that is wrong now, in a line for people: which part, at which pins, and what."""
        return "; ".join(
            "%s at %s: %s" % (part.key, part.where(), self.faults[part.key])
            for part in self.parts
            if part.key in self.faults
        )

    # -- setting ------------------------------------------------------------------------------------------

    async def write(self, point: str, value: "Any") -> None:
        """Set a point. ValueError with a sentence when there is none, or it cannot take this value."""
        for part in self.parts:
            for suffix, about in part.points().items():
                if part.point(suffix) == point:
                    if not isinstance(part, Actuator) or not about.get("writable"):
                        raise ValueError("%s cannot be set" % point)
                    _suits(about, value)
                    if not self._open(part):
                        raise Fault(0, self.faults[part.key])
                    await part.write(suffix, value)
                    self._heard(part, await part.read())
                    return
        raise ValueError("there is no %s" % point)

    # -- the factory test ---------------------------------------------------------------------------------

    async def test(self, only: "list[str] | None" = None) -> "list[dict[str, Any]]":
        """Try each part (or those named) once. A finding says which part, which pin, what came, and what to check."""
        findings = []
        for part in self.parts:
            if only and part.key not in only:
                continue
            finding = {"part": part.key, "kind": part.settings["part"], "pin": part.where(), "ok": True}
            try:
                if not self._open(part):
                    raise Fault(0, self.faults[part.key])
                values = await part.test()
                finding["values"] = {part.point(suffix): value for suffix, value in values.items()}
                _plausible(part, values)
            except Exception as error:
                finding.update({"ok": False, "said": said(error), "check": part.CHECK})
            findings.append(finding)
        return findings


def said(error: Exception) -> str:
    """A sentence for what went wrong."""
    if isinstance(error, (Fault, ValueError)):
        return str(error)
    if isinstance(error, OSError):
        return "no answer (%s)" % error
    return "%s: %s" % (type(error).__name__, error)


def _plausible(part: "Part", values: "dict[str, Any]") -> None:
    for suffix in part.points():
        if values.get(suffix) is None:
            raise Fault(0, "%s has no value" % part.point(suffix))
    strange = _strange(part, values)
    if strange:
        raise Fault(0, strange)


def _strange(part: "Part", values: "dict[str, Any]") -> str:
    """A sentence for a value outside of what its point can have; "" for none."""
    for suffix, about in part.points().items():
        value = values.get(suffix)
        if value is not None and about.get("kind", "number") == "number":
            low, high = about.get("min"), about.get("max")
            if (low is not None and value < low) or (high is not None and value > high):
                return "%s is %s, which cannot be" % (part.point(suffix), value)
    return ""


def _suits(about: "dict[str, Any]", value: "Any") -> None:
    kind = about.get("kind", "number")
    if kind == "switch":
        if value is not True and value is not False:
            raise ValueError("must be true or false")
    elif kind == "number":
        if value is True or value is False or not isinstance(value, (int, float)):
            raise ValueError("must be a number")
        low, high = about.get("min"), about.get("max")
        if (low is not None and value < low) or (high is not None and value > high):
            raise ValueError("must be from %s to %s" % (low, high))
    elif kind == "choice":
        if value not in about.get("options", ()):
            raise ValueError("must be one of " + ", ".join(about.get("options", ())))
    elif not isinstance(value, str) or len(value) > 256:
        raise ValueError("must be a text of at most 256 characters")


def _open_bus(settings: "dict[str, Any]") -> "Any":
    from machine import Pin

    if settings["bus"] == "onewire":
        from onewire import OneWire

        return OneWire(Pin(settings["pin"]))
    from sluis_node.i2c import free

    sda, scl = Pin(settings["sda"]), Pin(settings["scl"])
    free(sda, scl)
    if settings["id"] is None:
        from machine import SoftI2C

        return SoftI2C(sda=sda, scl=scl, freq=settings["hz"])
    from machine import I2C

    return I2C(settings["id"], sda=sda, scl=scl, freq=settings["hz"])
