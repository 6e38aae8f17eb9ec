"""What is said of a run while it works."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync_tui.engine.pace import FINEST_SECONDS, POINTS, Series
from s3sync_tui.engine.progress import Counts, Progress
from s3sync_tui.events import PhaseProgress
from s3sync_tui.model import KeyRange
from s3sync_tui.phases import MOST_RATES, Phase, PhaseRecord
from tests.support import made_up


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def said(progress: Progress) -> dict[Phase, PhaseProgress]:
    return {event.phase: event for event in progress.events()}


def test_shares_follow_the_pages_and_then_what_is_found() -> None:
    progress = Progress(price_per_request=0.000005)
    assert said(progress)[Phase.LIST].share == 0
    own = progress.own
    own.pages, own.pages_left, own.images, own.listed = 1, 2.0, 100, 100
    assert said(progress)[Phase.LIST].share == pytest.approx(1 / 3)
    assert said(progress)[Phase.DEDUPE].share == 0
    own.compared, own.wanted = 50, 10
    progress.all_listed = True
    events = said(progress)
    assert events[Phase.LIST].share == 1
    assert (events[Phase.DEDUPE].share, events[Phase.DEDUPE].expected) == (0.5, 100)
    assert (events[Phase.INSERT].share, events[Phase.INSERT].expected) == (0, None)
    own.compared, own.written = 100, 10
    events = said(progress)
    assert (events[Phase.INSERT].share, events[Phase.INSERT].expected) == (1, 10)


def test_an_empty_bucket_is_done_when_it_is_listed() -> None:
    progress = Progress(price_per_request=0)
    assert [event.share for event in progress.events()] == [0, 0, 0]
    progress.all_listed = True
    assert [event.share for event in progress.events()] == [1, 1, 1]


def test_a_bar_does_not_go_back_nor_reach_its_end_before_all_is_listed() -> None:
    progress = Progress(price_per_request=0)
    shares = []
    for pages, left in ((1, 0.0), (10, 10.0), (11, 900.0), (500, 0.5), (911, 0.0)):
        progress.own.pages, progress.own.pages_left = pages, left
        shares.append(said(progress)[Phase.LIST].share)
    assert shares == sorted(shares)
    assert 0.5 <= shares[0] < shares[-1] < 1


def test_processes_add_up() -> None:
    progress = Progress(price_per_request=1)
    progress.own = Counts(list_requests=3, pages=2, pages_left=5, listed=9, images=8, added=1)
    progress.others = [Counts(list_requests=4, pages=3, listed=1, images=1, changed=2, gone=1)]
    stats = progress.stats()
    assert (stats.total, stats.added, stats.changed, stats.gone) == (9, 1, 2, 1)
    assert (stats.list_requests, stats.cost_usd) == (7, 7)
    listing = said(progress)[Phase.LIST]
    assert (listing.done, listing.share) == (10, 0.5)


def test_rates_are_those_of_the_last_seconds() -> None:
    clock = Clock()
    progress = Progress(price_per_request=0, clock=clock)
    for second in range(20):
        clock.now = 100.0 + second
        progress.own.listed = 1_000 * second
        last = said(progress)[Phase.LIST].per_second
    assert last == pytest.approx(1_000)
    for second in range(20, 30):  # stalled
        clock.now = 100.0 + second
        last = said(progress)[Phase.LIST].per_second
    assert last == 0


def test_cost_is_the_requests_price() -> None:
    progress = Progress(price_per_request=0.000005)
    progress.own.list_requests = 1_201
    assert said(progress)[Phase.LIST].cost_usd == pytest.approx(0.006005)
    assert progress.stats().cost_usd == pytest.approx(0.006005)


def recorded(progress: Progress) -> dict[Phase, PhaseRecord]:
    return {record.phase: record for record in progress.phases()}


def test_phases_are_recorded_from_their_beginning_to_their_end() -> None:
    clock = Clock()
    progress = Progress(price_per_request=0, clock=clock)
    progress.begin(Phase.LIST)
    for tenth in range(1, 41):
        clock.now = 100.0 + tenth / 10
        progress.own.listed = progress.own.images = 100 * tenth
        if tenth == 11:
            progress.begin(Phase.DEDUPE)
        if tenth > 10:
            progress.own.compared = 100 * tenth
        progress.events()
    progress.all_listed = True
    progress.end(Phase.LIST)
    clock.now = 106.0
    listing, dedupe, insert = recorded(progress).values()
    assert (listing.began, listing.ended, listing.elapsed) == pytest.approx((0, 4, 6))
    assert (listing.done, listing.expected, listing.share) == (4_000, 4_000, 1)
    assert listing.mean == pytest.approx(1_000)
    assert listing.peak == pytest.approx(1_000)
    assert dedupe.began == pytest.approx(1.1)
    assert dedupe.ended is None
    assert dedupe.mean == pytest.approx(4_000 / 4.9)
    assert (insert.began, insert.ended, insert.rates, insert.mean) == (None, None, (), 0)
    progress.stop()
    clock.now = 109.0
    assert recorded(progress)[Phase.DEDUPE].ended == pytest.approx(6)
    assert recorded(progress)[Phase.INSERT].ended is None


def test_what_comes_in_bursts_has_no_peak_that_lasts_a_moment() -> None:
    clock = Clock()
    progress = Progress(price_per_request=0, clock=clock)
    progress.begin(Phase.INSERT)
    for tenth in range(1, 101):
        clock.now = 100.0 + tenth / 10
        progress.own.written = tenth // 10 * 1_000
        progress.events()
    insert = recorded(progress)[Phase.INSERT]
    assert 1_000 <= insert.peak <= 1_500


@given(
    st.lists(st.tuples(st.floats(0.001, 5_000), st.integers(0, 10**7)), min_size=1, max_size=300)
)
def test_a_run_of_any_length_has_few_points_and_loses_nothing(
    ticks: list[tuple[float, int]],
) -> None:
    series, at, total = Series(), 0.0, 0
    for seconds, amount in ticks:
        series.add(at, at + seconds, amount)
        at, total = at + seconds, total + amount
    assert len(series.amounts) <= POINTS
    assert len(series.amounts) * series.every > at
    if series.every > FINEST_SECONDS:
        assert len(series.amounts) >= POINTS // 2
    assert sum(series.amounts) == pytest.approx(total)
    assert min(series.amounts) >= 0
    rates = series.rates(at)
    assert len(rates) == len(series.amounts)
    fastest = max(amount / seconds for seconds, amount in ticks)
    assert max(rates) <= fastest * 1.01 + total / FINEST_SECONDS * 1e-9


def test_rates_keep_their_place_in_time_when_points_become_fewer() -> None:
    series = Series()
    for tenth in range(1_000):
        series.add(tenth / 10, (tenth + 1) / 10, 100 if 200 <= tenth < 400 else 0)
    assert series.every == pytest.approx(3.2)
    rates = series.rates(100.0)
    fast = [place * series.every for place, rate in enumerate(rates) if rate > 400]
    assert fast[0] == pytest.approx(20, abs=series.every)
    assert fast[-1] == pytest.approx(40, abs=series.every)
    assert max(rates) == pytest.approx(1_000)


PHASES = st.builds(
    PhaseRecord,
    phase=st.sampled_from(Phase),
    began=st.none() | st.floats(0, 10),
    ended=st.none(),
    elapsed=st.floats(10, 1e6),
    done=st.integers(0, 10**9),
    expected=st.none() | st.integers(0, 10**9),
    share=st.floats(0, 1),
    per_second=st.floats(0, 1e8),
    mean=st.floats(0, 1e8),
    peak=st.floats(0, 1e8),
    every=st.floats(0.1, 1e5),
    rates=st.lists(st.floats(0, 1e8), max_size=MOST_RATES).map(tuple),
)


@given(PHASES)
def test_a_phase_is_read_as_it_was_written(phase: PhaseRecord) -> None:
    text = json.dumps(phase.document())
    assert len(text) < 1_200
    read = PhaseRecord.read(json.loads(text))
    assert read is not None
    assert (read.phase, read.done, read.expected) == (phase.phase, phase.done, phase.expected)
    assert read.elapsed == pytest.approx(phase.elapsed, abs=1e-4)
    assert read.share == pytest.approx(phase.share, abs=1e-4)
    assert read.mean == pytest.approx(phase.mean, rel=0.005)
    assert read.rates == pytest.approx(phase.rates, rel=0.005)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["phase", *(f.name for f in fields(PhaseRecord))])
            | st.text(max_size=3),
            inner | st.sampled_from(["list", "insert", 10**400]),
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(JSON, JSON, JSON)
def test_whatever_another_program_stored_can_be_read(one: object, two: object, key: object) -> None:
    details = {"phases": [one, two], "failed_ranges": key, "gone_sample": one}
    for record in (made_up.run_with(details), made_up.run_with({"phases": one})):
        phases = record.phases
        assert len({phase.phase for phase in phases}) == len(phases)
        for phase in phases:
            assert 0 <= phase.share <= 1
            assert (phase.began or 0) <= phase.elapsed
            assert phase.ended is None or (phase.began or 0) <= phase.ended <= phase.elapsed
            assert PhaseRecord.read(phase.document()) is not None
        assert all(isinstance(span, KeyRange) for span in record.failed_ranges)
        assert all(isinstance(sample, str) for sample in record.gone_sample)
