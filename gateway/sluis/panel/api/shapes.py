"""What all API bodies share: bounds on every text and number, and the forms of lists."""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints

from sluis.panel.errors import ChangedMeanwhile, Invalid

T = TypeVar("T")

INT64 = 2**63 - 1
"""Largest integer the store can hold."""

KEY_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$"
PLAIN = r"^[^\x00-\x1f\x7f]*$"
"""No control characters: names end up in terminals, mails and file names."""

Key = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=KEY_PATTERN)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=PLAIN, strip_whitespace=True)]
Label = Annotated[str, StringConstraints(max_length=120, pattern=PLAIN, strip_whitespace=True)]
Sentence = Annotated[str, StringConstraints(max_length=1_000)]
Micros = Annotated[int, Field(ge=0, le=INT64, examples=[1_790_000_000_000_000])]
"""Microseconds since 1970-01-01 UTC."""
Seq = Annotated[int, Field(ge=0, le=INT64)]

DeviceKey = Annotated[str, Path(min_length=1, max_length=120, pattern=KEY_PATTERN, examples=["tasmota-dvd-1"])]
PointKey = Annotated[str, Path(min_length=1, max_length=120, pattern=PLAIN, examples=["temperature"])]
RowId = Annotated[int, Path(ge=1, le=INT64)]
Cursor = Annotated[str, Query(max_length=500, description="`next` of the page before; empty for the first.")]
Limit = Annotated[int, Query(ge=1, le=2_000, description="Items on a page.")]

PlainValue = bool | Annotated[int, Field(ge=-INT64, le=INT64)] | FiniteFloat | Annotated[str, Field(max_length=1_000)]


class Out(BaseModel):
    """An answer, made from an object's attributes."""

    model_config = ConfigDict(from_attributes=True)


class In(BaseModel):
    """A request body. An unknown field is an error, not a silent nothing."""

    model_config = ConfigDict(extra="forbid")


class Page(BaseModel, Generic[T]):
    """Part of a list."""

    items: list[T]
    next: str = Field(default="", description="Cursor of the next page; empty on the last one.")
    total: int | None = Field(default=None, description="Items in the whole list, where that is known.")


def pack(*parts: Any) -> str:
    """A cursor: where a page ended. Opaque to the asker."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def unpack(cursor: str, *kinds: type) -> list[Any] | None:
    """What `pack` packed, or None for an empty cursor. Invalid when it is not one of ours."""
    if not cursor:
        return None
    try:
        parts = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, msgspec.MsgspecError):
        parts = None
    good = isinstance(parts, list) and len(parts) == len(kinds)
    if not good or not all(type(part) is kind for part, kind in zip(parts, kinds, strict=True)):
        raise Invalid("cursor: not one that this list gave out")
    if any(type(part) is int and abs(part) > INT64 for part in parts):
        raise Invalid("cursor: not one that this list gave out")
    return list(parts)


def etag(*parts: Any) -> str:
    """A strong validator of something editable."""
    return '"' + hashlib.sha256(repr(parts).encode("utf-8", "replace")).hexdigest()[:16] + '"'


def must_match(if_match: str | None, tag: str) -> None:
    """ChangedMeanwhile when the asker edits a version that is no longer the present one."""
    if if_match is None or if_match.strip() == "*":
        return
    if tag not in [one.strip() for one in if_match.split(",")]:
        raise ChangedMeanwhile
