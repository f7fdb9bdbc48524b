"""Commands that act and follow: set, watch, why."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from sluis.cli.client import Client
from sluis.cli.devices import split_point
from sluis.cli.lazy import EXIT_REFUSED, Failure
from sluis.cli.show import as_json, coloured, moment, out, table, value_text
from sluis.cli.where import Where

ON_WORDS = ("on", "true", "yes", "1", "open", "aan", "ja")
OFF_WORDS = ("off", "false", "no", "0", "closed", "uit", "nee")
GOOD_STAGES = frozenset({"done", "effective"})


@click.command("set")
@click.argument("point")
@click.argument("value", required=False)
@click.option(
    "--deadline", "deadline_s", type=float, help="Seconds the device has to confirm. [default: as its point says]"
)
@click.option("--reason", default="", help="Why; stands in the audit log.")
@as_json
@click.pass_obj
def set_point(where: Where, point: str, value: str | None, deadline_s: float | None, reason: str, json_: bool) -> None:
    """Set POINT (written DEVICE/POINT) to VALUE and wait until the device confirms.

    No VALUE for a point that is pressed. Exit code 0 when the device did it, 4 when it was refused, else 1.

    \b
    sluis set tasmota-d8bfc01a2b3c/relay on
    sluis set reception_lamp/brightness 40 --reason "film"
    """
    with where.client() as client:
        device, key = split_point(client, point)
        kind = client.get("points", device, key)["kind"]
        wish = {"device": device, "point": key, "value": typed(kind, value), "deadline_s": deadline_s}
        receipt = client.post("commands", body=wish | {"reason": reason, "wait": True})
    if json_:
        out(receipt)
    else:
        said = f": {receipt['detail']}" if receipt["detail"] else ""
        click.echo(f"{point} {value_text(receipt['value'])}: {receipt['stage']}{said}")
    if receipt["stage"] not in GOOD_STAGES:
        raise click.exceptions.Exit(EXIT_REFUSED if receipt["stage"] == "refused" else 1)


def typed(kind: str, word: str | None) -> Any:
    """What a person typed, as the point's kind wants it."""
    if kind == "trigger":
        return None
    if word is None:
        raise click.UsageError("Missing argument 'VALUE'.")
    if kind == "switch":
        if word.lower() not in ON_WORDS + OFF_WORDS:
            raise click.UsageError(f"{word!r} is neither on nor off")
        return word.lower() in ON_WORDS
    if kind == "number":
        try:
            number = float(word.replace(",", "."))
        except ValueError:
            raise click.UsageError(f"{word!r} is not a number") from None
        return int(number) if number.is_integer() else number
    return word


@click.command()
@click.argument("point", nargs=-1)
@click.option("--json", "json_", is_flag=True, help="Print one JSON object a line, for programs.")
@click.option("--count", default=0, help="Stop after so many changes; 0 for never.")
@click.pass_obj
def watch(where: Where, point: tuple[str, ...], json_: bool, count: int) -> None:
    """Print changes as they happen: of everything, or of the POINTs and devices named.

    \b
    sluis watch
    sluis watch tasmota-d8bfc01a2b3c/power "Meeting room heater"
    sluis watch --json | jq -c 'select(.kind == "alert")'
    """
    with where.client() as client:
        wanted = {wanted_of(client, each) for each in point}
        left = count
        for name, content in client.stream(devices=",".join(sorted({device for device, _ in wanted}))):
            for news in content if name == "changes" else ():
                if not fits(news, wanted):
                    continue
                click.echo(json.dumps(news, ensure_ascii=False) if json_ else line(news))
                left -= 1
                if left == 0:
                    return
            if name == "end":
                raise Failure(f"the gateway ended the stream: {content.get('reason', '')}")


def wanted_of(client: Client, text: str) -> tuple[str, str]:
    """(device, point) to watch; point "" for the whole device."""
    from sluis.cli.devices import resolve

    if "/" in text:
        return split_point(client, text)
    return resolve(client, text)["key"], ""


def fits(news: dict[str, Any], wanted: set[tuple[str, str]]) -> bool:
    device, point = news.get("device", ""), news.get("point", "")
    return not wanted or (device, "") in wanted or (device, point) in wanted


def line(news: dict[str, Any]) -> str:
    """One change as a line for people."""
    kind, at = news["kind"], moment(news.get("at_us"))[11:] or " " * 8
    who = f"{news.get('device', '')}/{news.get('point', '')}".rstrip("/")
    said: dict[str, Callable[[], str]] = {
        "reading": lambda: value_text(news["value"], quality=news["quality"], stale=news["stale"]),
        "availability": lambda: coloured(news["availability"]) + (f" ({news['reason']})" if news["reason"] else ""),
        "occurrence": lambda: str(news["what"]),
        "receipt": lambda: f"{value_text(news['value'])} by {news['actor']}: {news['stage']}",
        "alert": lambda: f"{news['what']}: {coloured(news['severity'])}: {news['message']}",
        "link": lambda: f"link {news['link']} {'up' if news['up'] else 'down: ' + news['reason']}",
        "device": lambda: f"{news['what']} {news['name']}",
    }
    return f"{at}  {who}  {said.get(kind, lambda: str(kind))()}"


@click.command()
@click.argument("point")
@as_json
@click.pass_obj
def why(where: Where, point: str, json_: bool) -> None:
    """Explain the present value of POINT (written DEVICE/POINT): what led to it, newest first.

    \b
    sluis why tasmota-d8bfc01a2b3c/relay
    """
    with where.client() as client:
        steps = client.get("points", *split_point(client, point), "why")
    if json_:
        out(steps)
        return
    rows = [
        [moment(step.get("at_us")), str(step.get("kind", "")), str(step.get("what", "")), str(step.get("ref", ""))]
        for step in steps
    ]
    table(
        ["When", "Step", "What", "See"],
        rows,
        f"Nothing is known about {point} yet: it has not reported since the gateway started.",
    )
