"""How a link cuts its stream for one station, and which frame answers which question."""

from __future__ import annotations

from sluis.sdk import Framing
from sluis.wire.framing import Splitter, splitter

RAW = Framing("silence")
"""For a source that no adopted device stands for: pieces between silences, for recordings and for people."""


def cutter(framing: Framing) -> Splitter:
    """A fresh splitter. ValueError when the framing is of no kind there is."""
    return splitter(
        framing.kind,
        start=framing.start,
        end=framing.end,
        length_at=framing.length_at,
        length_bytes=framing.length_bytes,
        length_adds=framing.length_adds,
        max_bytes=framing.max_bytes,
    )


def by_silence(framing: Framing) -> bool:
    """Whether silence says something in this framing: it ends a frame, or tells noise from a beginning."""
    return framing.kind in ("silence", "modbus-rtu")


def fits(framing: Framing, asked: bytes, answer: bytes) -> bool:
    """Whether `answer` can be the answer to `asked`, and not a late one to an earlier question."""
    if framing.kind == "modbus-rtu":
        return _fits_modbus(asked, answer)
    return all(asked[a : a + count] == answer[b : b + count] for a, b, count in framing.same)


def speaker(framing: Framing, source: str, frame: bytes) -> str:
    """Whose frame this is, when it came while `source` was heard: on a bus it says so itself."""
    if framing.kind == "modbus-rtu" and "/" in source:
        return f"{source.rpartition('/')[0]}/{frame[0]}"
    return source


def repeats_itself(framing: Framing, asked: bytes) -> bool:
    """Whether the right answer to `asked` may be the same bytes again, so that an echo cannot be told from it."""
    return framing.kind != "modbus-rtu" or len(asked) < 4 or asked[1] in (0x05, 0x06, 0x08, 0x16)


def _fits_modbus(asked: bytes, answer: bytes) -> bool:
    """Same address, same function (or its exception); as many values as were asked; the register that was written."""
    if len(asked) < 4 or answer[:1] != asked[:1] or answer[1] & 0x7F != asked[1]:
        return False
    function = asked[1]
    if answer[1] & 0x80:
        return True
    if function in (0x01, 0x02) and len(asked) >= 8:
        return answer[2] == (int.from_bytes(asked[4:6], "big") + 7) // 8
    if function in (0x03, 0x04, 0x17) and len(asked) >= 8:
        return answer[2] == 2 * int.from_bytes(asked[4:6], "big")
    if function in (0x05, 0x06, 0x0F, 0x10):
        return answer[2:6] == asked[2:6]
    return True
