"""What PJLink's answers mean, and how a person reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sluis.model import Implausible, NotMine, Reading, Truncated

WORDS = ("OK", "ERR1", "ERR2", "ERR3", "ERR4")
"""Answers that are no value."""

POWER: Mapping[str, str] = {"0": "off", "1": "on", "2": "cooling", "3": "warming"}
"""Answers to `POWR ?` (class 1, section 4.2)."""

GROUPS: Mapping[str, str] = {
    "1": "RGB",
    "2": "video",
    "3": "digital",
    "4": "storage",
    "5": "network",
    "6": "internal",
}
"""First character of an input's code (section 4.3; 6 in class 2 only). The second, 1-9 or A-Z, numbers the sockets."""

TROUBLES: tuple[str, ...] = ("fan", "lamp", "temperature", "cover", "filter", "other")
"""What the six characters of `ERST` are about (section 4.7)."""

LEVELS: Mapping[str, str] = {"0": "ok", "1": "warning", "2": "error"}

MUTES: Mapping[str, tuple[bool, bool]] = {
    "10": (False, False),
    "11": (True, False),
    "20": (False, False),
    "21": (False, True),
    "30": (False, False),
    "31": (True, True),
}
"""Answers to `AVMT ?` (section 4.6) -> (picture, sound). Only 11, 21, 30 and 31 are specified; some projectors say 10
or 20 when nothing is muted."""


def input_word(code: str) -> str:
    """`digital 1` for the code `31`. Implausible when there is no such input."""
    if len(code) != 2 or code[0] not in GROUPS or not (code[1].isascii() and code[1].isalnum()) or code[1] == "0":
        raise Implausible(f"{code[:20]!r} is no input")
    return f"{GROUPS[code[0]]} {code[1].upper()}"


def input_code(word: str) -> str:
    """`31` for `digital 1`; "" when there is no such input."""
    group, _, number = word.partition(" ")
    found = next((digit for digit, name in GROUPS.items() if name == group), "")
    return f"{found}{number}" if found and len(number) == 1 else ""


def troubles(said: str) -> dict[str, str]:
    """What of the projector is in which state. Truncated or Implausible."""
    if len(said) < len(TROUBLES):
        raise Truncated(f"ERST has six digits, not {said!r:.20}")
    if len(said) > len(TROUBLES) or not set(said) <= LEVELS.keys():
        raise Implausible(f"ERST says {said!r:.20}")
    return {what: LEVELS[digit] for what, digit in zip(TROUBLES, said, strict=True)}


def lamps(said: str) -> list[int]:
    """Hours of each lamp: `LAMP` says hours and 0 | 1 (lit) for up to eight lamps. Implausible when it does not."""
    parts = said.split(" ")
    if len(parts) % 2 or len(parts) > 16 or not all(_small(part) for part in parts):
        raise Implausible(f"LAMP says {said!r:.40}")
    return [int(part) for part in parts[::2]]


def hours(said: str) -> int:
    """Hours of use; at most five digits. Implausible when it is none."""
    if not _small(said):
        raise Implausible(f"{said[:20]!r} are no hours")
    return int(said)


def resolution(said: str) -> str:
    """`1920x1080`, `no signal`, or `unknown`. Implausible when it is neither."""
    if said in ("-", "*"):
        return "no signal" if said == "-" else "unknown"
    width, _, height = said.partition("x")
    if not (_small(width) and _small(height)):
        raise Implausible(f"IRES says {said!r:.20}")
    return said


def _small(word: str) -> bool:
    return 0 < len(word) <= 5 and word.isascii() and word.isdigit()


def parts(data: bytes) -> tuple[str, str]:
    """(what it is about, what is said) of `%1AAAA=V`. NotMine or Truncated when it is no such line."""
    if data[:1] != b"%":
        raise NotMine
    if len(data) < 7:
        raise Truncated(f"an answer of {len(data)} bytes")
    if data[1:2] not in (b"1", b"2") or data[6:7] != b"=":
        raise NotMine
    return data[2:6].decode("ascii", "replace").upper(), data[7:].decode("utf-8", "replace").strip()


def readings(about: str, said: str) -> list[Reading]:
    """What a value says; nothing where it says nothing of a point. FrameError when it cannot be."""
    return [] if said in WORDS or about not in READERS else READERS[about](said)


def _power(said: str) -> list[Reading]:
    state = POWER.get(said)
    if state is None:
        raise Implausible(f"POWR says {said!r:.20}")
    return [Reading("power", state in ("on", "warming")), Reading("power_state", state)]


def _mute(said: str) -> list[Reading]:
    if said not in MUTES:
        raise Implausible(f"AVMT says {said!r:.20}")
    picture, sound = MUTES[said]
    return [Reading("picture_mute", picture), Reading("sound_mute", sound)]


def _troubles(said: str) -> list[Reading]:
    found = troubles(said)
    any_problem = any(level != "ok" for level in found.values())
    return [Reading("problem", any_problem), *(Reading(f"{what}_state", level) for what, level in found.items())]


def _lamps(said: str) -> list[Reading]:
    return [Reading(lamp_key(number), hours) for number, hours in enumerate(lamps(said), 1)]


def lamp_key(number: int) -> str:
    """Key of the point with the hours of lamp `number`, counted from 1."""
    return "lamp_hours" if number == 1 else f"lamp_{number}_hours"


def _freeze(said: str) -> list[Reading]:
    if said not in ("0", "1"):
        raise Implausible(f"FREZ says {said!r:.20}")
    return [Reading("freeze", said == "1")]


READERS: Mapping[str, Callable[[str], list[Reading]]] = {
    "POWR": _power,
    "INPT": lambda said: [Reading("input", input_word(said))],
    "AVMT": _mute,
    "ERST": _troubles,
    "LAMP": _lamps,
    "FILT": lambda said: [Reading("filter_hours", hours(said))],
    "IRES": lambda said: [Reading("resolution", resolution(said))],
    "FREZ": _freeze,
}
