"""Why it went back: what a slot on trial said and how it ended, kept for whoever asks.

While a slot is on trial the journal goes to flash as well, each line with the memory that is free. When the node finds
that it went back, it makes one page of these lines, of the traceback and of the reset cause; the next failure's
replaces it.
"""

import gc
import json

from sluis_node import board, files, slots

try:
    from typing import Any
except ImportError:  # a node has no typing
    pass

LINES, PAGE, CRASH = "/trial.txt", "/page.json", "/crash.txt"
LINES_MAX = 60
"""That are kept of a trial: each costs a write, and a slot that talks for ever is no reason to wear the flash."""

TEXT_MAX = 1500


def forget() -> None:
    """A trial begins: what is there is of another time."""
    files.remove(LINES)
    files.remove(CRASH)


class Keeper:
    """Takes the lines of a trial."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, text: str) -> None:
        if self._count >= LINES_MAX:
            return
        self._count += 1
        try:
            with open(LINES, "a") as file:
                file.write("%s (%d B free)\n" % (text, gc.mem_free()))
        except OSError:  # full: the trial goes on
            self._count = LINES_MAX


def write(state: "dict[str, Any]") -> None:
    """Make the page, when this is the first start after a slot was given up."""
    slot = state.get("back")
    if slot is None or (state["boots"] > 1 and files.read(PAGE) is not None):
        return
    try:
        told = slots.manifest(slot) or {}
    except ValueError:
        told = {}
    page = {
        "slot": slot,
        "version": told.get("version", ""),
        "sequence": told.get("sequence", 0),
        "reset_cause": board.reset_cause(),
        "lines": _tail(LINES).split("\n"),
        "traceback": _tail(CRASH),
    }
    files.write(PAGE, json.dumps(page))


def _tail(path: str) -> str:
    return (files.read(path) or b"")[-TEXT_MAX:].decode().strip()
