"""What people see: tables, values, ages; and the same as JSON with --json."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

QUALITY_MARKS = {"good": "", "uncertain": " ?", "bad": " !"}


def as_json(command: F) -> F:
    """The --json option."""
    return click.option("--json", "json_", is_flag=True, help="Print JSON, for programs.")(command)


def out(content: Any) -> None:
    """JSON for programs."""
    click.echo(json.dumps(content, ensure_ascii=False, indent=2))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """A table; or, when there is nothing in it, a sentence that says so and what to do."""
    listed = [list(row) for row in rows]
    if not listed:
        click.echo(empty)
        return
    if not sys.stdout.isatty():
        for line in plain([list(headings), *listed]):
            click.echo(line)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in listed:
        made.add_row(*(Text.from_ansi(cell) for cell in row))
    Console(highlight=False).print(made)


def plain(rows: list[list[str]]) -> list[str]:
    """Rows in columns that line up, for pipes and files: nothing cut off, nothing coloured."""
    rows = [[click.unstyle(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """What one thing is: a name and a value a line; empty values are left out."""
    listed = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in listed), default=0)
    for name, value in listed:
        click.echo(f"{name.ljust(width)}  {value}")


def value_text(value: Any, unit: str = "", quality: str = "good", stale: bool = False) -> str:
    """A value with its unit; marked when it is not good, and when it is stale."""
    if value is None:
        return "-"
    text = (
        ("on" if value else "off")
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
    text += f" {unit}" if unit else ""
    text += QUALITY_MARKS.get(quality, "")
    if stale:
        return click.style(text + " (stale)", fg="yellow")
    return click.style(text, fg="red") if quality == "bad" else text


def age(at_us: int | None, now_s: float | None = None) -> str:
    """How long ago; "" for never."""
    if not at_us:
        return ""
    seconds = max(0.0, (now_s if now_s is not None else time.time()) - at_us / 1e6)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size * 2:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def moment(at_us: int | None) -> str:
    """Local date and time; "" for never."""
    return datetime.fromtimestamp(at_us / 1e6, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S") if at_us else ""


def size(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


COLOURS = {
    "online": "green",
    "offline": "red",
    "unknown": "yellow",
    "critical": "red",
    "warning": "yellow",
    "ok": "green",
}


def coloured(word: str) -> str:
    """A word in its usual colour (always readable without)."""
    return click.style(word, fg=COLOURS[word]) if word in COLOURS else word
