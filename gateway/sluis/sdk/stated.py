"""What a driver's `about` needs, read from the file's text before a line of it runs.

A file that imports what is not installed, or a name of a newer SDK, cannot say so itself: it fails while it is
imported, with a sentence about the import. So what stands in `About(...)` in plain literals is looked at first.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from sluis.model import DriverError
from sluis.sdk.driver import ORDINARY, SDK_VERSION, About, Limits


@dataclass(frozen=True, slots=True)
class Stated:
    """What all the drivers of one file need together."""

    sdk: int = 1
    requires: tuple[str, ...] = ()
    limits: Limits = ORDINARY


def stated(text: bytes) -> Stated:
    """The needs that stand in a file. Nothing for a file that is no Python: whoever imports it says that better."""
    try:
        calls = list(_calls(ast.parse(text), "About"))
    except (SyntaxError, ValueError, RecursionError):
        return Stated()
    versions, requires, limits = [1], [], [ORDINARY]
    for call in calls:
        told = {word.arg: word.value for word in call.keywords if word.arg}
        version = _literal(told.get("sdk"))
        versions += [version] if isinstance(version, int) else []
        wanted = _literal(told.get("requires"))
        requires += [str(one) for one in wanted] if isinstance(wanted, tuple | list) else []
        limits.append(_limits(told.get("limits")))
    return Stated(max(versions), tuple(dict.fromkeys(requires)), largest(limits))


def needs(abouts: list[About]) -> Stated:
    """The same of drivers that are loaded."""
    return Stated(
        max((about.sdk for about in abouts), default=1),
        tuple(dict.fromkeys(one for about in abouts for one in about.requires)),
        largest([about.limits for about in abouts]),
    )


def largest(limits: list[Limits]) -> Limits:
    """What satisfies all of them."""
    every = [ORDINARY, *limits]
    return Limits(max(one.memory_mb for one in every), max(one.load_s for one in every))


def insist(what: str, needed: Stated) -> None:
    """DriverError when this gateway does not have what a driver needs."""
    if needed.sdk > SDK_VERSION:
        raise DriverError(
            f"{what} needs version {needed.sdk} of the driver SDK; this gateway has {SDK_VERSION}",
            hint="Update Sluis, or use an older version of the driver.",
        )
    missing = [one for one in needed.requires if not _installed(one)]
    if missing:
        command = f"uv pip install --python {sys.executable} {' '.join(missing)}"
        raise DriverError(
            f"{what} needs {', '.join(missing)}, which is not installed. Install it with: {command}", hint=command
        )


def _installed(requirement: str) -> bool:
    from importlib import metadata  # a megabyte that a driver host needs only here

    name = re.split(r"[\s\[<>=!~;]", requirement.strip(), maxsplit=1)[0]
    try:
        metadata.version(name)
    except (metadata.PackageNotFoundError, ValueError):
        return False
    return True


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        called = getattr(node, "func", None)
        if isinstance(node, ast.Call) and name in (getattr(called, "id", ""), getattr(called, "attr", "")):
            yield node


def _literal(node: ast.expr | None) -> object:
    if node is None:
        return None
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None


def _limits(node: ast.expr | None) -> Limits:
    if not isinstance(node, ast.Call):
        return ORDINARY
    told = {word.arg: _literal(word.value) for word in node.keywords if word.arg}
    memory_mb, load_s = told.get("memory_mb"), told.get("load_s")
    return Limits(
        memory_mb if isinstance(memory_mb, int) else ORDINARY.memory_mb,
        float(load_s) if isinstance(load_s, int | float) else ORDINARY.load_s,
    )
