"""The doctor against trees of files: each check finds what is wrong, says what to do, and is quiet otherwise."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.cli.conftest import Done

from sluis.cli.doctor import examine, installation, machine
from sluis.cli.doctor.finding import Finding, Level, Place
from sluis.links.site_ca import SiteCa

NOW_S = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
PI = "sys/devices/platform/soc/soc:firmware/get_throttled"
EMMC = "sys/block/mmcblk0/device"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "root").mkdir()
    (tmp_path / "data").mkdir(mode=0o750)
    return Place(tmp_path / "data", root=tmp_path / "root", now_s=NOW_S)


def put(place: Place, path: str, text: str) -> None:
    file = place.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


@pytest.mark.parametrize(
    ("word", "level", "said"),
    [
        ("0x0", Level.OK, "no under-voltage"),
        ("0x50000", Level.NOTE, "under-voltage and the processor was slowed down since start"),
        ("0x50005", Level.WRONG, "under-voltage and the processor is slowed down now"),
    ],
)
def test_power(place: Place, word: str, level: Level, said: str) -> None:
    put(place, PI, word + "\n")
    finding = only(list(machine.power(place)))
    assert (finding.level, said in finding.what) == (level, True)


def test_power_alarm_of_a_newer_kernel(place: Place) -> None:
    put(place, "sys/class/hwmon/hwmon2/name", "rpi_volt\n")
    put(place, "sys/class/hwmon/hwmon2/in0_lcrit_alarm", "1\n")
    assert only(list(machine.power(place))).level is Level.WRONG


def test_a_machine_that_is_no_pi_says_nothing_of_power_and_cards(place: Place) -> None:
    assert [*machine.power(place), *machine.card(place)] == []


@pytest.mark.parametrize(
    ("life", "end", "level"),
    [("0x01 0x02", "0x01", Level.OK), ("0x08 0x01", "0x01", Level.NOTE), ("0x0A 0x01", "0x01", Level.WRONG),
     ("0x01 0x01", "0x03", Level.WRONG), ("0x02 0x01", "0x02", Level.NOTE)],
)  # fmt: skip
def test_card_wear(place: Place, life: str, end: str, level: Level) -> None:
    put(place, f"{EMMC}/life_time", life)
    put(place, f"{EMMC}/pre_eol_info", end)
    assert only(list(machine.card(place))).level is level


def test_a_plain_card_does_not_tell(place: Place) -> None:
    put(place, f"{EMMC}/type", "SD")
    finding = only(list(machine.card(place)))
    assert (finding.level, "does not tell" in finding.what) == (Level.NOTE, True)


def test_clock(place: Place) -> None:
    assert only(list(machine.clock(place))).level is Level.NOTE
    put(place, "run/systemd/timesync/synchronized", "")
    assert only(list(machine.clock(place))).level is Level.OK
    early = Place(place.data_dir, root=place.root, now_s=0.0)
    assert only(list(machine.clock(early))).level is Level.WRONG


@pytest.mark.parametrize(("free_kb", "level"), [(400_000, Level.OK), (30_000, Level.WRONG)])
def test_memory(place: Place, free_kb: int, level: Level) -> None:
    put(place, "proc/meminfo", f"MemTotal:  512000 kB\nMemAvailable: {free_kb} kB\n")
    assert only(list(machine.memory(place))).level is level


def test_configuration_with_a_typing_error_names_the_right_key(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "sluis.toml"
    file.write_text("[panel]\nprot = 8443\n")
    finding = only(list(installation.config(Place(place.data_dir, file, place.root))))
    assert finding.level is Level.WRONG
    assert "did you mean 'port'" in finding.what
    file.write_text("[panel]\nport = 8443\n")
    assert only(list(installation.config(Place(place.data_dir, file, place.root)))).level is Level.OK


def test_configuration_with_two_uses_of_a_pin_names_both(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "sluis.toml"
    file.write_text('[gpio]\nhats = ["waveshare-rs485-can"]\n[[gpio.pin]]\nname = "door"\ngpio = 14\n')
    finding = only(list(installation.config(Place(place.data_dir, file, place.root))))
    assert finding.level is Level.WRONG
    assert "GPIO14 is wanted by 'door' and by TXD of bus uart0 (HAT waveshare-rs485-can)" in finding.what


def test_secrets_within_reach_of_others(place: Place) -> None:
    folder = place.data_dir / "pki"
    folder.mkdir(mode=0o755)
    (folder / "site.key").write_text("x")
    (folder / "site.key").chmod(0o644)
    assert only(list(installation.secrets(place))).level is Level.OK, "its folder keeps others out"
    place.data_dir.chmod(0o755)
    finding = only(list(installation.secrets(place)))
    assert (finding.level, finding.todo) == (Level.WRONG, f"chmod 600 {folder / 'site.key'}")
    (folder / "site.key").chmod(0o600)
    assert only(list(installation.secrets(place))).level is Level.OK


def test_certificates_near_and_past_their_end(place: Place) -> None:
    now = datetime.now(UTC)
    SiteCa(place.data_dir / "pki").server(["localhost"], now)

    def levels(days: int) -> set[Level]:
        later = Place(place.data_dir, root=place.root, now_s=(now + timedelta(days=days)).timestamp())
        return {finding.level for finding in installation.certificates(later)}

    assert levels(1) == {Level.OK}
    assert Level.NOTE in levels(380)
    assert Level.WRONG in levels(500)


def test_the_site_certificate_can_be_compared_before_it_is_trusted(place: Place) -> None:
    site = SiteCa(place.data_dir / "pki")
    findings = [f for f in installation.certificates(place) if "site-ca.pem" in f.what]
    assert site.fingerprint in only(findings).what


def test_a_damaged_database(place: Place) -> None:
    file = place.data_dir / "sluis.db"
    with sqlite3.connect(file) as made:
        made.execute("CREATE TABLE a (b)")
        made.executemany("INSERT INTO a VALUES (?)", [("x" * 900,)] * 200)
    made.close()
    assert only(list(installation.database(place))).level is Level.OK
    body = bytearray(file.read_bytes())
    body[8192:12288] = b"\xa5" * 4096
    file.write_bytes(bytes(body))
    finding = only(list(installation.database(place)))
    assert (finding.level, "damaged" in finding.what) == (Level.WRONG, True)


def test_backups(place: Place) -> None:
    assert "none" in only(list(installation.backups(place))).what
    folder = place.data_dir / "backups"
    folder.mkdir()
    (folder / "a.sluis-backup").write_text("x")
    assert "never proven" in only(list(installation.backups(place))).what
    proof = {"name": "a.sluis-backup", "verified_at_us": int((NOW_S - 86400) * 1e6), "problem": ""}
    (folder / ".a.sluis-backup.proof.json").write_text(json.dumps(proof))
    assert only(list(installation.backups(place))).what == "1, last proven 1 days ago"
    (folder / ".a.sluis-backup.proof.json").write_text(json.dumps(proof | {"problem": "cannot be opened"}))
    assert next(iter(installation.backups(place))).level is Level.WRONG


def test_a_gateway_that_died_and_one_that_does_not_answer(place: Place, free_port: int) -> None:
    (place.data_dir / "run").mkdir()
    file = place.data_dir / "run" / "gateway.json"
    url = f"https://127.0.0.1:{free_port}"
    file.write_text(json.dumps({"url": url, "pid": 2**22 + 1}))
    assert "is gone" in only(list(installation.running(place))).what
    file.write_text(json.dumps({"url": url, "pid": 1}))
    assert "does not answer" in only(list(installation.running(place))).what
    with socket.create_server(("127.0.0.1", free_port)):
        assert only(list(installation.running(place))).level is Level.OK


def test_every_finding_that_asks_for_something_says_what_to_do(place: Place) -> None:
    put(place, PI, "0x50005")
    put(place, f"{EMMC}/life_time", "0x0B 0x0B")
    place.data_dir.chmod(0o755)
    found = examine(place)
    assert len(found) > 8
    assert all(each.what for each in found)
    assert all(each.todo and each.why for each in found if each.level is Level.WRONG)


async def test_the_command_and_its_exit_code(run: Callable[..., Awaitable[Done]], tmp_path: Path) -> None:
    done = await run("doctor", "--json")
    findings = json.loads(done.stdout)
    assert {"check", "level", "what", "why", "todo"} == set(findings[0])
    assert done.exit_code == int(any(each["level"] == "wrong" for each in findings))
    (tmp_path / "sluis.toml").write_text("[nothing]\n")
    wrong = await run("doctor")
    assert wrong.exit_code == 1
    assert "unknown setting 'nothing'" in wrong.stdout
