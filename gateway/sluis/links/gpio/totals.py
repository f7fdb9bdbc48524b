"""What must outlive the process: totals of the counters, and what outputs were told. Runs in the keeper's process."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Totals:
    """A small file, exchanged whole; the one before it stays beside it."""

    def __init__(self, file: Path) -> None:
        self.problem = ""
        """What was wrong with the file; "" for nothing."""
        self._file = file
        self._before = file.with_suffix(".before")
        self._written = ""
        self._held = self._load()

    def count(self, name: str) -> int:
        """0 for a counter that never counted."""
        count = self._held.get("counts", {}).get(name, 0)
        return count if isinstance(count, int) and count >= 0 else 0

    def output(self, name: str, default: float) -> float:
        told = self._held.get("outputs", {}).get(name, default)
        return float(told) if isinstance(told, int | float) and 0 <= told <= 1 else default

    def save(self, counts: Mapping[str, int], outputs: Mapping[str, float]) -> None:
        """Durably, when something changed. A pin that is not reserved now keeps what it had."""
        held = {
            "counts": {**self._held.get("counts", {}), **counts},
            "outputs": {**self._held.get("outputs", {}), **outputs},
        }
        text = json.dumps(held, indent=1, sort_keys=True)
        if text == self._written:
            return
        fresh = self._file.with_suffix(".new")
        with fresh.open("w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        if self._file.exists():
            self._file.replace(self._before)
        fresh.replace(self._file)
        self._held, self._written = held, text

    def _load(self) -> dict[str, Any]:
        for file in (self._file, self._before):
            try:
                text = file.read_text()
                held = json.loads(text)
                if all(isinstance(held.get(key), dict) for key in ("counts", "outputs")):
                    self._written = text
                    return dict(held)
                raise ValueError("no totals in it")
            except FileNotFoundError:
                continue
            except (OSError, ValueError, AttributeError) as error:
                self.problem = f"{file.name} is damaged ({error}); totals go on from the file before it"
        return {}
