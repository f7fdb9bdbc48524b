"""The rollout: what has happened, and what to do next.

Theory of operation. A rollout holds a wish for each of its targets: the new version, the old one, or none any more.
What is to be done follows from the wish and from what the target said last, so an order that was lost with a power cut
is given again, and a newer wish needs no older one to succeed first. `step` takes one event and returns the orders; it
changes the rollout in place, and nothing else. Whoever keeps it encodes it after each step. What a target says costs
the same with ten targets as with ten thousand; everything that takes a look at all of them waits for a tick.

    running -> (a wave ends, its soak holds) -> next wave ... -> done
    running -> (too many failed in the wave) -> the wave goes back -> paused
    any     -> (abort) -> what is not confirmed goes back -> aborted
    any     -> (undo)  -> the waves go back, the last first -> undone
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec

from sluis.fleet.events import Answer, Asked, Event, Seen, Superseded, Tick, Told
from sluis.fleet.plan import Plan

AGAIN_S = 60.0
"""An order that is not answered is given again after this."""


class Phase(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    """Nobody further is touched; what is under way ends."""
    RETURNING = "returning"
    """Devices are on their way back to what they had."""
    DONE = "done"
    ABORTED = "aborted"
    UNDONE = "undone"


class Step(StrEnum):
    WAITING = "waiting"
    OFFERED = "offered"
    FETCHING = "fetching"
    TRIAL = "trial"
    DONE = "done"
    """It runs the new version, confirmed."""
    RETURNING = "returning"
    BACK = "back"
    """It had the new version, or was on its way, and runs the old one."""
    LEFT = "left"
    """It was not touched, or is no longer ours to touch."""
    LOST = "lost"
    """It fell silent."""


class Wish(StrEnum):
    NEW = "new"
    OLD = "old"
    NONE = ""


UNDER_WAY = frozenset({Step.OFFERED, Step.FETCHING, Step.TRIAL})
ENDED = frozenset({Phase.DONE, Phase.ABORTED, Phase.UNDONE})


class Order(msgspec.Struct, frozen=True):
    """What is to be done to a target: `offer`, `withdraw` what is not confirmed, or `undo`."""

    do: str
    key: str


class Member(msgspec.Struct, kw_only=True):
    """One target in the rollout."""

    wave: int
    step: Step = Step.WAITING
    wish: Wish = Wish.NEW
    failed: str = ""
    """Code of why it counts as failed; stays until it is tried again."""
    why: str = ""
    """In the device's or our words: what it waits for, or what went wrong."""
    given_up: bool = False
    """A newer rollout has it: nothing here is about it any more."""
    has_new: bool = False
    """It runs the new version, by its own last word."""
    old_news: bool = True
    """Its word that it went back may be of an earlier try."""
    waits: bool = False
    """It said that now is no time."""
    percent: int = 0
    version_before: str = ""
    since_s: float = 0.0
    """When the step began."""
    asked_s: float | None = None
    """When it was last given an order that it has not answered."""
    heard_s: float = 0.0
    """When it last gave a sign of life, or we began to expect one."""
    not_before_s: float = 0.0
    begun_s: float | None = None
    """When it was first offered the new version."""
    alerts: int = 0
    alerts_before: int = 0

    @property
    def settled(self) -> bool:
        """Whether nothing is still to come of it, for its wave."""
        return self.step in (Step.DONE, Step.BACK, Step.LEFT, Step.LOST)


class Rollout(msgspec.Struct, kw_only=True):
    """One release going out."""

    plan: Plan
    members: dict[str, Member]
    by: str = ""
    begun_s: float = 0.0
    phase: Phase = Phase.RUNNING
    wave: int = 0
    soak_since_s: float | None = None
    then: Phase = Phase.PAUSED
    """What it is when all who go back are back."""
    why: str = ""
    """Of its phase, as a code."""
    forgiven: int = 0
    """Failures of this wave that a person has seen and gone on from."""
    open: bool = True
    """Whether a maintenance window is open."""
    ended_s: float = 0.0

    @property
    def ended(self) -> bool:
        return self.phase in ENDED

    @property
    def settled(self) -> bool:
        """It has ended, and nobody is still to go back."""
        return self.ended and not any(one.wish is Wish.OLD and one.step is Step.LOST for one in self.members.values())

    @property
    def under_way(self) -> int:
        return sum(1 for one in self.members.values() if one.step in UNDER_WAY)

    @property
    def failed(self) -> int:
        return sum(1 for one in self.members.values() if one.failed)

    @property
    def counts(self) -> dict[str, int]:
        """Members by their step; those that nobody has are left out."""
        return dict(Counter(str(one.step) for one in self.members.values()))

    def of_wave(self, number: int) -> Iterator[tuple[str, Member]]:
        if number < len(self.plan.waves):
            for key in self.plan.waves[number]:
                yield key, self.members[key]

    def failed_in(self, number: int) -> int:
        return sum(1 for _, one in self.of_wave(number) if one.failed)


def begin(plan: Plan, versions: dict[str, str], by: str, at_s: float) -> Rollout:
    """`versions`: what each target runs."""
    members = {
        key: Member(wave=number, version_before=versions.get(key, ""), since_s=at_s, heard_s=at_s)
        for number, wave in enumerate(plan.waves)
        for key in wave
    }
    return Rollout(plan=plan, members=members, by=by, begun_s=at_s)


def step(rollout: Rollout, event: Event) -> list[Order]:
    """What to do after this event. Events of targets that are not its own change nothing."""
    match event:
        case Tick():
            rollout.open = event.open
        case Told() | Answer() | Seen():
            member = rollout.members.get(event.key)
            if member is None or member.given_up:
                return []
            failed = member.failed
            _heard(rollout, member, event)
            if member.failed == failed:
                return []
        case Superseded():
            _given_up(rollout, event)
        case Asked():
            _asked(rollout, event)
    return _next(rollout, event.at_s)


# -- what a target says ---------------------------------------------------------------------------------------


def _heard(rollout: Rollout, member: Member, event: Told | Answer | Seen) -> None:
    if isinstance(event, Answer):
        _answered(member, event)
    elif isinstance(event, Told):
        _told(rollout, member, event)
    else:
        _seen(rollout, member, event)


def _seen(rollout: Rollout, member: Member, seen: Seen) -> None:
    member.heard_s, member.alerts = seen.at_s, seen.alerts
    if member.step is Step.DONE and member.wish is Wish.NEW and not member.failed:
        broken = _broken(rollout.plan, member, seen)
        if broken:
            _fail(member, broken, seen.why, seen.at_s, Step.DONE)
        if broken == "promise":
            member.wish = Wish.OLD


def _told(rollout: Rollout, member: Member, told: Told) -> None:
    """Where it says it is. It is believed, whatever we thought."""
    release = rollout.plan.release
    member.heard_s, member.percent, member.why = told.at_s, told.percent, told.reason
    member.has_new = (told.version, told.sequence) == (release.version, release.sequence)
    member.waits = told.phase == "waiting"
    if told.trial or told.phase == "switching" or not told.back:
        member.old_news = False
    if member.has_new:
        if told.trial:
            _move(member, Step.TRIAL, told.at_s)
        elif member.step is not Step.RETURNING:
            _move(member, Step.DONE, told.at_s)
    elif told.trial:
        return  # it tries something: what it has before was the new one, or is not of this rollout
    elif member.wish is Wish.NEW:
        _told_wanted(member, told)
    elif not told.phase and _touched(member):
        _move(member, Step.BACK, told.at_s)


def _told_wanted(member: Member, told: Told) -> None:
    """Of one that is to have the new version, and has the old one."""
    went_back = told.back and not member.old_news
    if member.step is Step.DONE or (went_back and member.step in UNDER_WAY):
        _fail(member, "went-back", told.reason, told.at_s, Step.BACK)
    elif told.phase == "failed":
        if member.step in (Step.FETCHING, Step.TRIAL):
            _fail(member, "failed", told.reason, told.at_s, Step.BACK)
    elif told.phase:
        if member.step in (Step.WAITING, Step.OFFERED, Step.LOST):
            _move(member, Step.FETCHING, told.at_s)
    elif member.step in (Step.FETCHING, Step.TRIAL):  # it has forgotten what it was offered
        member.asked_s = told.at_s
        _move(member, Step.OFFERED, told.at_s)
    elif member.step is Step.LOST:
        _move(member, Step.BACK, told.at_s)


def _answered(member: Member, answer: Answer) -> None:
    """What it said to an order."""
    if answer.said == "silent":
        member.why = answer.why
        return
    member.heard_s, member.asked_s = answer.at_s, None
    if answer.said == "later":
        member.why, member.waits = answer.why, True
        member.not_before_s = answer.at_s + max(1.0, answer.after_s)
        if member.step is Step.OFFERED:
            _move(member, Step.WAITING, answer.at_s)
    elif answer.said == "no":
        if member.step is Step.OFFERED and member.wish is Wish.NEW:
            _fail(member, "refused", answer.why, answer.at_s, Step.LEFT)
        elif member.step is Step.RETURNING:  # what is not there cannot be had back
            _fail(member, "no-way-back", answer.why, answer.at_s, Step.LEFT)
            member.wish = Wish.NONE
    elif member.step is Step.OFFERED and member.wish is Wish.NEW:
        _move(member, Step.FETCHING, answer.at_s)
    elif member.step is Step.RETURNING and not member.has_new:
        _move(member, Step.BACK, answer.at_s)


def _broken(plan: Plan, member: Member, seen: Seen) -> str:
    """What its update has broken, as a code."""
    promise, criteria = plan.promise, plan.criteria
    if promise.free_bytes and seen.free_bytes is not None and seen.free_bytes < promise.free_bytes:
        return "promise"
    if promise.every_s and seen.every_s is not None and seen.every_s > promise.every_s:
        return "promise"
    if criteria.healthy and not seen.healthy:
        return "unhealthy"
    return "alerts" if criteria.alerts and seen.alerts > member.alerts_before else ""


def _move(member: Member, to: Step, at_s: float) -> None:
    if member.step is not to:
        member.step, member.since_s = to, at_s
        if to is Step.DONE and member.failed == "silent":
            member.failed = ""


def _fail(member: Member, code: str, why: str, at_s: float, to: Step) -> None:
    member.failed, member.why = member.failed or code, why
    _move(member, to, at_s)


# -- what people want -----------------------------------------------------------------------------------------


def _asked(rollout: Rollout, event: Asked) -> None:
    match event.what:
        case "pause" if rollout.phase is Phase.RUNNING:
            rollout.phase, rollout.why = Phase.PAUSED, "person"
        case "resume" if rollout.phase is Phase.PAUSED:
            _resume(rollout)
        case "retry" if rollout.phase in (Phase.RUNNING, Phase.PAUSED, Phase.DONE):
            _retry(rollout, event.at_s)
        case "abort" if not rollout.ended and rollout.then is not Phase.UNDONE:
            _abort(rollout)
        case "undo":
            for member in rollout.members.values():
                member.wish = Wish.OLD if _touched(member) and not member.given_up else Wish.NONE
            rollout.phase, rollout.then, rollout.why = Phase.RETURNING, Phase.UNDONE, "person"


def _touched(member: Member) -> bool:
    """Whether it may have something of the new version."""
    return member.step in UNDER_WAY or member.step in (Step.DONE, Step.RETURNING, Step.LOST)


def _resume(rollout: Rollout) -> None:
    """Go on with this wave: those that were brought back with it are tried again, those that failed are not."""
    rollout.phase, rollout.why = Phase.RUNNING, ""
    rollout.forgiven = rollout.failed_in(rollout.wave)
    for _, member in rollout.of_wave(rollout.wave):
        if member.step is Step.BACK and not member.failed:
            _anew(member)


def _retry(rollout: Rollout, at_s: float) -> None:
    """Those that failed, in every wave until now."""
    again = [one for one in rollout.members.values() if one.failed and one.wave <= rollout.wave and _may_again(one)]
    for member in again:
        _anew(member)
        member.failed, member.heard_s, member.since_s = "", at_s, at_s
    if again:
        rollout.wave = min(one.wave for one in again)
        rollout.phase, rollout.why, rollout.forgiven = Phase.RUNNING, "", 0
        rollout.soak_since_s, rollout.ended_s = None, 0.0


def _may_again(member: Member) -> bool:
    return member.step in (Step.BACK, Step.LEFT, Step.LOST) and not member.given_up


def _anew(member: Member) -> None:
    member.step, member.wish, member.why, member.percent = Step.WAITING, Wish.NEW, "", 0
    member.asked_s = member.begun_s = None
    member.not_before_s, member.old_news = 0.0, True


def _abort(rollout: Rollout) -> None:
    """What is not confirmed goes back; what is confirmed stays."""
    for member in rollout.members.values():
        if (member.step in UNDER_WAY or member.step is Step.LOST) and not member.given_up:
            member.wish = Wish.OLD
        elif member.step is Step.WAITING:
            member.wish = Wish.NONE
    rollout.phase, rollout.then, rollout.why = Phase.RETURNING, Phase.ABORTED, "person"


def _given_up(rollout: Rollout, event: Superseded) -> None:
    """A newer wish has these."""
    for key in event.keys:
        member = rollout.members.get(key)
        if member is not None:
            member.given_up, member.wish = True, Wish.NONE
            if not member.settled or member.step is Step.LOST:
                member.why = "superseded"
                _move(member, Step.LEFT, event.at_s)


# -- what follows ---------------------------------------------------------------------------------------------


def _next(rollout: Rollout, at_s: float) -> list[Order]:
    _silent(rollout, at_s)
    if rollout.phase is Phase.RUNNING:
        _judge(rollout, at_s)
    orders = list(_returns(rollout, at_s))
    if rollout.phase is Phase.RUNNING and rollout.open:
        orders += _offers(rollout, at_s)
    return orders


def _watched(rollout: Rollout) -> Iterable[Member]:
    """Those of whom something is expected: of the waves until now."""
    for number in range(min(rollout.wave + 1, len(rollout.plan.waves))):
        for _, member in rollout.of_wave(number):
            yield member


def _silent(rollout: Rollout, at_s: float) -> None:
    """Those that say nothing, and those that never come to an end."""
    limits = rollout.plan.limits
    soaking = rollout.phase is Phase.RUNNING and rollout.soak_since_s is not None
    for member in _watched(rollout):
        expected = member.step in UNDER_WAY or member.step is Step.RETURNING
        soaks = soaking and member.step is Step.DONE and member.wave == rollout.wave and not member.given_up
        if (expected or soaks) and at_s - max(member.heard_s, member.since_s) > limits.silence_s:
            _fail(member, "silent", "", at_s, Step.LOST)
        elif member.begun_s is None or at_s - member.begun_s <= limits.patience_s or member.settled:
            continue
        elif member.step is Step.WAITING:
            member.wish = Wish.NONE
            _move(member, Step.LEFT, at_s)
        elif member.step in UNDER_WAY and member.wish is Wish.NEW:
            member.wish = Wish.OLD
            member.failed = member.failed or ("" if member.waits else "too-long")


def _judge(rollout: Rollout, at_s: float) -> None:
    """Is this wave at its end, and did it go well?"""
    wave = [member for _, member in rollout.of_wave(rollout.wave)]
    failed = sum(1 for one in wave if one.failed)
    if failed > rollout.forgiven and rollout.plan.limits.too_many(failed - rollout.forgiven, len(wave)):
        for member in wave:
            if _touched(member):
                member.wish = Wish.OLD
        rollout.phase, rollout.then, rollout.why = Phase.RETURNING, Phase.PAUSED, "failures"
        rollout.soak_since_s = None
        return
    if not all(one.settled for one in wave):
        rollout.soak_since_s = None
    elif rollout.soak_since_s is None:
        rollout.soak_since_s = at_s
        for member in wave:
            member.heard_s = max(member.heard_s, at_s)
    elif _held(wave, rollout.soak_since_s + rollout.plan.criteria.soak_s, at_s):
        rollout.wave, rollout.soak_since_s, rollout.forgiven = rollout.wave + 1, None, 0
        if rollout.wave >= len(rollout.plan.waves):
            rollout.wave = max(0, len(rollout.plan.waves) - 1)
            rollout.phase, rollout.ended_s = Phase.DONE, at_s


def _held(wave: list[Member], until_s: float, at_s: float) -> bool:
    """Whether the soak is over and each that has the new version was heard of since.

    Without the second a release that hangs after its confirmation would pass any soak shorter than the silence budget.
    """
    asked = (one for one in wave if one.step is Step.DONE and not one.failed and not one.given_up)
    return at_s >= until_s and all(one.heard_s >= until_s for one in asked)


def _offers(rollout: Rollout, at_s: float) -> Iterator[Order]:
    """As many as may be under way at once."""
    under_way = rollout.under_way
    for key, member in rollout.of_wave(rollout.wave):
        if member.wish is not Wish.NEW:
            continue
        if member.step is Step.OFFERED:
            if member.asked_s is None or at_s - member.asked_s >= AGAIN_S:
                member.asked_s = at_s
                yield Order("offer", key)
        elif member.step is Step.WAITING and at_s >= member.not_before_s and under_way < rollout.plan.limits.at_once:
            if member.begun_s is None:
                member.alerts_before, member.begun_s = member.alerts, at_s
            member.asked_s = at_s
            _move(member, Step.OFFERED, at_s)
            under_way += 1
            yield Order("offer", key)


def _returns(rollout: Rollout, at_s: float) -> Iterator[Order]:
    """Bring back who is to have the old version: the last wave first, and in no window, as it is for safety."""
    moving = [
        (key, one)
        for key, one in rollout.members.items()
        if one.wish is Wish.OLD and _touched(one) and one.step is not Step.LOST
    ]
    last = max((one.wave for _, one in moving), default=-1)
    for key, member in moving:
        tries = member.step is Step.TRIAL  # it ends by itself, one way or the other
        told = member.step is Step.RETURNING and member.asked_s is not None and at_s - member.asked_s < AGAIN_S
        if member.wave != last or at_s < member.not_before_s or tries or told:
            continue
        member.asked_s = at_s
        _move(member, Step.RETURNING, at_s)
        yield Order("undo" if member.has_new else "withdraw", key)
    if rollout.phase is Phase.RETURNING and not moving:
        rollout.phase = rollout.then
        if rollout.ended:
            rollout.ended_s = at_s
            for member in rollout.members.values():
                if member.step is Step.WAITING:
                    member.wish = Wish.NONE
                    _move(member, Step.LEFT, at_s)
