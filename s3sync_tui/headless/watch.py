"""Syncs that keep to a schedule, and what they do while the bucket or the catalog is away."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from s3sync_tui.errors import LeaseHeld, S3SyncError
from s3sync_tui.events import Event, RunFinished
from s3sync_tui.headless.lines import log_error, log_run
from s3sync_tui.headless.report import duration
from s3sync_tui.headless.schedule import Schedule
from s3sync_tui.model import RunResult, RunStatus

log = logging.getLogger(__name__)

LONGEST_SLEEP_SECONDS = 60.0
"""By then it is looked at the clock anew: it may have been set, or the machine asleep."""


class Clock(Protocol):
    """What time it is, and waiting."""

    def now(self) -> datetime:
        """The time, aware."""

    def monotonic(self) -> float:
        """Seconds that nobody sets."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class WallClock:
    """This machine's."""

    def now(self) -> datetime:
        """The time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that nobody sets."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class Runs(Protocol):
    """What is kept going: :class:`~s3sync_tui.headless.syncs.Syncs`."""

    async def look(self) -> timedelta | None:
        """See :meth:`~s3sync_tui.headless.syncs.Syncs.look`."""

    async def run(self) -> RunResult:
        """See :meth:`~s3sync_tui.headless.syncs.Syncs.run`."""


async def keep_syncing(
    runs: Runs,
    schedule: Schedule,
    *,
    clock: Clock | None = None,
    told: Callable[[str], None] = lambda _: None,
    schedules: asyncio.Queue[Schedule] | None = None,
    draw: Callable[[], float] = random.random,
) -> None:
    """Sync when it is due, until cancelled; a run under way then ends as cancelled.

    The first run is at once where the last one that succeeded began more than a step ago. One
    that takes longer than a step is followed by the next due time, not by those it missed.
    While the bucket or the catalog is away, it is tried again as
    :meth:`~s3sync_tui.headless.schedule.Schedule.delay_seconds` says; the first run that
    succeeds catches up on all that was missed. Where another run holds the lease, and for
    errors that no waiting mends, the next due time is next.

    Each run is one line of the log; ``told`` gets it too, with what comes next, and before the
    first run whether catalog and bucket answer. A schedule that
    comes by ``schedules`` holds at once; what has failed is then tried at once.
    """
    keeper = _Keeper(runs, schedule, clock or WallClock(), told, schedules, draw)
    pause = await keeper.begin()
    while True:
        await keeper.wait(pause)
        pause = await keeper.sync()


def log_if_cancelled(event: Event) -> None:
    """A run that is stopped together with :func:`keep_syncing` can tell of it only by this."""
    if isinstance(event, RunFinished) and event.result.status is RunStatus.CANCELLED:
        log_run(log, event.result)


_Pause = float | None
"""Seconds to wait; None: until the next due time."""


class _Keeper:
    def __init__(
        self,
        runs: Runs,
        schedule: Schedule,
        clock: Clock,
        told: Callable[[str], None],
        schedules: asyncio.Queue[Schedule] | None,
        draw: Callable[[], float],
    ) -> None:
        self._runs = runs
        self._schedule = schedule
        self._clock = clock
        self._told = told
        self._schedules = schedules
        self._draw = draw
        self._has_failed = False
        self._failures = 0
        """On end, of those that waiting may mend."""
        self._away_since: float | None = None

    async def begin(self) -> _Pause:
        try:
            age = await self._runs.look()
        except S3SyncError as error:
            return self._could_not_begin(error)
        line = "catalog and bucket answer"
        if self._schedule.is_overdue(age):
            self._told(f"{line}; syncing")
            return 0.0
        log.info("%s; next run at %s", line, self._next_time())
        return self._say(line)

    async def sync(self) -> _Pause:
        try:
            result = await self._runs.run()
        except LeaseHeld as error:
            self._is_back()
            return self._say(log_error(log, error))
        except S3SyncError as error:
            return self._could_not_begin(error)
        if result.status is RunStatus.FAILED and result.passes:
            delay = self._is_away()
            return self._say(log_run(log, result, _again_in(delay)), delay)
        if result.status is not RunStatus.SUCCEEDED:
            self._failures = 0
            self._has_failed = result.status is RunStatus.FAILED
            return self._say(log_run(log, result))
        away_seconds = self._is_back()
        if not away_seconds:
            return self._say(log_run(log, result))
        more = f"; caught up after {duration(away_seconds)} away"
        return self._say(log_run(log, result, more, away_seconds=round(away_seconds)))

    async def wait(self, pause: _Pause) -> None:
        """Wait so long, or until a sync is due; less, where a new schedule says so."""
        if pause is not None:
            await self._sleep(pause)
            return
        due = self._schedule.next_due(self._clock.now())
        while (left := (due - self._clock.now()).total_seconds()) > 0:
            is_new = await self._sleep(min(left, LONGEST_SLEEP_SECONDS))
            if is_new and self._has_failed:
                return
            if (now := self._clock.now()) < due:
                next_due = self._schedule.next_due(now)
                due = next_due if is_new else min(due, next_due)  # the clock was set back

    async def _sleep(self, seconds: float) -> bool:
        """Wait so long; less, and True, where a new schedule comes."""
        if self._schedules is None:
            await self._clock.sleep(seconds)
            return False
        coming = asyncio.create_task(self._schedules.get())
        sleeping = asyncio.create_task(self._clock.sleep(seconds))
        try:
            done, _ = await asyncio.wait({coming, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            coming.cancel()
            sleeping.cancel()
        if coming in done:
            self._schedule = coming.result()
            return True
        await sleeping
        return False

    def _could_not_begin(self, error: S3SyncError) -> _Pause:
        if error.passes:
            delay = self._is_away()
            return self._say(log_error(log, error, after=_again_in(delay)), delay)
        self._failures = 0
        self._has_failed = True
        return self._say(log_error(log, error))

    def _is_away(self) -> float:
        """One failure more; returns how long to wait."""
        if self._away_since is None:
            self._away_since = self._clock.monotonic()
        self._failures += 1
        self._has_failed = True
        return self._schedule.delay_seconds(self._failures, self._draw())

    def _is_back(self) -> float:
        """All is well again; returns for how long somebody was away."""
        away_since, self._away_since = self._away_since, None
        self._failures, self._has_failed = 0, False
        return 0.0 if away_since is None else self._clock.monotonic() - away_since

    def _say(self, line: str, pause: _Pause = None) -> _Pause:
        self._told(line if pause is not None else f"{line}; next run at {self._next_time()}")
        return pause

    def _next_time(self) -> str:
        return f"{self._schedule.next_due(self._clock.now()):%Y-%m-%d %H:%M:%S} UTC"


def _again_in(seconds: float) -> str:
    return f" Trying again in {seconds:.0f} s."
