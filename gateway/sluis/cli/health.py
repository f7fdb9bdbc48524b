"""How well devices are, worst first, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from sluis.cli.devices import resolve
from sluis.cli.show import age, as_json, facts, out, table
from sluis.cli.where import Where

WHY = {
    "offline": "out of reach for {for_s:span}",
    "missed-reports": "{heard:n} of {expected:n} reports came",
    "battery-low": "battery at {percent:n} %",
    "battery-ends": "battery empty in {in_days:n} days",
    "signal-weak": "weak signal, {level:n} {unit}",
    "signal-falling": "signal falls, {per_week:n} {unit} a week",
    "restarts": "{count:n} restarts in a week",
    "drops": "was gone {count:n} times in a day",
    "clock-off": "its clock is {seconds:span} {way}",
    "firmware-old": "firmware of {days:n} days",
}
"""Reason -> English, filled in with its numbers."""

EMPTY = "No device was looked at yet: that begins a minute after the start. Are there any? See: sluis devices"

POOR, FAIR = 50, 80


@click.command()
@click.argument("key", default="")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many devices at most.")
@as_json
@click.pass_obj
def health(where: Where, key: str, limit: int, json_: bool) -> None:
    """List the devices that are worst off, with the reasons; or look at the device KEY (a key or a name)
    now.

    Every device has a figure from 0 to 100, which falls for a low battery, a weak signal, missed reports and the like.

    \b
    sluis health
    sluis health "Meeting room heater"
    sluis health --limit 500 --json | jq -r '.[] | select(.battery_end_us) | .name'
    """
    with where.client() as client:
        if key:
            found = client.get("devices", resolve(client, key)["key"], "health")
        else:
            found = client.every("health", limit=limit)
    if json_:
        out(found)
    elif key:
        facts(_facts(found))
    else:
        rows = [
            [coloured_score(one["score"]), one["device"], one["name"], one["area"] or "-", reasons(one)]
            for one in found
        ]
        table(["Health", "Key", "Name", "Area", "Why"], rows, EMPTY)


def coloured_score(score: int) -> str:
    """In the colour of its part of the scale."""
    return click.style(str(score), fg="red" if score < POOR else "yellow" if score < FAIR else "green")


def reasons(one: Any) -> str:
    """Why points are off, heaviest first."""
    return "; ".join(_sentence(reason, one["signal_unit"]) for reason in one["reasons"]) or "nothing is wrong"


def _sentence(reason: Any, unit: str) -> str:
    known = WHY.get(reason["code"])
    if known is None or (reason["code"] == "battery-low" and not reason["numbers"]):
        return str(reason["code"].replace("-", " "))
    numbers = {name: _Number(value) for name, value in reason["numbers"].items()}
    return known.format(**numbers, unit=unit, way=_way(reason["numbers"].get("seconds")))


def _way(off_s: float | None) -> str:
    return "ahead" if (off_s or 0) > 0 else "behind"


class _Number(float):
    """Formats as a plain number (`n`) or as a span of time (`span`)."""

    def __format__(self, spec: str) -> str:
        return span(abs(self)) if spec == "span" else f"{float(self):.4g}"


def span(seconds: float) -> str:
    """A duration in its largest fitting unit."""
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _facts(one: Any) -> list[tuple[str, str]]:
    return [
        ("Health", f"{coloured_score(one['score'])} of 100"),
        *(
            ("Why" if number == 0 else " ", f"-{reason['points']}  {_sentence(reason, one['signal_unit'])}")
            for number, reason in enumerate(one["reasons"])
        ),
        ("Battery", "" if one["battery_percent"] is None else f"{one['battery_percent']:g} %"),
        ("Empty about", _day(one["battery_end_us"])),
        ("Signal", _signal(one)),
        ("Reports", "" if one["expected"] is None else f"{one['heard']} came, {one['expected']} expected"),
        ("Restarts", "" if one["restarts"] is None else f"{one['restarts']} in a week"),
        ("Gone", "" if one["drops"] is None else f"{one['drops']} times in a day"),
        ("Clock", "" if one["clock_off_s"] is None else f"{one['clock_off_s']:+.1f} s"),
        ("Firmware", "" if one["firmware_age_s"] is None else f"the same for {span(one['firmware_age_s'])}"),
        ("Looked at", age(one["at_us"])),
    ]


def _signal(one: Any) -> str:
    if one["signal"] is None:
        return ""
    trend = one["signal_per_week"]
    return f"{one['signal']:g} {one['signal_unit']}" + ("" if trend is None else f", {trend:+.1f} a week")


def _day(at_us: int | None) -> str:
    return "" if at_us is None else datetime.fromtimestamp(at_us / 1e6, UTC).astimezone().strftime("%Y-%m-%d")
