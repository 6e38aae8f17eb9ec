"""Runs while something goes wrong with the database, and what must be true after them."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.engine.pipeline import SyncOptions
from s3sync_tui.engine.sync import sync
from s3sync_tui.events import BatchInserted, Event
from s3sync_tui.model import KeyRange, Level, ModeChoice, ObjectPage, RunResult, RunStatus
from tests.contract.images import kept_counts, rows, stored, true_counts

PAGE = 50
BATCH = 100


class ListedBucket:
    """A bucket whose listing does something before some of its pages."""

    bucket = "bucket"
    prefix = ""
    list_requests = 0

    def __init__(self, keys: int, *, version: int = 1) -> None:
        self.objects = rows((f"cam/{number:06}.jpg" for number in range(keys)), version=version)
        self.before: dict[int, Callable[[], object]] = {}
        """By the number of the page, from 1: what is done in a thread before it is listed."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def split_points(self, span: KeyRange, parts: int) -> list[str]:
        return []

    async def level(self, prefix: str) -> Level | None:
        return None

    async def pages(self, span: KeyRange) -> AsyncIterator[ObjectPage]:
        keys = self.objects.keys
        start, end = bisect_right(keys, span.after), bisect_right(keys, span.up_to)
        after = span.after
        while True:
            self.list_requests += 1
            act = self.before.pop(self.list_requests, None)
            if act is not None:
                await asyncio.to_thread(act)
            images = self.objects.slice(start, min(end, start + PAGE))
            start += PAGE
            up_to = span.up_to if start >= end else images.keys[-1]
            yield ObjectPage(KeyRange(after, up_to), images, [], [], PAGE * 400)
            if start >= end:
                return
            after = up_to


@asynccontextmanager
async def opened(conninfo: str) -> AsyncIterator[PostgresCatalog]:
    """A catalog at this database."""
    catalog = PostgresCatalog(conninfo, table="images", description="test")
    await catalog.open()
    try:
        yield catalog
    finally:
        await catalog.close()


async def run(
    catalog: Catalog,
    bucket: ListedBucket,
    *,
    mode: ModeChoice = "full",
    on_batch: Callable[[int], object] = lambda number: None,
) -> RunResult:
    """One run; ``on_batch`` hears, in the event loop, how many batches are committed."""
    batches = 0

    def sink(event: Event) -> None:
        nonlocal batches
        if isinstance(event, BatchInserted):
            batches += 1
            on_batch(batches)

    # One stream: pages come in their order.
    options = SyncOptions(batch_size=BATCH, list_concurrency=1, mode=mode, mark_gone=True)
    bucket.list_requests = 0
    return await sync(bucket, catalog, options, sink)


def assert_exact(conninfo: str, bucket: ListedBucket, statuses: list[str]) -> None:
    """The table is as the bucket, all is counted, nothing is left over of any run; ``statuses``
    are those of the history, the newest last."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        assert stored(connection) == bucket.objects
        assert kept_counts(connection) == true_counts(connection)
        history = connection.execute(
            "select status, error is null, coalesce(hint, '') from sync_runs order by id"
        ).fetchall()
        assert [status for status, _, _ in history] == statuses
        for status, is_clean, hint in history:
            assert is_clean == (status == RunStatus.SUCCEEDED)
            assert is_clean or hint
        [(added,)] = connection.execute("select sum(added) from sync_runs").fetchall()
        assert added == len(bucket.objects)
        left = "select (select count(*) from sync_batches), (select sum(run_id) from sync_leases)"
        assert connection.execute(left.encode()).fetchall() == [(0, 0)]


def assert_clear(result: RunResult, *words: str, exit_code: int = 4) -> None:
    """The run failed, and says why and what to do."""
    assert (result.status, result.exit_code) == (RunStatus.FAILED, exit_code)
    assert result.hint
    said = f"{result.error} {result.hint}"
    assert all(word in said for word in words), said
