"""What drivers ask of a person, as fields of a form. Their words are English; those of the built-in drivers are listed
here for the catalogues, others are shown as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData

from sluis.model import Actor, Device, Role, SluisError
from sluis.panel.i18n import N_
from sluis.panel.pages.words import PROBLEMS
from sluis.panel.ports import House
from sluis.panel.reports import AskReport, DriverReport

PREFIX = "ask."
"""Begins the names of these fields in a form: a driver may ask for a `name`."""


KNOWN = PROBLEMS | {
    "exists": (
        N_("A device with this driver is in use at this address already."),
        N_("Search for it under Find, or check the address."),
    )
}


@dataclass(frozen=True, slots=True)
class Question:
    """One field, ready to draw."""

    ask: AskReport
    value: str
    """What is in the field. Of a secret only what was typed a moment ago and not yet taken; never what is held."""
    held: bool
    """A secret that was told before."""
    wrong: bool

    @property
    def name(self) -> str:
        return PREFIX + self.ask.key

    @property
    def many_lines(self) -> bool:
        """A document is told, not a word."""
        return self.ask.kind == "text" and "TOML" in self.ask.hint

    @property
    def required(self) -> bool:
        return self.ask.required and not self.held


def questions(
    report: DriverReport, held: Mapping[str, Any], typed: Mapping[str, str] | None = None, error: object = None
) -> list[Question]:
    """The driver's questions: with what was just typed, else what is held, else the driver's own default."""
    blamed = str(getattr(error, "where", "")).rpartition(": ")[2]
    return [_question(ask, held, typed, blamed) for ask in report.setup]


def _question(ask: AskReport, held: Mapping[str, Any], typed: Mapping[str, str] | None, blamed: str) -> Question:
    known = held.get(ask.key, ask.default)
    shown = "" if ask.secret else _text(known)
    value = shown if typed is None else typed.get(ask.key, shown)
    return Question(ask, value, ask.secret and bool(held.get(ask.key)), blamed == ask.key)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def typed_in(form: FormData) -> dict[str, str]:
    """The answers in a form, as they were typed. Of a box and its hidden twin the last one counts."""
    items = form.multi_items()
    return {name.removeprefix(PREFIX): str(value) for name, value in items if name.startswith(PREFIX)}


def told(report: DriverReport, typed: Mapping[str, str]) -> dict[str, str]:
    """What the register is to be told: a secret that was left empty stays as it is."""
    secret = {ask.key for ask in report.setup if ask.secret}
    return {key: text.replace("\r\n", "\n") for key, text in typed.items() if text or key not in secret}


def report_of(reports: Iterable[DriverReport], key: str) -> DriverReport | None:
    """The driver of that key; None when it cannot be used."""
    return next((one for one in reports if one.key == key and not one.fault), None)


def setup_of(
    house: House,
    actor: Actor,
    device: Device,
    typed: dict[str, str] | None = None,
    error: SluisError | None = None,
) -> dict[str, Any]:
    """What the device's page needs for the form of its driver's questions; no questions for who may not answer."""
    report = report_of(house.system.drivers(), device.driver) if actor.may(Role.TECHNICIAN, device.area) else None
    held = device.description.get("setup", {})
    asked: list[Question] = questions(report, held, typed, error) if report else []
    return {"questions": asked, "error": error, "known": KNOWN}


LABELS = (
    N_("Seconds between two readings"),
    N_("Characteristics that notify"),
    N_("Pairing"),
    N_("Bind key"),
    N_("Seconds between two measurements"),
    N_("HDMI socket of the display that we are plugged into"),
    N_("Seconds between two looks"),
    N_("Protocol"),
    N_("Universe"),
    N_("Lights"),
    N_("Take a telegram every (s)"),
    N_("Encryption key"),
    N_("What it shows"),
    N_("What it measures"),
    N_("Pulses for one kWh or m³"),
    N_("What the meter showed when the counter was at 0"),
    N_("What it drives"),
    N_("Group addresses"),
    N_("Map of its dialogue"),
    N_("Own map"),
    N_("Its number or letter on the line"),
    N_("Password, where the device wants one"),
    N_("Ask every (s)"),
    N_("Register map"),
    N_("Own register map"),
    N_("Unit"),
    N_("Hardware address"),
    N_("Broadcast address"),
    N_("Password, where the projector wants one"),
    N_("UDP port for what it tells by itself; 0 for none"),
    N_("The display's ID"),
    N_("Number on the serial line (1 to 7)"),
    N_("Header of VISCA over IP"),
    N_("UDP port that it answers to"),
    N_("How many presets it has"),
)

HINTS = (
    N_("For example: 2a6e 2a19. The connection is kept open."),
    N_("The six digits on its label or display; yes for a device that is paired without. Empty: it is not paired."),
    N_("32 hexadecimal digits, from the device's own app or configuration page; only for a device that encrypts."),
    N_("Silence of 2.5 times as long is shown as stale. Leave it empty for this family's usual interval."),
    N_("TOML, a table a light. See docs/drivers/dmx-universe.md."),
    N_("1 for all of a DSMR 5 meter."),
    N_("The base64 text under api: encryption: key: in the node's YAML."),
    N_("`door`, `window`, `smoke` ..."),
    N_("From the meter's plate."),
    N_("`light`, `valve`, `outlet` ..."),
    N_("TOML, a table a point. See docs/drivers/knx-points.md."),
    N_("Which family is it?"),
    N_("TOML; where the map is `custom`. See docs/drivers/line-device.md."),
    N_("Where several share a line; the map has the usual one."),
    N_("0: as often as the map says."),
    N_("Which model is it?"),
    N_("TOML; where the map is `custom`. See docs/drivers/modbus.md."),
    N_("Modbus TCP only; on a serial pair it is the address."),
    N_("At most so often; 0: as the map says."),
    N_("To wake it up, such as 00:11:22:33:44:55; none to look only."),
    N_("Of the network the host is on."),
    N_("0 to 253; in its menu under Multi Control."),
    N_("auto: at port 52381"),
    N_("0: the one that asked."),
)
