"""When the wall clock is believed."""

from __future__ import annotations

from sluis.app.timekeeper import RELEASED_AT_US, TimeJudge
from sluis.model import Stamp

TWO_WEEKS_US = 14 * 86_400_000_000
START = RELEASED_AT_US + 1_000_000


def run(judge: TimeJudge, mono_s: int, offset_us: int, synchronised: bool = False) -> bool:
    return judge.look(Stamp(START + offset_us + mono_s * 1_000_000, mono_s * 1_000_000), synchronised)


def test_a_steady_plausible_clock_is_believed_at_once() -> None:
    assert run(TimeJudge(), 0, 0)


def test_a_clock_from_before_this_release_or_the_newest_record_is_not() -> None:
    assert not run(TimeJudge(), 0, -TWO_WEEKS_US)
    assert not run(TimeJudge(newest_us=START + 1), 0, 0)


def test_a_jump_either_way_costs_trust_until_it_has_been_steady() -> None:
    for jump in (TWO_WEEKS_US, 3_000_000):
        judge = TimeJudge()
        run(judge, 0, jump)
        assert not run(judge, 1, 0)
        assert not run(judge, 60, 0)
        assert run(judge, 61, 0)
        assert judge.jumps == 1


def test_a_jump_with_the_kernel_synchronised_is_explained() -> None:
    judge = TimeJudge()
    assert not run(judge, 0, -TWO_WEEKS_US)
    assert run(judge, 1, 0, synchronised=True)


def test_slewing_is_no_jump() -> None:
    judge = TimeJudge()
    for second in range(100):
        assert run(judge, second, second * 500)
