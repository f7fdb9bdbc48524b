"""Nodes: their keys, their proof, what is wired to them, and how another takes one's place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sluis.cli.lazy import Failure
from sluis.cli.show import age, as_json, facts, moment, out, table
from sluis.cli.where import Where

if TYPE_CHECKING:
    from sluis.cli.client import Client

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@as_json
@click.pass_obj
def nodes(where: Where, json_: bool) -> None:
    """List the nodes: every board that was enrolled, and what is wrong with it.

    \b
    sluis nodes
    sluis nodes --json
    """
    with where.client() as client:
        found = client.get("nodes")
    if json_:
        out(found)
        return
    rows = [[one["id"], one["state"], one["board"], one["serial"], one["device"], one["fault"]] for one in found]
    empty = "No nodes yet. Plug a board in and enrol it: sluis enrol --port /dev/ttyACM0"
    table(["Node", "State", "Board", "Serial", "Device", "What is wrong"], rows, empty)


@click.command()
@click.argument("node")
@as_json
@click.pass_obj
def test(where: Where, node: str, json_: bool) -> None:
    """Run the factory test of NODE: each sensor gives a value, each actuator moves, the signal is good.

    NODE is its id, or the key or name of its device. Exit code 1 when it fails; each failure says which pin, and what
    to check.

    \b
    sluis test e661410403020100
    """
    with where.client() as client:
        found = client.post("nodes", named(client, node)["id"], "test")
    tested(found, json_)


def tested(found: dict[str, Any], json_: bool = False) -> None:
    """What a test found; Failure when it was not passed."""
    if json_:
        out(found)
    else:
        rows = [[one["part"], one["pin"], "good" if one["ok"] else one["said"], values(one)] for one in found["tests"]]
        table(["Part", "Pin", "Result", "Values"], rows, "Nothing was tested.")
    passed(found)
    if not json_:
        click.echo(f"\n{found['id']} has passed its test.")


def passed(found: dict[str, Any]) -> None:
    """Failure with what to check when the test was not passed."""
    if found["state"] != "proven":
        advice = [f"{one['part']}: {one['check']}" for one in found["tests"] if not one["ok"]]
        raise Failure(f"{found['id']} has not passed its test", "\n".join(advice))


def values(line: dict[str, Any]) -> str:
    return "  ".join(f"{key} {value}" for key, value in line["values"].items())


@click.group()
def node() -> None:
    """Look after one node: its configuration, its key, its place.

    \b
    sluis node show e661410403020100
    sluis node config e661410403020100 > attic.json
    sluis node config e661410403020100 --check attic.json
    sluis node config e661410403020100 --set attic.json
    sluis node replace e661410403020100 e661410403020101 --reason lightning
    """


@node.command()
@click.argument("name", metavar="NODE")
@as_json
@click.pass_obj
def show(where: Where, name: str, json_: bool) -> None:
    """Show NODE, with the results of its last test."""
    with where.client() as client:
        found = named(client, name)
    if json_:
        out(found)
        return
    facts(
        [
            ("Node", found["id"]),
            ("State", found["state"]),
            ("Board", found["board"]),
            ("Profile", found["profile"]),
            ("Serial", found["serial"]),
            ("Device", found["device"]),
            ("Key", f"generation {found['generation']}, print {found['fingerprint']}, {age(found['keyed_at_us'])}"),
            ("Enrolled", f"{moment(found['enrolled_at_us'])} by {found['by']}"),
            ("Tested", moment(found["tested_at_us"])),
            ("Signal", f"{found['rssi_dbm']} dBm" if found["rssi_dbm"] is not None else ""),
            ("Firmware", found["firmware"]),
            ("Replaced by", found["successor"]),
            ("What is wrong", found["fault"]),
        ]
    )


@node.command()
@click.argument("name", metavar="NODE")
@click.option("--set", "file", type=FILE, help="Give it this file.")
@click.option("--check", "checked", type=FILE, help="Check this file for it, and send nothing.")
@click.option("--undo", is_flag=True, help="Give it back what it had before.")
@click.option("--previous", is_flag=True, help="Print what it had before.")
@click.option(
    "--trial-s",
    type=click.IntRange(5, 3600),
    help="Seconds it looks for its broker before it goes back.  [default: 180]",
)
@click.option("--wait/--no-wait", default=True, help="Wait until it is known what became of it.")
@as_json
@click.pass_obj
def config(
    where: Where,
    name: str,
    file: Path | None,
    checked: Path | None,
    undo: bool,
    previous: bool,
    trial_s: int | None,
    wait: bool,
    json_: bool,
) -> None:
    """Print what is wired to NODE (its node.json), check another, or give it another.

    It is checked by the firmware's own rules before anything is sent. The node goes back to the old one when it does
    not reach the gateway with the new one; exit code 1 then. Test it afterwards.

    \b
    sluis node config attic > attic.json
    sluis node config attic --check attic.json
    sluis node config attic --set attic.json --trial-s 60
    sluis node config attic --undo
    """
    if sum((file is not None, checked is not None, undo, previous)) > 1:
        raise click.UsageError("--set, --check, --undo and --previous do not go together")
    from sluis.cli import node_config

    with where.client() as client:
        found = named(client, name)
        if checked is not None:
            node_config.check(client, found["id"], checked, json_)
            return
        told = node_config.read(file) if file is not None else node_config.has(client, found["id"], undo or previous)
        if file is None and not undo:
            out(told)
            return
        if undo and not told:
            raise Failure(f"{found['id']} had no other configuration before this one")
        held = client.put("nodes", found["id"], "config", body={"config": told, "trial_s": trial_s})
        node_config.given(client, held, wait, json_)


@node.command()
@click.argument("name", metavar="NODE")
@as_json
@click.pass_obj
def page(where: Where, name: str, json_: bool) -> None:
    """Show why the last update of NODE went back: reset cause, its last lines, traceback.

    \b
    sluis node page attic
    """
    from sluis.cli import node_pages

    with where.client() as client:
        found = named(client, name)
        node_pages.show(found["id"], client.get("nodes", found["id"], "page"), json_)


@node.command()
@as_json
@click.pass_obj
def pages(where: Where, json_: bool) -> None:
    """List the faults for which updates of nodes went back, the most frequent first, and the nodes that have them.

    \b
    sluis node pages
    """
    from sluis.cli import node_pages

    with where.client() as client:
        node_pages.show_all(client.get("node-pages"), json_)


@node.command()
@click.argument("name", metavar="NODE")
@click.pass_obj
def identify(where: Where, name: str) -> None:
    """Make NODE blink."""
    with where.client() as client:
        found = named(client, name)
        client.post("nodes", found["id"], "identify")
    click.echo(f"{found['id']} blinks.")


@node.command()
@click.argument("name", metavar="NODE")
@click.option("--reason", default="", help="Why, for the audit log.")
@click.confirmation_option(prompt="It is disconnected until the new key is written to it. Go on?")
@as_json
@click.pass_obj
def rotate(where: Where, name: str, reason: str, json_: bool) -> None:
    """Give NODE a new key. The old one ends at once, and the new one must be written to the node over the cable.

    With the board on this machine, `sluis enrol --port PORT --again` does both.

    \b
    sluis node rotate attic --reason "a yearly duty" --yes --json > key.json
    """
    with where.client() as client:
        found = named(client, name)
        made = client.post("nodes", found["id"], "rotate", body={"reason": reason})
    if json_:
        out(made)
        return
    told = json.dumps(made["net"])
    facts([("Node", found["id"]), ("Set-up code", made["setup_code"]), ("net.json", told), ("ca.der", made["ca_der"])])
    click.echo("\nnet.json holds the password. It is shown this once.")


@node.command()
@click.argument("name", metavar="NODE")
@click.option("--reason", default="", help="Why, for the audit log.")
@click.confirmation_option(prompt="It is disconnected and stays out. Go on?")
@click.pass_obj
def revoke(where: Where, name: str, reason: str) -> None:
    """End the key of NODE: it is disconnected and stays out. Its device and history stay.

    \b
    sluis node revoke attic --reason stolen --yes
    """
    with where.client() as client:
        found = named(client, name)
        client.post("nodes", found["id"], "revoke", body={"reason": reason})
    click.echo(f"{found['id']} can no longer connect. A new key over the cable: sluis enrol --port PORT")


@node.command()
@click.argument("name", metavar="NODE")
@click.confirmation_option(prompt="It forgets this site, and its device is out of use. Go on?")
@click.pass_obj
def wipe(where: Where, name: str) -> None:
    """De-provision NODE: it erases what it knows, its key ends, its device is out of use. The history stays."""
    with where.client() as client:
        found = named(client, name)
        done = client.delete("nodes", found["id"])
    how = "has erased what it knew" if done["erased"] else "did not answer: what it holds opens nothing any more"
    click.echo(f"{found['id']} {how}.")


@node.command()
@click.argument("old")
@click.argument("new")
@click.option("--reason", default="", help="Why, for the audit log.")
@click.option("--force", is_flag=True, help="Also while OLD is heard, or NEW has not passed its test.")
@click.pass_obj
def replace(where: Where, old: str, new: str, reason: str, force: bool) -> None:
    """NEW takes the place of the dead OLD: its name, area, history, rules and configuration. OLD's key ends.

    \b
    sluis node replace attic e661410403020101 --reason lightning
    """
    with where.client() as client:
        dead, heir = named(client, old)["id"], named(client, new)["id"]
        done = client.post("nodes", dead, "replace", body={"by": heir, "reason": reason, "force": force})
    click.echo(f"{heir} is {done['device']['name']} now; {dead} can no longer connect.")
    if done["node"]["state"] != "proven":
        click.echo(f"It was given the configuration of {dead}. Then: sluis test {heir}")


@node.command()
@as_json
@click.pass_obj
def networks(where: Where, json_: bool) -> None:
    """List the Wi-Fi networks that nodes are told when they are enrolled."""
    with where.client() as client:
        found = client.get("wifi-networks")
    if json_:
        out(found)
        return
    table(["Network"], [[one] for one in found], "None yet. Add one with: sluis node network-add SSID")


@node.command("network-add")
@click.argument("ssid")
@click.password_option(help="Its password; asked for when it is not given.", confirmation_prompt=False)
@click.pass_obj
def network_add(where: Where, ssid: str, password: str) -> None:
    """Add the Wi-Fi network SSID, or change its password. It is kept encrypted and never shown.

    \b
    sluis node network-add Building-IoT
    """
    with where.client() as client:
        client.post("wifi-networks", body={"ssid": ssid, "password": password})
    click.echo(f"Nodes are told of {ssid} when they are enrolled.")


@node.command("network-remove")
@click.argument("ssid")
@click.pass_obj
def network_remove(where: Where, ssid: str) -> None:
    """Forget the Wi-Fi network SSID. Nodes that know it keep it."""
    with where.client() as client:
        client.delete("wifi-networks", ssid=ssid)
    click.echo(f"{ssid} is forgotten.")


def named(client: Client, name: str) -> dict[str, Any]:
    """The node of this id, or of the device with this key or name. Failure when there is none, or more than one."""
    found: list[dict[str, Any]] = client.get("nodes")
    known = [one for one in found if name.lower() == one["id"] or name == one["device"]]
    if not known:
        called = {one["key"] for one in client.get("devices", search=name, limit=200)["items"] if one["name"] == name}
        known = [one for one in found if one["device"] in called]
    if len(known) != 1:
        many = f"{len(known)} nodes are called {name!r}" if known else f"there is no node {name!r}"
        raise Failure(many, "List the nodes with: sluis nodes")
    return known[0]


@node.command()
@click.argument("name", metavar="NODE")
@click.argument("bundle", required=False)
@click.option("--undo", is_flag=True, help="Back to the version before, which lies on the node.")
@click.option("--now", is_flag=True, help="Also in its quiet hours, and while it drives something.")
@click.option("--reason", default="", help="Why, for the audit log.")
@click.option("--wait/--no-wait", default=True, help="Wait until it is known what became of it.")
@as_json
@click.pass_obj
def update(
    where: Where, name: str, bundle: str | None, undo: bool, now: bool, reason: str, wait: bool, json_: bool
) -> None:
    """Give NODE the imported release BUNDLE; without one, show what it runs.

    The node checks the signatures itself, fetches only what it lacks, tries the new version, and keeps it or goes back.
    Exit code 1 when it went back; `sluis node page NODE` says why.

    \b
    sluis node update attic
    sluis node update attic any-0.3.0-14.sluis
    sluis node update attic --undo
    """
    from sluis.cli.node_updates import follow, show

    if undo and bundle:
        raise click.UsageError("Give a bundle, or --undo.")
    with where.client() as client:
        found = named(client, name)
        before = client.get("nodes", found["id"], "update")
        if bundle is None and not undo:
            show(found["id"], before, json_)
            return
        if undo:
            client.post("nodes", found["id"], "update", "undo", body={"reason": reason})
        else:
            client.post("nodes", found["id"], "update", body={"bundle": bundle, "now": now, "reason": reason})
        if wait:
            follow(client, found["id"], before or {}, json_)
        else:
            show(found["id"], client.get("nodes", found["id"], "update"), json_)
