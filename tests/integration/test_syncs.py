"""Syncs in this process: a real bucket over HTTP, a real Postgres."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from s3sync_tui.errors import CatalogUnreachable, LeaseHeld, S3SyncError
from s3sync_tui.events import Event, PhaseProgress, RunFinished, RunStarted
from s3sync_tui.headless.server.attempts import Attempts
from s3sync_tui.headless.syncs import Syncs
from s3sync_tui.model import RunMode, RunResult, RunStatus
from s3sync_tui.settings import Settings
from tests.support.database import Connection
from tests.support.settings import settings_of
from tests.support.stub import CameraKeys, ListingStub, served

KEYS = 4_000


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> ListingStub:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return ListingStub(CameraKeys(KEYS))


@pytest.fixture
def settings(stub: ListingStub, catalog_database: str) -> Iterator[Settings]:
    with served(stub) as endpoint:
        yield settings_of(
            bucket="stub-bucket",
            endpoint=endpoint,
            database_url=catalog_database,
            processes="1",
        )


@pytest.fixture
async def syncs(settings: Settings) -> AsyncIterator[Syncs]:
    async with Syncs(settings) as syncs:
        yield syncs


async def begun(syncs: Syncs) -> asyncio.Task[RunResult]:
    """A run that is under way."""
    run = asyncio.create_task(syncs.run())
    while syncs.under_way is None and not run.done():
        await asyncio.sleep(0.01)
    return run


def statuses(behind: Connection) -> list[object]:
    return [status for (status,) in behind.execute("select status from sync_runs order by id")]


async def test_who_subscribes_hears_every_run_until_it_has_enough(
    syncs: Syncs, behind: Connection
) -> None:
    events: list[Event] = []
    unsubscribe = syncs.subscribe(events.append)
    first = await syncs.run()
    assert (first.status, first.stats.added, syncs.last) == (RunStatus.SUCCEEDED, KEYS, first)
    second = await syncs.run("full")
    unsubscribe()
    await syncs.run()
    started = [event.run_id for event in events if isinstance(event, RunStarted)]
    assert started == [first.run_id, second.run_id]
    assert events[-1] == RunFinished(second)
    assert second.mode_reason == "as asked"
    assert statuses(behind) == ["succeeded"] * 3


async def test_the_run_under_way_can_be_looked_at(stub: ListingStub, syncs: Syncs) -> None:
    stub.latency_seconds = 0.3
    events: list[Event] = []
    syncs.subscribe(events.append)
    run = await begun(syncs)
    assert syncs.under_way is not None
    assert (syncs.under_way.mode, syncs.under_way.dry_run) == (RunMode.FULL, False)
    while not (heard := [e for e in events if isinstance(e, PhaseProgress)]):
        await asyncio.sleep(0.01)
    assert syncs.under_way.phases[heard[-1].phase] == heard[-1]
    assert (await run).run_id is not None
    assert syncs.under_way is None


async def test_a_second_run_is_refused_by_the_lease(stub: ListingStub, syncs: Syncs) -> None:
    stub.latency_seconds = 0.3
    run = await begun(syncs)
    with pytest.raises(LeaseHeld, match="Another run"):
        await syncs.run()
    with pytest.raises(LeaseHeld, match="a dry run"):
        await syncs.run(dry_run=True)
    assert syncs.under_way is not None
    assert (await run).status is RunStatus.SUCCEEDED


async def test_a_dry_run_changes_nothing_and_is_not_the_last_run(
    syncs: Syncs, behind: Connection
) -> None:
    result = await syncs.run(dry_run=True)
    assert (result.run_id, result.stats.added) == (None, KEYS)
    assert syncs.last is None
    assert statuses(behind) == []


async def test_a_run_that_is_stopped_returns_as_cancelled(
    stub: ListingStub, syncs: Syncs, behind: Connection
) -> None:
    stub.latency_seconds = 0.5
    run = await begun(syncs)
    await syncs.cancel()
    assert statuses(behind) == ["cancelled"]
    assert (await run).status is RunStatus.CANCELLED
    stub.latency_seconds = 0
    assert (await syncs.run()).status is RunStatus.SUCCEEDED


async def test_a_run_of_the_schedule_that_the_server_stops_is_a_line_of_the_log(
    stub: ListingStub, syncs: Syncs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stub.latency_seconds = 0.5
    attempts = Attempts(syncs)
    run = await begun(syncs)
    await syncs.cancel()
    await run
    by_http = await attempts.begin(None, dry_run=False)
    await syncs.cancel()
    await asyncio.wait({by_http.task})
    lines = [line for line in caplog.messages if " full cancelled: " in line]
    assert len(lines) == 2


async def test_a_run_stopped_before_it_began_says_so(syncs: Syncs, behind: Connection) -> None:
    run = asyncio.create_task(syncs.run())
    await asyncio.sleep(0)
    await syncs.cancel()
    with pytest.raises(S3SyncError, match="before it began"):
        await run
    assert statuses(behind) == []


async def test_a_caller_that_is_cancelled_leaves_a_cancelled_run(
    stub: ListingStub, syncs: Syncs, behind: Connection
) -> None:
    stub.latency_seconds = 0.5
    run = await begun(syncs)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert statuses(behind) == ["cancelled"]
    assert syncs.under_way is None


async def test_leaving_stops_the_run_under_way(
    stub: ListingStub, settings: Settings, behind: Connection
) -> None:
    stub.latency_seconds = 0.5
    async with Syncs(settings) as syncs:
        run = await begun(syncs)
    assert statuses(behind) == ["cancelled"]
    assert (await run).status is RunStatus.CANCELLED


async def test_the_catalog_stays_open_until_it_is_doubted(syncs: Syncs) -> None:
    first, beside = await asyncio.gather(syncs.catalog(), syncs.catalog())
    assert first is beside
    await syncs.run()
    assert await syncs.catalog() is first
    await syncs.doubt_catalog()
    again = await syncs.catalog()
    assert again is not first
    assert (await again.summary()).images == KEYS


async def test_new_settings_hold_from_the_next_run_on(
    stub: ListingStub, syncs: Syncs, settings: Settings, behind: Connection
) -> None:
    stub.latency_seconds = 0.3
    run = await begun(syncs)
    await syncs.reload(settings.model_copy(update={"prefix": "cam-01/"}))
    assert syncs.settings.prefix == "cam-01/"
    assert (await run).stats.total == KEYS  # its catalog was not closed under it
    stub.latency_seconds = 0
    assert (await syncs.run()).stats.total < KEYS
    prefixes = behind.execute("select prefix from sync_runs order by id").fetchall()
    assert prefixes == [("",), ("cam-01/",)]


async def test_a_catalog_that_is_away_is_opened_once_it_is_back(
    syncs: Syncs, settings: Settings
) -> None:
    away = settings_of(bucket="stub-bucket", database_url="postgresql://u:p@127.0.0.1:1/db")
    await syncs.reload(away)
    with pytest.raises(CatalogUnreachable):
        await syncs.run()
    await syncs.reload(settings)
    assert (await syncs.run()).status is RunStatus.SUCCEEDED
