"""`sluis driver`: what a person types and gets."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from click.testing import CliRunner, Result
from paho.mqtt.enums import CallbackAPIVersion

from sluis.cli import main

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "drivers"


def sluis(*words: str | Path, data_dir: Path | None = None) -> Result:
    place = ["--data-dir", str(data_dir)] if data_dir else []
    return CliRunner().invoke(main, [*place, *map(str, words)])


def test_new_then_check(tmp_path: Path) -> None:
    made = sluis("driver", "new", "ACME", "T1", "--folder", tmp_path)
    assert made.exit_code == 0, made.output
    checked = sluis("driver", "check", tmp_path / "acme_t1.py")
    assert checked.exit_code == 0, checked.output
    assert "28 of 30 rules hold" in checked.output
    assert "For bronze: nothing is left to change" in checked.output
    assert sluis("driver", "check", tmp_path / "acme_t1.py", "--grade", "silver").exit_code == 11
    again = sluis("driver", "new", "ACME", "T1", "--folder", tmp_path)
    assert again.exit_code == 1
    assert "exists" in again.output


def test_check_says_what_is_wrong_and_exits_1(tmp_path: Path) -> None:
    (tmp_path / "acme_t1.py").write_text((EXAMPLES / "acme_t1.py").read_text().replace("/ 10)", "/ 100)"))
    (tmp_path / "acme-t1.jsonl").write_text((EXAMPLES / "acme-t1.jsonl").read_text())
    checked = sluis("driver", "check", tmp_path / "acme_t1.py")
    assert checked.exit_code == 1
    assert "FAIL  frames: state: readings: expected" in checked.output
    findings = json.loads(sluis("driver", "check", tmp_path / "acme_t1.py", "--json").stdout)[0]["findings"]
    assert [finding["rule"] for finding in findings if finding["problem"]] == ["frames: state", "is proven"]


def test_a_broken_file_brings_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nothing_like_this")
    checked = sluis("driver", "check", tmp_path / "broken.py")
    assert checked.exit_code == 1
    assert "ModuleNotFoundError" in checked.output
    assert sluis("driver", "check", tmp_path / "absent.py").exit_code == 1
    assert "no driver" in sluis("driver", "check", "absent", data_dir=tmp_path).output


def test_list_shows_built_ins_drop_ins_and_faults(tmp_path: Path) -> None:
    (tmp_path / "drivers").mkdir()
    (tmp_path / "drivers" / "acme_t1.py").write_text((EXAMPLES / "acme_t1.py").read_text())
    listed = sluis("driver", "list", "--json", data_dir=tmp_path)
    assert listed.exit_code == 0
    assert {"tasmota", "shelly-gen2", "zigbee2mqtt", "sluis-node", "acme-t1"} <= {
        one["key"] for one in json.loads(listed.stdout)
    }
    (tmp_path / "drivers" / "broken.py").write_text("1/0")
    broken = sluis("driver", "list", data_dir=tmp_path)
    assert broken.exit_code == 1
    assert "ZeroDivisionError" in broken.output


def test_replay_prints_what_the_driver_says() -> None:
    said = sluis("driver", "replay", EXAMPLES / "acme-t1.jsonl")
    assert said.exit_code == 0, said.output
    assert "temperature = 21.5" in said.output
    lines = [
        json.loads(line) for line in sluis("driver", "replay", EXAMPLES / "acme-t1.jsonl", "--json").stdout.splitlines()
    ]
    assert lines[1]["readings"] == {"temperature": 21.5, "humidity": 43, "relay": True}


def test_record_from_a_broker_then_replay(tmp_path: Path, broker: Any) -> None:
    file, ended = tmp_path / "recorded.jsonl", threading.Event()
    publisher = mqtt.Client(CallbackAPIVersion.VERSION2)
    publisher.connect("127.0.0.1", broker.port)
    publisher.loop_start()
    publisher.publish("acme/7f21/online", b"1", qos=1, retain=True).wait_for_publish(5)

    def keep_publishing() -> None:
        deadline = time.monotonic() + 20
        while not ended.wait(0.05) and time.monotonic() < deadline:
            publisher.publish("acme/7f21/state", b'{"t": 215, "h": 43, "relay": "ON"}', qos=1)

    thread = threading.Thread(target=keep_publishing)
    thread.start()
    try:
        url = f"mqtt://127.0.0.1:{broker.port}"
        taken = sluis(
            "driver", "record", "acme/#", "--broker", url, "--out", file, "--count", "3", "--seconds", "20", "--json"
        )
    finally:
        ended.set()
        thread.join()
        publisher.disconnect()
        publisher.loop_stop()
    assert taken.exit_code == 0, taken.output
    assert json.loads(taken.stdout)["frames"] == 3
    said = sluis("driver", "replay", file, "--driver", EXAMPLES / "acme_t1.py")
    assert "temperature = 21.5" in said.output, said.output


@pytest.mark.parametrize("url", ["http://x", "mqtt://"])
def test_an_address_that_is_none(tmp_path: Path, url: str) -> None:
    assert "is no broker" in sluis("driver", "record", "#", "--broker", url, "--out", tmp_path / "x").output


def test_no_broker_is_said_with_exit_code_3(tmp_path: Path, free_port: int) -> None:
    said = sluis("driver", "record", "#", "--broker", f"mqtt://127.0.0.1:{free_port}", "--out", tmp_path / "x")
    assert said.exit_code == 3
    assert sluis("driver", "record", "#", "--out", tmp_path / "x", data_dir=tmp_path).exit_code == 3
