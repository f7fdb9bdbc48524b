"""docs/reference/cli.md, made from the commands themselves; a test checks that the page is fresh.

python -m sluis.cli.reference > docs/reference/cli.md
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from sluis.cli import TABLE, main

HEAD = """\
# The command line

Made from the commands' own help by `python -m sluis.cli.reference`; do not edit.

A device is called by its key or its name, a point `DEVICE/POINT`. Lists print a table for people, and JSON with
`--json`. Before the command stand `--data-dir` (a gateway on this machine), or `--url`, `--token` and `--ca` (one
elsewhere); they also come from `SLUIS_DATA_DIR`, `SLUIS_URL`, `SLUIS_TOKEN` and `SLUIS_CA`.

| exit code | what it means |
|---|---|
| 0 | done |
| 1 | not done, or a finding: an open alert, a link that is down, a value not to be relied on |
| 2 | the command line is wrong |
| 3 | the gateway cannot be reached |
| 4 | the gateway refused: not signed in, not permitted, not acceptable |
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    context = click.Context(main, info_name="sluis")
    for title, section in TABLE.items():
        parts.append(f"## {title}\n")
        for name in section:
            command = main.get_command(context, name)
            assert command is not None
            parts.extend(described(command, click.Context(command, info_name=name, parent=context)))
    return "\n".join(parts).rstrip() + "\n"


def described(command: click.Command, context: click.Context) -> Iterator[str]:
    """One command, and those below it."""
    yield f"### `{context.command_path}`\n"
    usage = " ".join(piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]")
    yield f"```text\n{context.command_path} {usage}".rstrip() + "\n```\n"
    yield help_text(command.help or command.short_help or "")
    rows = [record for each in command.get_params(context) if (record := each.get_help_record(context))]
    rows = [row for row in rows if row[0] not in ("--help", "-h, --help")]
    if rows:
        yield "| option | what it does |\n|---|---|"
        yield "\n".join(f"| `{cell(left)}` | {cell(right)} |" for left, right in rows) + "\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from described(below, click.Context(below, info_name=name, parent=context))


def help_text(text: str) -> str:
    """A help text as Markdown: what click keeps as it is (after a \\b) becomes a code block."""
    shown = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if paragraph.lstrip().startswith("\b"):
            shown.append("```text\n" + inspect.cleandoc(paragraph.lstrip().removeprefix("\b")).strip() + "\n```")
        else:
            shown.append(" ".join(paragraph.split()))
    return "\n\n".join(shown) + "\n"


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    click.echo(page(), nl=False)
