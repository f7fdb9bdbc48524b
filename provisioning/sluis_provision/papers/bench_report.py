"""What became of each board on the bench, on paper."""

from __future__ import annotations

import io
from collections.abc import Mapping
from html import escape
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table

from sluis_provision.papers.report import BOLD, CELL, GRID, MARGIN, ROOM, TEXT, TITLE
from sluis_provision.papers.type import ready
from sluis_provision.papers.words import Words

COLUMNS = (0.25, 0.25, 0.5)
"""Shares of the width: port, board, what became of it."""


def bench_pdf(made: Mapping[str, Any], language: str) -> bytes:
    """`made` is what `sluis_provision.bench.report` makes, on A4."""
    ready()
    words, out = Words(language), io.BytesIO()
    title = words("bench")
    count = {name: made[name] for name in ("image", "profile", "done", "failed")}
    story = [Paragraph(escape(title), TITLE), Paragraph(escape(words("bench_sum", **count)), TEXT)]
    if made.get("sha256"):
        story.append(Paragraph(escape(f"SHA-256 {made['sha256']}"), CELL))
    rows = [[Paragraph(escape(words(key)), BOLD) for key in ("bench_port", "bench_board", "bench_outcome")]]
    rows += [_row(board, words) for board in made["boards"]]
    table = Table(rows, [share * ROOM for share in COLUMNS], repeatRows=1, style=GRID)
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        title=title,
        invariant=True,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
    )
    document.build([*story, Spacer(0, 4 * mm), table])
    return out.getvalue()


def _row(board: Mapping[str, Any], words: Words) -> list[Paragraph]:
    found = board.get("board") or board
    what = " ".join(filter(None, (found.get("chip", ""), found.get("revision", ""), board["id"])))
    failed = board["step"] == "failed"
    lines = [words("bench_failed", step=board["failed_at"]) if failed else words("bench_done"), board["said"]]
    if board.get("seconds") is not None:
        lines[0] += f" ({words('bench_seconds', seconds=board['seconds'])})"
    lines += [board["next"]] if failed else []
    told = "<br/>".join(escape(line) for line in lines if line)
    return [Paragraph(escape(board["port"]), CELL), Paragraph(escape(what), CELL), Paragraph(told, CELL)]
