"""When syncs are due, and how long to wait while the bucket or the catalog is away. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DEFAULT_EVERY_SECONDS = 300
MOST_JITTER_SECONDS = 30.0
FIRST_DELAY_SECONDS = 5.0
MOST_DELAY_SECONDS = 300.0

_SHARE = random.random()  # noqa: S311  # spreads hosts; no secret
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Due times at multiples of ``every_seconds`` since midnight UTC, so that hosts and
    restarts agree; of more than a day, since 1970. Where a day is no multiple of it, the last
    step before midnight is the shorter one."""

    every_seconds: int
    share: float = _SHARE
    """0 to 1, of the jitter: drawn once in a process, so that hosts do not all come at once."""

    @property
    def jitter_seconds(self) -> float:
        """By which every due time here is later: up to a tenth of a step, 30 s at most."""
        return self.share * min(self.every_seconds / 10, MOST_JITTER_SECONDS)

    def next_due(self, after: datetime) -> datetime:
        """The first due time after ``after``."""
        jitter, every = timedelta(seconds=self.jitter_seconds), self._every
        moment = after.astimezone(UTC) - jitter
        start = _EPOCH
        if every <= _DAY:
            start = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        due = start + every * ((moment - start) // every + 1)
        if every <= _DAY:
            due = min(due, start + _DAY)
        return due + jitter

    def is_overdue(self, age: timedelta | None) -> bool:
        """Whether to sync at once, where the last run that succeeded began so long ago, if any."""
        return age is None or age > self._every

    @property
    def _every(self) -> timedelta:
        return timedelta(seconds=self.every_seconds)

    def delay_seconds(self, failures: int, share: float) -> float:
        """How long to wait after so many failures on end (1 after the first): at random
        between 0 and a bound that doubles each time, from 5 s to 5 min, and is never more than
        a step; ``share``, from 0 to 1, says where between.

        Full jitter loads what comes back least, and is over soonest:
        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        most = min(MOST_DELAY_SECONDS, float(self.every_seconds))
        doublings = min(failures - 1, 16)
        return share * min(most, FIRST_DELAY_SECONDS * 2.0**doublings)
