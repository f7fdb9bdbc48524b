"""Commands about devices and their points."""

from __future__ import annotations

import difflib
from typing import Any

import click

from sluis.cli.client import ApiError, Client
from sluis.cli.lazy import Failure
from sluis.cli.show import age, as_json, coloured, facts, moment, out, table, value_text
from sluis.cli.where import Where

SETUP_CODE = "SLUIS1:"
"""How the set-up code of a node's label begins (`sluis.wire.setup_code`)."""


@click.command()
@click.option("--area", default="", help="Only devices in this area.")
@click.option("--search", default="", help="Only devices with these words in their name, model, serial, ...")
@as_json
@click.pass_obj
def devices(where: Where, area: str, search: str, json_: bool) -> None:
    """List the devices in use.

    \b
    sluis devices
    sluis devices --area "Meeting room"
    sluis devices --json | jq -r '.[] | select(.availability != "online") | .name'
    """
    with where.client() as client:
        found = client.every("devices", area=area, search=search)
    if json_:
        out(found)
        return
    rows = [[d["key"], d["name"], d["area"] or "-", coloured(d["availability"]), product(d)] for d in found]
    hint = "No devices in use yet. See what was found with `sluis discovered`, then `sluis adopt KEY`."
    table(["Key", "Name", "Area", "State", "Product"], rows, hint if not (area or search) else "No device fits that.")


@click.command()
@as_json
@click.pass_obj
def discovered(where: Where, json_: bool) -> None:
    """List devices that were seen but are not in use. Adopting one is a person's decision.

    \b
    sluis discovered
    sluis adopt shelly-gen2-shellyplus1pm-a8032ab1c2d4 --name "Office lights" --area Office
    """
    with where.client() as client:
        found = client.every("discovered")
    if json_:
        out(found)
        return
    rows = [[d["key"], d["name"], product(d), d["link"], age(d["discovered_at_us"])] for d in found]
    table(
        ["Key", "Name", "Product", "Link", "Seen first"],
        rows,
        "Nothing new. Devices appear here when they first speak.",
    )


@click.command()
@click.argument("key")
@click.option("--name", help="What people call it; what it calls itself when left out.")
@click.option("--area", default="", help="Where it is.")
@click.option("--asset-number", default="", help="Its number in your inventory.")
@as_json
@click.pass_obj
def adopt(where: Where, key: str, name: str | None, area: str, asset_number: str, json_: bool) -> None:
    """Take the discovered device KEY into use. For a node of ours, KEY may be the set-up code of its label.

    \b
    sluis adopt tasmota-d8bfc01a2b3c --name "Heater" --area "Meeting room" --asset-number A-0042
    sluis adopt SLUIS1:E661410403020100:7QK3M8ZT4W:3F9A02C1:ZB --name Attic
    """
    with where.client() as client:
        if key.upper().startswith(SETUP_CODE):
            if not name:
                raise click.UsageError("a node that comes by its set-up code needs a --name")
            body = {"setup_code": key, "name": name, "area": area, "asset_number": asset_number}
            _adopted(client.post("nodes", "adopt", body=body), json_)
            return
        known = {each["key"]: each for each in client.every("discovered")}
        if key not in known:
            raise Failure(f"no discovered device {key!r}", suggestion(key, known) or "List them with: sluis discovered")
        body = {"name": name or known[key]["name"], "area": area, "asset_number": asset_number}
        made = client.post("discovered", key, "adopt", body=body)
    _adopted(made, json_)


def _adopted(made: dict[str, Any], json_: bool) -> None:
    if json_:
        out(made)
        return
    place = f" in {made['area']}" if made["area"] else ""
    click.echo(f"{made['name']} is in use{place}. See: sluis device {made['key']}")


def answers_of(given: tuple[str, ...]) -> dict[str, str]:
    """`key=value` words as a mapping."""
    for word in given:
        if "=" not in word:
            raise click.UsageError(f"{word!r} is not KEY=VALUE")
    return dict(word.split("=", 1) for word in given)


@click.command()
@click.argument("driver")
@click.argument("link")
@click.argument("address")
@click.option("--set", "given", multiple=True, metavar="KEY=VALUE", help="An answer to what the driver asks.")
@click.option("--name", default="", help="What people call it.")
@click.option("--area", default="", help="Where it is.")
@click.option("--asset-number", default="", help="Its number in your inventory.")
@as_json
@click.pass_obj
def add(
    where: Where,
    driver: str,
    link: str,
    address: str,
    given: tuple[str, ...],
    name: str,
    area: str,
    asset_number: str,
    json_: bool,
) -> None:
    """Take into use a device that cannot announce itself: at ADDRESS of LINK, spoken to by DRIVER.

    What a driver asks stands in `sluis driver list --json`; the links are listed by `sluis links`.

    \b
    sluis add pjlink net 192.0.2.7:4352 --name Projector --area "Room 1.4" --set password=secret
    sluis add modbus rs485 3 --set map=eastron-sdm630
    """
    wish = {"driver": driver, "link": link, "address": address, "setup": answers_of(given)}
    with where.client() as client:
        made = client.post("devices", body=wish | {"name": name, "area": area, "asset_number": asset_number})
    if json_:
        out(made)
    else:
        click.echo(f"{made['name']} is in use. See: sluis device {made['key']}")


@click.command()
@click.argument("key")
@click.option("--set", "given", multiple=True, required=True, metavar="KEY=VALUE", help="An answer; may be repeated.")
@as_json
@click.pass_obj
def configure(where: Where, key: str, given: tuple[str, ...], json_: bool) -> None:
    """Tell the driver of the device KEY what it asks (a bind key, a register map). What is left out stays.

    \b
    sluis configure "Cellar thermometer" --set bindkey=231d39c1d7cc1ab1aee224cd096db932
    """
    with where.client() as client:
        found = resolve(client, key)
        made = client.patch("devices", found["key"], "setup", body={"setup": answers_of(given)})
    if json_:
        out(made)
    else:
        click.echo(f"{made['name']} is set up" + (f", but: {made['fault']}" if made["fault"] else "."))


@click.command()
@click.argument("key")
@as_json
@click.pass_obj
def device(where: Where, key: str, json_: bool) -> None:
    """Show the device KEY (a key or a name): what it is, whether it can be reached, and its points.

    \b
    sluis device "Meeting room heater"
    """
    with where.client() as client:
        found = resolve(client, key)
        held = client.get("devices", found["key"], "points")
    if json_:
        out(found | {"points": held})
        return
    reached = coloured(found["availability"]) + (f" ({found['reason']})" if found["reason"] else "")
    facts(
        [
            ("Name", found["name"]),
            ("Key", found["key"]),
            ("Area", found["area"]),
            ("Asset number", found["asset_number"]),
            ("Product", product(found)),
            ("Serial", found["serial"]),
            ("Firmware", found["firmware"]),
            ("State", f"{reached} since {moment(found['since_us'])}"),
            ("Driver", found["driver"] + (": does not work, see the device's page" if found["fault"] else "")),
            ("Link", found["link"]),
            ("In use since", moment(found["adopted_at_us"])),
        ]
    )
    click.echo()
    points_table(found, held)


@click.command()
@click.argument("key")
@as_json
@click.pass_obj
def points(where: Where, key: str, json_: bool) -> None:
    """List the points of the device KEY (a key or a name) with their values.

    \b
    sluis points tasmota-d8bfc01a2b3c
    """
    with where.client() as client:
        found = resolve(client, key)
        held = client.get("devices", found["key"], "points")
    if json_:
        out(held)
    else:
        points_table(found, held)


@click.command()
@click.argument("point")
@as_json
@click.pass_obj
def read(where: Where, point: str, json_: bool) -> None:
    """Print the value of POINT, written DEVICE/POINT.

    Prints the bare value, for scripts. Exit code 1 when the point has no good, fresh value.

    \b
    sluis read tasmota-d8bfc01a2b3c/power
    test "$(sluis read reception_lamp/state)" = on
    """
    with where.client() as client:
        device, key = device_and_point(client, point)
        found = client.get("points", device["key"], key)
    if json_:
        out(found)
    reported = found["reported"]
    if reported is None:
        raise Failure(
            f"{point} has not reported yet", "See the device's state with: sluis device " + point.partition("/")[0]
        )
    if not json_:
        click.echo(value_text(reported["value"]))
    if device["availability"] != "online":
        raise Failure(f"{point} is not to be relied on: {unreachable(device)}")
    if reported["stale"] or reported["quality"] == "bad":
        why = (
            f"the last report is {age(reported['at_us'])}" if reported["stale"] else "the device says the value is bad"
        )
        raise Failure(f"{point} is not to be relied on: {why}")


def unreachable(device: dict[str, Any]) -> str:
    """Why nobody knows whether a device's values still hold."""
    state = "is offline" if device["availability"] == "offline" else "may be out of reach"
    return f"{device['name']} {state}" + (f" ({device['reason']})" if device["reason"] else "")


def points_table(device: dict[str, Any], held: list[dict[str, Any]]) -> None:
    if device["availability"] != "online":
        click.echo(f"These values may be old: {unreachable(device)}.\n")
    rows = [[p["key"], shown(p), age(p["reported"]["at_us"]) if p["reported"] else "-", may_set(p)] for p in held]
    table(["Point", "Value", "Reported", "Can be set"], rows, "This device has no points.")


def shown(point: dict[str, Any]) -> str:
    """A point's value, with what was asked of it where that differs."""
    reported = point["reported"]
    if reported is None:
        return "-"
    text = value_text(reported["value"], point["unit"], reported["quality"], reported["stale"])
    wished = point.get("desired")
    return (
        text
        if wished is None or wished == reported["value"]
        else f"{text} (asked: {value_text(wished, point['unit'])})"
    )


def may_set(point: dict[str, Any]) -> str:
    """What a point may be set to."""
    if not point["writable"]:
        return ""
    if point["options"]:
        return " | ".join(point["options"])
    if point["kind"] == "switch":
        return "on | off"
    if point["minimum"] is not None and point["maximum"] is not None:
        return f"{point['minimum']:g} to {point['maximum']:g}"
    return "press" if point["kind"] == "trigger" else "yes"


def product(device: dict[str, Any]) -> str:
    return f"{device['vendor']} {device['model']}".strip() or device["driver"]


def resolve(client: Client, key: str) -> dict[str, Any]:
    """The device with this key, or the one with this name. Failure with the nearest when there is none."""
    try:
        found = client.get("devices", key)
        assert isinstance(found, dict)
        return found
    except ApiError as error:
        if error.status not in (404, 422):
            raise
    listed = client.every("devices")
    named = [each for each in listed if each["name"].casefold() == key.casefold() or each["native_id"] == key]
    if len(named) == 1:
        return dict(named[0])
    if named:
        raise Failure(f"{len(named)} devices are called {key!r}", "Use a key: " + ", ".join(d["key"] for d in named))
    known = {word: each for each in listed for word in (each["key"], each["name"])}
    raise Failure(f"no device {key!r}", suggestion(key, known) or "List them with: sluis devices")


def suggestion(word: str, known: dict[str, Any]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f"Did you mean {near[0]!r}?" if near else ""


def split_point(client: Client, point: str) -> tuple[str, str]:
    """(device key, point key) of DEVICE/POINT, where DEVICE may be a name."""
    device, key = device_and_point(client, point)
    return device["key"], key


def device_and_point(client: Client, point: str) -> tuple[dict[str, Any], str]:
    """(device, point key) of DEVICE/POINT."""
    name, slash, key = point.rpartition("/")
    if not slash or not name or not key:
        raise click.UsageError(f"{point!r} is no point; write DEVICE/POINT, e.g. tasmota-d8bfc01a2b3c/power")
    return resolve(client, name), key
