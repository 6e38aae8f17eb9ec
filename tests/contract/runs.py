"""Made-up runs for the contract tests."""

from __future__ import annotations

from dataclasses import replace

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.model import (
    Rows,
    RunMode,
    RunRequest,
    RunResult,
    RunStats,
    RunStatus,
    RunTicket,
)
from tests.support.database import Connection


def request(**changes: object) -> RunRequest:
    made = RunRequest("bucket", "", RunMode.FULL, "host, process 1", lease_seconds=60)
    return replace(made, **changes)  # type: ignore[arg-type]


def result(run_id: int, status: RunStatus = RunStatus.SUCCEEDED, **figures: int) -> RunResult:
    stats = RunStats(**figures)
    return RunResult(run_id, status, RunMode.FULL, False, stats, [], [], [])


async def begin(catalog: Catalog, **changes: object) -> int:
    return number(await catalog.begin_run(request(**changes)))


def number(ticket: RunTicket) -> int:
    assert ticket.run_id is not None
    return ticket.run_id


async def fill(catalog: Catalog, images: Rows, *, fresh: bool = False) -> RunTicket:
    """Images that an earlier run has inserted; the ticket of the next one."""
    run_id = await begin(catalog)
    assert await catalog.insert_batch(run_id, 1, images, fresh=fresh) == len(images)
    await catalog.finish_run(run_id, result(run_id))
    return await catalog.begin_run(request())


def run_row(database: Connection, run_id: int, *columns: str) -> list[object]:
    """Columns of the run's row, by name or expression."""
    query = f"select {', '.join(columns)} from sync_runs where id = {run_id}"
    [found] = database.execute(query.encode()).fetchall()
    return list(found)
