"""Configuration: what is right is taken, what is wrong is named."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import pytest

from sluis.app.toml import build, read_toml
from sluis.model import ConfigError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    port: int = 1
    names: tuple[str, ...] = ()
    colour: Colour = Colour.RED

    def __post_init__(self) -> None:
        if self.port < 0:
            raise ValueError("port cannot be negative")


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    many: tuple[Inner, ...] = ()
    file: Path | None = None
    wait_s: float = 1.0
    on: bool = False


def test_what_is_right_is_taken() -> None:
    given = {
        "inner": {"port": 5, "names": ["a", "b"], "colour": "blue"},
        "many": [{"port": 7}],
        "file": "/etc/x",
        "wait_s": 2,
        "on": True,
    }
    assert build(Outer, given, "f") == Outer(Inner(5, ("a", "b"), Colour.BLUE), (Inner(7),), Path("/etc/x"), 2.0, True)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"innner": {}}, "f: unknown setting 'innner'; did you mean 'inner'?"),
        ({"inner": {"prot": 1}}, "f.inner: unknown setting 'prot'; did you mean 'port'?"),
        ({"inner": {"port": "x"}}, "f.inner.port: is 'x', should be a whole number"),
        ({"inner": {"port": True}}, "f.inner.port: is True, should be a whole number"),
        ({"inner": {"port": -1}}, "f.inner: port cannot be negative"),
        ({"inner": {"names": "a"}}, "f.inner.names: is 'a', should be a list"),
        ({"inner": {"colour": "green"}}, "f.inner.colour: is 'green' (allowed: red, blue)"),
        ({"inner": 3}, "f.inner: is 3, should be a table"),
        ({"many": [{"port": 1}, {"port": 1.5}]}, "f.many[1].port: is 1.5, should be a whole number"),
        ({"on": 1}, "f.on: is 1, should be true or false"),
        ({"file": 1}, "f.file: is 1, should be a path in quotes"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Outer, given, "f")
    assert str(caught.value).startswith(sentence)


def test_a_broken_file_names_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "sluis.toml"
    file.write_text("[panel]\nport = \n")
    with pytest.raises(ConfigError, match=r"sluis\.toml: .*line 2, column 8"):
        read_toml(file)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read it: No such file"):
        read_toml(tmp_path / "none.toml")
