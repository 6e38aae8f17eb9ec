"""What one period is expected to bring, from projections over several days."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from s3sync_tui.insight.growth import Growth, Period

_DAYS = {Period.DAY: 1.0, Period.WEEK: 7.0, Period.MONTH: 30.0}
"""Not hours: those follow the day's rhythm, which a trend of days knows nothing of."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Arrivals in one coming period, with their 90 % prediction interval."""

    mean: float
    low: float
    high: float


def outlook(growth: Growth, period: Period) -> Outlook | None:
    """For any one of the coming periods; None while there is too little to go by.

    The interval's half width over ``d`` days is ``sqrt(a·d + b·d²)``: the days' own scatter
    and the doubt about their mean (:meth:`s3sync_tui.insight.trend.Trend.project`). Two of
    the projections give ``a`` and ``b``, and so the width for any ``d``.
    """
    days = _DAYS.get(period)
    if days is None or len(growth.projections) < 2:
        return None
    near, far = growth.projections[:2]
    mean = (far.images - growth.images) / far.days * days
    near_square = (near.high - near.images) ** 2 / near.days
    far_square = (far.high - far.images) ** 2 / far.days
    b = max(0.0, (far_square - near_square) / (far.days - near.days))
    a = max(0.0, near_square - b * near.days)
    half = sqrt(a * days + b * days * days)
    return Outlook(mean, max(0.0, mean - half), mean + half)
