"""What is said of a run while it works."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync_tui.engine.progress import Progress
from s3sync_tui.events import Phase, PhaseProgress
from s3sync_tui.model import KeyRange


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def said(progress: Progress) -> dict[Phase, PhaseProgress]:
    return {event.phase: event for event in progress.events()}


def test_shares_follow_the_key_space_and_then_what_is_found() -> None:
    progress = Progress(price_per_request=0.000005)
    progress.plan(KeyRange().split(["b", "c"]))
    assert said(progress)[Phase.LIST].share == 0
    progress.covered(KeyRange("", "b"))
    progress.images = progress.listed = 100
    assert said(progress)[Phase.LIST].share == pytest.approx(1 / 3)
    assert said(progress)[Phase.DEDUPE].share == 0
    progress.compared, progress.wanted = 50, 10
    progress.covered(KeyRange("b", "c"))
    progress.covered(KeyRange("c"))
    progress.all_listed = True
    events = said(progress)
    assert events[Phase.LIST].share == 1
    assert (events[Phase.DEDUPE].share, events[Phase.DEDUPE].expected) == (0.5, 100)
    assert (events[Phase.INSERT].share, events[Phase.INSERT].expected) == (0, None)
    progress.compared, progress.written = 100, 10
    events = said(progress)
    assert (events[Phase.INSERT].share, events[Phase.INSERT].expected) == (1, 10)


def test_an_empty_bucket_is_done_when_it_is_listed() -> None:
    progress = Progress(price_per_request=0)
    progress.plan([KeyRange()])
    assert [event.share for event in progress.events()] == [0, 0, 0]
    progress.covered(KeyRange())
    progress.all_listed = True
    assert [event.share for event in progress.events()] == [1, 1, 1]


def test_rates_are_those_of_the_last_seconds() -> None:
    clock = Clock()
    progress = Progress(price_per_request=0, clock=clock)
    for second in range(20):
        clock.now = 100.0 + second
        progress.listed = 1_000 * second
        last = said(progress)[Phase.LIST].per_second
    assert last == pytest.approx(1_000)
    for second in range(20, 30):  # stalled
        clock.now = 100.0 + second
        last = said(progress)[Phase.LIST].per_second
    assert last == 0


def test_cost_is_the_requests_price() -> None:
    progress = Progress(price_per_request=0.000005)
    progress.list_requests = 1_201
    assert said(progress)[Phase.LIST].cost_usd == pytest.approx(0.006005)
    assert progress.stats().cost_usd == pytest.approx(0.006005)


@given(st.lists(st.text("abz/\U0010ffff", min_size=1), min_size=1, unique=True).map(sorted))
def test_the_share_of_one_range_never_falls_and_ends_at_one(keys: list[str]) -> None:
    progress = Progress(price_per_request=0)
    progress.plan([KeyRange()])
    shares, after = [], ""
    for key in keys:
        progress.covered(KeyRange(after, key))
        shares.append(said(progress)[Phase.LIST].share)
        after = key
    progress.covered(KeyRange(after))
    shares.append(said(progress)[Phase.LIST].share)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert all(0 <= share <= 1 for share in shares)
