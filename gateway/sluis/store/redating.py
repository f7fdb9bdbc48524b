"""Dating early records again once the clock is right: in the log, in blocks, and in what was rolled up from them."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from sluis.store.records import REDATED, UNTRUSTED, Record, pack_block, unpack_block
from sluis.store.rollups import Resolution, pack_rollups, roll
from sluis.store.segments import (
    Segment,
    block_id,
    class_of,
    point_of,
    read_segments,
    segment_blocks,
    write_blocks,
    write_segment,
)


def redate(connection: sqlite3.Connection, boot: int, offset_us: int) -> int:
    """Give all untrusted records of `boot` the wall time `mono_us + offset_us`; how many readings there were."""
    values = (offset_us, UNTRUSTED, REDATED, boot, UNTRUSTED)
    change = "SET at_us = mono_us + ?, flags = (flags & ~?) | ? WHERE boot = ? AND flags & ?"
    count = connection.execute(f"UPDATE readings {change}", values).rowcount
    connection.execute(f"UPDATE occurrences {change}", values)
    for segment in read_segments(connection, "WHERE untrusted_boot = ?", (boot,)):
        count += _redate_segment(connection, segment, boot, offset_us)
    return count


def _redate_segment(connection: sqlite3.Connection, segment: Segment, boot: int, offset_us: int) -> int:
    count = 0
    ats: list[int] = []
    for identifier, data in segment_blocks(connection, Resolution.RAW, segment.id):
        before = unpack_block(data)
        after = [one.redated(offset_us) if one.boot == boot and one.flags & UNTRUSTED else one for one in before]
        changed = sum(one != other for one, other in zip(before, after, strict=True))
        if changed:
            _rewrite(connection, segment.id, identifier, after)
        count += changed
        of_block = [one.at_us for one in after]
        ats += (min(of_block), max(of_block))
    if ats:
        segment = replace(segment, start_us=min(ats), end_us=max(ats))
    write_segment(connection, replace(segment, untrusted_boot=None))
    return count


def _rewrite(connection: sqlite3.Connection, segment: int, identifier: int, records: list[Record]) -> None:
    of, point = class_of(identifier), point_of(identifier)
    blocks = [(identifier, pack_block(records))]
    for resolution in (Resolution.MINUTE, Resolution.HOUR):
        rolled = roll(records, resolution)
        if rolled:
            blocks.append((block_id(resolution, segment, of, point), pack_rollups(rolled, resolution)))
    write_blocks(connection, blocks)
    connection.execute(
        "UPDATE latest SET at_us = ?, flags = (flags & 16) | ? WHERE point = ? AND seq = ?",
        (records[-1].at_us, records[-1].flags, point, records[-1].seq),
    )
