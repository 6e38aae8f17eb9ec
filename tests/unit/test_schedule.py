"""When syncs are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync_tui.headless.schedule import Schedule

NOW = datetime(2026, 11, 24, 14, 2, 3, tzinfo=UTC)
DAY = 86_400

_EVERY = st.integers(1, 366 * DAY)
_SHARE = st.floats(0, 1, exclude_max=True)
_MOMENT = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)


@pytest.mark.parametrize(
    ("every", "due"),
    [
        (300, datetime(2026, 11, 24, 14, 5, tzinfo=UTC)),
        (3600, datetime(2026, 11, 24, 15, tzinfo=UTC)),
        (DAY, datetime(2026, 11, 25, tzinfo=UTC)),
        (7 * 3600, datetime(2026, 11, 24, 21, tzinfo=UTC)),
        (13 * 3600, datetime(2026, 11, 25, tzinfo=UTC)),  # 26:00 is another day
        (7 * DAY, datetime(2026, 11, 26, tzinfo=UTC)),  # Thursdays, like the first of 1970
    ],
)
def test_due_times_are_multiples_since_midnight_utc(every: int, due: datetime) -> None:
    assert Schedule(every, 0).next_due(NOW) == due


def test_what_is_due_now_is_due_no_more() -> None:
    schedule = Schedule(300, 0.5)
    due = schedule.next_due(NOW)
    assert due == datetime(2026, 11, 24, 14, 5, 15, tzinfo=UTC)
    assert schedule.next_due(due) == due + timedelta(minutes=5)


@pytest.mark.parametrize(("every", "most"), [(5, 0.5), (60, 6), (300, 30), (DAY, 30)])
def test_the_jitter_is_a_tenth_of_a_step_and_half_a_minute_at_most(every: int, most: float) -> None:
    assert Schedule(every, 0).jitter_seconds == 0
    assert Schedule(every, 1).jitter_seconds == most


@given(every=_EVERY, share=_SHARE, moment=_MOMENT)
def test_whoever_asks_when_is_told_the_same_due_times(
    every: int, share: float, moment: datetime
) -> None:
    schedule = Schedule(every, share)
    due = schedule.next_due(moment)
    assert timedelta(0) < due - moment <= timedelta(seconds=every)
    between = moment + (due - moment) / 2
    if between < due:
        assert schedule.next_due(between) == due
    start = due - timedelta(seconds=schedule.jitter_seconds)
    since = start - datetime(1970, 1, 1, tzinfo=UTC)
    if every <= DAY:
        since %= timedelta(days=1)
    assert round(since.total_seconds(), 3) % every == 0


@pytest.mark.parametrize(
    ("every", "bounds"),
    [
        (3600, [5, 10, 20, 40, 80, 160, 300, 300]),
        (60, [5, 10, 20, 40, 60, 60]),
        (2, [2, 2, 2]),
    ],
)
def test_whoever_is_away_is_asked_less_and_less_often(every: int, bounds: list[float]) -> None:
    schedule = Schedule(every, 0)
    failures = range(1, len(bounds) + 1)
    assert [schedule.delay_seconds(number, 1.0) for number in failures] == bounds
    assert [schedule.delay_seconds(number, 0.0) for number in failures] == [0] * len(bounds)
    assert schedule.delay_seconds(1_000_000, 1.0) == bounds[-1]


def test_a_sync_is_overdue_a_step_after_the_last_began() -> None:
    schedule = Schedule(300, 0.5)
    assert schedule.is_overdue(None)
    assert schedule.is_overdue(timedelta(seconds=301))
    assert not schedule.is_overdue(timedelta(seconds=299))
