"""The keeper: a small process that holds the pins, so that somebody is left when the gateway is not.

Theory of operation. The kernel does not make outputs safe when a process dies: on Raspberry Pi kernels a released line
keeps its last level (elsewhere it becomes an input). So the pins belong to this process, which does nothing else. It
hears from the gateway every `BEAT_S`; when its input ends (the gateway is dead, however it died) or stays silent for
`hang_s`, it puts every output where `at_crash` says. It counts pulses undisturbed by whatever the gateway does, and
keeps their totals.

    gateway -> keeper   {"plan": {...}}                          once, first
                        {}                                       a beat
                        {"id": 7, "set": "GPIO17", "to": 1}      1, 0, or a duty between
                        {"id": 8, "get": "GPIO17"}               tell it again
                        {"stop": true}                           in order: `at_stop`, totals, end
    keeper -> gateway   {"ready": "/dev/gpiochip0 (pinctrl-rp1)", "problem": ""}   or {"failed": "..."}
                        {"from": "GPIO17", "data": {"level": 1}, "age_us": 51000}
                        {"id": 7, "ok": true}                    or {"id": 7, "error": "..."}
                        {"safe": "the gateway is silent"}
                        {"stopped": true}

One JSON object a line. What the gateway does not read in time is dropped, oldest first: states and totals are told
again, and nothing may hold this process up.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sluis.links.gpio.chip import DRIVE, ChipError, open_chip
from sluis.links.gpio.lines import Counter, Input, Line, Output, Pwm, now_us
from sluis.links.gpio.totals import Totals

BEAT_S = 2.0
"""How often the gateway says that it lives, and how often levels are looked at again."""

UNREAD = 2_000
"""Messages kept for a gateway that does not read. Some 150 kB; a hanging gateway is given up long before."""


class Keeper:
    """Made from the plan; `run` returns when there is nothing left to keep."""

    def __init__(self, plan: Mapping[str, Any], incoming: int, outgoing: int) -> None:
        self._plan = plan
        self._in, self._out = incoming, outgoing
        os.set_blocking(outgoing, False)
        self._unread: deque[bytes] = deque(maxlen=UNREAD)
        self._part = b""
        self._half = b""
        self._edges: deque[tuple[Input, bool, int, int]] = deque()
        self._wake, self._nudge = os.pipe()
        os.set_blocking(self._nudge, False)
        os.set_blocking(self._wake, False)
        self._ended = ""
        self._resting = False
        self._heard_us = self._looked_us = self._saved_us = now_us()
        self._totals = Totals(Path(plan["totals"]))
        mock_dir = Path(plan["mock_dir"]) if plan["mock_dir"] else None
        self._chip, self.what = open_chip(plan["factory"], plan["labels"], mock_dir)
        self._drive = self._open_drive(mock_dir) if plan["factory"] == "mock" and mock_dir else -1
        self._lines: dict[str, Line] = {}
        # Outputs first: nothing that can go wrong with an input may delay a safe state.
        try:
            for one in sorted(plan["pins"], key=lambda one: one["kind"] not in ("output", "pwm")):
                line = self._line(one)
                self._lines[line.source] = line
        except BaseException:
            self.rest("at_crash")
            raise

    def _line(self, plan: Mapping[str, Any]) -> Line:
        pin = self._chip.pin(f"GPIO{plan['gpio']}")
        safe = float(plan["safe"])
        wanted = self._totals.output(plan["name"], safe) if plan["at_start"] == "last" else safe
        if plan["kind"] == "output":
            return Output(plan, pin, self._tell, bool(wanted))
        if plan["kind"] == "pwm":
            return Pwm(plan, pin, self._tell, wanted)
        if plan["kind"] == "counter":
            count = self._totals.count(plan["name"])
            return Counter(plan, pin, self._tell, self._edge, count, int(self._plan["report_s"] * 1e6))
        return Input(plan, pin, self._tell, self._edge)

    # -- the loop -----------------------------------------------------------------------------------------

    def run(self) -> None:
        self._say({"ready": self.what, "problem": self._totals.problem})
        for line in self._lines.values():
            line.tell(now_us())
        while not self._ended:
            self._wait()
            self._pass_time()
        stopping = self._ended == "stop"
        self.rest("at_stop" if stopping else "at_crash")
        self._save()
        if stopping:
            self._say({"stopped": True})
            self._flush()

    def end(self, why: str) -> None:
        """From a signal."""
        self._ended = self._ended or why
        self._wake_up()

    def _wait(self) -> None:
        now = now_us()
        due = min([self._looked_us + int(BEAT_S * 1e6), *(line.due_us() for line in self._lines.values())])
        reading = [one for one in (self._in, self._wake, self._drive) if one >= 0]
        writing = [self._out] if self._unread or self._half else []
        ready, writable, _ = select.select(reading, writing, [], min(BEAT_S, max(0.0, (due - now) / 1e6)))
        if writable:
            self._flush()
        if self._wake in ready:
            self._drain()
        if self._drive in ready:
            self._driven()
        if self._in in ready:
            self._listen()

    def _pass_time(self) -> None:
        self._take_edges()
        now = now_us()
        for line in self._lines.values():
            if line.due_us() <= now:
                line.pass_time(now)
        if now - self._looked_us >= BEAT_S * 1e6:
            self._looked_us = now
            for line in self._lines.values():
                if isinstance(line, Input):
                    line.look(now)
        if now - self._saved_us >= self._plan["save_s"] * 1e6:
            self._save()
        if not self._resting and now - self._heard_us > self._plan["hang_s"] * 1e6:
            self._resting = True
            self.rest("at_crash")
            self._say({"safe": f"the gateway said nothing for {self._plan['hang_s']:g} s"})

    def _take_edges(self) -> None:
        while self._edges:
            line, level, at_us, arrived_us = self._edges.popleft()
            line.edge(level, at_us, arrived_us)

    # -- states -------------------------------------------------------------------------------------------

    def rest(self, when: str) -> None:
        """Every output where it is to be; one that fails holds up no other."""
        for line in self._lines.values():
            if isinstance(line, Output) and line.plan[when] == "safe":
                try:
                    line.rest()
                except Exception as error:  # the library's errors are of many kinds
                    _complain(f"{line.source} could not be made safe: {error}")

    def _save(self) -> None:
        self._saved_us = now_us()
        self._take_edges()
        counts = {line.name: line.count for line in self._lines.values() if isinstance(line, Counter)}
        outputs = {line.name: line.value for line in self._lines.values() if isinstance(line, Output)}
        if self._ended or self._resting:
            outputs = {}  # what they were told, not what the safe state made of them
        try:
            self._totals.save(counts, outputs)
        except OSError as error:
            _complain(f"totals not written: {error}")

    # -- hearing and saying -------------------------------------------------------------------------------

    def _listen(self) -> None:
        chunk = os.read(self._in, 65_536)
        if not chunk:
            self._ended = self._ended or "the gateway is gone"
            return
        self._heard_us, self._resting = now_us(), False
        *lines, self._part = (self._part + chunk).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, said: Mapping[str, Any]) -> None:
        if said.get("stop"):
            self._ended = "stop"
            return
        source = said.get("set") or said.get("get")
        if source is None:
            return
        line = self._lines.get(source)
        error = f"no pin is reserved at {source}" if line is None else ""
        if line is not None and "set" in said:
            error = self._drive_line(line, said["to"])
        elif line is not None:
            line.tell(now_us())
        self._say({"id": said["id"], **({"error": error} if error else {"ok": True})})

    def _drive_line(self, line: Line, value: float) -> str:
        if not isinstance(line, Output):
            return f"{line.source} ({line.name}) is not an output"
        try:
            line.set(value)
        except Exception as error:  # the library's errors are of many kinds
            return f"{line.source}: {error}"
        if line.plan["at_start"] == "last":
            self._save()
        return ""

    def _tell(self, line: Line, age_us: int) -> None:
        self._say({"from": line.source, "data": line.data(), "age_us": age_us})

    def _say(self, what: Mapping[str, Any]) -> None:
        self._unread.append(json.dumps(what).encode() + b"\n")
        self._flush()

    def _flush(self) -> None:
        try:
            while self._half or self._unread:
                self._half = self._half or self._unread.popleft()
                self._half = self._half[os.write(self._out, self._half) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._half = b""
            self._unread.clear()

    # -- edges, from the library's thread -----------------------------------------------------------------

    def _edge(self, line: Input, level: bool, at_us: int, arrived_us: int) -> None:
        self._edges.append((line, level, at_us, arrived_us))
        self._wake_up()

    def _wake_up(self) -> None:
        try:
            os.write(self._nudge, b"x")
        except BlockingIOError:
            return  # it is awake already

    def _drain(self) -> None:
        try:
            os.read(self._wake, 65_536)
        except BlockingIOError:
            return

    # -- the mock's inputs --------------------------------------------------------------------------------

    def _open_drive(self, mock_dir: Path) -> int:
        return os.open(mock_dir / DRIVE, os.O_RDWR | os.O_NONBLOCK)

    def _driven(self) -> None:
        for word in os.read(self._drive, 65_536).decode(errors="replace").splitlines():
            source, _, level = word.partition(" ")
            line = self._lines.get(source)
            if isinstance(line, Input):
                pin = self._chip.pin(source)
                (pin.drive_high if level.strip() == "1" else pin.drive_low)()


def main() -> None:
    """The process. It leaves without the library's own clean-up, which would make inputs of the lines."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the gateway's business
    incoming, outgoing = os.dup(0), os.dup(1)
    os.dup2(2, 1)  # whatever a library prints is not an answer
    keeper: Keeper | None = None
    code = 1
    try:
        keeper = Keeper(_read_plan(incoming), incoming, outgoing)
        end: Callable[..., None] = keeper.end
        signal.signal(signal.SIGTERM, lambda *_: end("ended by a signal"))
        keeper.run()
        code = 0
    except ChipError as error:
        os.write(outgoing, json.dumps({"failed": str(error)}).encode() + b"\n")
    except Exception:  # whatever it is, outputs are made safe first
        if keeper is not None:
            keeper.rest("at_crash")
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)


def _complain(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()


def _read_plan(incoming: int) -> Mapping[str, Any]:
    """The first line; more than it is left unread."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(incoming, 1)
        if not byte:
            os._exit(0)
        line += byte
    plan: Mapping[str, Any] = json.loads(line)["plan"]
    return plan
