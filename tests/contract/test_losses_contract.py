"""What every transport promises of rows that the database has lost, or that others hold."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.changes import ChangeKind, ObjectChange
from s3sync_tui.errors import RowsLost
from s3sync_tui.model import RunStatus
from tests.contract.conftest import Transport
from tests.contract.images import kept_counts, page, rows, stored, true_counts
from tests.contract.runs import begin, fill, number, result, run_row
from tests.contract.test_fencing_contract import until_waiting
from tests.support.database import Connection


async def test_a_run_that_misses_a_committed_batch_cannot_succeed(
    catalog: Catalog, database: Connection
) -> None:
    run_id = await begin(catalog)
    far = 2**26 + 1  # of another process
    for batch in (1, 2, 3, 5, far):
        await catalog.insert_batch(run_id, batch, rows([f"{batch}.jpg"]))
    database.execute("delete from sync_batches where batch = 2")
    database.execute("delete from images where filename = '2.jpg'")
    with pytest.raises(RowsLost) as fault:
        await catalog.finish_run(run_id, result(run_id), committed=[5, 1, far, 3, 2])
    assert "Run again" in fault.value.hint
    assert run_row(database, run_id, "status") == ["running"]
    failed = await catalog.finish_run(
        run_id, result(run_id, RunStatus.FAILED), committed=[1, 2, 3, 5, far]
    )
    assert failed.added == 4
    assert run_row(database, run_id, "status", "added") == ["failed", 4]


async def test_batches_that_nobody_was_told_of_are_not_missed(catalog: Catalog) -> None:
    run_id = await begin(catalog)
    for batch in (1, 2, 4):
        await catalog.insert_batch(run_id, batch, rows([f"{batch}.jpg"]))
    assert (await catalog.finish_run(run_id, result(run_id), committed=[1, 4])).added == 3


KEYS = ["a.jpg", "b.jpg", "c.jpg"]


@pytest.mark.parametrize("write", ["update", "mark", "apply", "remove"])
async def test_a_write_waits_for_a_row_and_holds_no_other_meanwhile(
    catalog: Catalog, transport: Transport, database: Connection, write: str
) -> None:
    ticket = await fill(catalog, rows(KEYS))
    run_id = number(ticket)
    newer = rows(KEYS, version=2)
    now = ticket.started_at

    async def written() -> int:
        match write:
            case "update":
                return await catalog.update_batch(run_id, 1, newer)
            case "mark":
                return await catalog.mark_gone(page(rows([])), run_id=run_id, started_at=now)
            case "apply":
                changes = [
                    ObjectChange(key, ChangeKind.CREATED, "01", now, etag, size)
                    for key, etag, size in zip(newer.keys, newer.etags, newer.sizes, strict=True)
                ]
                return (await catalog.apply_changes(changes)).changed
            case _:
                gone = [ObjectChange(key, ChangeKind.REMOVED, "01", now) for key in KEYS]
                return (await catalog.apply_changes(gone)).gone

    with psycopg.connect(database.info.dsn, user=database.info.user) as labelling:
        labelling.execute("update images set label = 'zebra' where filename = 'c.jpg'")
        writing = asyncio.create_task(written())
        await until_waiting(database, 1)
        labelling.execute("set lock_timeout = '5s'")
        labelling.execute("update images set label = 'zebra' where filename = 'a.jpg'")
    # Where its answer was lost, changes are stale when they come again.
    assert await writing in ((3, 0) if write in {"apply", "remove"} else (3,))
    found = database.execute("select label, missing_since is null from images order by filename")
    is_there = write in {"update", "apply"}
    assert found.fetchall() == [("zebra", is_there), (None, is_there), ("zebra", is_there)]
    assert stored(database).etags == (newer if is_there else rows(KEYS)).etags
    assert kept_counts(database) == true_counts(database)
