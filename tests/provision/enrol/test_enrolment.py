"""A node's keys, from the first to the last, against a real broker."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import stat
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sluis.intake.swap import StillAlive, WrongModel
from sluis.links.site_ca import SiteCa
from sluis.model import Availability, ConfigError, DeviceState
from sluis.model.nodes import NodeState
from sluis_provision.enrol import SiteSecret
from sluis_provision.enrol.errors import (
    CodeUsed,
    NodeRefused,
    NodeRevoked,
    NodeSilent,
    NotProven,
    SameId,
    UnknownNode,
)
from sluis_provision.enrol.secret import SecretLost

from .conftest import ANNA, GOOD, OTHER, PICO, Board, Site

Eventually = Callable[..., Awaitable[None]]
PlugIn = Callable[..., Board]


async def plugged(boards: PlugIn, *arguments: Any, **answers: Any) -> Board:
    return await asyncio.to_thread(boards, *arguments, **answers)


async def announced(site: Site, board: Board, eventually: Eventually) -> None:
    await eventually(lambda: site.enrolment.device(board.id) is not None)
    await eventually(lambda: bool(site.register.entry(site.enrolment.device(board.id).key).points))  # type: ignore[union-attr]


async def test_a_board_is_enrolled_connects_over_tls_and_is_revoked(
    site: Site, boards: PlugIn, eventually: Eventually
) -> None:
    issued = await site.enrolment.enrol(PICO, ANNA, board="rpi-pico-w", serial="A-17", profile="climate")
    assert (issued.node.state, issued.node.generation, issued.node.by) == (NodeState.ENROLLED, 1, "person:anna")
    board = await plugged(boards, issued)
    assert board.refused == ""
    await announced(site, board, eventually)

    node, verdict = await site.enrolment.test(PICO, ANNA)
    assert verdict.passed, verdict.fault
    assert (node.state, node.rssi_dbm, node.firmware, node.fault) == (NodeState.PROVEN, -60, "1.4.0", "")
    assert node.proven_at_us is not None

    node = await site.enrolment.revoke(PICO, ANNA, reason="stolen")
    assert node.state is NodeState.REVOKED
    await eventually(board.lost.is_set)
    late = await plugged(boards, issued)
    assert "Not authorized" in late.refused
    with pytest.raises(NodeRevoked, match="revoked"):
        await site.enrolment.test(PICO, ANNA)
    done = [(entry.action, entry.reason) for entry in await site.audit.entries(10) if entry.object == PICO]
    assert done == [("node.revoked", "stolen"), ("node.tested", ""), ("node.enrolled", "")]


# -- keys -------------------------------------------------------------------------------------------------


async def test_enrolling_again_before_the_proof_gives_the_same_key(site: Site, eventually: Eventually) -> None:
    """A technician whose cable slipped out begins again."""
    first = await site.enrolment.enrol(PICO, ANNA, board="rpi-pico-w")
    again = await site.enrolment.enrol(PICO, ANNA)
    assert (again.password, again.setup_code, again.node.board) == (first.password, first.setup_code, "rpi-pico-w")
    assert (await site.enrolment.enrol(PICO, ANNA, again=True)).password != first.password
    other = await site.enrolment.enrol(OTHER, ANNA)
    assert len({first.password, again.password, other.password}) == 2


async def test_a_rotated_key_ends_the_old_one_at_once(site: Site, boards: PlugIn, eventually: Eventually) -> None:
    first = await site.enrolment.enrol(PICO, ANNA)
    board = await plugged(boards, first)
    second = await site.enrolment.rotate(PICO, ANNA, reason="a yearly duty")
    assert (second.node.generation, second.node.fingerprint != first.node.fingerprint) == (2, True)
    await eventually(board.lost.is_set)
    assert "Not authorized" in (await plugged(boards, first)).refused
    assert (await plugged(boards, second)).refused == ""


async def test_a_revoked_node_is_enrolled_anew_with_a_new_key(site: Site) -> None:
    first = await site.enrolment.enrol(PICO, ANNA)
    await site.enrolment.revoke(PICO, ANNA)
    with pytest.raises(NodeRevoked):
        await site.enrolment.rotate(PICO, ANNA)
    second = await site.enrolment.enrol(PICO, ANNA)
    assert (second.node.state, second.node.generation) == (NodeState.ENROLLED, 2)
    assert second.password != first.password


async def test_the_site_secret_survives_a_restart_and_is_for_its_owner_only(site: Site) -> None:
    first = await site.enrolment.enrol(PICO, ANNA)
    file = site.folder / "pki" / "site.secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SiteSecret(file).password(PICO, 1) == first.password
    assert not list(file.parent.glob(".site.secret*")), "nothing half written stays"


async def test_a_lost_secret_means_new_keys_and_says_so(site: Site) -> None:
    """Restored without it: what was derived from it is not derived from another one."""
    first = await site.enrolment.enrol(PICO, ANNA)
    await site.enrolment.networks.save("Hal", "a long password", ANNA)
    (site.folder / "pki" / "site.secret").unlink()
    fresh = site.again()
    with pytest.raises(SecretLost, match="another site secret"):
        await fresh.enrol(PICO, ANNA)
    await fresh.networks.remove("Hal", ANNA)
    second = await fresh.enrol(PICO, ANNA)
    assert (second.node.generation, second.password != first.password) == (2, True)


@pytest.mark.parametrize("content", ["", "not hex", "00ff"])
async def test_a_damaged_secret_is_refused_and_left_for_repair(site: Site, content: str) -> None:
    file = site.folder / "pki" / "site.secret"
    file.write_text(content)
    with pytest.raises(SecretLost):
        await site.enrolment.enrol(PICO, ANNA)
    assert file.read_text() == content
    assert await site.enrolment.nodes() == []


async def test_nothing_secret_is_kept_logged_or_audited(
    site: Site, boards: PlugIn, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    await site.enrolment.networks.save("Hal", "correct horse", ANNA)
    issued = await site.enrolment.enrol(PICO, ANNA)
    board = await plugged(boards, issued)
    await announced(site, board, eventually)
    await site.enrolment.test(PICO, ANNA)
    assert issued.net()["networks"] == [{"ssid": "Hal", "password": "correct horse"}]
    assert "correct horse" not in repr(issued)
    assert issued.password not in repr(issued)
    secret = (site.folder / "pki" / "site.secret").read_text().strip()
    written = b"".join(
        file.read_bytes() for file in site.folder.rglob("*") if file.name != "site.secret" and file.is_file()
    )
    told = caplog.text.encode() + written
    code = issued.setup_code.split(":")[2]
    for what in (issued.password, "correct horse", secret, code):
        assert what.encode() not in told, what


@pytest.mark.parametrize("wrong", ["", "E661410403020100", "e66141040302010", "../../etc/passwd", "e6614104030201zz"])
async def test_only_a_chips_number_is_an_id(site: Site, wrong: str) -> None:
    with pytest.raises(ConfigError):
        await site.enrolment.enrol(wrong, ANNA)


@pytest.mark.parametrize(
    ("ssid", "password"), [("", "long enough"), ("x" * 33, "long enough"), ("Hal", "short"), ("Hal", "wachtwoord é!")]
)
async def test_what_cannot_be_a_network_is_refused(site: Site, ssid: str, password: str) -> None:
    with pytest.raises(ConfigError):
        await site.enrolment.networks.save(ssid, password, ANNA)
    assert await site.enrolment.networks.names() == []


# -- the proof --------------------------------------------------------------------------------------------


async def test_a_failed_part_says_which_pin_and_what_to_check(
    site: Site, boards: PlugIn, eventually: Eventually
) -> None:
    broken = {"part": "boiler", "kind": "ds18b20", "pin": "GPIO4", "ok": False, "said": "no answer", "check": "R1?"}
    weak = {"part": "radio", "kind": "wifi", "pin": "", "ok": True, "values": {"rssi": -88}}
    issued = await site.enrolment.enrol(PICO, ANNA)
    board = await plugged(boards, issued, test={"ok": True, "passed": False, "findings": [broken, weak]})
    await announced(site, board, eventually)
    node, verdict = await site.enrolment.test(PICO, ANNA)
    assert not verdict.passed
    assert (node.state, node.rssi_dbm) == (NodeState.ENROLLED, -88)
    assert "boiler on GPIO4: no answer. R1?" in node.fault
    assert "-88 dBm, at least -75 dBm is needed" in node.fault
    board.answers["test"] = dict(GOOD)
    node, verdict = await site.enrolment.test(PICO, ANNA)
    assert (node.state, node.fault) == (NodeState.PROVEN, "")


async def test_a_node_that_never_comes_is_told_and_comes_later(
    site: Site, boards: PlugIn, eventually: Eventually
) -> None:
    issued = await site.enrolment.enrol(PICO, ANNA)
    site.hurry(0.3)
    with pytest.raises(NodeSilent, match="did not answer"):
        await site.enrolment.test(PICO, ANNA)
    assert "did not answer" in (await site.enrolment.node(PICO)).fault
    board = await plugged(boards, issued)
    await announced(site, board, eventually)
    site.hurry(10)
    node, verdict = await site.enrolment.test(PICO, ANNA)
    assert verdict.passed
    assert node.fault == ""


async def test_a_wrong_key_is_told_as_such(site: Site, boards: PlugIn, eventually: Eventually) -> None:
    """Known id, wrong key: a board that was flashed from another site's copy."""
    issued = await site.enrolment.enrol(PICO, ANNA)
    stranger = await plugged(boards, replace(issued, password="guess" * 5))
    assert "Not authorized" in stranger.refused
    site.hurry(0.3)
    with pytest.raises(NodeSilent) as caught:
        await site.enrolment.test(PICO, ANNA)
    assert "another key" in caught.value.hint
    assert "--again" in caught.value.hint
    good = await plugged(boards, issued)
    await announced(site, good, eventually)
    site.hurry(10)
    assert (await site.enrolment.test(PICO, ANNA))[1].passed
    assert (await site.enrolment.node(PICO)).fault == ""


async def test_another_sites_ca_is_told_as_such(site: Site, tmp_path: Path) -> None:
    issued = await site.enrolment.enrol(PICO, ANNA)
    other = ssl.create_default_context(cafile=str(SiteCa(tmp_path / "other").ca.certificate))
    with (
        socket.create_connection(("127.0.0.1", issued.place.port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        other.wrap_socket(plain, server_hostname="localhost")
    site.hurry(0.3)
    with pytest.raises(NodeSilent) as caught:
        await site.enrolment.test(PICO, ANNA)
    assert "does not trust this gateway's certificate" in caught.value.hint


async def test_two_boards_with_one_id_are_told_as_such(site: Site, boards: PlugIn, eventually: Eventually) -> None:
    issued = await site.enrolment.enrol(PICO, ANNA)
    one, two = await plugged(boards, issued), await plugged(boards, issued)
    await eventually(lambda: site.broker.refusals.twice(PICO), 30)
    assert "Two boards with this id" in (await site.enrolment.node(PICO)).fault
    two.close()
    one.close()


async def test_a_second_board_with_the_same_id_is_refused(site: Site, boards: PlugIn, eventually: Eventually) -> None:
    issued = await site.enrolment.enrol(PICO, ANNA, board="rpi-pico-w", serial="A-17")
    with pytest.raises(SameId, match="A-18"):
        await site.enrolment.enrol(PICO, ANNA, serial="A-18")
    with pytest.raises(SameId, match="esp32"):
        await site.enrolment.enrol(PICO, ANNA, board="esp32")
    await announced(site, await plugged(boards, issued), eventually)
    await site.enrolment.test(PICO, ANNA)
    with pytest.raises(SameId, match="in use"):
        await site.enrolment.enrol(PICO, ANNA, serial="A-17")
    assert (await site.enrolment.node(PICO)).state is NodeState.PROVEN, "what is refused changes nothing"


async def test_a_late_answer_is_not_taken_for_the_next_one(site: Site, boards: PlugIn, eventually: Eventually) -> None:
    issued = await site.enrolment.enrol(PICO, ANNA)
    board = await plugged(boards, issued, identify=None)
    await announced(site, board, eventually)
    site.hurry(0.3)
    with pytest.raises(NodeSilent):
        await site.enrolment.identify(PICO, ANNA)
    site.hurry(10)
    board.answers["identify"] = {"ok": True}
    late = {"call": board.asked[-1]["call"], "ok": False, "error": "late"}

    def answer_late_first(question: dict[str, Any]) -> None:
        board.client.publish(f"sluis/{PICO}/did", json.dumps(late), 1)
        board.client.publish(f"sluis/{PICO}/did", b"\xff not json", 1)

    board.before = answer_late_first
    await site.enrolment.identify(PICO, ANNA)


async def test_questions_close_behind_each_other_are_all_answered(
    site: Site, boards: PlugIn, eventually: Eventually
) -> None:
    """Each subscribes to its answer and unsubscribes after it: no question may overtake its subscription."""
    board = await plugged(boards, await site.enrolment.enrol(PICO, ANNA))
    await announced(site, board, eventually)
    for number in range(200):
        assert (await site.line.ask(PICO, "identify", {"number": number}))["ok"]


async def test_unknown_nodes_are_unknown(site: Site) -> None:
    for ask in (site.enrolment.node(PICO), site.enrolment.rotate(PICO, ANNA), site.enrolment.identify(PICO, ANNA)):
        with pytest.raises(UnknownNode):
            await ask


# -- configuration, de-provisioning -----------------------------------------------------------------------


async def test_a_configuration_is_checked_by_the_node_and_must_be_tested(
    site: Site, boards: PlugIn, eventually: Eventually
) -> None:
    issued = await site.enrolment.enrol(PICO, ANNA)
    board = await plugged(boards, issued)
    await announced(site, board, eventually)
    await site.enrolment.test(PICO, ANNA)
    wanted = {"parts": {"pump": {"part": "relay", "pin": 16}}}
    problems = [["parts.pump.pin", "must be the number of a pin"]]
    board.answers["config"] = {"ok": False, "error": "parts.pump.pin must be ...", "problems": problems}
    with pytest.raises(NodeRefused, match=r"parts\.pump\.pin must be the number of a pin"):
        await site.enrolment.configure(PICO, wanted, ANNA)
    assert (await site.enrolment.node(PICO)).state is NodeState.PROVEN
    board.answers["config"] = {"ok": True, "trial_s": 180}
    node = await site.enrolment.configure(PICO, wanted, ANNA)
    assert (node.state, node.config, board.asked[-1]["node"]) == (NodeState.ENROLLED, wanted, wanted)
    board.answers["config"] = {"ok": True, "node": {}, "trial": []}  # it did not come back with it, and went back
    node, verdict = await site.enrolment.test(PICO, ANNA)
    assert not verdict.passed
    assert "went back to an earlier configuration" in node.fault
    board.answers["config"] = {"ok": True, "node": wanted, "trial": []}
    assert await site.enrolment.config(PICO) == wanted
    assert (await site.enrolment.test(PICO, ANNA))[1].passed


async def test_de_provisioning_wipes_the_node_and_ends_its_key(
    site: Site, boards: PlugIn, eventually: Eventually
) -> None:
    issued = await site.enrolment.enrol(PICO, ANNA)
    board = await plugged(boards, issued)
    await announced(site, board, eventually)
    key = f"sluis-node-{PICO}"
    await site.register.adopt(key, name="Zolder", area="Boven", actor=ANNA)
    node, erased = await site.enrolment.wipe(PICO, ANNA)
    assert (node.state, erased, board.asked[-1]["do"]) == (NodeState.REVOKED, True, "wipe")
    await eventually(board.lost.is_set)
    assert site.register.device(key).state is DeviceState.RETIRED
    assert "Not authorized" in (await plugged(boards, issued)).refused


async def test_a_dead_node_is_de_provisioned_without_its_help(
    site: Site, boards: PlugIn, eventually: Eventually
) -> None:
    issued = await site.enrolment.enrol(PICO, ANNA)
    board = await plugged(boards, issued)
    await announced(site, board, eventually)
    board.close()
    site.hurry(0.3)
    node, erased = await site.enrolment.wipe(PICO, ANNA)
    assert (node.state, erased) == (NodeState.REVOKED, False)
    await eventually(lambda: site.enrolment.device(PICO) is None)  # its retained announcement is taken back


# -- adopting by label ------------------------------------------------------------------------------------


async def test_a_label_takes_its_node_into_use_once(site: Site, boards: PlugIn, eventually: Eventually) -> None:
    issued = await site.enrolment.enrol(PICO, ANNA)
    where = {"name": "Zolder", "area": "Boven"}
    with pytest.raises(NotProven):
        await site.enrolment.adopt(issued.setup_code, ANNA, **where)
    await announced(site, await plugged(boards, issued), eventually)
    await site.enrolment.test(PICO, ANNA)
    typed = f" {issued.setup_code.lower()}\n"
    device = await site.enrolment.adopt(typed, ANNA, **where)
    assert (device.name, device.area, device.state) == ("Zolder", "Boven", DeviceState.ADOPTED)
    with pytest.raises(CodeUsed):
        await site.enrolment.adopt(issued.setup_code, ANNA, **where)


async def test_an_earlier_keys_label_is_void(site: Site, boards: PlugIn, eventually: Eventually) -> None:
    first = await site.enrolment.enrol(PICO, ANNA)
    second = await site.enrolment.rotate(PICO, ANNA)
    await announced(site, await plugged(boards, second), eventually)
    with pytest.raises(CodeUsed):
        await site.enrolment.adopt(first.setup_code, ANNA, name="x", area="", reason="in a hurry")
    taken = await site.enrolment.adopt(second.setup_code, ANNA, name="x", area="", reason="in a hurry")
    assert taken.state is DeviceState.ADOPTED
    assert [one.reason for one in await site.audit.entries(5, action="node.adopted")] == ["in a hurry"]


# -- swapping ---------------------------------------------------------------------------------------------


async def readings(site: Site, key: str) -> list[Any]:
    found = await site.history.readings(key, "temperature", 0, 2**62, 100)
    return [one.value for one in found]


async def in_use(site: Site, boards: PlugIn, node_id: str, eventually: Eventually, **where: str) -> Board:
    issued = await site.enrolment.enrol(node_id, ANNA, board="rpi-pico-w")
    board = await plugged(boards, issued)
    await announced(site, board, eventually)
    await site.enrolment.test(node_id, ANNA)
    if where:
        await site.register.adopt(f"sluis-node-{node_id}", name=where["name"], area=where["area"], actor=ANNA)
        await eventually(lambda: site.register.twin(f"sluis-node-{node_id}").availability is Availability.ONLINE)
    return board


async def test_a_successor_takes_over_name_area_and_history(site: Site, boards: PlugIn, eventually: Eventually) -> None:
    old = await in_use(site, boards, PICO, eventually, name="Zolder", area="Boven")
    key = f"sluis-node-{PICO}"
    await asyncio.to_thread(old.tell, 0, temperature=20.5)
    await eventually(lambda: history_is(site, key, [20.5]))
    new = await in_use(site, boards, OTHER, eventually)
    with pytest.raises(StillAlive):
        await site.enrolment.replace(PICO, OTHER, ANNA)
    old.close()
    await eventually(lambda: site.register.twin(key).availability is Availability.OFFLINE)

    heir, device = await site.enrolment.replace(PICO, OTHER, ANNA, reason="lightning")
    assert (device.key, device.native_id, device.name, device.area) == (key, OTHER, "Zolder", "Boven")
    gone = site.register.device(f"sluis-node-{OTHER}")
    assert (gone.native_id, gone.state) == (PICO, DeviceState.RETIRED)
    assert (heir.id, heir.state) == (OTHER, NodeState.PROVEN)
    was = await site.enrolment.node(PICO)
    assert (was.state, was.successor) == (NodeState.REPLACED, OTHER)
    await eventually(lambda: site.register.twin(key).availability is Availability.ONLINE)
    await asyncio.to_thread(new.tell, 0, temperature=21.5)
    await eventually(lambda: history_is(site, key, [20.5, 21.5]))
    entries = {entry.action: entry for entry in await site.audit.entries(10)}
    assert (entries["node.replaced"].object, entries["node.replaced"].detail["successor"]) == (PICO, OTHER)
    assert entries["node.replaced"].reason == "lightning"
    with pytest.raises(NodeRevoked, match=f"{OTHER} took its place"):
        await site.enrolment.rotate(PICO, ANNA)

    await site.restart_register()
    assert site.register.device(key).native_id == OTHER
    assert site.register.device(f"sluis-node-{OTHER}").native_id == PICO


async def history_is(site: Site, key: str, values: list[float]) -> bool:
    return await readings(site, key) == values


async def test_a_wrong_model_and_an_unproven_board_take_no_place(
    site: Site, boards: PlugIn, eventually: Eventually
) -> None:
    old = await in_use(site, boards, PICO, eventually, name="Zolder", area="Boven")
    issued = await site.enrolment.enrol(OTHER, ANNA, board="esp32")
    with pytest.raises(ConfigError, match="is a esp32"):
        await site.enrolment.replace(PICO, OTHER, ANNA)
    issued = await site.enrolment.enrol(OTHER, ANNA, board="rpi-pico-w", again=True)
    new = await plugged(boards, issued)
    await announced(site, new, eventually)
    with pytest.raises(NotProven):
        await site.enrolment.replace(PICO, OTHER, ANNA)
    await asyncio.to_thread(new.announce, "gate")
    await eventually(lambda: site.register.device(f"sluis-node-{OTHER}").model == "gate")
    await site.enrolment.test(OTHER, ANNA)
    old.close()
    await eventually(lambda: site.register.twin(f"sluis-node-{PICO}").availability is Availability.OFFLINE)
    with pytest.raises(WrongModel):
        await site.enrolment.replace(PICO, OTHER, ANNA)
    assert (await site.enrolment.node(PICO)).state is NodeState.PROVEN
    assert site.register.device(f"sluis-node-{PICO}").native_id == PICO
