"""The conformance suite finds what is wrong, and nothing when nothing is."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluis.cli.scaffold import KINDS, scaffold
from sluis.model import CommandError
from sluis.sdk import Grade
from sluis.sdk.loading import drivers_of_file, stand_in_of_file
from sluis.sdk.testing import RecordingLink, cases_of, check_cases, finish, load
from sluis.sdk.testing.grading import graded

SPOILED = [
    ("acme-t1", "ACME_T1", "key is stable"),
    ('sources=("ACME T1 protocol note 1.2, section 4",)', "sources=()", "sources are named"),
    ("    acme/<id>/", "acme/<id>/", "docstring draws the frame"),
    ('Point("temperature", "°C"', 'Point("temperature", "W"', "points are valid"),
    ('Point("humidity", "%"', 'Point("wetness", "%"', "points are valid"),
    ("minimum=-40, maximum=85", "minimum=85, maximum=-40", "points are valid"),
    ('self.relay(said["relay"] == "ON")', 'self.relay(1 if said["relay"] == "ON" else 0)', "readings fit their points"),
    ('f"acme/{self.native_id}/state", f"acme', 'f"other/{self.native_id}/state", f"acme', "topics cover the frames"),
    ("said = object_of(frame.data)", "import json; said = json.loads(frame.data)", "garbage raises FrameError only"),
    ('said.get("relay") not in ("ON", "OFF")', 'len(said["relay"]) > 3', "garbage raises FrameError only"),
    ('frame.source.split("/")[1] if frame.source.count("/") == 2 else ""', 'frame.source.split("/")[1]',
     "garbage raises FrameError only"),
    ("said = object_of(frame.data)", "said = object_of(frame.data); self.description['n'] = len(self.description)",
     "decode is pure"),
    ("raise no_such_point(command.point)", "raise KeyError(command.point)", "odd values are refused"),
    ('if command.point != "relay":', 'if command.point == "relay":', "writable points perform"),
    ("on = wished_switch(command.point, command.value)", "on = float(command.value) > 0", "odd values are refused"),
    ("await link.send(b", "return; await link.send(b", "writable points perform"),
    ('"acme/{id}/state"', '"acme/{id}/state"', ""),
]  # fmt: skip


@pytest.mark.parametrize(("was", "becomes", "rule"), SPOILED)
def test_each_rule_catches_its_fault(
    example: tuple[str, str], tmp_path: Path, was: str, becomes: str, rule: str
) -> None:
    source, frames = example
    changed = source.replace(was, becomes)
    if rule == "odd values are refused" and "KeyError" in becomes:
        changed = changed.replace('if command.point != "relay":', "if command.value is None:")
    file = tmp_path / "spoiled.py"
    file.write_text(changed)
    (cls,) = drivers_of_file(file)
    failed = {finding.rule for finding in check_cases(cls, list(cases_of(frames.splitlines()))) if not finding.ok}
    assert (rule in failed) if rule else not failed


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ('"temperature": 21.5', '"temperature": 21.6'),
        ('"relay": true}}', '"relay": 1}}'),
        ('"availability": "offline"', '"availability": "online"'),
        ('"text": "ON"', '"text": "OFF"'),
        ("frame.not-mine", "frame.implausible"),
        ('"native_id": "7f21", "vendor"', '"native_id": "7f22", "vendor"'),
    ],
)
def test_a_wrong_expectation_fails(example: tuple[str, str], tmp_path: Path, was: str, becomes: str) -> None:
    source, frames = example
    file = tmp_path / "good.py"
    file.write_text(source)
    (cls,) = drivers_of_file(file)
    assert was in frames
    findings = check_cases(cls, list(cases_of(frames.replace(was, becomes).splitlines())))
    assert [finding.rule for finding in findings if not finding.ok and finding.rule.startswith("frames: ")]


def test_an_exemption_excuses_one_rule_with_its_reason(example: tuple[str, str], tmp_path: Path) -> None:
    source, frames = example
    source = source.replace("models=(", 'exemptions={"sources are named": "reverse engineered"}, models=(')
    file = tmp_path / "excused.py"
    file.write_text(source.replace('("ACME T1 protocol note 1.2, section 4",)', "()"))
    (cls,) = drivers_of_file(file)
    findings = check_cases(cls, list(cases_of(frames.splitlines())))
    assert all(finding.ok for finding in findings)
    assert [finding.excuse for finding in findings if finding.problem] == ["reverse engineered"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("vendor", "model"), [("ACME", "T1"), ("Zoë & Co", 'X-2 "mini"'), ("a", "b/c\\d$e")])
def test_a_new_driver_conforms_at_once(tmp_path: Path, vendor: str, model: str, kind: str) -> None:
    key, files = scaffold(vendor, model, kind)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    driver, frames, simulator = (tmp_path / name for name in files)
    (cls,) = drivers_of_file(driver)
    assert cls.about.key == key
    assert kind in cls.about.match.kinds
    report = graded(cls, load(frames), stand_in_of_file(simulator))
    wrong = [str(mark.finding) for mark in report.marks if not mark.finding.ok]
    assert [problem[6:30] for problem in wrong] == ["nothing is left to chang", "is proven: about.proven "], wrong
    assert report.grade is Grade.DRAFT


def test_perform_may_await_its_link_only() -> None:
    import asyncio

    async def waits() -> None:
        await asyncio.sleep(1)

    with pytest.raises(RuntimeError):
        finish(waits())
    link = RecordingLink()
    finish(link.send(b"x", to="y"))
    assert [sent.to for sent in link.sent] == ["y"]
    assert issubclass(CommandError, Exception)
