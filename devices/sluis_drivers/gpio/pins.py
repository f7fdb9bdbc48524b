"""What the drivers of pins have in common: how a reserved pin announces itself."""

from __future__ import annotations

from collections.abc import Iterator

from sluis.sdk import Announcement, Frame, LinkMatch, NotMine
from sluis.sdk.payload import object_of, text_of

PINS = LinkMatch(filters=("+/about",), kinds=("gpio",))
QUIET_S = 30.0
"""The link tells of every pin at least this often."""


def announced(frame: Frame, kind: str, model: str) -> Iterator[Announcement]:
    """A device for a pin of this kind; nothing for the others."""
    said = object_of(frame.data)
    if said.get("kind") == kind:
        board = " ".join(one for one in (text_of(said.get("board")), text_of(said.get("at"))) if one)
        yield Announcement(
            frame.source.removesuffix("/about"),
            "about",
            said,
            name=text_of(said.get("name")),
            vendor="GPIO",
            model=f"{model}, no hardware (mock)" if said.get("mock") is True else model,
            serial=board,
        )


def pin_frame(native_id: str, frame: Frame) -> dict[str, object]:
    """What a frame of this pin holds. NotMine for another's."""
    if frame.source != native_id:
        raise NotMine
    return object_of(frame.data)
