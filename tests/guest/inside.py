"""For scenarios inside the guest: telling steps, and waiting for what must come true."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any

WITHIN_S = 60.0
BEGAN = time.monotonic()


def tell(step: str, **what: Any) -> None:
    """One step came true."""
    line = json.dumps({"step": step, "at_s": round(time.monotonic() - BEGAN, 1), **what})
    sys.stdout.write(f"RESULT {line}\n")
    sys.stdout.flush()


async def until(holds: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
    """TimeoutError when it does not come true."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {within_s:.0f} s")
        await asyncio.sleep(0.05)


def until_now(holds: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
    """The same where no event loop runs."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {within_s:.0f} s")
        time.sleep(0.05)
