"""A run in several processes: real ones, a bucket over HTTP, a real Postgres."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
from pydantic import SecretStr

from s3sync_tui.catalog.base import BATCHES_PER_PROCESS
from s3sync_tui.connect import sync_options
from s3sync_tui.engine.sync import sync
from s3sync_tui.errors import BucketDenied
from s3sync_tui.events import BatchInserted, BucketListed, Event, PhaseProgress, RangeFailed
from s3sync_tui.model import RunResult, RunStatus
from s3sync_tui.phases import Phase
from s3sync_tui.settings import Settings
from tests.support.database import Connection
from tests.support.impatient import ImpatientOpener
from tests.support.settings import settings_of
from tests.support.stub import CameraKeys, ListingStub, Reply, Request, error_reply, served
from tests.support.supabase_stack import SupabaseStack

KEYS = 20_000
SLOW = 0.4
"""Seconds: the first process has not listed all before the others are there."""
QUICK = 0.02


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> ListingStub:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return ListingStub(CameraKeys(KEYS), latency_seconds=SLOW)


@pytest.fixture
def settings(stub: ListingStub, catalog_database: str) -> Iterator[Settings]:
    with served(stub) as endpoint:
        yield settings_of(
            bucket="stub-bucket",
            endpoint=endpoint,
            database_url=catalog_database,
            list_concurrency="6",
            processes="3",
            batch_size="200",
        )


async def synced(settings: Settings, events: list[Event]) -> RunResult:
    opener = ImpatientOpener(settings)
    async with opener(settings.list_concurrency) as (source, catalog):
        options = sync_options(settings, dry_run=False)
        return await sync(source, catalog, options, events.append, opener=opener)


async def begun(
    settings: Settings, stub: ListingStub, events: list[Event]
) -> asyncio.Task[RunResult]:
    """A run to which all of three processes have contributed; from then on it is quick."""
    run = asyncio.create_task(synced(settings, events))
    while not run.done() and processes_of(events) < {0, 1, 2}:
        await asyncio.sleep(0.01)
    stub.latency_seconds = QUICK
    return run


def stored(behind: Connection) -> list[object]:
    rows = behind.execute('select filename from images order by filename collate "C"').fetchall()
    return [key for (key,) in rows]


def processes_of(events: list[Event]) -> set[int]:
    """Those that have written something."""
    batches = [event.batch for event in events if isinstance(event, BatchInserted)]
    return {batch // BATCHES_PER_PROCESS for batch in batches}


async def members() -> list[psutil.Process]:
    """The further processes, once they are there."""
    while True:
        children = psutil.Process().children(recursive=True)
        found = [each for each in children if "engine.member" in " ".join(cmdline(each))]
        if len(found) == 2:
            return found
        await asyncio.sleep(0.01)


def cmdline(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return list(process.cmdline())
    return []


async def all_gone(found: list[psutil.Process]) -> bool:
    _, alive = await asyncio.to_thread(psutil.wait_procs, found, 30)
    return not alive


async def test_three_processes_share_a_run_and_every_row_is_written_once(
    settings: Settings, behind: Connection, stub: ListingStub
) -> None:
    events: list[Event] = []
    result = await (await begun(settings, stub, events))
    assert (result.status, result.stats.total, result.stats.added) == ("succeeded", KEYS, KEYS)
    assert stored(behind) == list(CameraKeys(KEYS))
    assert processes_of(events) == {0, 1, 2}
    assert [event for event in events if isinstance(event, BucketListed)] == [BucketListed(KEYS, 0)]
    assert result.stats.list_requests == sum(
        request.method == "GET" and request.query.get("list-type") == "2"
        for request in stub.requests
    )
    for phase in Phase:
        last = [e for e in events if isinstance(e, PhaseProgress) and e.phase is phase][-1]
        assert (last.done, last.expected, last.share) == (KEYS, KEYS, 1)
    assert behind.execute("select sum(objects) from images_counts").fetchone() == (KEYS,)
    again = await synced(settings, [])
    assert (again.stats.total, again.stats.added, again.stats.changed) == (KEYS, 0, 0)


async def test_what_is_learnt_of_lanes_is_the_same_in_one_process_as_in_three(
    settings: Settings, behind: Connection, stub: ListingStub
) -> None:
    lanes = "select to_jsonb(l) - array['full_at'] from sync_lanes l"
    await (await begun(settings, stub, []))
    of_three = behind.execute(lanes).fetchall()
    await synced(settings.model_copy(update={"processes": 1, "mode": "full"}), [])
    assert of_three == behind.execute(lanes).fetchall() != []


async def test_several_processes_together_have_no_more_requests_in_flight_than_one(
    settings: Settings, stub: ListingStub
) -> None:
    run = await begun(settings, stub, [])
    stub.most_at_once = 0
    await run
    assert 3 <= stub.most_at_once <= settings.list_concurrency


async def test_a_small_bucket_is_listed_by_one_process_unless_more_are_asked_for(
    settings: Settings, stub: ListingStub
) -> None:
    stub.keys, stub.latency_seconds = CameraKeys(5_000), 0.01
    events: list[Event] = []
    await synced(settings.model_copy(update={"processes": None}), events)
    assert processes_of(events) == {0}


async def test_processes_that_are_there_too_late_end_with_the_run(
    settings: Settings, stub: ListingStub
) -> None:
    stub.keys, stub.latency_seconds = CameraKeys(10), 0
    events: list[Event] = []
    result = await synced(settings, events)
    assert (result.status, result.stats.added) == (RunStatus.SUCCEEDED, 10)
    assert processes_of(events) == {0}
    children = psutil.Process().children(recursive=True)
    assert not [each for each in children if "engine.member" in " ".join(cmdline(each))]


async def test_a_process_that_dies_fails_the_run_and_the_next_completes_it(
    settings: Settings, behind: Connection, stub: ListingStub
) -> None:
    run = await begun(settings, stub, [])
    found = await members()
    found[0].send_signal(signal.SIGKILL)
    result = await run
    assert (result.status, result.exit_code) == (RunStatus.FAILED, 1)
    assert "SIGKILL" in result.error
    assert "next run" in result.hint
    assert await all_gone(found)
    assert behind.execute("select added from sync_runs").fetchone() == (len(stored(behind)),)
    rest = KEYS - len(stored(behind))
    assert 0 < rest < KEYS
    assert (await synced(settings, [])).stats.added == rest
    assert stored(behind) == list(CameraKeys(KEYS))


async def test_a_cancelled_run_leaves_no_process_behind_and_its_row_is_exact(
    settings: Settings, behind: Connection, stub: ListingStub
) -> None:
    run = await begun(settings, stub, [])
    found = await members()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert await all_gone(found)
    rows = len(stored(behind))
    assert 0 < rows < KEYS
    assert behind.execute("select status, added from sync_runs").fetchall() == [("cancelled", rows)]
    assert behind.execute("select sum(objects) from images_counts").fetchone() == (rows,)


BAD_KEY = CameraKeys(KEYS)[KEYS // 2]


async def test_ranges_that_stay_unreachable_are_named_whoever_lists_them(
    settings: Settings, behind: Connection, stub: ListingStub
) -> None:
    def script(request: Request) -> Reply | None:
        is_page = "list-type" in request.query and "delimiter" not in request.query
        is_bad = is_page and BAD_KEY.encode() in stub.listing(request.query)
        return error_reply(500, "InternalError") if is_bad else None

    stub.script = script
    events: list[Event] = []
    result = await (await begun(settings, stub, events))
    assert (result.status, result.exit_code) == (RunStatus.FAILED, 7)
    assert [e.span for e in events if isinstance(e, RangeFailed)] == result.failed_ranges != []
    missing = set(CameraKeys(KEYS)) - set(stored(behind))
    assert BAD_KEY in missing
    assert all(any(str(key) in span for span in result.failed_ranges) for key in missing)


async def test_what_stops_one_process_stops_the_run(settings: Settings, stub: ListingStub) -> None:
    def script(request: Request) -> Reply | None:
        is_late = len(stub.requests) > 30
        return error_reply(403, "AccessDenied") if is_late else None

    stub.script = script
    run = asyncio.create_task(synced(settings, []))
    found = await members()
    result = await run
    assert (result.status, result.exit_code) == (RunStatus.FAILED, BucketDenied.exit_code)
    assert await all_gone(found)


async def test_processes_share_a_run_over_rest(
    settings: Settings, supabase: SupabaseStack, behind: Connection, stub: ListingStub
) -> None:
    rest = {
        "database_url": None,
        "supabase_url": supabase.url,
        "supabase_key": SecretStr(supabase.secret_key),
    }
    events: list[Event] = []
    result = await (await begun(settings.model_copy(update=rest), stub, events))
    assert (result.stats.total, result.stats.added) == (KEYS, KEYS)
    assert processes_of(events) == {0, 1, 2}
    assert stored(behind) == list(CameraKeys(KEYS))
