"""Runs that clients ask for: one at a time, and to their end, whoever hangs up."""

from __future__ import annotations

import asyncio
import logging
from contextvars import ContextVar
from datetime import UTC, datetime

from s3sync_tui.engine.pipeline import SyncOptions
from s3sync_tui.errors import LeaseHeld, S3SyncError
from s3sync_tui.events import Event, RunFinished, RunStarted
from s3sync_tui.headless.lines import log_error, log_run
from s3sync_tui.headless.server.answers import stopping
from s3sync_tui.headless.syncs import Syncs
from s3sync_tui.headless.watch import log_if_cancelled
from s3sync_tui.model import ModeChoice, RunResult

log = logging.getLogger(__name__)


class Attempt:
    """A run that somebody asked for."""

    def __init__(self) -> None:
        self.run_id: int | None = None
        """None before it holds the lease, and of a dry run."""
        self.since: datetime | None = None
        """When it began; None before that."""
        self.settled = asyncio.Event()
        """Set once it has begun, or has ended without beginning."""
        self.task: asyncio.Task[RunResult]


_OWN: ContextVar[Attempt | None] = ContextVar("attempt", default=None)
"""The attempt that an event belongs to; None of the runs of others."""


class Attempts:
    """The runs of one server."""

    def __init__(self, syncs: Syncs) -> None:
        self._syncs = syncs
        self._latest: Attempt | None = None
        self.is_stopping = False
        """From now on nothing more is begun."""
        syncs.subscribe(self._hear)

    async def begin(self, mode: ModeChoice | None, *, dry_run: bool) -> Attempt:
        """Start a run, and wait until it has begun or failed to.

        Raises :class:`~s3sync_tui.errors.LeaseHeld` where one is under way here; what else
        may go wrong is in the attempt's task.
        """
        if self.is_stopping:
            raise stopping()
        other = self._latest
        if other is not None and not other.task.done():
            await other.settled.wait()
            if other.since is None:  # it came to nothing, and so would this
                await asyncio.shield(other.task)
            raise self._held(other.run_id, other.since)
        if (under_way := self._syncs.under_way) is not None:
            raise self._held(under_way.run_id, under_way.started_at)
        attempt = self._latest = Attempt()
        attempt.task = asyncio.create_task(self._run(attempt, mode, dry_run))
        attempt.task.add_done_callback(lambda task: _ended(attempt, task))
        await attempt.settled.wait()
        return attempt

    async def _run(self, attempt: Attempt, mode: ModeChoice | None, dry_run: bool) -> RunResult:
        _OWN.set(attempt)
        return await self._syncs.run(mode, dry_run=dry_run)

    def _hear(self, event: Event) -> None:
        attempt = _OWN.get()
        if attempt is None:
            log_if_cancelled(event)
            return
        match event:
            case RunStarted():
                attempt.run_id, attempt.since = event.run_id, datetime.now(UTC)
                attempt.settled.set()
            case RunFinished(result):
                log_run(log, result, trigger="http")

    def _held(self, run_id: int | None, since: datetime | None) -> LeaseHeld:
        name = "A dry run" if run_id is None else f"Run {run_id}"
        return LeaseHeld(
            f"{name} is under way here.",
            hint="Wait for its end, which /api/events tells"
            + (f", and /api/runs/{run_id}." if run_id is not None else "."),
            run_id=run_id,
            holder=SyncOptions().holder,
            since=since,
        )


def _ended(attempt: Attempt, task: asyncio.Task[RunResult]) -> None:
    attempt.settled.set()
    error = None if task.cancelled() else task.exception()  # perhaps nobody else asks for it
    if isinstance(error, S3SyncError) and not isinstance(error, LeaseHeld):
        log_error(log, error)
