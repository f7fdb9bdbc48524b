"""Write docs/reference/settings.md from the settings' own docstrings. `python tools/settings_reference.py`."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import typing
from pathlib import Path
from typing import Any, get_type_hints

from sluis.app.config import Settings

TARGET = Path(__file__).parent.parent / "docs" / "reference" / "settings.md"
INTRO = """# Settings

One TOML file; `sluis run --config FILE` (default `/etc/sluis/sluis.toml`). An unknown key is an error that names the
nearest key. Secrets are read from files, never from this one. This page is made from the code by
`python tools/settings_reference.py`; a test checks that it is up to date.
"""


def field_docs(cls: type) -> dict[str, str]:
    """The docstring under each field of a dataclass."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    found, name = {}, ""
    for node in body.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name:
            found[name] = " ".join(str(node.value.value).split())
            name = ""
    return found


def default_of(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return "required"
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, Path):
        value = str(value)
    return f"`{str(value).lower() if isinstance(value, bool) else repr(value)}`"


def section(cls: type, path: str, *, repeated: bool = False) -> list[str]:
    """The lines of one table and of the tables below it."""
    heading = f"`[[{path}]]`" if repeated else f"`[{path}]`" if path else "Top level"
    lines = [f"\n## {heading}\n", inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0], ""]
    rows, below = [], []
    docs, hints = field_docs(cls), get_type_hints(cls)
    for field in dataclasses.fields(cls):
        kind = hints[field.name]
        inner = next((one for one in (kind, *typing.get_args(kind)) if dataclasses.is_dataclass(one)), None)
        if inner is not None:
            below += section(inner, f"{path}.{field.name}".lstrip("."), repeated=inner is not kind)
        if inner is not kind:
            rows.append(f"| `{field.name}` | {default_of(field)} | {docs.get(field.name, '')} |")
    if rows:
        lines += ["| setting | default | meaning |", "|---|---|---|", *rows]
    return lines + below


def reference() -> str:
    return "\n".join([INTRO, *section(Settings, "")]) + "\n"


if __name__ == "__main__":
    TARGET.write_text(reference())
