"""Before the start: who gets what in which wave, who would fail, and how long it takes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sluis.fleet.plan import Plan, in_waves
from sluis.fleet.target import Bounds, Release, Selection, Target, preflight

RATE_BYTES_S = 20_000.0
"""Of one node while it downloads and writes: measured on a stand-in, which is faster than a board on weak Wi-Fi."""
TRIAL_S = 40.0
"""From its restart to its confirmation."""


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What `planned` found."""

    waves: tuple[tuple[str, ...], ...]
    left_out: tuple[tuple[str, str], ...]
    """Key and code."""
    seconds: tuple[float, ...]
    """Of each wave, its soak included; without what closed windows and "later" add."""


def planned(
    targets: Sequence[Target], release: Release, selection: Selection, sizes: Sequence[str], bounds: Bounds
) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, str], ...]]:
    """The waves, and those that are left out with the code of the reason. Who has it already is not mentioned."""
    chosen = [one for one in targets if selection.takes(one)]
    found = {one.key: preflight(one, release, bounds) for one in chosen}
    ready = [one for one in chosen if not found[one.key]]
    against = sorted((key, code) for key, code in found.items() if code not in ("", "has-it", "kind"))
    return in_waves(ready, sizes), tuple(against)


def forecast(plan: Plan, rate_bytes_s: float = RATE_BYTES_S, trial_s: float = TRIAL_S) -> Forecast:
    each_s = plan.release.size_bytes / rate_bytes_s + trial_s
    rounds = (-(-len(wave) // plan.limits.at_once) for wave in plan.waves)
    seconds = tuple(turns * each_s + plan.criteria.soak_s for turns in rounds)
    return Forecast(waves=plan.waves, left_out=plan.left_out, seconds=seconds)
