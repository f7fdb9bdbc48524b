"""What the rules remember over a restart of the gateway."""

from __future__ import annotations

import logging

from sluis.model import Stamp, StoreError
from sluis.rules import Happens, Phase, State, Stuck, resumed
from sluis.runtime import Clock
from sluis.watch.ports import AlertStore, Kept
from sluis.watch.tracks import Track

log = logging.getLogger(__name__)

WRITE_S = 2.0
"""How long changes are gathered before they are written: at most so much of a pending episode is lost in a crash,
and a storm of changes costs one write."""

RESUME_S = 3600.0
"""After a longer absence of the gateway than this, what was pending is forgotten: an hour in which nobody looked is
no evidence that a condition held. Open alerts stay open however long it was."""


class Remembrance:
    """Keeps the states of pending and open tracks."""

    def __init__(self, store: AlertStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._dirty: dict[tuple[str, str, str], Track | None] = {}

    def changed(self, track: Track) -> None:
        """Called when a track's phase changes."""
        if not isinstance(track.rule.when, Happens):
            self._dirty[track.key] = track

    def forget(self, track: Track) -> None:
        self._dirty[track.key] = None

    async def load(self, now: Stamp) -> dict[tuple[str, str, str], tuple[str, State]]:
        """(rule, device, point) -> (version of the rule, its state), moved to the clocks of today."""
        found = {}
        for kept in await self._store.kept():
            away_us = max(0, now.at_us - kept.at_us) if now.trusted else 0
            state = resumed(kept.state, now.mono_us - away_us - kept.mono_us)
            if state.phase is Phase.PENDING and away_us > RESUME_S * 1e6:
                continue
            found[(kept.rule, kept.device, kept.point)] = (kept.version, state)
        return found

    async def run(self) -> None:
        while True:
            await self._clock.sleep(WRITE_S)
            if self._dirty:
                await self.write()

    async def write(self) -> None:
        """Write what changed. On a full disk it is tried again with the next change."""
        dirty, self._dirty = self._dirty, {}
        now = self._clock.stamp()
        keep, forget = [], []
        for key, track in dirty.items():
            if track is None or not _worth_keeping(track):
                forget.append(key)
            else:
                keep.append(Kept(key[0], track.rule.version, key[1], key[2], track.state, now.at_us, now.mono_us))
        try:
            await self._store.keep(keep, forget)
        except StoreError as error:
            log.warning("states of %d rules are not kept: %s", len(dirty), error)
            self._dirty = dirty | self._dirty


def _worth_keeping(track: Track) -> bool:
    return track.state.phase is not Phase.CLEAR or isinstance(track.rule.when, Stuck)
