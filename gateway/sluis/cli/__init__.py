"""The `sluis` command: a thin skin over the API and the rooms below.

Exit codes: 0 done; 1 not done, or a finding; 2 the command line is wrong; 3 the gateway cannot be reached;
4 the gateway refused.
"""

from __future__ import annotations

from pathlib import Path

import click

from sluis.cli.lazy import LazyGroup
from sluis.cli.where import Where

TABLE = {
    "Run": {
        "run": ("sluis.cli.run:run", "Run the gateway in the foreground."),
        "demo": ("sluis.cli.demo:demo", "Run a gateway with an office of stand-in devices. No hardware needed."),
        "migrate": ("sluis.cli.migrate:migrate", "Bring a database file to the form that this release wants."),
        "doctor": ("sluis.cli.doctor:doctor", "Check this installation and say what to do."),
    },
    "Devices": {
        "devices": ("sluis.cli.devices:devices", "List the devices in use."),
        "device": ("sluis.cli.devices:device", "Show one device."),
        "points": ("sluis.cli.devices:points", "List a device's points with their values."),
        "read": ("sluis.cli.devices:read", "Print one point's value."),
        "set": ("sluis.cli.commands:set_point", "Set a point, and wait until the device confirms."),
        "watch": ("sluis.cli.commands:watch", "Print changes as they happen."),
        "why": ("sluis.cli.commands:why", "Explain a value: what led to it."),
        "scan": ("sluis.cli.scan:scan", "Show live what is in the air and on the wires."),
        "discovered": ("sluis.cli.devices:discovered", "List devices that were seen but are not in use."),
        "adopt": ("sluis.cli.devices:adopt", "Take a discovered device into use."),
        "add": ("sluis.cli.devices:add", "Take into use a device that cannot announce itself."),
        "configure": ("sluis.cli.devices:configure", "Tell a device's driver what it asks."),
        "replace": ("sluis.cli.replace:replace", "Put a device in the place of a dead one."),
    },
    "Look after it": {
        "alerts": ("sluis.cli.alerts:alerts", "List, acknowledge and look back at alerts."),
        "health": ("sluis.cli.health:health", "List the devices that are worst off, and why."),
        "assets": ("sluis.cli.assets:assets", "List what is in use: where, since when and by whom."),
        "label": ("sluis.cli.papers:label", "Make labels with a code that leads to the device."),
        "card": ("sluis.cli.papers:card", "Show, change and print instruction cards."),
        "commission": ("sluis.cli.commission:commission", "Check an area, sign, and verify what was signed."),
        "links": ("sluis.cli.system:links", "Show the links to devices and their health."),
        "link": ("sluis.cli.system:link", "Look into one link, and at how links were brought back."),
        "record": ("sluis.cli.system:record", "Write what passes over a link to a file."),
        "broker": ("sluis.cli.broker:broker", "Give devices their account at the broker."),
        "board": ("sluis.cli.hardware:board", "Show what is known of boards and HATs."),
        "gpio": ("sluis.cli.hardware:gpio", "Make the outputs on the header's pins safe."),
        "storage": ("sluis.cli.system:storage", "Show what is written to the card, and how long it lasts."),
        "update": ("sluis.cli.update:update", "Update the gateway itself, and go back."),
        "backup": ("sluis.cli.backup:backup", "Make, verify and restore backups."),
        "users": ("sluis.cli.accounts:users", "List, add and change users."),
        "tokens": ("sluis.cli.accounts:tokens", "List, create and revoke API tokens."),
        "audit": ("sluis.cli.accounts:audit", "Read and verify the log of who did what."),
    },
    "Boards": {
        "flash": ("sluis.cli.flash:flash", "Write MicroPython to boards, many at once."),
        "enrol": ("sluis.cli.enrol:enrol", "Give a board its identity and its key."),
        "test": ("sluis.cli.nodes:test", "Run a node's factory test."),
        "nodes": ("sluis.cli.nodes:nodes", "List the nodes, and what is wrong with them."),
        "node": ("sluis.cli.nodes:node", "Configure, identify, rotate, revoke, wipe or replace a node."),
        "rollout": ("sluis.cli.rollouts:rollout", "Give a release to many nodes, in waves."),
        "bundle": ("sluis.cli.bundle:bundle", "Build, sign, check and keep what boards are flashed and updated with."),
    },
    "Develop": {
        "driver": ("sluis.cli.driver:driver", "Write, check, record and replay drivers."),
        "bench": ("sluis.cli.system:bench", "Measure this machine's speed (from a checkout)."),
        "selftest": ("sluis.cli.selftest:selftest", "Prove durability here: kill it, jump its clock."),
        "completion": ("sluis.cli.system:completion", "Print the completion script of your shell."),
    },
}


@click.group(cls=LazyGroup, table=TABLE, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data-dir", type=click.Path(path_type=Path), envvar="SLUIS_DATA_DIR", help="The gateway's data folder.")
@click.option("--url", envvar="SLUIS_URL", help="Address of a gateway elsewhere, https://host:8443.")
@click.option("--token", envvar="SLUIS_TOKEN", help="API token for that gateway; better in SLUIS_TOKEN.")
@click.option("--ca", type=click.Path(path_type=Path), envvar="SLUIS_CA", help="Its site CA certificate.")
@click.version_option(package_name="sluis", message="sluis %(version)s")
@click.pass_context
def main(ctx: click.Context, data_dir: Path | None, url: str | None, token: str | None, ca: Path | None) -> None:
    """Sluis: the gate between the things in a building and the people who look after them.

    \b
    Try it without any hardware:    sluis demo
    See what is there:              sluis devices
    Something is wrong:             sluis doctor
    """
    ctx.obj = Where(data_dir, url, token, ca)
