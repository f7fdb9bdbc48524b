"""An office, chance with a fixed seed, and a time that tests set themselves."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sluis.demo.office import Office, small_office
from sluis.demo.standin import Message, Now

START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture
def office() -> Office:
    return small_office(hour=9.5)


@pytest.fixture
def chance() -> random.Random:
    return random.Random(1)


@pytest.fixture
def at() -> Callable[[float], Now]:
    """The time so many seconds after the start."""
    return lambda seconds: Now(100.0 + seconds, START + timedelta(seconds=seconds))


def by_topic(messages: Iterable[Message]) -> dict[str, Any]:
    """Topic -> content (parsed where it is JSON) of messages; the last one of each topic."""
    found: dict[str, Any] = {}
    for each in messages:
        text = each.payload.decode()
        try:
            found[each.topic] = json.loads(text)
        except ValueError:
            found[each.topic] = text
    return found


@pytest.fixture(name="by_topic")
def _by_topic() -> Callable[[Iterable[Message]], dict[str, Any]]:
    return by_topic
