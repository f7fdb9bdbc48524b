"""Drivers with one fault each, seeded: every case of trouble finds its own, and a sound driver passes them all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sluis.cli import driver_check, main
from sluis.sdk import Grade
from sluis.sdk.loading import drivers_of_text, stand_in_of_file
from sluis.sdk.testing import cases_of
from sluis.sdk.testing.grading import Report, graded

DRIVER = '''"""X M: a meter that is asked.

Models: M.

    P?      ->  P=<watts>
    MODE?   ->  MODE=1

    watts: whole number
"""
from sluis.sdk import *
from sluis.sdk import Link

class Meter(Driver):
    about = About(
        key="meter", vendor="X", models=("M",), match=LinkMatch(kinds=("serial",)), sources=("sheet 1",),
        framing=Framing("line"), setup=(Ask("every_s", "Every"),), proven="a real one",
    )
    power = Point("power", "W", minimum=0, maximum=4000)
    limit = Point("power", "W", minimum=0, maximum=4000, writable=True)

    def __init__(self, native_id="", description=None):
        super().__init__(native_id, description)
        self.held = []
        self.greeted = False
        self.scale = INIT

    def poll_every_s(self):
        return 10.0

    async def poll(self, link):
        POLL

    def decode(self, frame):
        if frame.source != self.native_id:
            raise NotMine
        DECODE
        word, _, value = frame.data.partition(b"=")
        if not value.isdigit() or len(value) > 9:
            raise Implausible("no number")
        return [self.limit(int(value)) if word == b"L" else self.power(int(value))]

    async def perform(self, link, command):
        if command.point != "limit" or not isinstance(command.value, int) or isinstance(command.value, bool):
            raise OutOfRange("limit takes a whole number")
        await link.send(b"L=%d" % command.value, to=self.native_id)
'''.replace("from sluis.sdk import Link", "from sluis.model import LinkError, OutOfRange")

PARTS = {
    "INIT": "1",
    "POLL": 'for question in (b"MODE?", b"P?"):\n            await link.request(question, to=self.native_id)',
    "DECODE": "pass",
}

FRAMES = [
    {"name": "power", "topic": "bus/1", "device": "bus/1", "text": "P=21", "asked": "P?", "readings": {"power": 21},
     "description": {"": {"scale": 2, "unit": "W"}}},
    {"name": "mode", "topic": "bus/1", "device": "bus/1", "text": "MODE=1", "asked": "MODE?", "readings": {"power": 1},
     "description": {"": {"scale": 2, "unit": "W"}}},
    {"name": "limit", "topic": "bus/1", "device": "bus/1", "text": "L=5", "readings": {"limit": 5}},
    {"name": "damaged", "topic": "bus/1", "device": "bus/1", "text": "P=x", "error": "frame.implausible"},
    {"name": "foreign", "topic": "bus/2", "device": "bus/1", "text": "P=21", "error": "frame.not-mine"},
]  # fmt: skip

STAND_IN = """
from sluis.sdk.standin import StandIn

class Meter(StandIn):
    kind = "serial"
    def answers(self, to, data):
        yield to, {b"MODE?": b"MODE=1", b"P?": b"P=21"}.get(data, b"E")
"""

SEEDED = {
    "garbage in answers": {
        "POLL": 'answer = await link.request(b"P?", to=self.native_id)\n        int(answer.data.partition(b"=")[2])'
    },
    "slow peer": {
        "POLL": "while True:\n            try:\n                return await link.request(b'P?', to='bus/1') and None\n"
        "            except Exception as error:\n                if 'no answer' not in str(error):\n"
        "                    raise\n"
        "                while True:\n                    await link.send(b'?', to='bus/1')"
    },
    "another's answer": {
        "POLL": 'await link.request(b"MODE?", to="bus/1")\n        answer = await link.request(b"P?", to="bus/1")\n'
        '        if answer.data.startswith(b"MODE"):\n            raise AssertionError("not what I asked")'
    },
    "flood": {"DECODE": "self.held.append(bytes(frame.data) + b'.')"},
    "unplugged": {
        "POLL": "try:\n            await link.request(b'P?', to=self.native_id)\n"
        "        except LinkError as error:\n            if 'pulled' in str(error):\n"
        "                raise ValueError('what now?')"
    },
    "reconnect": {
        "POLL": "if not self.greeted:\n            self.greeted = True\n"
        "            await link.request(b'MODE?', to=self.native_id)\n"
        "        await link.request(b'P?', to=self.native_id)"
    },
    "version change": {"INIT": "(description or {'': {'scale': 1}})['']['scale'] * 1.0"},
}


def report(tmp_path: Path, **parts: str) -> Report:
    text = DRIVER
    for name, body in (PARTS | parts).items():
        text = text.replace(name, body)
    file = tmp_path / "meter_sim.py"
    file.write_text(STAND_IN)
    (cls,) = drivers_of_text(text.encode(), str(tmp_path / "meter.py"))
    frames = list(cases_of(map(json.dumps, FRAMES)))
    return graded(cls, frames, stand_in_of_file(file), driver_check._within)


def failed(found: Report) -> set[str]:
    return {mark.finding.rule for mark in found.marks if not mark.finding.ok}


def test_a_sound_driver_is_gold(tmp_path: Path) -> None:
    found = report(tmp_path)
    assert failed(found) == set()
    assert (found.grade, found.score) == (Grade.GOLD, 100)
    assert all(mark.tries > 1 for mark in found.marks if mark.finding.rule.startswith("trouble"))


@pytest.mark.parametrize("case", SEEDED)
def test_each_seeded_fault_fails_its_own_case(tmp_path: Path, case: str) -> None:
    found = report(tmp_path, **SEEDED[case])
    assert f"trouble: {case}" in failed(found), failed(found)
    assert found.grade is Grade.BRONZE
    score = next(mark.score for mark in found.marks if mark.finding.rule == f"trouble: {case}")
    assert score < 100


def test_every_case_has_a_seeded_fault(tmp_path: Path) -> None:
    named = {mark.finding.rule for mark in report(tmp_path).marks if mark.finding.rule.startswith("trouble: ")}
    assert named == {f"trouble: {case}" for case in SEEDED}


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ({"POLL": "while True: pass"}, "trouble: garbage in answers: the case: it hangs"),
        ({"DECODE": "\n        while frame.data == b'P=21': pass"}, "answers at all: it hangs"),
    ],
)
def test_a_driver_that_hangs_ends_the_check_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: dict[str, str], what: str
) -> None:
    monkeypatch.setattr(driver_check, "RULE_S", 0.3)
    assert what in "\n".join(str(mark.finding) for mark in report(tmp_path, **parts).marks)


def test_exit_code_by_grade(tmp_path: Path) -> None:
    """What `sluis driver check` ends with, for each grade there is."""
    text = DRIVER
    for name, body in PARTS.items():
        text = text.replace(name, body)
    (tmp_path / "meter_sim.py").write_text(STAND_IN)
    (tmp_path / "meter.jsonl").write_text("".join(json.dumps(line) + "\n" for line in FRAMES))

    def code(driver: str, *words: str) -> int:
        (tmp_path / "meter.py").write_text(driver)
        return CliRunner().invoke(main, ["driver", "check", str(tmp_path / "meter.py"), *words]).exit_code

    assert code(text, "--grade", "gold") == 0
    assert code(text.replace(', proven="a real one"', ""), "--grade", "gold") == 13
    assert code(text.replace("raise OutOfRange", "raise KeyError"), "--grade", "gold") == 12
    assert code(text.replace("sheet 1", "CHANGE"), "--grade", "gold") == 11
    assert code(text.replace("isdigit", "isalpha"), "--grade", "gold") == 1
    assert code(text.replace("sheet 1", "CHANGE")) == 0, "it claims no more than draft"
    told = CliRunner().invoke(main, ["driver", "check", str(tmp_path / "meter.py"), "--json"])
    (plain,) = json.loads(told.stdout)
    assert plain["grade"] == "draft"
    assert {"rule", "score", "tries", "grade"} <= plain["findings"][0].keys()
