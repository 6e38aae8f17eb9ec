"""The demo's cameras: when each image was taken, and what its key is."""

from __future__ import annotations

import hashlib
import math
import random
from bisect import bisect_right
from datetime import datetime, timedelta
from itertools import accumulate

CAMERAS = 12
PAST = timedelta(days=14)

_HOUR = timedelta(hours=1)


class Cameras:
    """Twelve cameras: ``images`` taken in the fourteen days before ``began``, more by day
    than by night, then ``per_hour`` each hour."""

    def __init__(self, images: int, per_hour: float, began: datetime) -> None:
        self._images, self._per_hour, self._began = images, per_hour, began
        first = began - PAST
        self._starts = [first + hour * _HOUR for hour in range(PAST // _HOUR)]
        chance = random.Random(images)  # noqa: S311  # the same past each time
        so_far = list(accumulate(_bustle(hour.astimezone(), chance) for hour in self._starts))
        self._counts = [round(images * part / so_far[-1]) for part in so_far]
        """At the end of each hour."""

    def count(self, now: datetime) -> int:
        """How many there are by ``now``."""
        return self._images + int((now - self._began) / _HOUR * self._per_hour)

    def taken_at(self, number: int) -> datetime:
        """When the ``number``-th was taken."""
        if number >= self._images:
            return self._began + (number - self._images) / self._per_hour * _HOUR
        hour = bisect_right(self._counts, number)
        before = self._counts[hour - 1] if hour else 0
        return self._starts[hour] + (number - before) / (self._counts[hour] - before) * _HOUR


def key_of(number: int, at: datetime) -> str:
    """The key of an image taken at ``at``: ``cam-07/2026/11/24/13/img_0000123_ab12cd.jpg``."""
    mark = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()[:6]
    return f"cam-{number % CAMERAS:02}/{at:%Y/%m/%d/%H}/img_{number:07}_{mark}.jpg"


def _bustle(hour: datetime, chance: random.Random) -> float:
    """How much goes on in an hour: by day, on workdays, and as it happens."""
    daylight = max(0.0, math.sin(math.pi * (hour.hour - 5) / 15)) if 5 <= hour.hour <= 20 else 0.0
    workday = 1.0 if hour.weekday() < 5 else 0.7
    return (0.35 + daylight) * workday * chance.uniform(0.85, 1.15)
