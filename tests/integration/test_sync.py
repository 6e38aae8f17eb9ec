"""The engine on a real Postgres: exact, whatever the bucket does and however a run ends."""

from __future__ import annotations

import asyncio
import threading
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from itertools import accumulate, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3sync_tui.catalog.supabase import SupabaseCatalog
from s3sync_tui.engine.pipeline import SyncOptions
from s3sync_tui.engine.sync import sync
from s3sync_tui.errors import BucketDenied, BucketUnreachable
from s3sync_tui.events import (
    BatchInserted,
    BucketListed,
    Event,
    PhaseProgress,
    RangeFailed,
    RunFinished,
    RunStarted,
)
from s3sync_tui.model import KeyRange, Level, ObjectPage, Rows, RunRecord, RunResult, RunStatus
from s3sync_tui.phases import MOST_RATES, Phase
from tests.support.database import Connection
from tests.support.faulty_runs import opened
from tests.support.supabase_stack import SupabaseStack

DAY = "2026-11-24T12:00:00.000Z"


class BucketOfTests:
    """A Source over a dict of key to etag; pages of ``page_size``; some keys cannot be passed."""

    bucket = "bucket-of-tests"
    prefix = ""
    list_requests = 0

    def __init__(self, objects: dict[str, str] | None = None, *, page_size: int = 3) -> None:
        self.objects = objects or {}
        self.page_size = page_size
        self.cuts: list[str] = []
        self.faults: dict[str, Exception] = {}
        self.before_page: Callable[[], object] = lambda: None

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def split_points(self, span: KeyRange, parts: int) -> list[str]:
        return self.cuts

    async def level(self, prefix: str) -> Level | None:
        return None

    async def pages(self, span: KeyRange) -> AsyncIterator[ObjectPage]:
        keys = sorted(self.objects)
        keys = keys[bisect_right(keys, span.after) : bisect_right(keys, span.up_to)]
        after = span.after
        while True:
            self.list_requests += 1
            self.before_page()
            await asyncio.sleep(0)
            chunk, keys = keys[: self.page_size], keys[self.page_size :]
            for key in chunk:
                if key in self.faults:
                    raise self.faults[key]
            etags = [self.objects[key] for key in chunk]
            rows = Rows(chunk, etags, [len(etag) for etag in etags], [DAY] * len(chunk))
            up_to = chunk[-1] if keys else span.up_to
            yield ObjectPage(KeyRange(after, up_to), rows, [], [], weight_bytes=100)
            if not keys:
                return
            after = up_to


class Told:
    """Collects events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


async def run_on(
    conninfo: str, bucket: BucketOfTests, told: Told | None = None, **options: object
) -> RunResult:
    async with opened(conninfo) as catalog:
        chosen = SyncOptions(**{"batch_size": 4, "list_concurrency": 3, **options})  # type: ignore[arg-type]
        return await sync(bucket, catalog, chosen, told or Told())


def stored(behind: Connection) -> dict[object, object]:
    query = "select filename, etag from images where missing_since is null"
    return {key: etag for key, etag in behind.execute(query).fetchall()}  # noqa: C416


def kept_count(behind: Connection) -> object:
    return behind.execute("select coalesce(sum(objects), 0) from images_counts").fetchone()


def history(behind: Connection) -> list[tuple[object, ...]]:
    return behind.execute("select status, added from sync_runs order by id").fetchall()


async def test_events_tell_a_run_from_beginning_to_end(catalog_database: str) -> None:
    bucket, told = BucketOfTests({f"k{i:03}": "e" for i in range(50)}), Told()
    result = await run_on(catalog_database, bucket, told)
    assert isinstance(told.events[0], RunStarted)
    assert isinstance(told.events[-1], RunFinished)
    assert told.of(BucketListed) == [BucketListed(images=50, others=0)]
    inserted = [event for event in told.events if isinstance(event, BatchInserted)]
    # Two write at once, so the last batch, of two, may be done before the last but one.
    so_far = [event.added_so_far for event in inserted]
    assert sorted(event.rows for event in inserted) == [2] + [4] * 12
    assert so_far == list(accumulate(event.rows for event in inserted))
    last = [event for event in told.events if isinstance(event, PhaseProgress)][-3:]
    assert [(event.done, event.expected, event.share) for event in last] == [(50, 50, 1.0)] * 3
    assert (result.status, result.stats.total, result.stats.added) == (
        RunStatus.SUCCEEDED,
        50,
        50,
    )


async def test_a_run_s_row_tells_how_each_phase_went(catalog_database: str) -> None:
    bucket = BucketOfTests({f"k{i:04}": "e" for i in range(2_000)}, page_size=50)
    result = await run_on(catalog_database, bucket)
    async with opened(catalog_database) as catalog:
        [run] = (await catalog.history()).runs
    assert run.status is RunStatus.SUCCEEDED
    phases = {phase.phase: phase for phase in run.phases}
    assert list(phases) == list(Phase)
    for phase in phases.values():
        assert phase.began is not None
        assert phase.ended is not None
        assert 0 <= phase.began <= phase.ended <= phase.elapsed <= run.stats.duration_seconds
        assert (phase.done, phase.expected, phase.share) == (2_000, 2_000, 1)
        assert 0 < phase.mean <= phase.peak
        assert sum(phase.rates) > 0
        assert len(phase.rates) <= MOST_RATES
    listing, dedupe, insert = phases.values()
    assert (listing.began or 0) <= (dedupe.began or 0) <= (insert.began or 0)
    assert (listing.ended or 0) <= (dedupe.ended or 0) <= (insert.ended or 0)
    assert listing.done == result.stats.total
    assert insert.done == result.stats.added

    again = await run_on(catalog_database, bucket)
    insert = again.phases[-1]
    assert (insert.began, insert.ended, insert.done, insert.rates) == (None, None, 0, ())


async def test_onlookers_see_a_run_move(catalog_database: str) -> None:
    bucket = BucketOfTests({f"k{i:04}": "e" for i in range(20_000)})
    stopped, seen = asyncio.Event(), list[RunRecord]()
    pages = bucket.pages

    async def slow(span: KeyRange) -> AsyncIterator[ObjectPage]:
        async for page in pages(span):
            yield page
            if not stopped.is_set():
                await asyncio.sleep(0.01)

    bucket.pages = slow  # type: ignore[method-assign]
    run = asyncio.create_task(run_on(catalog_database, bucket, lease_seconds=1))
    async with opened(catalog_database) as onlooker:
        while len(seen) < 3:
            await asyncio.sleep(0.02)
            newest = (await onlooker.history(1)).runs
            if newest and newest[0].phases and newest[0].phases not in [r.phases for r in seen]:
                seen.append(newest[0])
        stopped.set()
        await run
        [final] = (await onlooker.history(1)).runs
    for earlier, later in pairwise([*seen, final]):
        for before, after in zip(earlier.phases, later.phases, strict=True):
            assert before.done <= after.done
            assert before.elapsed < after.elapsed
            assert before.ended is None
        assert earlier.phases[0].done < later.phases[0].done
    assert all(record.status is RunStatus.RUNNING for record in seen)
    assert [phase.share for phase in final.phases] == [1, 1, 1]


KEYS = st.text("ab/é😀", min_size=1, max_size=3)
BUCKETS = st.dictionaries(KEYS, st.sampled_from(["e1", "e2", "e33"]), max_size=12)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    states=st.lists(BUCKETS, min_size=1, max_size=4),
    cuts=st.lists(KEYS, max_size=3),
    page_size=st.integers(1, 4),
)
def test_after_every_run_the_table_is_the_bucket(
    catalog_database: str,
    behind: Connection,
    states: list[dict[str, str]],
    cuts: list[str],
    page_size: int,
) -> None:
    behind.execute("truncate images, images_counts")
    held: dict[str, str] = {}
    ever: set[str] = set()
    for objects in states:
        bucket = BucketOfTests(objects, page_size=page_size)
        bucket.cuts = cuts
        stats = asyncio.run(run_on(catalog_database, bucket, mark_gone=True)).stats
        ever_before, ever = ever, ever | objects.keys()
        assert stored(behind) == objects
        assert stats.total == len(objects)
        assert stats.added == len(objects.keys() - ever_before)
        assert stats.gone == len(held.keys() - objects.keys())
        back = {k for k in objects if k in ever_before and k not in held}
        other = {k for k in objects if k in held and held[k] != objects[k]}
        assert stats.changed == len(back | other)
        assert kept_count(behind) == (len(ever),)
        held = objects


async def test_a_failed_range_costs_only_its_own_keys_and_the_next_run_brings_them(
    catalog_database: str, behind: Connection
) -> None:
    bucket = BucketOfTests({f"{c}{i}": "e" for c in "abc" for i in range(5)})
    bucket.cuts = ["b", "c"]
    bucket.faults = {"b4": BucketUnreachable("No answer.", hint="Check it.")}
    told = Told()
    result = await run_on(catalog_database, bucket, told)
    assert (result.status, result.exit_code, result.stats.added) == (RunStatus.FAILED, 7, 13)
    [failed] = result.failed_ranges  # somebody may have taken over what lies behind b4
    assert failed.after == "b2"
    assert "b4" in failed
    assert result.error == "1 key range could not be listed. No answer."
    assert told.of(RangeFailed) == [RangeFailed(failed, "No answer.")]
    bucket.faults = {}
    again = await run_on(catalog_database, bucket)
    assert (again.status, again.stats.added) == (RunStatus.SUCCEEDED, 2)
    assert history(behind) == [("failed", 13), ("succeeded", 2)]


async def test_a_bucket_that_denies_ends_the_run_with_its_reason(
    catalog_database: str, behind: Connection
) -> None:
    bucket = BucketOfTests({"a": "e"})
    bucket.faults = {"a": BucketDenied("These credentials may not.", hint="Ask for them.")}
    result = await run_on(catalog_database, bucket)
    assert (result.status, result.exit_code) == (RunStatus.FAILED, 3)
    assert (result.error, result.hint) == ("These credentials may not.", "Ask for them.")
    row = behind.execute("select status, error, hint from sync_runs").fetchone()
    assert row == ("failed", "These credentials may not.", "Ask for them.")


async def test_an_unforeseen_fault_is_raised_after_the_run_s_row_says_failed(
    catalog_database: str, behind: Connection
) -> None:
    bucket = BucketOfTests({"a": "e"})
    bucket.faults = {"a": ZeroDivisionError("a bug")}
    with pytest.raises(ZeroDivisionError):
        await run_on(catalog_database, bucket)
    assert history(behind) == [("failed", 0)]


async def test_a_cancelled_run_says_so_and_keeps_what_it_has(
    catalog_database: str, behind: Connection
) -> None:
    bucket = BucketOfTests({f"k{i:04}": "e" for i in range(2_000)})
    told = Told()
    task = asyncio.create_task(run_on(catalog_database, bucket, told))
    while not told.of(BatchInserted):
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    rows = len(stored(behind))
    assert 0 < rows < 2_000
    assert history(behind) == [("cancelled", rows)]
    assert kept_count(behind) == (rows,)
    async with opened(catalog_database) as catalog:
        [run] = (await catalog.history()).runs
    assert 0 < (run.phases[0].ended or 0) <= run.phases[0].elapsed <= run.stats.duration_seconds
    assert run.phases[0].done < 2_000
    finished = told.events[-1]
    assert isinstance(finished, RunFinished)
    assert finished.result.status is RunStatus.CANCELLED
    assert finished.result.stats.added == rows
    assert (await run_on(catalog_database, bucket)).stats.added == 2_000 - rows


async def test_a_run_that_lost_its_lease_stops_writing(
    catalog_database: str, behind: Connection
) -> None:
    bucket = BucketOfTests({f"k{i:04}": "e" for i in range(2_000)})
    pages = 0

    def expire_and_take_over() -> None:
        nonlocal pages
        pages += 1
        if pages == 20:
            behind.execute("update sync_leases set expires_at = now() - interval '1 second'")
            taken = behind.execute(
                "select run_id from s3sync_begin_run('bucket-of-tests', '', 'full', 'other', 60)"
            ).fetchone()
            assert taken == (2,)

    bucket.before_page = expire_and_take_over
    result = await run_on(catalog_database, bucket)
    assert (result.status, result.exit_code) == (RunStatus.INTERRUPTED, 6)
    rows = len(stored(behind))
    assert rows < 2_000
    assert history(behind) == [("interrupted", rows), ("running", 0)]


async def test_a_dry_run_tells_what_a_run_would_do(
    catalog_database: str, behind: Connection
) -> None:
    await run_on(catalog_database, BucketOfTests({"a": "e", "b": "e", "c": "e"}))
    bucket = BucketOfTests({"a": "e", "b": "other", "d": "e"})
    result = await run_on(catalog_database, bucket, dry_run=True, mark_gone=True)
    stats = result.stats
    assert (stats.added, stats.changed, stats.gone, result.run_id) == (1, 1, 1, None)
    assert stored(behind) == {"a": "e", "b": "e", "c": "e"}
    assert len(history(behind)) == 1


async def test_a_catalog_that_goes_away_for_a_moment_is_waited_for(
    catalog_database: str, behind: Connection
) -> None:
    bucket = BucketOfTests({f"k{i:04}": "e" for i in range(600)})
    pages = 0

    def cut_connections() -> None:
        nonlocal pages
        pages += 1
        if pages in {50, 120}:
            behind.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where pid <> pg_backend_pid() and datname = current_database()"
            )

    bucket.before_page = cut_connections
    result = await run_on(catalog_database, bucket)
    assert (result.status, result.stats.added) == (RunStatus.SUCCEEDED, 600)
    assert stored(behind) == bucket.objects
    assert kept_count(behind) == (600,)


async def test_a_run_outlives_a_restart_of_postgrest(
    supabase: SupabaseStack, behind: Connection
) -> None:
    bucket = BucketOfTests({f"k{i:04}": "e" for i in range(600)})
    pages = 0

    def restart() -> None:
        nonlocal pages
        pages += 1
        if pages == 60:
            supabase.stop_postgrest(kill=True)
            threading.Timer(1, supabase.start_postgrest).start()

    bucket.before_page = restart
    catalog = SupabaseCatalog(supabase.url, supabase.secret_key, table="images")
    await catalog.open()
    result = await sync(bucket, catalog, SyncOptions(batch_size=4), Told())
    await catalog.close()
    assert (result.status, result.stats.added) == (RunStatus.SUCCEEDED, 600)
    assert stored(behind) == bucket.objects
    assert history(behind) == [("succeeded", 600)]
    assert kept_count(behind) == (600,)
