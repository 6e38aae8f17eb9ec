"""The trend of arrivals, and what may be said about days to come."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import sqrt
from statistics import fmean

_DAYS_LEARNT_FROM = 30
_FEWEST = 3
"""Days to learn from; where there are fewer, hours; where fewer of those, nothing."""
_MOST_LIKENESS = 0.8
_Z_95 = 1.6448536269514722
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


class Series:
    """Counts by hour or by day, of what has arrived by now. What a wrong clock has dated
    into the future is in the totals only."""

    def __init__(
        self, starts: Sequence[datetime], objects: Sequence[int], sizes: Sequence[int], at: datetime
    ) -> None:
        moments = [start.astimezone(UTC) for start in starts]
        kept = [i for i, start in enumerate(moments) if start <= at]
        self.starts = [moments[i] for i in kept]
        self.objects = [objects[i] for i in kept]
        self.sizes = [sizes[i] for i in kept]
        self._by_start = dict(zip(self.starts, self.objects, strict=True))

    def counted(self, start: datetime, end: datetime) -> int:
        """Arrivals in the periods that begin from ``start`` to before ``end``."""
        low, high = bisect_left(self.starts, start), bisect_left(self.starts, end)
        return sum(self.objects[low:high])

    def between(self, begin: datetime, end: datetime, *, is_last: bool) -> float:
        """In a series of hours, arrivals from ``begin`` to ``end``: an hour that is cut
        counts by its share; but the hour of ``end`` whole where it ``is_last``, for its
        rest is yet to come."""
        whole = self.counted(_hour(begin) + _HOUR, end) + self._rest_of_hour(begin)
        return whole if is_last or end == _hour(end) else whole - self._rest_of_hour(end)

    def _rest_of_hour(self, moment: datetime) -> float:
        hour = _hour(moment)
        return self._by_start.get(hour, 0) * (1 - (moment - hour) / _HOUR)


@dataclass(frozen=True, slots=True)
class Trend:
    """Arrivals per step of ``step_days``, learnt from ``steps`` steps."""

    step_days: float
    steps: int
    mean: float
    variance: float
    """Of one step, as it adds up over many: neighbours that are alike weigh more."""

    @property
    def per_day(self) -> float:
        """Arrivals in a day."""
        return self.mean / self.step_days

    def project(self, days: float) -> tuple[float, float]:
        """Arrivals in the next ``days``, and half the width of their 90 % prediction interval.

        A sum of future steps differs from the mean by the steps' own scatter, which grows
        with their number, and by the doubt about the mean, which grows with its square.
        Student's t, for the scatter is itself an estimate; and where busy steps follow busy
        ones, so much the wider (the variance of an autoregressive process of order one). So
        it is honest about noise, bursts and short memory. That the trend itself will change
        (more cameras) no past can tell.
        """
        steps = days / self.step_days
        spread = sqrt(self.variance * (steps + steps * steps / self.steps))
        return self.mean * steps, _student_95(self.steps - 1) * spread


def learn_trend(hours: Series, since: datetime | None, until: datetime) -> Trend | None:
    """From up to 30 days before ``until``; from hours while there are not three days;
    None while there are not three hours."""
    if since is None:
        return None
    days = min(_DAYS_LEARNT_FROM, (until - since) // _DAY)
    if days >= _FEWEST:
        return _learn(hours, until, _DAY, days)
    whole_hours = (until - since) // _HOUR
    return _learn(hours, until, _HOUR, whole_hours) if whole_hours >= _FEWEST else None


def _learn(hours: Series, until: datetime, step: timedelta, steps: int) -> Trend:
    ends = [until - step * back for back in range(steps)]
    counts = [hours.between(end - step, end, is_last=end == until) for end in ends]
    mean = fmean(counts)
    squares = [(count - mean) ** 2 for count in counts]
    variance = sum(squares) / (steps - 1)
    if variance <= 1e-9 * mean * mean:  # the same, but for rounding
        return Trend(step / _DAY, steps, mean, 0.0)
    neighbours = sum((a - mean) * (b - mean) for a, b in pairwise(counts))
    likeness = min(_MOST_LIKENESS, max(0.0, neighbours / sum(squares)))
    return Trend(step / _DAY, steps, mean, variance * (1 + likeness) / (1 - likeness))


def _student_95(freedom: int) -> float:
    """The 95th percentile of Student's t, to 1.5 % at two degrees of freedom and far
    better above. Abramowitz and Stegun, 26.7.5:
    https://personal.math.ubc.ca/~cbm/aands/page_949.htm"""
    z, v = _Z_95, float(freedom)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / v + second / v**2 + third / v**3


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
