"""How fast the bucket grows, and when that will hurt."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from s3sync_tui.insight.trend import Series, Trend, learn_trend

if TYPE_CHECKING:  # the dashboard needs none of it before the first paint
    from s3sync_tui.catalog.base import Catalog
    from s3sync_tui.catalog.facts import GrowthFacts


class Period(StrEnum):
    """What arrivals are counted by."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Images by the time of their upload; the last period is the one that goes on."""

    period: Period
    starts: list[datetime]
    """UTC, without gaps."""
    counts: list[int]
    size_bytes: list[int]


@dataclass(frozen=True, slots=True)
class Rate:
    """Arrivals an hour, measured over the last ``window_hours``."""

    window_hours: int
    per_hour: float | None
    """None where the catalog does not reach back that far."""


@dataclass(frozen=True, slots=True)
class Projection:
    """Where it will be in ``days``, with a 90 % prediction interval."""

    days: int
    images: int
    low: int
    high: int
    database_bytes: int


@dataclass(frozen=True, slots=True)
class Growth:
    """The catalog's growth as a whole."""

    at: datetime
    images: int
    size_bytes: int
    """Of the objects in S3."""
    today: int
    """Since midnight UTC."""
    database_bytes: int
    """Of our tables and their indexes."""
    bytes_per_row: float
    quota_bytes: int | None
    full_in_days: float | None
    """Until the quota is reached at the present rate; None without a quota or growth."""
    newest_at: datetime | None
    """Upload of the newest image in the catalog."""
    rates: list[Rate]
    """1 h, 24 h, 7 d, 30 d."""
    projections: list[Projection]
    """7, 30, 90 days; empty while there is too little to go by."""
    arrivals: dict[Period, Arrivals]
    whole_database_bytes: int | None = None
    """Of all that the database holds, which is what a quota is about; None where this
    user may not know."""


_SPANS = {Period.HOUR: 168, Period.DAY: 92, Period.WEEK: 104, Period.MONTH: 120}
"""How many periods are told, at most."""
_WINDOWS_HOURS = (1, 24, 168, 720)
_HORIZONS_DAYS = (7, 30, 90)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


async def measure_growth(
    catalog: Catalog, *, now: datetime | None = None, quota_bytes: int | None = None
) -> Growth:
    """The catalog's growth, from its kept counts: one call, quick at any size.

    ``now`` is the database's own time by default. ``quota_bytes`` is what the whole
    database may take. Rates and projections end where knowledge ends: when the last run
    that succeeded began.
    """
    return grow(await catalog.growth_facts(), now=now, quota_bytes=quota_bytes)


def grow(
    facts: GrowthFacts, *, now: datetime | None = None, quota_bytes: int | None = None
) -> Growth:
    """What the facts mean."""
    at = (now or facts.at).astimezone(UTC)
    known_until = min(at, (facts.synced_at or at).astimezone(UTC))
    hours = Series(facts.hours, facts.hour_objects, facts.hour_bytes, at)
    days = Series(facts.days, facts.day_objects, facts.day_bytes, at)
    since = _known_since(hours, days)
    images = facts.objects_total
    bytes_per_row = facts.rows_bytes / images if images > 0 else 0.0
    trend = learn_trend(hours, since, known_until)
    database = facts.ours_bytes if facts.database_bytes is None else facts.database_bytes
    return Growth(
        at=at,
        images=images,
        size_bytes=facts.bytes_total,
        today=hours.counted(_start(Period.DAY, at), at + _HOUR),
        database_bytes=facts.ours_bytes,
        bytes_per_row=bytes_per_row,
        quota_bytes=quota_bytes,
        full_in_days=_full_in_days(quota_bytes, database, trend, bytes_per_row),
        newest_at=facts.newest_at,
        rates=[_rate(hours, window, since, known_until) for window in _WINDOWS_HOURS],
        projections=[]
        if trend is None
        else [
            _projection(trend, horizon, images, facts.ours_bytes, bytes_per_row)
            for horizon in _HORIZONS_DAYS
        ],
        arrivals={
            period: _arrivals(period, hours if period is Period.HOUR else days, since, at)
            for period in Period
        },
        whole_database_bytes=facts.database_bytes,
    )


def _known_since(hours: Series, days: Series) -> datetime | None:
    """The hour of the oldest image."""
    if not days.starts:
        return None
    first_day = days.starts[0]
    # Within the reach of hourly counts the hour is known, before it the day.
    return next((h for h in hours.starts if first_day <= h < first_day + _DAY), first_day)


def _rate(hours: Series, window: int, since: datetime | None, until: datetime) -> Rate:
    begin = until - window * _HOUR
    if since is None or since > begin:
        return Rate(window, None)
    return Rate(window, hours.between(begin, until, is_last=True) / window)


def _projection(
    trend: Trend, days: int, images: int, database_bytes: int, bytes_per_row: float
) -> Projection:
    added, half = trend.project(days)
    return Projection(
        days=days,
        images=images + round(added),
        low=images + max(0, round(added - half)),
        high=images + round(added + half),
        database_bytes=database_bytes + round(added * bytes_per_row),
    )


def _full_in_days(
    quota: int | None, used: int, trend: Trend | None, bytes_per_row: float
) -> float | None:
    if quota is None:
        return None
    if used >= quota:
        return 0.0
    a_day = 0.0 if trend is None else trend.per_day * bytes_per_row
    return (quota - used) / a_day if a_day > 0 else None


def _arrivals(period: Period, series: Series, since: datetime | None, at: datetime) -> Arrivals:
    if since is None:
        return Arrivals(period, [], [], [])
    starts = [_start(period, at)]
    while len(starts) < _SPANS[period] and starts[-1] > since:
        starts.append(_start(period, starts[-1] - timedelta(seconds=1)))
    starts.reverse()
    counts, sizes = [0] * len(starts), [0] * len(starts)
    for start, n, size in zip(series.starts, series.objects, series.sizes, strict=True):
        place = bisect_right(starts, start) - 1
        if place >= 0:
            counts[place] += n
            sizes[place] += size
    return Arrivals(period, starts, counts, sizes)


def _start(period: Period, moment: datetime) -> datetime:
    """When the period around ``moment`` began; weeks begin on Monday."""
    hour = moment.replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    match period:
        case Period.HOUR:
            return hour
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)
