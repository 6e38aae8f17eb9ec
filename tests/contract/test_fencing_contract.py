"""What every transport promises when things happen at once: a batch is under way while
its run ends, is taken over, or sends it again."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.schema import schema_sql
from s3sync_tui.errors import LeaseHeld, LeaseLost
from s3sync_tui.model import Rows, RunStatus
from tests.contract.conftest import Transport
from tests.contract.images import kept_counts, rows, stored, true_counts
from tests.contract.runs import begin, request, result, run_row
from tests.support.database import Connection

NOTHING = Rows([], [], [], [])


def expire_leases(database: Connection) -> None:
    database.execute("update sync_leases set expires_at = now() - interval '1 second'")


async def until_waiting(database: Connection, waiting: int) -> None:
    """Until so many others wait for a lock."""
    query = "select count(distinct pid) from pg_locks where not granted"
    while database.execute(query).fetchone() != (waiting,):
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("fresh", [False, True])
async def test_finishing_waits_for_a_batch_under_way_and_counts_it(
    catalog: Catalog, database: Connection, fresh: bool
) -> None:
    run_id = await begin(catalog)
    with database.transaction(force_rollback=True):
        database.execute("insert into images (filename) values ('b')")
        batch = asyncio.create_task(catalog.insert_batch(run_id, 1, rows(["a", "b"]), fresh=fresh))
        await until_waiting(database, 1)
        finish = asyncio.create_task(catalog.finish_run(run_id, result(run_id)))
        await until_waiting(database, 2)
    # Losing the answer, the batch asks again when its run has ended.
    with suppress(LeaseLost):
        assert await batch == 2
    assert (await finish).added == 2
    assert stored(database) == rows(["a", "b"])
    assert kept_counts(database) == true_counts(database)


async def test_taking_over_waits_for_a_batch_under_way_and_counts_it(
    transport: Transport, database: Connection
) -> None:
    dead, heir = await transport.make(), await transport.make()
    run_id = await begin(dead)
    expire_leases(database)
    with database.transaction(force_rollback=True):
        database.execute("insert into images (filename) values ('b')")
        batch = asyncio.create_task(dead.insert_batch(run_id, 1, rows(["a", "b"])))
        await until_waiting(database, 1)
        takeover = asyncio.create_task(heir.begin_run(request()))
        await until_waiting(database, 2)
    # Losing the answer, the dead run asks again when it is no longer its turn.
    with suppress(LeaseLost):
        assert await batch == 2
    ticket = await takeover
    assert ticket.interrupted == [run_id]
    assert run_row(database, run_id, "status", "added") == ["interrupted", 2]
    assert stored(database) == rows(["a", "b"])


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_batch_that_waits_for_a_takeover_is_refused(
    transport: Transport, database: Connection, fresh: bool
) -> None:
    dead = await transport.make()
    run_id = await begin(dead)
    with database.transaction():
        expire_leases(database)
        database.execute("select s3sync_begin_run('bucket', '', 'full', 'another', 60)")
        batch = asyncio.create_task(dead.insert_batch(run_id, 1, rows(["a"]), fresh=fresh))
        await until_waiting(database, 1)
    with pytest.raises(LeaseLost):
        await batch
    assert stored(database) == NOTHING


async def test_a_batch_sent_again_while_the_first_is_under_way_counts_once(
    catalog: Catalog, database: Connection
) -> None:
    run_id = await begin(catalog)
    images = rows(["a", "b", "c"])
    with database.transaction(force_rollback=True):
        database.execute("insert into images (filename) values ('b')")
        first = asyncio.create_task(catalog.insert_batch(run_id, 1, images))
        await until_waiting(database, 1)
        again = asyncio.create_task(catalog.insert_batch(run_id, 1, images))
        await until_waiting(database, 2)
    assert [await first, await again] == [3, 3]
    assert (await catalog.finish_run(run_id, result(run_id))).added == 3
    assert kept_counts(database) == true_counts(database)


async def test_a_row_that_someone_else_inserts_meanwhile_is_not_counted(
    catalog: Catalog, database: Connection
) -> None:
    run_id = await begin(catalog)
    with database.transaction():
        database.execute("insert into images (filename) values ('b')")
        batch = asyncio.create_task(catalog.insert_batch(run_id, 1, rows(["a", "b", "c"])))
        await until_waiting(database, 1)
    assert await batch == 2
    assert [key for (key,) in database.execute("select filename from images order by 1")] == [
        "a",
        "b",
        "c",
    ]


async def test_who_knows_to_be_interrupted_gets_the_figures_as_counted(
    transport: Transport, database: Connection
) -> None:
    dead, heir = await transport.make(), await transport.make()
    run_id = await begin(dead)
    await dead.insert_batch(run_id, 1, rows(["a", "b"]))
    expire_leases(database)
    await begin(heir)
    stats = await dead.finish_run(run_id, result(run_id, RunStatus.INTERRUPTED, total=5))
    assert (stats.total, stats.added) == (5, 2)


async def test_other_buckets_and_other_tables_have_leases_of_their_own(
    transport: Transport, database: Connection
) -> None:
    database.execute(schema_sql("photos").encode())
    catalog, other = await transport.make(), await transport.make("photos")
    runs = {
        await begin(catalog),
        await begin(catalog, bucket="another"),
        await begin(other),
    }
    assert len(runs) == 3


async def test_two_prefixes_of_a_bucket_share_a_lease(catalog: Catalog) -> None:
    await begin(catalog, prefix="cam-07/")
    with pytest.raises(LeaseHeld):
        await catalog.begin_run(request(prefix="cam-08/"))
