"""What identifies the deliveries and frames that were committed lately, in one compact row per commit.

Why these numbers: a broker hands out packet ids 1 to 65,535 in turn, so within half a turn (32,768 deliveries) an
id means the same delivery, and remembering a whole turn would take a new message for an old one. Identities that
devices give themselves do not repeat; 65,536 of them are minutes of a busy site, far longer than a client resends.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Sequence

from sluis.intake.ports import Batch, Delivery

KEPT_DELIVERIES = 32_768
KEPT_IDENTITIES = 65_536


def remember(connection: sqlite3.Connection, batches: Sequence[Batch]) -> None:
    """One row per link session of the group, with the identities in the first."""
    found: dict[tuple[str, str], tuple[array[int], array[int], array[int]]] = {}
    for batch in batches:
        delivery = batch.delivery or Delivery("", "", (), ())
        if not (batch.delivery or batch.identities):
            continue
        key = (delivery.link, delivery.session)
        tokens, digests, identities = found.setdefault(key, (array("q"), array("q"), array("q")))
        tokens.extend(delivery.tokens)
        digests.extend(delivery.digests)
        identities.extend(batch.identities)
    connection.executemany(
        "INSERT INTO deliveries (link, session, tokens, digests, identities) VALUES (?, ?, ?, ?, ?)",
        [(*key, *(numbers.tobytes() for numbers in blobs)) for key, blobs in found.items()],
    )


def recent_deliveries(connection: sqlite3.Connection, link: str, session: str) -> dict[int, int]:
    """Token -> digest of the last `KEPT_DELIVERIES` of a session, oldest first."""
    rows = connection.execute(
        "SELECT tokens, digests FROM deliveries WHERE link = ? AND session = ? ORDER BY id", (link, session)
    ).fetchall()
    found: dict[int, int] = {}
    for tokens, digests in rows:
        for token, digest in zip(_numbers(tokens), _numbers(digests), strict=True):
            found.pop(token, None)
            found[token] = digest
    return dict(list(found.items())[-KEPT_DELIVERIES:])


def recent_identities(connection: sqlite3.Connection) -> list[int]:
    """The last `KEPT_IDENTITIES`, oldest first."""
    rows = connection.execute("SELECT identities FROM deliveries ORDER BY id").fetchall()
    return [identity for (blob,) in rows for identity in _numbers(blob)][-KEPT_IDENTITIES:]


def prune(connection: sqlite3.Connection) -> int:
    """Delete rows that only hold what is no longer remembered; how many went. A session that its link has left for
    another counts as forgotten."""
    rows = connection.execute(
        "SELECT id, link, session, length(tokens) / 8, length(identities) / 8 FROM deliveries ORDER BY id DESC"
    ).fetchall()
    newest: dict[str, str] = {}
    tokens: dict[str, int] = {}
    identities = 0
    gone = []
    for row_id, link, session, token_count, identity_count in rows:
        current = newest.setdefault(link, session) == session
        wanted = identity_count and identities < KEPT_IDENTITIES
        wanted = wanted or (current and token_count and tokens.get(link, 0) < KEPT_DELIVERIES)
        if not wanted:
            gone.append((row_id,))
        identities += identity_count
        tokens[link] = tokens.get(link, 0) + token_count
    connection.executemany("DELETE FROM deliveries WHERE id = ?", gone)
    return len(gone)


def _numbers(blob: bytes) -> array[int]:
    numbers = array("q")
    numbers.frombytes(blob)
    return numbers
