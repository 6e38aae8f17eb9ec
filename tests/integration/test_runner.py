"""A sync in a process of its own: a real bucket, a real Postgres, a real process."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from psycopg.conninfo import make_conninfo

from s3sync_tui.errors import LeaseHeld, S3SyncError
from s3sync_tui.events import Event, PhaseProgress, RunFinished, RunStarted
from s3sync_tui.model import RunMode, RunRequest, RunStatus
from s3sync_tui.phases import Phase
from s3sync_tui.settings import Settings
from s3sync_tui.tui.runner import Runner
from tests.support.database import Connection
from tests.support.faulty_runs import opened
from tests.support.settings import settings_of
from tests.support.stub import CameraKeys, ListingStub, served

KEYS = 4_000
CANARY = "canary-of-the-catalog"


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
            database_url=make_conninfo(catalog_database, password=CANARY),
        )


@asynccontextmanager
async def prepared(settings: Settings) -> AsyncIterator[tuple[Runner, psutil.Process]]:
    """A runner, and its process."""
    others = set(psutil.Process().children())
    runner = Runner(settings)
    await runner.prepare()
    [process] = set(psutil.Process().children()) - others
    try:
        yield runner, process
    finally:
        await runner.close()


async def begun(runner: Runner, events: list[Event]) -> asyncio.Task[object]:
    """A run that is under way."""
    run: asyncio.Task[object] = asyncio.create_task(runner.run(events.append))
    while not events and not run.done():
        await asyncio.sleep(0.01)
    return run


def statuses(behind: Connection) -> list[object]:
    return [status for (status,) in behind.execute("select status from sync_runs order by id")]


async def test_events_come_in_order_and_end_with_the_result(
    settings: Settings, behind: Connection
) -> None:
    events: list[Event] = []
    async with prepared(settings) as (runner, _):
        result = await runner.run(events.append)
    assert behind.execute("select count(*) from images").fetchone() == (KEYS,)
    assert (result.status, result.stats.added) == (RunStatus.SUCCEEDED, KEYS)
    assert isinstance(events[0], RunStarted)
    assert events[-1] == RunFinished(result)
    for phase in Phase:
        done = [e.done for e in events if isinstance(e, PhaseProgress) and e.phase is phase]
        assert done == sorted(done)
        assert done[-1] == KEYS


async def test_a_run_can_be_asked_to_be_full(settings: Settings) -> None:
    events: list[Event] = []
    async with prepared(settings) as (runner, _):
        result = await runner.run(events.append, "full")
        by_settings = await runner.run(lambda _: None)
    assert (result.mode, result.mode_reason) == (RunMode.FULL, "as asked")
    assert by_settings.mode_reason != "as asked"
    [started] = [event for event in events if isinstance(event, RunStarted)]
    assert (started.mode, started.mode_reason) == (RunMode.FULL, "as asked")


async def test_one_process_serves_run_after_run(settings: Settings, behind: Connection) -> None:
    async with prepared(settings) as (runner, process):
        for _ in range(2):
            await runner.run(lambda _: None)
            assert process.is_running()
    assert statuses(behind) == ["succeeded", "succeeded"]


async def test_a_lease_that_another_holds_is_told_as_such(
    settings: Settings, catalog_database: str
) -> None:
    request = RunRequest("stub-bucket", "", RunMode.FULL, "somebody else", 60)
    async with opened(catalog_database) as catalog, prepared(settings) as (runner, _):
        await catalog.begin_run(request)
        with pytest.raises(LeaseHeld, match="somebody else"):
            await runner.run(lambda _: None)


async def test_a_cancelled_run_says_so_before_its_task_ends(
    stub: ListingStub, settings: Settings, behind: Connection
) -> None:
    stub.latency_seconds = 0.5
    events: list[Event] = []
    async with prepared(settings) as (runner, _):
        run = await begun(runner, events)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert statuses(behind) == ["cancelled"]
        assert isinstance(events[-1], RunFinished)
        stub.latency_seconds = 0
        assert (await runner.run(lambda _: None)).status is RunStatus.SUCCEEDED


async def test_a_sink_that_fails_stops_the_run(
    stub: ListingStub, settings: Settings, behind: Connection
) -> None:
    stub.latency_seconds = 0.5

    def fail(event: Event) -> None:
        raise LookupError

    async with prepared(settings) as (runner, _):
        with pytest.raises(LookupError):
            await runner.run(fail)
        assert statuses(behind) == ["cancelled"]


async def test_a_process_that_dies_is_told_with_what_to_do_and_replaced(
    stub: ListingStub, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    stub.latency_seconds = 0.5
    async with prepared(settings) as (runner, process):
        run = await begun(runner, [])
        process.kill()
        with pytest.raises(S3SyncError, match="killed by SIGKILL") as told:
            await run
        assert "the next run goes on" in told.value.hint
        assert "SIGKILL" in caplog.text
        with pytest.raises(LeaseHeld):  # from a new process; the lease outlives its holder
            await runner.run(lambda _: None)


async def test_a_fault_that_nobody_foresaw_is_told_and_its_traceback_logged(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # where the fault's file goes
    impossible = settings.model_copy(update={"include": (None,)})
    async with prepared(impossible) as (runner, _):
        with pytest.raises(S3SyncError, match="A fault of s3sync-tui") as told:
            await runner.run(lambda _: None)
    assert told.value.hint
    assert "Traceback" in caplog.text


async def test_what_the_engine_logs_reaches_our_log(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with prepared(settings) as (runner, process):
        await runner.run(lambda _: None)
        pid = process.pid
    assert pid in {record.process for record in caplog.records}


async def test_the_process_ends_when_the_runner_is_closed_in_the_middle_of_a_run(
    stub: ListingStub, settings: Settings, behind: Connection
) -> None:
    stub.latency_seconds = 0.5
    async with prepared(settings) as (runner, process):
        run = await begun(runner, [])
        await runner.close()
        assert not process.is_running()
        with pytest.raises(asyncio.CancelledError):
            await run
    assert statuses(behind) == ["cancelled"]


async def test_secrets_go_through_the_pipe_alone(settings: Settings) -> None:
    async with prepared(settings) as (runner, process):
        assert CANARY not in " ".join(process.cmdline())
        assert CANARY not in " ".join(process.environ().values())
        assert CANARY not in repr(runner) + repr(vars(runner))


DASHBOARD = """
import asyncio, pickle, sys
from s3sync_tui.tui.runner import Runner
settings = pickle.load(sys.stdin.buffer)
asyncio.run(Runner(settings).run(lambda event: print(event, flush=True)))
"""


async def test_a_dashboard_that_is_killed_leaves_no_run_behind(
    stub: ListingStub, settings: Settings, behind: Connection
) -> None:
    stub.latency_seconds = 0.5
    with subprocess.Popen(
        [sys.executable, "-c", DASHBOARD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as dashboard:
        assert dashboard.stdin is not None
        assert dashboard.stdout is not None
        pickle.dump(settings, dashboard.stdin)
        dashboard.stdin.close()
        await asyncio.to_thread(dashboard.stdout.readline)
        [engine] = psutil.Process(dashboard.pid).children()
        os.kill(dashboard.pid, signal.SIGKILL)
    await asyncio.to_thread(engine.wait, 30)
    assert statuses(behind) == ["cancelled"]
