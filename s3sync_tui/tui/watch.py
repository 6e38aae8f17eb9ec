"""Watching: when the next sync is due by itself."""

from __future__ import annotations

from datetime import datetime, timedelta

WATCH_SECONDS = 300
"""Between two runs, where no setting says how often."""


class Watch:
    """Off until switched on. Whoever starts a run, here or on another host, puts the
    next one off: it is due so many seconds after that run began."""

    def __init__(self, every_seconds: int | None) -> None:
        self.every = timedelta(seconds=every_seconds or WATCH_SECONDS)
        self._is_on = False
        self._next_run: datetime | None = None

    @property
    def next_run(self) -> datetime | None:
        """When it is due; None while off."""
        return self._next_run if self._is_on else None

    def switch(self, now: datetime, last_began: datetime | None) -> bool:
        """On, or off again; returns whether it is on now. What is overdue is due at once."""
        self._is_on = not self._is_on
        self._next_run = now
        if last_began is not None:
            self._next_run = max(now, last_began + self.every)
        return self._is_on

    def began(self, at: datetime) -> None:
        """A run began then, or could not begin."""
        if self._next_run is not None:
            self._next_run = max(self._next_run, at + self.every)

    def is_due(self, now: datetime) -> bool:
        """Whether to sync now."""
        return self.next_run is not None and now >= self.next_run
