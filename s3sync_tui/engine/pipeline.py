"""The stages of a run, and what flows between them."""

from __future__ import annotations

import asyncio
import os
import platform
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from functools import partial
from itertools import count

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.engine.delta import Course, Decision
from s3sync_tui.engine.flow import Batcher, BoundedQueue
from s3sync_tui.engine.lease import keep_lease
from s3sync_tui.engine.progress import Progress
from s3sync_tui.engine.reconcile import Findings, reconcile
from s3sync_tui.errors import BucketError, PartlyDone
from s3sync_tui.events import BatchInserted, BucketListed, RangeFailed, Sink
from s3sync_tui.model import (
    KeyRange,
    Lanes,
    ModeChoice,
    ObjectPage,
    Rows,
    RunMode,
    RunResult,
    RunStatus,
    RunTicket,
)
from s3sync_tui.phases import Phase
from s3sync_tui.source.base import Source
from s3sync_tui.source.ranges import Listing

PAGES_HELD_BYTES = 3 * 1024 * 1024
"""What waits between listing and reconciling: about 10 pages of S3's XML, each of which
takes 0.4 MB once it is read."""

ROWS_HELD = 10_000
"""What waits between reconciling and writing: 4 MB."""

PAGES_PER_DIGEST_CALL = 20
RECONCILERS = 2
WRITERS = 2
"""Two keep a database busy; more gain nothing (DESIGN.md, "Loading")."""

ROWS_PER_RANGE = 5_000
"""Each range costs up to one LIST request more: with five pages a range, a fifth."""

VACUUM_FROM_ROWS = 10_000
VACUUM_FROM_SHARE = 0.1
"""Of the rows: digests run at a third of their speed over pages that are not yet
all-visible, and the next run's ranges are cut by the statistics (DESIGN.md, "Digests").
Below, autovacuum is soon enough."""

TICK_SECONDS = 0.1
SAMPLE = 20


class Write(Enum):
    """What is done with the rows of a batch."""

    LOAD = auto()
    """The catalog holds nothing where they lie."""
    INSERT = auto()
    UPDATE = auto()


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How to sync; see the settings of the same names."""

    batch_size: int = 1000
    list_concurrency: int = 32
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
    """The stages of one run and what flows between them."""

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
    ) -> None:
        """``images_before`` are in the catalog already; ``lanes`` are what is known of them."""
        self._source = source
        self._catalog = catalog
        self._options = options
        self._sink = sink
        self._run_id = ticket.run_id
        self._started_at = ticket.started_at
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
        self._gone_sample: list[str] = []
        self._rejected_sample: list[str] = []
        self._pages: BoundedQueue[ObjectPage] = BoundedQueue(PAGES_HELD_BYTES)
        self._batches: BoundedQueue[tuple[Write, Rows]] = BoundedQueue(ROWS_HELD)
        self._batchers = {
            write: Batcher(options.batch_size, partial(self._hand_on, write)) for write in Write
        }
        self._batch_numbers = count(1)

    async def work(self) -> None:
        """All of it; returns once everything found is committed."""
        try:
            async with asyncio.TaskGroup() as group:
                around = [group.create_task(self._tick()), group.create_task(self._keep_lease())]
                await self._stages()
                for task in around:
                    task.cancel()
        except ExceptionGroup as group_of_faults:
            fault = first_fault(group_of_faults)
            raise fault from fault.__cause__
        finally:
            self._progress.stop()
            self._say_progress()

    def result(self) -> RunResult:
        """How the run stands."""
        failed = [span for span, _ in self._failures]
        reason = self._failures[0][1] if self._failures else None
        return RunResult(
            run_id=self._run_id,
            status=RunStatus.FAILED if failed else RunStatus.SUCCEEDED,
            mode=self._decision.mode,
            mode_reason=self._decision.reason,
            dry_run=self._options.dry_run,
            stats=self._progress.stats(),
            phases=self._progress.phases(),
            failed_ranges=failed,
            gone_sample=self._gone_sample,
            rejected_sample=self._rejected_sample,
            error=f"{_ranges(len(failed))} could not be listed. {reason.message}" if reason else "",
            hint=f"All others are done; the next run completes these. {reason.hint}"
            if reason
            else "",
            exit_code=PartlyDone.exit_code if failed else 0,
        )

    def lanes(self) -> Lanes | None:
        """What the next run may go by; None unless everything is listed and committed."""
        return None if self._failures else self._course.lanes()

    async def _stages(self) -> None:
        self._progress.images_before = self._images_before
        await self._source.open()
        ranges = await self._plan(self._images_before)
        self._progress.plan(ranges)
        async with asyncio.TaskGroup() as stages:
            stages.create_task(self._list(ranges))
            stages.create_task(self._reconcile())
            for _ in range(WRITERS):
                stages.create_task(self._write())
        self._progress.end(Phase.INSERT)
        written = self._progress.added + self._progress.changed
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
            cuts = await self._source.split_points(whole, self._options.list_concurrency)
        return whole.split(cuts)

    async def _list(self, ranges: list[KeyRange]) -> None:
        progress = self._progress
        progress.begin(Phase.LIST)
        await Listing(
            self._source,
            ranges,
            concurrency=self._options.list_concurrency,
            deliver=self._deliver,
            failed=self._range_failed,
        ).run()
        progress.all_listed = True
        progress.end(Phase.LIST)
        self._sink(BucketListed(progress.images, progress.listed - progress.images))
        await self._pages.close()

    async def _deliver(self, page: ObjectPage) -> None:
        progress = self._progress
        progress.listed += len(page.images) + len(page.others) + len(page.rejected)
        progress.images += len(page.images)
        progress.rejected += len(page.rejected)
        _sample(self._rejected_sample, page.rejected)
        progress.covered(page.span)
        self._course.take(page)
        await self._pages.put(page, page.weight_bytes)

    def _range_failed(self, span: KeyRange, error: BucketError) -> None:
        self._failures.append((span, error))
        self._progress.covered(span)
        self._sink(RangeFailed(span, error.message))

    async def _reconcile(self) -> None:
        async def work() -> None:
            while pages := await self._pages.take(PAGES_PER_DIGEST_CALL):
                self._progress.begin(Phase.DEDUPE)
                await reconcile(
                    self._catalog, pages, started_at=self._started_at, found=self._found
                )

        async with asyncio.TaskGroup() as workers:
            for _ in range(RECONCILERS):
                workers.create_task(work())
        self._progress.end(Phase.DEDUPE)
        for batcher in self._batchers.values():
            await batcher.flush()
        await self._batches.close()

    async def _found(self, findings: Findings) -> None:
        progress = self._progress
        progress.compared += len(findings.page.images)
        progress.wanted += len(findings.missing) + len(findings.changed)
        if findings.gone:
            progress.gone += findings.gone
            _sample(self._gone_sample, findings.gone_sample)
            if self._options.mark_gone and self._run_id is not None:
                await self._catalog.mark_gone(
                    findings.page, run_id=self._run_id, started_at=self._started_at
                )
        load_or_insert = Write.LOAD if findings.is_fresh else Write.INSERT
        await self._batchers[load_or_insert].add(findings.missing)
        await self._batchers[Write.UPDATE].add(findings.changed)

    async def _hand_on(self, write: Write, rows: Rows) -> None:
        await self._batches.put((write, rows), len(rows))

    async def _write(self) -> None:
        while taken := await self._batches.take(1):
            [(write, rows)] = taken
            is_new = write is not Write.UPDATE
            number = next(self._batch_numbers)
            progress = self._progress
            progress.begin(Phase.INSERT)
            if self._run_id is None:
                written = len(rows)
            elif is_new:
                written = await self._catalog.insert_batch(
                    self._run_id, number, rows, fresh=write is Write.LOAD
                )
            else:
                written = await self._catalog.update_batch(self._run_id, number, rows)
            progress.written += len(rows)
            if is_new:
                progress.added += written
            else:
                progress.changed += written
            self._sink(BatchInserted(number, written, progress.added, progress.changed))

    async def _keep_lease(self) -> None:
        if self._run_id is not None:
            await keep_lease(
                self._catalog, self._run_id, self._options.lease_seconds, self._progress
            )

    async def _tick(self) -> None:
        while True:
            self._say_progress()
            await asyncio.sleep(TICK_SECONDS)

    def _say_progress(self) -> None:
        self._progress.list_requests = self._source.list_requests
        for event in self._progress.events():
            self._sink(event)


def _ranges(number: int) -> str:
    return f"{number} key range{'s' if number > 1 else ''}"


def first_fault(group: BaseExceptionGroup[Exception]) -> Exception:
    """The fault that came first; the others are tasks that met the same, or its end."""
    fault = group.exceptions[0]
    return first_fault(fault) if isinstance(fault, BaseExceptionGroup) else fault


def _sample(sample: list[str], keys: list[str]) -> None:
    sample.extend(keys[: SAMPLE - len(sample)])
