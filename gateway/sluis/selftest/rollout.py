"""A fleet in virtual time: thousands of nodes that fail as real ones do, updated by `sluis.fleet` as it is.

Nothing runs but the rollout's own decisions. The nodes are numbers: how fast they download, how often they are out of
reach, whether they take a bad release for good. The same seed gives the same run.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from sluis.fleet import Answer, Asked, Event, Order, Phase, Plan, Rollout, Seen, Tick, Told, begin, step

TICK_S = 5.0
SIGN_OF_LIFE_S = 60.0
TRIAL_S = 40.0
GIVES_UP_S = 180.0
"""After this a node on trial goes back."""
LONGEST_S = 14 * 24 * 3600.0


@dataclass(frozen=True)
class Odds:
    """How likely it is, for one node."""

    bad: float = 0.0
    """The release does not come up on it: it goes back."""
    hangs: float = 0.0
    """The release leaves it silent, for ever."""
    sick: float = 0.0
    """The release is confirmed, and then raises an alert."""
    away: float = 0.05
    """It is out of reach at any moment (five minutes long)."""
    later: float = 0.05
    """It answers that now is no time."""
    bytes_s: tuple[float, float] = (4_000.0, 40_000.0)
    """How fast it downloads: the slowest and the fastest."""


@dataclass
class Node:
    """One of them."""

    key: str
    odds: Odds
    rng: random.Random
    runs_new: bool = False
    hung: bool = False
    back: bool = False
    fate: str = ""
    """What the release does to it: `bad`, `hangs`, `sick` or "" for good."""
    away_until_s: float = 0.0
    phase: str = ""
    percent: int = 0
    wanted: int = 0
    """Counts orders: one that was replaced does not go on."""

    def __post_init__(self) -> None:
        odds, drawn = self.odds, self.rng.random()
        if drawn < odds.bad:
            self.fate = "bad"
        elif drawn < odds.bad + odds.hangs:
            self.fate = "hangs"
        elif drawn < odds.bad + odds.hangs + odds.sick:
            self.fate = "sick"

    def reachable(self, at_s: float) -> bool:
        if at_s >= self.away_until_s and self.rng.random() < self.odds.away:
            self.away_until_s = at_s + 300.0
        return not self.hung and at_s >= self.away_until_s


@dataclass
class Outcome:
    """What came of it."""

    rollout: Rollout
    took_s: float
    reached: set[str]
    """Who ever ran the new version."""
    over_time: list[tuple[float, int, int]] = field(default_factory=list)
    """Seconds, how many run the new version, how many were ever reached."""


class Fleet:
    """A rollout and its nodes. `watch` is told each event with the orders that came of it."""

    def __init__(
        self, plan: Plan, odds: Odds, seed: int, watch: Callable[[Rollout, Event, list[Order]], None] | None = None
    ) -> None:
        keys = [key for wave in plan.waves for key in wave]
        self.nodes = {key: Node(key, odds, random.Random(f"{seed}/{key}")) for key in keys}  # noqa: S311  no secret
        self.plan = plan
        self.rollout = begin(plan, dict.fromkeys(keys, "old"), "", 0.0)
        self._watch = watch
        self._now_s = 0.0
        self._numbers = itertools.count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._wishes: list[tuple[float, str]] = []
        self._reached: set[str] = set()
        self._new: set[str] = set()

    def ask(self, at_s: float, what: str) -> None:
        """A person will ask this (`pause`, `undo` ...) of it then."""
        self._wishes = sorted([*self._wishes, (at_s, what)])

    def run(self, longest_s: float = LONGEST_S) -> Outcome:
        """Until nothing is left to be done, or a person is waited for."""
        outcome = Outcome(self.rollout, 0.0, self._reached)
        for node in self.nodes.values():
            self._at(node.rng.random() * SIGN_OF_LIFE_S, partial(self._alive, node))
        self._at(0.0, self._tick)
        while self._now_s < longest_s and not self._over():
            self._now_s, _, what = heapq.heappop(self._agenda)
            what()
            counts = len(self._new), len(self._reached)
            if not outcome.over_time or outcome.over_time[-1][1:] != counts:
                outcome.over_time.append((self._now_s, *counts))
        outcome.took_s = self._now_s
        return outcome

    def _over(self) -> bool:
        waits = self.rollout.phase is Phase.PAUSED and not self._wishes and not self.rollout.under_way
        return waits or (self.rollout.ended and not self._wishes)

    def _at(self, at_s: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at_s, next(self._numbers), what))

    def _tick(self) -> None:
        while self._wishes and self._wishes[0][0] <= self._now_s:
            self._tell(Asked(at_s=self._now_s, what=self._wishes.pop(0)[1]))  # type: ignore[arg-type]
        self._tell(Tick(at_s=self._now_s))
        self._at(self._now_s + TICK_S, self._tick)

    def _tell(self, event: Event) -> None:
        orders = step(self.rollout, event)
        if self._watch is not None:
            self._watch(self.rollout, event, orders)
        for order in orders:
            node = self.nodes[order.key]
            self._at(self._now_s + node.rng.uniform(0.1, 3.0), partial(self._obey, node, order.do))

    # -- a node -------------------------------------------------------------------------------------------

    def _alive(self, node: Node) -> None:
        if node.reachable(self._now_s):
            self._tell(Seen(at_s=self._now_s, key=node.key, alerts=int(node.runs_new and node.fate == "sick")))
            self._say(node)
        if not node.hung:
            self._at(self._now_s + SIGN_OF_LIFE_S, partial(self._alive, node))

    def _say(self, node: Node) -> None:
        release = self.plan.release
        runs = (release.version, release.sequence) if node.runs_new else ("old", 0)
        said = Told(
            at_s=self._now_s,
            key=node.key,
            version=runs[0],
            sequence=runs[1],
            trial=node.phase == "trial",
            phase=node.phase,
            percent=node.percent,
            back=node.back,
        )
        self._tell(said)

    def _obey(self, node: Node, do: str) -> None:
        answer = partial(Answer, at_s=self._now_s, key=node.key)
        if not node.reachable(self._now_s):
            self._tell(answer(said="silent"))
        elif node.phase == "trial" or (do != "withdraw" and node.rng.random() < node.odds.later):
            self._tell(answer(said="later", after_s=node.rng.uniform(10.0, 600.0)))
        elif do == "offer":
            self._tell(answer(said="taken"))
            if not node.runs_new and node.phase != "fetching":
                self._fetch(node)
        elif do == "withdraw":
            node.phase, node.wanted = "", node.wanted + 1
            self._tell(answer(said="taken"))
        else:
            self._tell(answer(said="taken"))
            self._at(self._now_s + TRIAL_S, partial(self._returned, node, node.wanted))

    def _fetch(self, node: Node) -> None:
        node.phase, node.percent, node.wanted = "fetching", 0, node.wanted + 1
        self._say(node)
        took_s = self.plan.release.size_bytes / node.rng.uniform(*node.odds.bytes_s)
        self._at(self._now_s + took_s, partial(self._switch, node, node.wanted))

    def _switch(self, node: Node, wanted: int) -> None:
        if node.wanted != wanted:
            return
        if not node.reachable(self._now_s):  # it goes on when it is back
            self._at(self._now_s + SIGN_OF_LIFE_S, partial(self._switch, node, wanted))
            return
        node.phase, node.back = "switching", False
        self._say(node)
        node.phase, node.runs_new = "trial", True
        self._count(node)
        node.hung = node.fate == "hangs"
        waits_s = GIVES_UP_S if node.fate == "bad" else TRIAL_S
        self._at(self._now_s + waits_s, partial(self._settled, node))

    def _settled(self, node: Node) -> None:
        """The trial has ended."""
        node.phase = ""
        if node.fate == "bad":
            node.runs_new, node.back = False, True
        self._count(node)
        if node.reachable(self._now_s):
            self._say(node)

    def _returned(self, node: Node, wanted: int) -> None:
        if node.wanted == wanted and not node.hung:
            node.runs_new = False
            self._count(node)
            self._say(node)

    def _count(self, node: Node) -> None:
        if node.runs_new:
            self._reached.add(node.key)
            self._new.add(node.key)
        else:
            self._new.discard(node.key)
