"""What each command says, and its exit code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.cli.conftest import Done, write_address
from tests.panel.conftest import Site

from sluis.model import Availability, Presence, Role

Run = Callable[..., Awaitable[Done]]
JsonOf = Callable[..., Awaitable[Any]]


async def test_devices_as_a_table_and_as_json(site: Site, run: Run, json_of: JsonOf) -> None:
    done = await run("devices")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0].split() == ["Key", "Name", "Area", "State", "Product"]
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [
        ["meter-one", "Boiler"],
        ["meter-two", "Lamp"],
    ]
    assert [d["key"] for d in await json_of("devices", "--area", "Hal")] == ["meter-two"]
    assert "No device fits that." in (await run("devices", "--search", "zeppelin")).stdout


async def test_device_by_key_by_name_and_with_a_typing_error(site: Site, run: Run) -> None:
    site.say("meter-one", "temperature", 61.5)
    for name in ("meter-one", "Boiler", "boiler"):
        done = await run("device", name)
        assert "Kelder" in done.stdout
        assert "61.5 °C" in done.stdout
    wrong = await run("device", "Boler")
    assert wrong.exit_code == 1
    assert "no device 'Boler'" in wrong.stderr
    assert "Did you mean 'Boiler'?" in wrong.stderr


async def test_points_say_what_they_may_be_set_to(site: Site, run: Run) -> None:
    lines = {line.split()[0]: line for line in (await run("points", "Lamp")).stdout.splitlines()[1:]}
    assert lines["relay"].endswith("on | off")
    assert lines["mode"].endswith("eco | comfort")
    assert lines["level"].endswith("0 to 100")


async def test_read_prints_the_bare_value_and_fails_on_one_not_to_be_relied_on(site: Site, run: Run) -> None:
    assert (await run("read", "Lamp/relay")).exit_code == 1
    site.say("meter-two", "relay", True)
    done = await run("read", "Lamp/relay")
    assert (done.exit_code, done.stdout) == (0, "on\n")
    assert (await run("read", "Lamp")).exit_code == 2
    assert (await run("read", "Lamp/nothing")).exit_code == 1
    site.register.twin("meter-two").presence(Presence(Availability.OFFLINE), site.stamp())
    gone = await run("read", "Lamp/relay")
    assert gone.exit_code == 1
    assert "Lamp is offline" in gone.stderr
    assert "may be old" in (await run("points", "Lamp")).stdout


async def test_set_waits_for_the_device(site: Site, run: Run, json_of: JsonOf) -> None:
    done = await run("set", "Lamp/relay", "aan")
    assert (done.exit_code, done.stdout) == (0, "Lamp/relay on: done\n")
    assert (await json_of("set", "Lamp/level", "40"))["value"] == 40
    assert (await run("set", "Lamp/restart")).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["Lamp/relay", "perhaps"], 2, "neither on nor off"),
        (["Lamp/level", "much"], 2, "is not a number"),
        (["Lamp/level"], 2, "Missing argument 'VALUE'"),
        (["Lamp/level", "400"], 4, "100"),
        (["Lamp/temperature", "20"], 4, ""),
    ],
)
async def test_set_refuses_what_cannot_be(
    site: Site, run: Run, arguments: list[str], exit_code: int, said: str
) -> None:
    done = await run("set", *arguments)
    assert done.exit_code == exit_code, done.output
    assert said in done.output


async def until_done(site: Site, waiting: asyncio.Future[Done], every: Callable[[int], None]) -> Done:
    """Let time pass, doing something at each step, until the command has ended (or its stream is closed on it)."""
    for step in range(400):
        if waiting.done():
            return waiting.result()
        every(step)
        await site.clock.advance(0.2)
        await asyncio.sleep(0.01)
    site.app.state.hub.close()
    return await waiting


async def test_set_fails_when_the_device_does_not_confirm(site: Site, run: Run) -> None:
    site.link.silent = True
    waiting = asyncio.ensure_future(run("set", "Lamp/relay", "on", "--deadline", "1"))
    done = await until_done(site, waiting, lambda step: None)
    assert done.exit_code == 1
    assert "expired" in done.stdout


async def test_adopt_a_discovered_device(site: Site, run: Run, json_of: JsonOf) -> None:
    assert [d["key"] for d in await json_of("discovered")] == ["meter-four"]
    assert (await run("adopt", "meter-fuor")).stderr.splitlines()[1].strip() == "Did you mean 'meter-four'?"
    done = await run("adopt", "meter-four", "--area", "Hal", "--asset-number", "A-7")
    assert done.stdout.startswith("Nieuw is in use in Hal.")
    assert "Nothing new." in (await run("discovered")).stdout
    assert (await json_of("device", "Nieuw"))["asset_number"] == "A-7"


async def test_watch_prints_changes_until_it_has_seen_enough(site: Site, run: Run) -> None:
    waiting = asyncio.ensure_future(run("watch", "Lamp/level", "--count", "1", "--json"))

    def say(step: int) -> None:
        site.say("meter-one", "temperature", float(step % 80))
        site.say("meter-two", "level", step % 100)

    done = await until_done(site, waiting, say)
    news = json.loads(done.stdout)
    assert (done.exit_code, news["device"], news["point"]) == (0, "meter-two", "level")


async def test_watch_ends_with_the_stream(site: Site, run: Run) -> None:
    waiting = asyncio.ensure_future(run("watch"))
    await until_done(site, waiting, lambda step: site.app.state.hub.close() if step == 50 else None)
    assert waiting.result().exit_code == 1
    assert "ended the stream" in waiting.result().stderr


async def test_why(site: Site, run: Run) -> None:
    done = await run("why", "Lamp/relay")
    assert "relay has not been reported" in done.stdout


async def test_alerts(site: Site, run: Run) -> None:
    none = await run("alerts")
    assert (none.exit_code, none.stdout) == (0, "No open alerts.\n")
    number = str(site.alert("meter-one").id)
    await site.quiet()
    found = await run("alerts")
    assert found.exit_code == 1
    assert "meter-one" in found.stdout
    assert "is acknowledged" in (await run("alerts", "ack", number, "--note", "coming")).stdout
    assert (await run("alerts")).exit_code == 0
    assert "acknowledged by cli" in (await run("alerts", "history")).stdout
    assert (await run("alerts", "ack", "99")).exit_code == 1


async def test_users_and_passwords(site: Site, run: Run, json_of: JsonOf) -> None:
    await site.user("root", Role.ADMIN)
    secret = "correct horse battery\n" * 2
    done = await run("users", "add", "anna", "--role", "technician", "--area", "Hal", typed=secret)
    assert done.exit_code == 0, done.output
    assert "correct horse" not in done.stdout
    assert [(u["name"], u["role"], u["areas"]) for u in await json_of("users")][:1] == [("anna", "technician", ["Hal"])]
    weak = await run("users", "add", "bob", typed="short\nshort\n")
    assert weak.exit_code == 4
    assert (await run("users", "password", "anna", typed="another long password\n" * 2)).exit_code == 0
    assert (await run("users", "disable", "anna")).exit_code == 0
    assert "disabled" in (await run("users")).stdout


async def test_tokens_show_their_secret_once(site: Site, run: Run) -> None:
    done = await run("tokens", "create", "grafana", "--scope", "devices:read", "--days", "30")
    assert done.stdout.startswith("slu_")
    listed = (await run("tokens")).stdout
    assert "grafana" in listed
    assert done.stdout.strip() not in listed
    assert (await run("tokens", "revoke", "grafana")).exit_code == 0
    assert "grafana" not in (await run("tokens")).stdout


async def test_audit(site: Site, run: Run, json_of: JsonOf) -> None:
    await run("adopt", "meter-four")
    assert (await json_of("audit", "--limit", "1"))[0]["actor"] == "token:cli"
    assert "device.adopt" in (await run("audit")).stdout
    assert "The audit log is whole" in (await run("audit", "verify")).stdout


async def test_links_and_storage(site: Site, run: Run, json_of: JsonOf) -> None:
    assert "online" in (await run("links")).stdout
    assert (await json_of("links"))[0]["name"] == "mqtt"
    said = (await run("storage", "budget")).stdout
    assert "12.5 years" in said
    assert "readings" in said


async def test_an_unreachable_gateway_is_exit_code_3(tmp_path: Any, run: Run) -> None:
    never = await run("devices")
    assert never.exit_code == 3
    assert "no gateway is running" in never.stderr
    assert "sluis demo" in never.stderr
    write_address(tmp_path, "http://127.0.0.1:1", "slu_x")
    gone = await run("devices")
    assert gone.exit_code == 3
    assert "Traceback" not in gone.output


async def test_a_wrong_token_is_refused(site: Site, run: Run, tmp_path: Any) -> None:
    url = json.loads((tmp_path / "run" / "gateway.json").read_text())["url"]
    write_address(tmp_path, url, "slu_wrong")
    done = await run("devices")
    assert done.exit_code == 4
    assert "not signed in" in done.stderr
