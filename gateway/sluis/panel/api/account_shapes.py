"""Bounds and words that users, sessions and tokens share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from sluis.model import Role
from sluis.panel.api.guards import NOUNS
from sluis.panel.api.shapes import Name
from sluis.panel.passwords import PASSWORD_MAX

Password = Annotated[str, StringConstraints(min_length=1, max_length=PASSWORD_MAX)]
UserName = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$", to_lower=True)]


def _role(word: str) -> str:
    if word.upper() not in Role.__members__:
        raise ValueError(f"one of {', '.join(role.word for role in Role)}")
    return word.lower()


def _noun(word: str) -> str:
    if word != "*" and word not in NOUNS:
        raise ValueError(f"* or one of {', '.join(NOUNS)}")
    return word


RoleWord = Annotated[str, AfterValidator(_role), Field(max_length=20, examples=["operator"])]
Noun = Annotated[str, AfterValidator(_noun), Field(max_length=40, examples=["devices:read"])]
Areas = Annotated[list[Name] | None, Field(max_length=200, description="Areas the role holds in; null for all.")]


def listed(areas: frozenset[str] | None) -> list[str] | None:
    return None if areas is None else sorted(areas)


def as_set(areas: list[str] | None) -> frozenset[str] | None:
    return None if areas is None else frozenset(areas)
