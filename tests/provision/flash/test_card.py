"""A card moves along the allowed ways and no others."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluis_provision.bench.card import NEEDED, ORDER, Card, Step, allowed
from sluis_provision.flashers.problem import NoAnswer

FULL = (
    Step.SEEN, Step.PROBED, Step.APPROVED, Step.WRITING, Step.VERIFIED, Step.BOOTED,
    Step.TESTED, Step.IDENTIFIED, Step.LABELLED, Step.DONE,
)  # fmt: skip


def test_the_whole_way_is_allowed_and_so_is_one_without_the_last_helpers() -> None:
    for way in (FULL, (*FULL[:6], Step.DONE), (*FULL[:6], Step.IDENTIFIED, Step.DONE)):
        card = Card("p")
        for step in way[1:]:
            card = card.to(step)
        assert card.step is Step.DONE


def test_files_are_written_after_the_first_start() -> None:
    way = (*FULL[:6], Step.WRITING, Step.WRITING, Step.VERIFIED, Step.BOOTED, Step.DONE)
    assert all(allowed(before, after) for before, after in itertools.pairwise(way))


@given(st.lists(st.sampled_from(list(Step)), max_size=12))
def test_no_way_leads_to_done_past_a_step_that_is_needed(steps: list[Step]) -> None:
    at, passed = Step.SEEN, {Step.SEEN}
    for step in steps:
        if allowed(at, step):
            passed = {Step.SEEN} if step is Step.SEEN else passed | {step}
            at = step
    if at is Step.DONE:
        assert set(NEEDED) <= passed


def test_done_is_the_end_and_failed_leads_to_a_new_attempt_only() -> None:
    for step in Step:
        assert not allowed(Step.DONE, step)
        assert allowed(Step.FAILED, step) == (step is Step.SEEN)
    for step in ORDER[:-1]:
        assert allowed(step, Step.FAILED)


def test_a_failure_says_where_why_and_what_next() -> None:
    card = Card("p").to(Step.PROBED).failed(NoAnswer("nothing there"))
    assert card.failure is not None
    assert (card.failure.at, card.failure.code, card.failure.reason) == (
        Step.PROBED,
        "provision.no-answer",
        "nothing there",
    )
    assert "cable" in card.failure.next
    with pytest.raises(ValueError, match="does not go"):
        Card("p").to(Step.DONE)
