"""List, reconcile and write: the stages that pages flow through, in one process of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import partial

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.engine.flow import Batcher, BoundedQueue
from s3sync_tui.engine.progress import Progress
from s3sync_tui.engine.reconcile import Findings, reconcile
from s3sync_tui.engine.refusals import Refusals
from s3sync_tui.model import ObjectPage, Rows
from s3sync_tui.phases import Phase
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

SAMPLE = 20


class Write(Enum):
    """What is done with the rows of a batch."""

    LOAD = auto()
    """The catalog holds nothing where they lie."""
    INSERT = auto()
    UPDATE = auto()


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done with the pages, the same in each process of a run."""

    run_id: int | None
    """None for a dry run."""
    started_at: datetime
    batch_size: int
    mark_gone: bool


class Stages:
    """The stages, and the queues between them."""

    def __init__(
        self,
        catalog: Catalog,
        task: Task,
        progress: Progress,
        *,
        batch_numbers: Iterator[int],
        listed: Callable[[ObjectPage], None],
        committed: Callable[[int, int], None],
    ) -> None:
        """``batch_numbers`` are this process's own. ``listed`` hears of each page,
        ``committed`` of each batch: its number, and how many rows it changed."""
        self.gone_sample: list[str] = []
        self.rejected_sample: list[str] = []
        self.refusals = Refusals()
        self._catalog = catalog
        self._task = task
        self._progress = progress
        self._counts = progress.own
        self._batch_numbers = batch_numbers
        self._listed = listed
        self._committed = committed
        self._pages: BoundedQueue[ObjectPage] = BoundedQueue(PAGES_HELD_BYTES)
        self._batches: BoundedQueue[tuple[Write, Rows]] = BoundedQueue(ROWS_HELD)
        self._batchers = {
            write: Batcher(task.batch_size, partial(self._hand_on, write)) for write in Write
        }

    async def run(self, listing: Listing, *, all_listed: Callable[[], None]) -> None:
        """From the listing to the last commit; ``listing`` delivers to :meth:`deliver`."""

        async def list_all() -> None:
            self._progress.begin(Phase.LIST)
            await listing.run()
            all_listed()
            await self._pages.close()

        async with asyncio.TaskGroup() as stages:
            stages.create_task(list_all())
            stages.create_task(self._reconcile())
            for _ in range(WRITERS):
                stages.create_task(self._write())

    async def deliver(self, page: ObjectPage) -> None:
        """Take in a page; waits while there are too many."""
        counts = self._counts
        counts.pages += 1
        counts.listed += len(page.images) + len(page.others) + len(page.rejected)
        counts.images += len(page.images)
        counts.rejected += len(page.rejected)
        add_sample(self.rejected_sample, page.rejected)
        self._listed(page)
        await self._pages.put(page, page.weight_bytes)

    async def _reconcile(self) -> None:
        started_at = self._task.started_at

        async def work() -> None:
            while pages := await self._pages.take(PAGES_PER_DIGEST_CALL):
                self._progress.begin(Phase.DEDUPE)
                await reconcile(self._catalog, pages, started_at=started_at, found=self._found)

        async with asyncio.TaskGroup() as workers:
            for _ in range(RECONCILERS):
                workers.create_task(work())
        if not self._progress.others:
            self._progress.end(Phase.DEDUPE)
        for batcher in self._batchers.values():
            await batcher.flush()
        await self._batches.close()

    async def _found(self, findings: Findings) -> None:
        counts, task = self._counts, self._task
        counts.compared += len(findings.page.images)
        counts.wanted += len(findings.missing) + len(findings.changed)
        if findings.gone:
            counts.gone += findings.gone
            add_sample(self.gone_sample, findings.gone_sample)
            if task.mark_gone and task.run_id is not None:
                await self._catalog.mark_gone(
                    findings.page, run_id=task.run_id, started_at=task.started_at
                )
        load_or_insert = Write.LOAD if findings.is_fresh else Write.INSERT
        await self._batchers[load_or_insert].add(findings.missing)
        await self._batchers[Write.UPDATE].add(findings.changed)

    async def _hand_on(self, write: Write, rows: Rows) -> None:
        await self._batches.put((write, rows), len(rows))

    async def _write(self) -> None:
        while taken := await self._batches.take(1):
            [(write, rows)] = taken
            self._progress.begin(Phase.INSERT)
            await self.refusals.write(partial(self._write_batch, write), rows)

    async def _write_batch(self, write: Write, rows: Rows) -> None:
        counts, run_id = self._counts, self._task.run_id
        number = next(self._batch_numbers)
        if run_id is None:
            written = len(rows)
        elif write is Write.UPDATE:
            written = await self._catalog.update_batch(run_id, number, rows)
        else:
            fresh = write is Write.LOAD
            written = await self._catalog.insert_batch(run_id, number, rows, fresh=fresh)
        counts.written += len(rows)
        if write is Write.UPDATE:
            counts.changed += written
        else:
            counts.added += written
        self._committed(number, written)


def add_sample(sample: list[str], keys: list[str]) -> None:
    """Fill ``sample`` up with ``keys``."""
    sample.extend(keys[: SAMPLE - len(sample)])
