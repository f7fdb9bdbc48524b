"""Holds the audit log against its chain and its checkpoints, and names what is wrong and where."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sluis.model import AuditFinding, AuditVerdict
from sluis.store.signing import SigningKey
from sluis.wire.chain import GENESIS, Checkpoint, Frontier, link, split_notes

FINDINGS_MAX = 100
"""Findings reported at most: a log with more is lost anyway, and the first one says where it began."""


class Check:
    """Fed every row in order; `verdict` at the end."""

    def __init__(self, key: SigningKey, notes: Sequence[str], file: Path) -> None:
        self._findings: list[AuditFinding] = []
        self._checkpoints = self._read(key, notes, file)
        self._due = {checkpoint.size: checkpoint for checkpoint in self._checkpoints}
        self._frontier = Frontier()
        self._before = GENESIS
        self._entries = 0
        self._last = 0
        self._good_to = 0
        self._shift = 0

    def row(self, seq: int, body: bytes, before: bytes, digest: bytes) -> None:
        """One row. Every row is judged against the row before it, so that one wrong row is one finding."""
        self._entries += 1
        finding = self._judge(seq, body, before, digest)
        if finding is not None:
            self._add(*finding)
        self._frontier.add(body)
        self._before, self._last = digest, max(seq, self._last)
        self._hold_against(self._due.get(seq), digest)

    def verdict(self) -> AuditVerdict:
        for checkpoint in self._checkpoints:
            if checkpoint.size > self._last:
                signed = f"a signed checkpoint says {checkpoint.size} entries"
                self._add(self._last + 1, "truncated", f"{signed}, the log ends at {self._last}: its end was cut off")
                break
        found = tuple(sorted(self._findings, key=lambda one: one.seq))
        return AuditVerdict(self._entries, len(self._checkpoints), self._before.hex(), found)

    def _judge(self, seq: int, body: bytes, before: bytes, digest: bytes) -> tuple[int, str, str] | None:
        if seq < 1:
            return seq, "inserted", f"row {seq} cannot be: the log begins with 1"
        if seq > self._last + 1:
            gap = f"row {self._last + 1}" if seq == self._last + 2 else f"rows {self._last + 1} to {seq - 1}"
            return self._last + 1, "removed", f"{gap} missing"
        written = _seq_in(body)
        if written != seq:
            return self._moved(seq, written)
        self._shift = 0
        if link(before, body) != digest:
            return seq, "changed", f"row {seq} is not what was written"
        if before != self._before:
            return self._blame_before(seq)
        return None

    def _moved(self, seq: int, written: int | None) -> tuple[int, str, str] | None:
        """The row's number is not the one it was written with. Rows pushed along together are one finding."""
        if written is None:
            return seq, "changed", f"row {seq} is not an entry"
        if self._shift == seq - written:
            return None
        self._shift = seq - written
        if self._shift == 1:
            return seq - 1, "inserted", f"rows {seq - 1} and {seq} both claim to be entry {written}: one was put in"
        return seq, "reordered", f"row {seq} was written as entry {written}"

    def _blame_before(self, seq: int) -> tuple[int, str, str] | None:
        """This row is whole and follows another link than the row before has."""
        if self._findings and self._findings[-1].seq in (seq - 1, seq):
            return None
        if seq == 1:
            return 1, "changed", "row 1 does not begin the chain"
        return seq - 1, "changed", f"row {seq - 1} was replaced: row {seq} follows another one"

    def _hold_against(self, checkpoint: Checkpoint | None, digest: bytes) -> None:
        if checkpoint is None or self._findings:
            return
        if self._frontier.root() == checkpoint.root and digest == checkpoint.head:
            self._good_to = checkpoint.size
            return
        span = f"{self._good_to + 1} to {checkpoint.size}"
        self._add(
            self._good_to + 1, "rewritten", f"rows {span} are not those that were signed: the chain was made anew"
        )

    def _read(self, key: SigningKey, notes: Sequence[str], file: Path) -> list[Checkpoint]:
        kept = split_notes(file.read_text(errors="replace")) if file.exists() else []
        found: dict[int, Checkpoint] = {}
        for note in dict.fromkeys([*notes, *kept]):
            try:
                checkpoint = key.read(note)
            except ValueError as error:
                self._add(0, "checkpoint", f"a checkpoint cannot be trusted: {error}")
                continue
            found[checkpoint.size] = checkpoint
        return [found[size] for size in sorted(found)]

    def _add(self, seq: int, kind: str, what: str) -> None:
        if len(self._findings) < FINDINGS_MAX:
            self._findings.append(AuditFinding(seq, kind, what))


def _seq_in(body: bytes) -> int | None:
    try:
        seq = json.loads(body).get("seq")
    except (ValueError, AttributeError):
        return None
    return seq if isinstance(seq, int) else None
