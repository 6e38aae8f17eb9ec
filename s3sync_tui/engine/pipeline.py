"""One run at work: what it lists, the processes it has, and how it stands."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

from s3sync_tui.catalog.base import BATCHES_PER_PROCESS, Catalog
from s3sync_tui.engine.crew import Crew
from s3sync_tui.engine.delta import Course, Decision
from s3sync_tui.engine.flow import one_fault
from s3sync_tui.engine.lease import keep_lease
from s3sync_tui.engine.member import Job, Opener, Told
from s3sync_tui.engine.progress import Counts, Progress
from s3sync_tui.engine.stages import Stages, Task, add_sample
from s3sync_tui.errors import BucketError, PartlyDone
from s3sync_tui.events import BatchInserted, BucketListed, RangeFailed, Sink
from s3sync_tui.model import (
    KeyRange,
    Lanes,
    ModeChoice,
    RunMode,
    RunResult,
    RunStatus,
    RunTicket,
)
from s3sync_tui.phases import Phase
from s3sync_tui.source.base import Source
from s3sync_tui.source.notifications import shown
from s3sync_tui.source.ranges import Listing

ROWS_PER_RANGE = 5_000
"""Each range costs up to one LIST request more: with five pages a range, a fifth."""

VACUUM_FROM_ROWS = 10_000
VACUUM_FROM_SHARE = 0.1
"""Of the rows: digests run at a third of their speed over pages that are not yet
all-visible, and the next run's ranges are cut by the statistics (DESIGN.md, "Digests").
Below, autovacuum is soon enough."""

TICK_SECONDS = 0.1

PAGES_WORTH_A_PROCESS = 1_000
"""A further process takes half a second to start, as long as 300 pages take one that is there
(bench/RESULTS.md)."""

MOST_PROCESSES = 4
"""Unless more are asked for: beyond, the database is the limit (DESIGN.md, "Loading")."""


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How to sync; see the settings of the same names."""

    batch_size: int = 5000
    list_concurrency: int = 64
    processes: int | None = 1
    """None: as many as there are cores, where there is enough to do."""
    lease_seconds: int = 60
    mark_gone: bool = False
    dry_run: bool = False
    list_price: float = 0.005
    """USD for 1,000 LIST requests."""
    mode: ModeChoice = "full"
    lookback_seconds: int = 3600
    full_every_seconds: int = 86_400
    fingerprint: str = ""
    """Of what decides which objects there are: where it changes, a delta run will not do."""
    holder: str = f"{platform.node()}, process {os.getpid()}"


class Pipeline:
    """One run, with the stages of this process and the crew of further ones."""

    def __init__(
        self,
        source: Source,
        catalog: Catalog,
        options: SyncOptions,
        sink: Sink,
        ticket: RunTicket,
        images_before: int,
        decision: Decision,
        lanes: Lanes | None,
        opener: Opener | None,
    ) -> None:
        """``images_before`` are in the catalog already; ``lanes`` are what is known of them.
        ``opener`` is for further processes; without it, there are none."""
        self._source = source
        self._catalog = catalog
        self._options = options
        self._sink = sink
        self._run_id = ticket.run_id
        self._images_before = images_before
        self._decision = decision
        self._course = Course(
            source,
            lanes if decision.mode is RunMode.DELTA else None,
            started_at=ticket.started_at,
            lookback=timedelta(seconds=options.lookback_seconds),
            fingerprint=options.fingerprint,
        )
        self._progress = Progress(price_per_request=options.list_price / 1000)
        self._failures: list[tuple[KeyRange, BucketError]] = []
        self._task = Task(ticket.run_id, ticket.started_at, options.batch_size, options.mark_gone)
        self._stages = Stages(
            catalog,
            self._task,
            self._progress,
            batch_numbers=count(1),
            listed=self._course.take,
            committed=self._committed,
        )
        self._opener = opener
        self._most_processes = _most_processes(options) if opener else 1
        self._crew = Crew(self._told)
        self.committed: list[int] = []
        """The numbers of the batches that the catalog says it has committed."""
        self._listing: Listing | None = None
        self._group: asyncio.TaskGroup
        self._processes = 1

    async def work(self) -> None:
        """All of it; returns once everything found is committed."""
        try:
            with one_fault():
                async with asyncio.TaskGroup() as group:
                    around = [group.create_task(self._keep_lease())]
                    around.append(group.create_task(self._tick()))
                    await self._run()
                    for task in around:
                        task.cancel()
        finally:
            self._progress.stop()
            self._say_progress()

    def result(self) -> RunResult:
        """How the run stands."""
        error, hint = self._what_is_left()
        return RunResult(
            run_id=self._run_id,
            status=RunStatus.FAILED if error else RunStatus.SUCCEEDED,
            mode=self._decision.mode,
            mode_reason=self._decision.reason,
            dry_run=self._options.dry_run,
            stats=self._progress.stats(),
            phases=self._progress.phases(),
            failed_ranges=[span for span, _ in self._failures],
            gone_sample=self._stages.gone_sample,
            rejected_sample=self._stages.rejected_sample,
            error=error,
            hint=hint,
            exit_code=PartlyDone.exit_code if error else 0,
        )

    def lanes(self) -> Lanes | None:
        """What the next run may go by; None unless everything is listed and committed."""
        is_left = self._failures or self._stages.refusals.rows
        return None if is_left else self._course.lanes()

    def _what_is_left(self) -> tuple[str, str]:
        """What of the bucket is not in the table, and what to do; empty where all is."""
        errors: list[str] = []
        hints: list[str] = []
        if self._failures:
            reason = self._failures[0][1]
            ranges = _counted(len(self._failures), "key range")
            errors.append(f"{ranges} could not be listed. {reason.message}")
            hints.append(f"All others are done; the next run completes these. {reason.hint}")
        refusals = self._stages.refusals
        if refusals.error is not None:
            rows = _counted(refusals.rows, "row")
            errors.append(
                f"{rows} could not be written, for example of {shown(refusals.key)}. "
                f"{refusals.error.message}"
            )
            hints.append(
                f"All others are written; each run tries these anew. {refusals.error.hint}"
            )
        return " ".join(errors), " ".join(hints)

    async def _run(self) -> None:
        progress = self._progress
        progress.images_before = self._images_before
        await self._source.open()
        listing = Listing(
            self._source,
            await self._plan(self._images_before),
            concurrency=self._options.list_concurrency,
            deliver=self._stages.deliver,
            failed=self._failed,
            others=self._crew,
        )
        self._crew.help_with(listing)
        async with asyncio.TaskGroup() as group:
            self._listing, self._group = listing, group
            if self._options.processes is not None:
                for _ in range(1, self._most_processes):
                    self._enlist()
            await self._stages.run(listing, all_listed=self._all_listed)
        for done in self._crew.done:
            self._course.merge(done.learner)
            add_sample(self._stages.gone_sample, done.gone_sample)
            add_sample(self._stages.rejected_sample, done.rejected_sample)
            self._stages.refusals.merge(done.refusals)
        progress.end(Phase.INSERT)
        written = progress.counts.added + progress.counts.changed
        worth_it = written >= max(VACUUM_FROM_ROWS, VACUUM_FROM_SHARE * self._images_before)
        if worth_it and self._run_id is not None:
            await self._catalog.vacuum()

    async def _plan(self, images: int) -> list[KeyRange]:
        spans = await self._course.spans()
        if spans is not None:
            self._progress.images_before = 0  # nobody knows how many of them will be listed
            return spans
        whole = KeyRange.of_prefix(self._source.prefix)
        parts = min(2 * self._options.list_concurrency, images // ROWS_PER_RANGE)
        cuts = await self._catalog.split_points(whole, parts) if parts > 1 else []
        if not cuts:
            most = self._options.list_concurrency
            worth_it = min(most, images // ROWS_PER_RANGE) if images else most
            cuts = await self._source.split_points(whole, worth_it) if worth_it > 1 else []
        return whole.split(cuts)

    def _all_listed(self) -> None:
        progress = self._progress
        progress.all_listed = True
        progress.end(Phase.LIST)
        counts = progress.counts
        self._sink(BucketListed(counts.images, counts.listed - counts.images))
        self._crew.finish()

    def _failed(self, span: KeyRange, error: BucketError) -> None:
        self._failures.append((span, error))
        self._sink(RangeFailed(span, error.message))

    def _committed(self, number: int, rows: int) -> None:
        self.committed.append(number)
        counts = self._progress.counts
        self._sink(BatchInserted(number, rows, counts.added, counts.changed))

    def _told(self, place: int, told: Told) -> None:
        """A further process tells how far it is."""
        progress = self._progress
        progress.others += [Counts() for _ in range(place + 1 - len(progress.others))]
        progress.others[place] = told.counts
        if told.counts.compared:
            progress.begin(Phase.DEDUPE)
        for number, rows in told.batches:
            progress.begin(Phase.INSERT)
            self._committed(number, rows)
        for span, error in told.failures:
            self._failed(span, error)

    def _enlist(self) -> None:
        """One process more."""
        if self._opener is None:
            return
        self._processes += 1
        job = Job(
            self._opener,
            self._task,
            streams=self._options.list_concurrency // self._most_processes,
            first_batch=(self._processes - 1) * BATCHES_PER_PROCESS + 1,
            learner=self._course.new_learner(),
            log_level=logging.getLogger().getEffectiveLevel(),
        )
        self._group.create_task(self._crew.attend(job))

    def _enlist_if_worth_it(self) -> None:
        progress = self._progress
        all_are_there = len(progress.others) == self._processes - 1
        may_be_more = self._options.processes is None and self._processes < self._most_processes
        if not may_be_more or not all_are_there or progress.all_listed:
            return
        if progress.counts.pages_left >= PAGES_WORTH_A_PROCESS * self._processes:
            self._enlist()

    async def _keep_lease(self) -> None:
        if self._run_id is not None:
            await keep_lease(
                self._catalog, self._run_id, self._options.lease_seconds, self._progress
            )

    async def _tick(self) -> None:
        while True:
            self._say_progress()
            self._enlist_if_worth_it()
            await asyncio.sleep(TICK_SECONDS)

    def _say_progress(self) -> None:
        own = self._progress.own
        own.list_requests = self._source.list_requests
        if self._listing is not None:
            own.pages_left = self._listing.plan.pages_left()
        for event in self._progress.events():
            self._sink(event)


def _most_processes(options: SyncOptions) -> int:
    """How many a run may have; each has a request in flight, at least."""
    most = options.processes
    if most is None:
        most = min(MOST_PROCESSES, cores())
    return min(most, options.list_concurrency)


def cores() -> int:
    """Of this machine, that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"
