"""Commands that are imported when they are used, and errors that are sentences.

`sluis --help` must answer at once on a small Pi, so the list of commands and their one-line helps stand in a
table, and a command's module is imported when that command is called.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any

import click

from sluis.model import SluisError

EXIT_FINDING = 1
"""It ran, and the answer is no: something was not found, failed, or needs attention."""
EXIT_USAGE = 2
"""The command line is wrong (click's own)."""
EXIT_UNREACHABLE = 3
"""The gateway cannot be reached."""
EXIT_REFUSED = 4
"""The gateway said no: not signed in, not permitted, not acceptable."""


class Failure(click.ClickException):
    """An error as people read it: one sentence, one hint, an exit code. Never a traceback."""

    exit_code = EXIT_FINDING

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.hint = hint

    def show(self, file: Any = None) -> None:
        file = file or sys.stderr
        click.echo(click.style("Error: ", fg="red", bold=True) + self.message, file=file)
        if self.hint:
            click.echo(f"       {self.hint}", file=file)


class UnreachableFailure(Failure):
    """The gateway cannot be reached."""

    exit_code = EXIT_UNREACHABLE


class RefusedFailure(Failure):
    """The gateway said no."""

    exit_code = EXIT_REFUSED


FAILURES: dict[int, type[Failure]] = {each.exit_code: each for each in (Failure, UnreachableFailure, RefusedFailure)}


class LazyGroup(click.Group):
    """A group whose commands come from a table: name -> (`module:attribute`, one-line help)."""

    def __init__(
        self, *args: Any, table: Mapping[str, Mapping[str, tuple[str, str]]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sections = table or {}
        self.table = {name: entry for section in self.sections.values() for name, entry in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.table, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.table.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = entry[0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does, but a wrong name brings the nearest right one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), 1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"No such command {args[0]!r}.{meant}", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, said) for name, (_, said) in section.items()], col_spacing=3)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SluisError as error:
            raise FAILURES.get(getattr(error, "exit_code", EXIT_FINDING), Failure)(str(error), error.hint) from error
