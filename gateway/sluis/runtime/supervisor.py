"""Keep a part running: restart with jittered back-off, say once that it was lost and once that it is back."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sluis.model import SluisError
from sluis.runtime.clock import Clock

log = logging.getLogger(__name__)

CAP_S = 60.0
"""Longest wait between two tries. Larger and a technician who plugs a cable back in waits minutes; smaller and
forty devices of a dead switch knock every few seconds for ever."""


@dataclass(slots=True)
class Backoff:
    """Waits 0.5 s, 1 s, 2 s ... up to `cap_s`, each with up to a third of jitter so that parts do not knock in step."""

    first_s: float = 0.5
    cap_s: float = CAP_S
    tries: int = 0

    def next_s(self) -> float:
        wait_s: float = min(self.cap_s, self.first_s * 2 ** min(self.tries, 30))
        self.tries += 1
        return wait_s * (1 - random.random() / 3)  # noqa: S311  (chance, not a secret)

    def reset(self) -> None:
        self.tries = 0


STEADY_S = 30.0
"""A run that lasted this long was healthy: the next failure starts its back-off from the beginning."""


async def supervise(
    name: str, run: Callable[[], Awaitable[None]], clock: Clock, backoff: Backoff | None = None
) -> None:
    """Run `run` for ever; restart it when it ends or raises. Only cancellation ends this."""
    backoff = backoff or Backoff()
    lost = False
    while True:
        began = clock.stamp().mono_us
        try:
            await run()
            reason = "ended"
        except asyncio.CancelledError:
            raise
        except SluisError as error:
            reason = str(error)
        except Exception:
            reason = "failed"
            log.exception("%s failed", name)
        if clock.stamp().mono_us - began > STEADY_S * 1e6:
            backoff.reset()
            lost = False
        if not lost:
            log.warning("%s lost: %s", name, reason)
            lost = True
        await clock.sleep(backoff.next_s())
