"""Announcements that add to what a device told before."""

from __future__ import annotations

from sluis.model import Announcement
from sluis.model.devices import ADDED_MOST
from sluis.sdk.registry import merge_fragment


def test_content_is_gathered_key_by_key() -> None:
    first = merge_fragment({}, Announcement("a", "heard", {"temperature": {"unit": "°C"}}, merge="add"))
    both = merge_fragment(first, Announcement("a", "heard", {"humidity": {"unit": "%"}}, merge="add"))
    assert both == {"heard": {"temperature": {"unit": "°C"}, "humidity": {"unit": "%"}}}
    assert first == {"heard": {"temperature": {"unit": "°C"}}}
    assert merge_fragment(both, Announcement("a", "heard", {}, merge="add")) == both
    assert merge_fragment(both, Announcement("a", "heard", {"humidity": {}})) == {"heard": {"humidity": {}}}


def test_what_is_gathered_is_bounded() -> None:
    held: dict[str, object] = {}
    for number in range(ADDED_MOST + 10):
        held = merge_fragment(held, Announcement("a", "heard", {f"p{number}": {}}, merge="add"))
    assert len(held["heard"]) == ADDED_MOST
    assert merge_fragment(held, Announcement("a", "heard", {"p0": {"unit": "V"}}, merge="add"))["heard"]["p0"] == {
        "unit": "V"
    }
