"""The dashboard with everything behind it: a real bucket, a real Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from s3sync_tui.settings import load_settings
from s3sync_tui.tui.app import S3SyncApp
from s3sync_tui.tui.screens.confirm import Confirm
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.screens.run_details import RunDetails
from s3sync_tui.tui.state import Standing
from s3sync_tui.tui.widgets.runs_table import RunsTable
from s3sync_tui.tui.widgets.sync_panel import SyncPanel
from tests.support.database import Connection
from tests.support.stub import CameraKeys, ListingStub, served


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> ListingStub:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return ListingStub(CameraKeys(3_000))


@pytest.fixture
def endpoint(stub: ListingStub) -> Iterator[str]:
    with served(stub) as address:
        yield address


@asynccontextmanager
async def running(endpoint: str, database: str) -> AsyncIterator[Pilot[None]]:
    flags = {"bucket": "stub-bucket", "endpoint": endpoint, "database_url": database}
    settings = load_settings(
        flags, environ={}, config=Path("/dev/null"), directory=Path.cwd()
    ).settings
    async with S3SyncApp(settings).run_test(size=(140, 44)) as pilot:
        yield pilot


def dashboard(pilot: Pilot[None]) -> Dashboard:
    return next(s for s in pilot.app.screen_stack if isinstance(s, Dashboard))


def standing(pilot: Pilot[None]) -> Standing:
    return dashboard(pilot).state.standing


async def until(pilot: Pilot[None], what: Callable[[], object]) -> None:
    for _ in range(300):
        if what():
            return
        await pilot.pause(0.1)
    raise AssertionError(f"it never happened: {standing(pilot)}")


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


async def test_c_stops_a_run_once_confirmed(
    stub: ListingStub, endpoint: str, catalog_database: str, behind: Connection
) -> None:
    stub.latency_seconds = 0.5
    async with running(endpoint, catalog_database) as pilot:
        await until(pilot, lambda: standing(pilot) is Standing.NEVER_RUN)
        await pilot.press("s")
        await until(pilot, lambda: standing(pilot) is Standing.SYNCING)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: standing(pilot) is Standing.CANCELLED)
    assert behind.execute("select status from sync_runs").fetchall() == [("cancelled",)]


async def test_f_applies_a_missing_schema_once_confirmed(
    endpoint: str, new_database: Callable[..., str]
) -> None:
    async with running(endpoint, new_database(with_schema=False)) as pilot:
        await until(pilot, lambda: standing(pilot) is Standing.SCHEMA_MISSING)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: standing(pilot) is Standing.NEVER_RUN)


async def test_a_catalog_that_does_not_answer_leaves_the_screen_usable(endpoint: str) -> None:
    async with running(endpoint, "postgresql://u:canary@127.0.0.1:9/db") as pilot:
        await until(pilot, lambda: standing(pilot) is Standing.CATALOG_UNREACHABLE)
        shown = pilot.app.export_screenshot()
        assert "canary" not in shown
        await pilot.press("3", "1", "l")
        assert dashboard(pilot).query_one(SyncPanel).is_mounted


async def test_a_run_s_failure_is_told_with_its_remedy(
    stub: ListingStub, catalog_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running("http://127.0.0.1:9", catalog_database) as pilot:
        await until(pilot, lambda: standing(pilot) is Standing.NEVER_RUN)
        await pilot.press("s")
        await until(pilot, lambda: standing(pilot) is Standing.FAILED)
        assert "endpoint" in dashboard(pilot).state.hint
