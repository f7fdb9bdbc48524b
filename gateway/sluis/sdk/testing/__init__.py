"""What a driver author tests with: frames files, a link that remembers, the conformance suite.

from sluis.sdk.testing import conformance

def test_my_driver() -> None:
    problems = [finding for finding in conformance(MyDriver, Path("frames/my-driver.jsonl")) if not finding.ok]
    assert not problems
"""

from sluis.sdk.testing.conformance import RULES, Finding, check_cases, conformance, survives, survives_sniffing
from sluis.sdk.testing.frames import Case, cases_of, load
from sluis.sdk.testing.garbage import garbage
from sluis.sdk.testing.link import START, RecordingLink, Sent, finish
from sluis.sdk.testing.replay import Bench, decoded, filled, mismatches, outcome, perform, polled, recorded, topic_fits

__all__ = [
    "RULES",
    "START",
    "Bench",
    "Case",
    "Finding",
    "RecordingLink",
    "Sent",
    "cases_of",
    "check_cases",
    "conformance",
    "decoded",
    "filled",
    "finish",
    "garbage",
    "load",
    "mismatches",
    "outcome",
    "perform",
    "polled",
    "recorded",
    "survives",
    "survives_sniffing",
    "topic_fits",
]
