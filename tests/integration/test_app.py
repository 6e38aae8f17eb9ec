"""The dashboard with everything behind it: a real bucket, a real Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from s3sync_tui.connect import open_catalog
from s3sync_tui.model import RunMode, RunRequest, RunStats
from s3sync_tui.settings import Settings
from s3sync_tui.tui.app import S3SyncApp
from s3sync_tui.tui.screens.ask import Ask
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.screens.run_details import RunDetails
from s3sync_tui.tui.state import Standing
from s3sync_tui.tui.widgets.runs_table import RunsTable
from s3sync_tui.tui.widgets.state_header import StateHeader
from s3sync_tui.tui.widgets.sync_panel import SyncPanel
from tests.support.database import Connection
from tests.support.settings import settings_of
from tests.support.stub import CameraKeys, ListingStub, error_reply, served


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> ListingStub:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return ListingStub(CameraKeys(3_000))


@pytest.fixture
def endpoint(stub: ListingStub) -> Iterator[str]:
    with served(stub) as address:
        yield address


def settings(endpoint: str, database: str, **more: str) -> Settings:
    return settings_of(bucket="stub-bucket", endpoint=endpoint, database_url=database, **more)


@asynccontextmanager
async def running(endpoint: str, database: str, **more: str) -> AsyncIterator[Pilot[None]]:
    app = S3SyncApp(settings(endpoint, database, **more))
    async with app.run_test(size=(140, 44)) as pilot:
        yield pilot


def dashboard(pilot: Pilot[None]) -> Dashboard:
    return next(s for s in pilot.app.screen_stack if isinstance(s, Dashboard))


def shown(pilot: Pilot[None]) -> str:
    """What is on the screen, as text."""
    screen = pilot.app.screen
    return "\n".join(strip.text for strip in screen._compositor.render_strips())


def standing(pilot: Pilot[None]) -> Standing:
    return dashboard(pilot).state.standing


async def until(pilot: Pilot[None], what: Callable[[], object]) -> None:
    for _ in range(900):
        if what():
            return
        await pilot.pause(0.1)
    raise AssertionError(f"it never happened: {standing(pilot)}")


async def begin(pilot: Pilot[None], behind: Connection) -> None:
    """A first run, under way."""
    await until(pilot, lambda: standing(pilot) is Standing.NEVER_RUN)
    await pilot.press("s")
    await until(pilot, lambda: behind.execute("select from sync_runs").fetchall())


async def test_s_syncs_and_the_panels_tell(
    endpoint: str, catalog_database: str, behind: Connection
) -> None:
    async with running(endpoint, catalog_database) as pilot:
        await until(pilot, lambda: standing(pilot) is Standing.NEVER_RUN)
        await pilot.press("s")
        await until(pilot, lambda: standing(pilot) is Standing.IN_SYNC)
        assert behind.execute("select count(*) from images").fetchone() == (3_000,)
        table = dashboard(pilot).query_one(RunsTable)
        await until(pilot, lambda: table.row_count == 1)
        await pilot.press("3", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunDetails))
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, Dashboard)
        await pilot.press("S")
        done = "select details ->> 'mode_reason' from sync_runs where status = 'succeeded'"
        await until(pilot, lambda: len(behind.execute(done.encode()).fetchall()) > 1)
    reasons = behind.execute(f"{done} order by id".encode()).fetchall()
    assert reasons == [("no full run has succeeded yet",), ("as asked",)]


async def test_c_stops_a_run_once_confirmed(
    stub: ListingStub, endpoint: str, catalog_database: str, behind: Connection
) -> None:
    stub.latency_seconds = 1.0
    async with running(endpoint, catalog_database) as pilot:
        await begin(pilot, behind)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press("y")
        await until(pilot, lambda: standing(pilot) is Standing.CANCELLED)
    assert behind.execute("select status from sync_runs").fetchall() == [("cancelled",)]


async def test_f_applies_a_missing_schema_once_confirmed(
    endpoint: str, new_database: Callable[..., str]
) -> None:
    async with running(endpoint, new_database(with_schema=False)) as pilot:
        await until(pilot, lambda: standing(pilot) is Standing.SCHEMA_MISSING)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press("y")
        await until(pilot, lambda: standing(pilot) is Standing.NEVER_RUN)


async def test_a_catalog_that_does_not_answer_leaves_the_screen_usable(endpoint: str) -> None:
    async with running(endpoint, "postgresql://u:canary@127.0.0.1:9/db") as pilot:
        await until(pilot, lambda: standing(pilot) is Standing.CATALOG_UNREACHABLE)
        shown = pilot.app.export_screenshot()
        assert "canary" not in shown
        await pilot.press("3", "1", "l")
        assert dashboard(pilot).query_one(SyncPanel).is_mounted


async def test_a_bucket_out_of_reach_is_told_and_asked_again(
    stub: ListingStub, catalog_database: str
) -> None:
    async with running("http://127.0.0.1:9", catalog_database) as pilot:
        await until(pilot, lambda: standing(pilot) is Standing.BUCKET_UNREACHABLE)
        state = dashboard(pilot).state
        assert "endpoint" in state.hint
        assert state.retry_at is not None
        await pilot.press("s")
        await until(pilot, lambda: dashboard(pilot).query_one(RunsTable).row_count == 1)
        await until(pilot, lambda: standing(pilot) is Standing.BUCKET_UNREACHABLE)


async def test_a_bucket_that_is_back_is_noticed_by_itself(
    stub: ListingStub, catalog_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s3sync_tui.tui.readings.RETRY_SECONDS", 1)
    stub.script = lambda request: error_reply(403, "AccessDenied")
    with served(stub) as endpoint:
        async with running(endpoint, catalog_database) as pilot:
            await until(pilot, lambda: standing(pilot) is Standing.BUCKET_UNREACHABLE)
            stub.script = None
            await until(pilot, lambda: standing(pilot) is Standing.NEVER_RUN)


async def test_w_syncs_by_itself_until_pressed_again(
    endpoint: str, catalog_database: str, behind: Connection
) -> None:
    async with running(endpoint, catalog_database, every="1s") as pilot:
        await until(pilot, lambda: standing(pilot) is Standing.NEVER_RUN)
        await pilot.press("w")
        await until(pilot, lambda: dashboard(pilot).query_one(RunsTable).row_count >= 2)
        assert dashboard(pilot).query_one(StateHeader).next_run is not None
        await pilot.press("w")
        assert dashboard(pilot).query_one(StateHeader).next_run is None
        await until(pilot, lambda: standing(pilot) is Standing.IN_SYNC)
    assert behind.execute("select count(*) from images").fetchone() == (3_000,)


async def test_q_finishes_the_run_first_where_asked_to(
    stub: ListingStub, endpoint: str, catalog_database: str, behind: Connection
) -> None:
    stub.latency_seconds = 1.0
    async with running(endpoint, catalog_database) as pilot:
        await begin(pilot, behind)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press("n")
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press("f")
        await until(pilot, lambda: not pilot.app.is_running or pilot.app._exit)
    assert behind.execute("select status from sync_runs").fetchall() == [("succeeded",)]


async def test_q_stops_the_run_cleanly_where_asked_to(
    stub: ListingStub, endpoint: str, catalog_database: str, behind: Connection
) -> None:
    stub.latency_seconds = 1.0
    async with running(endpoint, catalog_database) as pilot:
        await begin(pilot, behind)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press("y")
        await until(pilot, lambda: not pilot.app.is_running or pilot.app._exit)
    assert behind.execute("select status from sync_runs").fetchall() == [("cancelled",)]


async def test_another_host_s_run_is_shown_and_followed(
    endpoint: str, catalog_database: str, behind: Connection
) -> None:
    async with running(endpoint, catalog_database) as pilot:
        await until(pilot, lambda: standing(pilot) is Standing.NEVER_RUN)
        async with open_catalog(settings(endpoint, catalog_database)) as other:
            request = RunRequest("stub-bucket", "", RunMode.FULL, "ingest-2:811", 60)
            ticket = await other.begin_run(request)
            await until(pilot, lambda: standing(pilot) is Standing.OTHER_HOST)
            await other.renew_lease(ticket.run_id or 0, 60, RunStats(total=1234))
            await until(pilot, lambda: (r := dashboard(pilot).state.run) and r.stats.total == 1234)
            await pilot.press("s")  # refused, in words
            await until(pilot, lambda: standing(pilot) is Standing.OTHER_HOST)
            await until(pilot, lambda: "ingest-2:811" in shown(pilot))
        behind.execute("update sync_runs set status = 'succeeded', finished_at = now()")
        await until(pilot, lambda: standing(pilot) is Standing.IN_SYNC)


async def test_a_bug_ends_neither_the_dashboard_nor_what_is_shown(
    endpoint: str, catalog_database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def broken(*_: object, **__: object) -> object:
        raise RuntimeError("canary")

    monkeypatch.setattr("s3sync_tui.insight.cost.catalog_cost", broken)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with running(endpoint, catalog_database) as pilot:
        await until(pilot, lambda: standing(pilot) is Standing.FAILED)
        state = dashboard(pilot).state
        assert state.error == "A fault of s3sync-tui: RuntimeError."
        assert "fault.log" in state.hint
        monkeypatch.undo()
        await pilot.press("3", "1")
        assert pilot.app.is_running
