"""Accounts at the gateway's own broker."""

from __future__ import annotations

import click

from sluis.cli.show import as_json, facts, out, table
from sluis.cli.where import Where


@click.group()
def broker() -> None:
    """Give devices their account at the gateway's own broker, and take it away.

    \b
    sluis broker issue tasmota D8BFC04F3A2B --topic tasmota_4F3A2B
    sluis broker accounts
    sluis broker revoke tasmota-D8BFC04F3A2B
    """


@broker.command()
@as_json
@click.pass_obj
def accounts(where: Where, json_: bool) -> None:
    """List who may connect, and which topics each may touch."""
    with where.client() as client:
        found = client.get("broker", "accounts")
    if json_:
        out(found)
        return
    rows = [[one["username"], one["driver"], one["native_id"], "  ".join(one["topics"])] for one in found]
    empty = "No accounts yet. Give a device one with: sluis broker issue DRIVER ID"
    table(["Account", "Driver", "Device", "Topics (> publish, < subscribe)"], rows, empty)


@broker.command()
@click.argument("driver")
@click.argument("native_id")
@click.option("--topic", default="", help="Its name in its topics, where that is not its id (Tasmota's Topic).")
@as_json
@click.pass_obj
def issue(where: Where, driver: str, native_id: str, topic: str, json_: bool) -> None:
    """Make or renew the account of the device NATIVE_ID of the family DRIVER.

    The password is shown once. NATIVE_ID is the device's identity in its own protocol: the MAC of a Tasmota, the
    device id of a Shelly, the base topic of a Zigbee2MQTT, the id of a Sluis node.

    \b
    sluis broker issue tasmota D8BFC04F3A2B --topic tasmota_4F3A2B
    sluis broker issue shelly-gen2 shellyplus1pm-a8032ab1c2d4
    """
    with where.client() as client:
        made = client.post("broker", "accounts", body={"driver": driver, "native_id": native_id, "topic": topic})
    if json_:
        out(made)
        return
    facts(
        [
            ("Host", made["host"]),
            ("Port", f"{made['port']} (TLS; trust the site's CA certificate)" if made["port"] else ""),
            ("User name", made["username"]),
            ("Password", made["password"]),
        ]
    )
    click.echo("\nThe password is shown this once. Issuing again gives a new one.")


@broker.command()
@click.argument("username")
@click.confirmation_option(prompt="Its device is disconnected and stays out. Go on?")
@click.pass_obj
def revoke(where: Where, username: str) -> None:
    """Remove an account."""
    with where.client() as client:
        client.delete("broker", "accounts", username)
    click.echo(f"{username} can no longer connect.")
