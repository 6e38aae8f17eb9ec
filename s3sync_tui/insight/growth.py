"""How fast the bucket grows, and when that will hurt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
