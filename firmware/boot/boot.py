"""`/boot.py`: chooses the slot, counts boots, keeps the watchdog fed. Written by cable only; its interface is for ever.

`/slot.json`: {"run": "a" | "b", "boots": N, and while a new slot is tried "trial": 1, "tries": N, "old": "a" | "b"}.
What follows it finds all of this as `sys.modules["sluis_boot"]`:

    state          what stands in /slot.json
    safe_mode      the last three boots were not confirmed
    confirm()      this boot is a good one
    alive(for_s)   the program lives, and promises to say so again within that time; else the chip is reset
    release()      nobody promises anything: a person is at the prompt
    excuse()       this boot ends because somebody wanted it: it, and those before it, were no failed ones
"""

import json
import os
import sys
import time

import machine

try:
    from typing import Any
except ImportError:  # a node has no typing
    pass

FAILED_BOOTS_MAX = 3
TRIES_MAX = 2
WATCHDOG_MS = 8000  # an RP2040 counts to 8388


class Boot:
    def __init__(self):
        self.state: "dict[str, Any]" = {"run": "a", "boots": 0}
        try:
            with open("/slot.json") as file:
                self.state.update(json.load(file))
        except (OSError, ValueError):
            pass
        self._choose()
        self.state["boots"] += 1
        self.safe_mode = self.state["boots"] > FAILED_BOOTS_MAX
        self._save()
        self._until = None
        self._dog: "Any" = None
        self._timer: "Any" = None
        try:
            # The timer survives no soft reset but the watchdog does, so both are started here, each time.
            self._timer = machine.Timer(0 if sys.platform == "esp32" else -1)
            self._dog = machine.WDT(timeout=WATCHDOG_MS)
            self._timer.init(period=1000, callback=self._turn)
        except AttributeError:  # no timers: `alive` feeds
            self._timer = None

    def _choose(self):
        state = self.state
        if state.get("trial"):
            if state["tries"] >= TRIES_MAX:
                self.state = {"run": state["old"], "back": state["run"], "boots": 0}
            else:
                state["tries"] += 1

    def _save(self):
        with open("/slot.new", "w") as file:
            json.dump(self.state, file)
        os.rename("/slot.new", "/slot.json")

    def _turn(self, _):
        if self._until is None or time.ticks_diff(self._until, time.ticks_ms()) > 0:
            self._dog.feed()

    def confirm(self):
        if self.state["boots"] or self.state.get("trial"):
            self.state = {"run": self.state["run"], "boots": 0}
            self._save()

    def alive(self, for_s):
        self._until = time.ticks_add(time.ticks_ms(), for_s * 1000)
        if self._timer is None:
            if self._dog is None:
                self._dog = machine.WDT(timeout=for_s * 1000)
            self._dog.feed()

    def release(self):
        self._until = None

    def excuse(self):
        if self.state["boots"]:
            self.state["boots"] = 0
            self._save()


boot: "Any" = Boot()
sys.modules["sluis_boot"] = boot
sys.path.insert(0, "/" + boot.state["run"])
