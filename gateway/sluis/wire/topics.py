"""MQTT topic filters (MQTT 3.1.1 section 4.7): matching a topic, and which topics are exact."""

from __future__ import annotations


def is_exact(topic_filter: str) -> bool:
    """Whether a filter has no wildcard and so matches one topic only."""
    return "+" not in topic_filter and "#" not in topic_filter


def matches(topic_filter: str, topic: str) -> bool:
    """Whether `topic` is matched by `topic_filter`. Topics that begin with $ are not matched by a leading wildcard."""
    wanted = topic_filter.split("/")
    levels = topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)
