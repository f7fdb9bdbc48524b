"""Nodes on the command line: what each command says, and its exit code."""

from __future__ import annotations

import json
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.cli.conftest import Done
from tests.panel.conftest import Site

from sluis.model import Announcement
from sluis.model.commands import SYSTEM

Run = Callable[..., Awaitable[Done]]
JsonOf = Callable[..., Awaitable[Any]]

PICO, OTHER = "e661410403020100", "e661410403020101"
FINDING = {"part": "attic", "kind": "ds18b20", "pin": "GPIO4", "ok": True, "values": {"attic": 21.5}}
BROKEN = {**FINDING, "ok": False, "values": {}, "said": "no answer", "check": "Look at R1."}


def answers(site: Site, node_id: str, *findings: dict[str, Any]) -> None:
    site.nodes.answers[node_id, "test"] = {"ok": True, "findings": list(findings)}


async def test_a_node_is_enrolled_tested_and_revoked(site: Site, run: Run, json_of: JsonOf) -> None:
    assert "No nodes yet" in (await run("nodes")).stdout
    done = await run("enrol", PICO, "--board", "pico-w", "--serial", "A-17")
    assert done.exit_code == 0, done.output
    assert "SLUIS1:E661410403020100:" in done.stdout
    assert '"password": "' in done.stdout
    await site.node(PICO, adopt=True)
    answers(site, PICO, BROKEN)
    failed = await run("test", "Attic")
    assert failed.exit_code == 1
    assert "GPIO4" in failed.stdout
    assert "attic: Look at R1." in failed.stderr
    answers(site, PICO, FINDING)
    passed = await run("test", PICO)
    assert (passed.exit_code, "attic 21.5" in passed.stdout) == (0, True), passed.output
    [listed] = await json_of("nodes")
    assert (listed["id"], listed["state"], listed["serial"]) == (PICO, "proven", "A-17")
    assert "proven" in (await run("node", "show", "Attic")).stdout
    assert (await run("node", "revoke", "Attic", "--yes", "--reason", "stolen")).exit_code == 0
    refused = await run("test", PICO)
    assert (refused.exit_code, "is revoked" in refused.stderr) == (4, True), refused.output


async def test_its_files_are_for_their_owner_only(site: Site, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "attic"
    done = await run("enrol", PICO, "--into", str(folder), "--wait", "0")
    assert done.exit_code == 0, done.output
    net = json.loads((folder / "net.json").read_text())
    assert (net["name"], net["broker"]["server"]) == (PICO, "sluis.local")
    assert (folder / "ca.der").read_bytes() == b"0certificate"
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert net["password"] not in done.output


async def test_a_silent_node_is_told_with_a_next_step(site: Site, run: Run) -> None:
    await run("enrol", PICO)
    done = await run("test", PICO)
    assert (done.exit_code, "did not answer" in done.stderr) == (1, True), done.output
    assert "powered" in done.stderr
    assert "did not answer" in (await run("nodes")).stdout


async def test_a_configuration_is_read_and_given(site: Site, run: Run, tmp_path: Path) -> None:
    await site.node(PICO)
    site.nodes.answers[PICO, "config"] = {"ok": True, "node": {"name": "Attic"}}
    assert json.loads((await run("node", "config", PICO)).stdout) == {"name": "Attic"}
    file = tmp_path / "node.json"
    file.write_text("[]")
    assert (await run("node", "config", PICO, "--set", str(file))).exit_code == 1
    file.write_text('{"name": "Loft"}')
    done = await run("node", "config", PICO, "--set", str(file), "--no-wait", "--trial-s", "60")
    assert (done.exit_code, "has taken it" in done.stdout) == (0, True), done.output
    assert site.house.wiring is not None
    trial = site.house.wiring.trial(PICO)
    assert trial is not None
    assert (trial.stage, trial.trial_s, trial.config) == ("trying", 60, {"name": "Loft"})
    [held] = await site.house.nodes.nodes()  # type: ignore[union-attr]
    assert held.config == {"name": "Loft"}
    # The stand-in answers every question for a configuration with the same one.
    undone = await run("node", "config", PICO, "--undo", "--json", "--no-wait")
    assert json.loads(undone.stdout)["id"] == PICO
    [held] = await site.house.nodes.nodes()  # type: ignore[union-attr]
    assert held.config == {"name": "Attic"}
    assert (await run("node", "config", PICO, "--undo", "--set", str(file))).exit_code == 2
    site.nodes.answers[PICO, "config"] = {"ok": True, "node": {}}
    assert "no other configuration" in (await run("node", "config", PICO, "--undo")).stderr


async def test_a_configuration_is_checked_before_it_is_sent(site: Site, run: Run, tmp_path: Path) -> None:
    await site.node(PICO)
    file = tmp_path / "node.json"
    file.write_text('{"parts": {"pump": {"part": "relay", "pin": 16}, "lamp": {"part": "dimmer", "pin": 23}}}')
    wrong = await run("node", "config", PICO, "--check", str(file))
    assert wrong.exit_code == 1
    assert "parts.lamp.pin" in wrong.stdout
    assert "the radio's" in wrong.stdout
    refused = await run("node", "config", PICO, "--set", str(file))
    assert (refused.exit_code, "parts.lamp.pin is pin 23" in refused.stderr) == (4, True), refused.output
    assert site.house.wiring is not None
    assert site.house.wiring.trial(PICO) is None, "nothing was sent"
    file.write_text('{"parts": {"pump": {"part": "relay", "pin": 16}}}')
    right = await run("node", "config", PICO, "--check", str(file))
    assert (right.exit_code, "would take it" in right.stdout) == (0, True), right.output


async def test_networks_are_kept_and_their_passwords_never_shown(site: Site, run: Run, json_of: JsonOf) -> None:
    assert (await run("node", "network-add", "Hal 1/2", typed="a long password\n")).exit_code == 0
    assert await json_of("node", "networks") == ["Hal 1/2"]
    made = await json_of("enrol", PICO)
    assert made["net"]["networks"] == [{"ssid": "Hal 1/2", "password": "a long password"}]
    assert (await run("node", "network-remove", "Hal 1/2")).exit_code == 0
    assert await json_of("node", "networks") == []


async def test_a_node_takes_the_place_of_another(site: Site, run: Run) -> None:
    await site.node(PICO, adopt=True)
    await site.node(OTHER)
    answers(site, OTHER, FINDING)
    assert (await run("test", OTHER)).exit_code == 0
    done = await run("node", "replace", "Attic", OTHER, "--reason", "lightning")
    assert (done.exit_code, f"{OTHER} is Attic now" in done.stdout) == (0, True), done.output
    assert site.register.device(f"sluis-node-{PICO}").native_id == OTHER


async def test_any_device_is_replaced_by_one_of_its_model(site: Site, run: Run, json_of: JsonOf) -> None:
    await site.device("one", "Boiler", "Kelder")
    site.register.announce("meter", "mqtt", Announcement("nine", content={"x": 1}, model="Meter"))
    await site.quiet()
    assert site.house.broker is not None
    await site.house.broker.issue("meter", "one", SYSTEM)
    alive = await run("replace", "Boiler", "meter-nine")
    assert (alive.exit_code, "is online" in alive.stderr) == (4, True), alive.output
    made = await json_of("replace", "Boiler", "meter-nine", "--force", "--reason", "water damage")
    assert (made["key"], made["native_id"], made["name"], made["area"]) == ("meter-one", "nine", "Boiler", "Kelder")
    assert site.house.broker.accounts() == []
    assert site.register.device("meter-nine").native_id == "one"


async def test_why_updates_went_back_is_told_and_grouped(site: Site, run: Run, json_of: JsonOf) -> None:
    assert "No update of a node has gone back" in (await run("node", "pages")).stdout
    await site.node(PICO, adopt=True)
    site.nodes.answers[PICO, "page"] = {"ok": True, "page": None}
    assert f"No update of {PICO} has gone back" in (await run("node", "page", "Attic")).stdout
    told = {
        "slot": "b",
        "version": "0.2.0",
        "sequence": 12,
        "reset_cause": "watchdog",
        "lines": ["[3] up (900 B free)"],
    }
    site.nodes.answers[PICO, "page"] = {"ok": True, "page": told}
    shown = (await run("node", "page", "Attic")).stdout
    assert "0.2.0 (number 12, slot b)" in shown and "[3] up (900 B free)" in shown and "watchdog" in shown
    [fault] = await json_of("node", "pages")
    assert (fault["nodes"], fault["page"]["version"]) == ([PICO], "0.2.0")
    site.nodes.answers.clear()
    assert "it does not answer now" in (await run("node", "page", "Attic")).stdout
    assert "[3] up (900 B free)" in (await run("node", "pages")).stdout
