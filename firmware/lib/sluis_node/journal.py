"""The node's own log: the last lines, in memory, each with a number and the seconds since the start."""

import time

try:
    from typing import Callable
except ImportError:  # a node has no typing
    pass

LINES_MAX = 40
LINE_MAX = 160


class Journal:
    def __init__(self) -> None:
        self._lines: "list[tuple[int, int, str]]" = []
        self._number = 0
        self.keep: "Callable[[str], None]" = lambda text: None
        """Takes each line as well, where it is to outlive a reset."""
        self._began = time.ticks_ms()

    def note(self, text: str) -> None:
        """Keep a line, and show it on the console."""
        text = text[:LINE_MAX]
        uptime_s = time.ticks_diff(time.ticks_ms(), self._began) // 1000
        self._number += 1
        if len(self._lines) >= LINES_MAX:
            self._lines.pop(0)
        self._lines.append((self._number, uptime_s, text))
        self.keep("[%d] %s" % (uptime_s, text))
        print("[%d] %s" % (uptime_s, text))

    def lines(self, after: int = 0) -> "list[tuple[int, int, str]]":
        return [line for line in self._lines if line[0] > after]
