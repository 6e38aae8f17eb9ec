"""Growth: arrivals, rates and projections, against what can be worked out by hand."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync_tui.catalog.facts import GrowthFacts
from s3sync_tui.insight.growth import Growth, Period, grow
from s3sync_tui.insight.trend import _student_95

AT = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)  # a Tuesday
HOUR = timedelta(hours=1)


def facts(
    counts: dict[datetime, int],
    *,
    at: datetime = AT,
    synced_at: datetime | None = None,
    database_bytes: int | None = None,
) -> GrowthFacts:
    """What the catalog would say of these arrivals by hour, 10 bytes each."""
    days: dict[datetime, int] = {}
    for hour, count in sorted(counts.items()):
        day = hour.replace(hour=0)
        days[day] = days.get(day, 0) + count
    hours = {h: n for h, n in sorted(counts.items()) if n and h > at - 2400 * HOUR}
    total = sum(counts.values())
    return GrowthFacts(
        at=at,
        synced_at=synced_at,
        newest_at=max(counts, default=None),
        objects_total=total,
        bytes_total=10 * total,
        rows_bytes=400 * total,
        ours_bytes=450 * total,
        database_bytes=database_bytes,
        hours=list(hours),
        hour_objects=list(hours.values()),
        hour_bytes=[10 * n for n in hours.values()],
        days=list(days),
        day_objects=list(days.values()),
        day_bytes=[10 * n for n in days.values()],
    )


def steady(per_hour: int, hours: int, at: datetime = AT) -> dict[datetime, int]:
    """``per_hour`` in each of the last hours, and its share of the one that goes on."""
    this = at.replace(minute=0, second=0)
    counts = {this - back * HOUR: per_hour for back in range(1, hours + 1)}
    share = round(per_hour * ((at - this) / HOUR))
    return counts | ({this: share} if share else {})


def added(growth: Growth) -> dict[int, int]:
    return {at.days: at.images - growth.images for at in growth.projections}


@pytest.mark.parametrize("minute", [0, 10, 59])
def test_9000_an_hour_are_6480000_in_30_days_for_certain(minute: int) -> None:
    at = AT.replace(minute=minute)
    growth = grow(facts(steady(9000, 24 * 60, at), at=at))
    assert [rate.per_hour for rate in growth.rates] == pytest.approx([9000] * 4)
    assert added(growth) == {7: 1_512_000, 30: 6_480_000, 90: 19_440_000}
    assert all(it.low == it.images == it.high for it in growth.projections)
    assert growth.arrivals[Period.DAY].counts[-2] == 216_000
    assert growth.arrivals[Period.WEEK].counts[-2] == 1_512_000
    assert growth.bytes_per_row == 400
    assert growth.projections[1].database_bytes == 450 * growth.images + 400 * 6_480_000


def test_rates_end_where_knowledge_ends() -> None:
    """An hour after the last sync, nothing of that hour is known: no slump."""
    growth = grow(facts(steady(9000, 24 * 40), at=AT + HOUR, synced_at=AT))
    assert [rate.per_hour for rate in growth.rates] == [9000] * 4
    assert added(growth)[7] == 1_512_000


def test_an_empty_table_says_nothing() -> None:
    growth = grow(facts({}), quota_bytes=1000)
    assert (growth.images, growth.today, growth.bytes_per_row) == (0, 0, 0.0)
    assert [rate.per_hour for rate in growth.rates] == [None] * 4
    assert growth.projections == []
    assert growth.full_in_days is None
    assert all(arrivals.starts == [] for arrivals in growth.arrivals.values())


def test_one_hour_is_too_little_to_project_from() -> None:
    growth = grow(facts(steady(500, 1)))
    assert [rate.per_hour for rate in growth.rates] == [500, None, None, None]
    assert growth.projections == []
    assert growth.arrivals[Period.HOUR].counts == [500, 0]


def test_hours_do_until_there_are_three_days() -> None:
    growth = grow(facts(steady(100, 10)))
    assert added(growth) == {7: 16_800, 30: 72_000, 90: 216_000}
    assert grow(facts(steady(100, 2))).projections == []


def test_bursts_widen_the_interval() -> None:
    even = steady(100, 24 * 30)
    bursts = {hour: n * (0, 2)[hour.day % 2] for hour, n in even.items()}
    one, other = grow(facts(even)), grow(facts(bursts))
    for calm, wild in zip(one.projections, other.projections, strict=True):
        assert calm.high - calm.low == 0
        assert wild.high - wild.low > 0.1 * (wild.images - other.images)
        assert wild.low >= other.images


def test_busy_days_in_a_row_weigh_more_than_the_same_days_shuffled() -> None:
    start = AT - 30 * 24 * HOUR
    blocks = {start + h * HOUR: 100 + 100 * (h // 24 // 5 % 2) for h in range(24 * 30)}
    turns = {start + h * HOUR: 100 + 100 * (h // 24 % 2) for h in range(24 * 30)}
    rough, smooth = grow(facts(blocks)).projections[1], grow(facts(turns)).projections[1]
    assert rough.images == smooth.images
    assert rough.high - rough.low > 1.5 * (smooth.high - smooth.low)


def test_the_interval_widens_with_the_horizon() -> None:
    dice = random.Random(1)
    counts = {AT - back * HOUR: dice.randrange(200) for back in range(1, 24 * 30)}
    widths = [it.high - it.low for it in grow(facts(counts)).projections]
    assert widths[0] < widths[1] < widths[2]
    # Faster than the square root of the days: the mean is not known either.
    assert widths[2] / widths[0] > (90 / 7) ** 0.5


@pytest.mark.parametrize("likeness", [0.0, 0.4])
def test_nine_of_ten_intervals_hold_what_comes(likeness: float) -> None:
    """Simulated: 30 days seen, 30 days to come, days alike by ``likeness``."""
    dice, hits, tries = random.Random(7), 0, 400
    for _ in range(tries):
        level, days = 0.0, []
        for _ in range(60):
            level = likeness * level + dice.gauss(0, 1)
            days.append(max(0, round(24_000 + 4_000 * level)))
        seen = {AT - (30 * 24 - h) * HOUR: days[h // 24] // 24 for h in range(30 * 24)}
        known = grow(facts(seen))
        truth = known.images + sum(n // 24 * 24 for n in days[30:])
        hits += known.projections[1].low <= truth <= known.projections[1].high
    assert 0.82 <= hits / tries <= 0.97


def test_the_days_until_the_quota() -> None:
    counts = steady(100, 24 * 30)
    a_day = 2400 * 400
    used = 450 * sum(counts.values())
    growth = grow(facts(counts), quota_bytes=used + 10 * a_day)
    assert growth.full_in_days == pytest.approx(10)
    whole = grow(facts(counts, database_bytes=used + 4 * a_day), quota_bytes=used + 10 * a_day)
    assert whole.full_in_days == pytest.approx(6)  # what else is in the database counts
    assert grow(facts(counts), quota_bytes=used).full_in_days == 0
    assert grow(facts(counts)).full_in_days is None


def test_the_future_and_no_time_at_all_are_in_the_totals_alone() -> None:
    ahead = AT + 48 * HOUR
    growth = grow(facts({**steady(100, 24 * 4), ahead: 7}))
    assert growth.images == 100 * 24 * 4 + 7
    assert growth.rates[1].per_hour == 100
    assert growth.arrivals[Period.DAY].starts[-1] == AT.replace(hour=0)
    assert sum(growth.arrivals[Period.MONTH].counts) == 9600


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    growth = grow(facts({AT - 24 * 60 * HOUR: 3, AT - HOUR: 5}))
    weeks, months = growth.arrivals[Period.WEEK], growth.arrivals[Period.MONTH]
    assert {start.weekday() for start in weeks.starts} == {0}
    assert [f"{start:%m-%d}" for start in months.starts] == ["09-01", "10-01", "11-01"]
    assert (months.counts, months.size_bytes) == ([3, 0, 5], [30, 0, 50])
    assert growth.today == 5


@settings(max_examples=60, deadline=None)
@given(
    counts=st.dictionaries(st.integers(0, 24 * 120), st.integers(1, 1000), max_size=40),
    minute=st.integers(0, 59),
    quota=st.none() | st.integers(1, 10**9),
)
def test_what_always_holds(counts: dict[int, int], minute: int, quota: int | None) -> None:
    at = AT.replace(minute=minute)
    hours = {AT - back * HOUR: count for back, count in counts.items()}
    growth = grow(facts(hours, at=at), quota_bytes=quota)
    total = sum(hours.values())
    for period, step in ((Period.HOUR, HOUR), (Period.DAY, 24 * HOUR), (Period.WEEK, 168 * HOUR)):
        found = growth.arrivals[period]
        gaps = {b - a for a, b in zip(found.starts, found.starts[1:], strict=False)}
        assert gaps <= {step}
        assert len(found.starts) == len(found.counts) == len(found.size_bytes)
        assert sum(found.counts) <= total
    for period in (Period.WEEK, Period.MONTH):
        assert sum(growth.arrivals[period].counts) == total
    assert growth.images == total
    for ahead in growth.projections:
        assert growth.images <= ahead.low <= ahead.images <= ahead.high


def test_students_t_is_that_of_the_tables() -> None:
    # https://www.itl.nist.gov/div898/handbook/eda/section3/eda3672.htm
    for freedom, percentile in ((2, 2.920), (4, 2.132), (9, 1.833), (29, 1.699), (100, 1.660)):
        assert _student_95(freedom) == pytest.approx(percentile, rel=0.015)
