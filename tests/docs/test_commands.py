"""Commands that the docs show exist: `sluis ...` parses as it stands, `make ...` is a target, TOML is accepted."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sluis.app.config import Settings, load
from sluis.cli import main
from sluis.rules.parse import parse_rules

ROOT = Path(__file__).parents[2]
GENERATED = {ROOT / "docs" / "reference" / "cli.md"}
"""Made from the commands themselves; tests/cli holds it to them."""
PAGES = sorted({*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("*/README.md")} - GENERATED)
SHELL = ("", "console", "sh", "shell", "bash")
page_by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(text: str, *languages: str) -> list[str]:
    """Fenced blocks in these languages."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S)
    return [body for language, body in found if language in languages]


def spans(text: str) -> list[str]:
    """Code within sentences, joined over line ends."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


def sluis_calls(line: str) -> Iterator[list[str]]:
    """The arguments of every call of `sluis` in one line of shell."""
    for inner in re.findall(r"\$\((sluis [^)]*)\)", line):
        yield from sluis_calls(inner)
    lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|;&<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, "|"]:
        if set(word) <= set("|;&<>"):
            if words[:1] == ["sudo"]:
                words = words[3:] if words[1:2] == ["-u"] else words[1:]
            if words and Path(words[0]).name == "sluis":
                yield words[1:]
            words = []
        else:
            words.append(word)


def shown(page: Path) -> Iterator[tuple[str, list[str], bool]]:
    """Each call on a page: the text, the arguments, and whether it is complete (not only named in a sentence)."""
    text = page.read_text()
    for line in "\n".join(blocks(text, *SHELL)).splitlines():
        if re.match(r"(\$ )?(sudo |test |if |\S*/)?.*\bsluis ", line) and not line.startswith((" ", "→", "#")):
            yield from ((line, call, True) for call in sluis_calls(line))
    for span in spans(text):
        if span.startswith(("sluis ", "sudo -u sluis sluis ", ".venv/bin/sluis ")):
            yield from ((span, call, False) for call in sluis_calls(span))


def check(arguments: list[str], complete: bool) -> None:
    """UsageError when the command line is wrong. Asks nothing, runs nothing."""
    command: click.Command = main
    context = click.Context(main, info_name="sluis")
    while True:
        values, rest, _ = command.make_parser(context).parse_args(arguments)
        for parameter in command.params:
            fits(parameter, values.get(parameter.name or ""), context, complete)
        if not isinstance(command, click.Group):
            if rest:
                raise click.UsageError(f"too many arguments: {rest}")
            return
        if not rest:
            return
        _, found, arguments = command.resolve_command(context, rest)
        assert found is not None
        command, context = found, click.Context(found, info_name=found.name, parent=context)


def fits(parameter: click.Parameter, value: object, context: click.Context, complete: bool) -> None:
    """Whether a value is there where it must be, and is one of those that can be."""
    missing = not value or not isinstance(value, str | tuple | list)  # click marks what was not given with a sentinel
    if missing and complete and isinstance(parameter, click.Argument) and parameter.required:
        raise click.MissingParameter(param=parameter, ctx=context)
    if isinstance(value, str) and not value.isupper() and not isinstance(parameter.type, click.Path):
        parameter.type.convert(value, parameter, context)


@page_by_page
def test_every_sluis_command_parses(page: Path) -> None:
    for text, arguments, complete in shown(page):
        try:
            check(arguments, complete)
        except click.UsageError as error:
            pytest.fail(f"{page.relative_to(ROOT)} shows `{text}`: {error.format_message()}")


def test_the_check_sees_what_it_must() -> None:
    calls = [call for page in PAGES for call in shown(page)]
    assert len(calls) > 40
    assert list(sluis_calls('sudo -u sluis sluis --data-dir /x doctor --json | jq ". | x"')) == [
        ["--data-dir", "/x", "doctor", "--json"]
    ]
    for wrong in ("devices --no-such-option", "no-such-command", "demo misbehave heater dance", "links extra", "read"):
        with pytest.raises(click.UsageError):
            check(wrong.split(), complete=True)


@page_by_page
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M))
    text = page.read_text()
    for code in (*blocks(text, *SHELL), *spans(text)):
        for named in re.findall(r"(?:^|sudo |\$ )make ([a-z][a-z-]*)", code, re.M):
            assert named in targets, f"{page.relative_to(ROOT)} names make {named}"


@page_by_page
def test_every_setting_and_rule_shown_is_accepted(page: Path, tmp_path: Path) -> None:
    sections = set(Settings.__dataclass_fields__)
    for block in blocks(page.read_text(), "toml"):
        if set(tomllib.loads(block)) <= sections:
            file = tmp_path / "sluis.toml"
            file.write_text(block)
            load(file)
        elif "rules" in tomllib.loads(block):
            parse_rules(block)


def test_the_table_of_quantities_is_fresh() -> None:
    spec = importlib.util.spec_from_file_location("points_reference", ROOT / "tools" / "points_reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (ROOT / "docs" / "reference" / "points.md").read_text()
    assert page == module.reference(), "run: python tools/points_reference.py"
