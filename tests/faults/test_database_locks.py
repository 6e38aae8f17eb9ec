"""Others lock the table, or its rows: waited for, or named; nobody is locked out for good."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random

import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import make_conninfo

from s3sync_tui.catalog import postgres
from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.catalog.supabase import SupabaseCatalog
from s3sync_tui.changes import ChangeKind, ObjectChange
from s3sync_tui.errors import SchemaError
from s3sync_tui.model import RunMode, RunRequest, RunStatus
from tests.contract.images import kept_counts, page, rows, stored, true_counts
from tests.support.database import Connection
from tests.support.faulty_runs import ListedBucket, assert_clear, assert_exact, opened, run
from tests.support.sampling import sampled
from tests.support.supabase_stack import SupabaseStack

KEYS = 600


@contextmanager
def labelling(conninfo: str) -> Iterator[Connection]:
    """Another application's session, in a transaction."""
    with psycopg.connect(conninfo, application_name="labelling") as session:
        session.execute("select 1")
        yield session


@pytest.mark.parametrize("limit", ["lock_timeout", "statement_timeout", "ours"])
async def test_who_locks_the_table_for_too_long_is_named(
    catalog_database: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if limit == "ours":
        monkeypatch.setattr(postgres, "STATEMENT_SECONDS", 1)
        address = catalog_database
    else:
        address = make_conninfo(catalog_database, options=f"-c {limit}=200")
    bucket = ListedBucket(KEYS)
    with labelling(catalog_database) as other:
        pid = other.info.backend_pid
        bucket.before[5] = lambda: other.execute("lock table images in access exclusive mode")
        async with opened(address) as catalog:
            result = await run(catalog, bucket)
    assert_clear(
        result,
        f"locked by process {pid} (application labelling, user postgres, since ",
        f"pg_terminate_backend({pid})",
    )
    assert result.passes
    async with opened(address) as catalog:
        assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
    assert_exact(catalog_database, bucket, ["failed", "succeeded"])


async def test_the_rest_api_names_who_locks_the_table_for_too_long(
    catalog_database: str, supabase: SupabaseStack
) -> None:
    supabase.set_statement_timeout("service_role", 200)
    bucket = ListedBucket(KEYS)
    try:
        catalog = SupabaseCatalog(supabase.url, supabase.secret_key, table="images")
        await catalog.open()
        with labelling(catalog_database) as other:
            pid = other.info.backend_pid
            bucket.before[5] = lambda: other.execute("lock table images in access exclusive mode")
            result = await run(catalog, bucket)
        assert_clear(result, f"locked by process {pid} (application labelling, user postgres)")
        assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
        await catalog.close()
    finally:
        supabase.set_statement_timeout("service_role", None)
    assert_exact(catalog_database, bucket, ["failed", "succeeded"])


def test_through_the_rest_api_no_other_call_of_ours_is_named(catalog_database: str) -> None:
    as_api = make_conninfo(catalog_database, user="authenticator", options="-c role=service_role")
    holder = "select pid from s3sync_holder(0)"
    with psycopg.connect(as_api) as writing, psycopg.connect(as_api, autocommit=True) as asking:
        writing.execute("insert into images (filename) values ('a')")
        assert asking.execute(holder).fetchall() == [(None,)]
        with labelling(catalog_database) as other:
            other.execute("update images_counts set objects = objects")
            assert asking.execute(holder).fetchall() == [(other.info.backend_pid,)]


@pytest.mark.parametrize(
    "statement",
    [
        "lock table images in access exclusive mode",
        "lock table sync_leases in exclusive mode",
        "lock table images_counts in share mode",
        "select from sync_leases for update",
    ],
)
async def test_a_lock_that_ends_in_time_is_waited_for(
    catalog_database: str, behind: Connection, statement: str
) -> None:
    bucket = ListedBucket(KEYS)
    waiting = "select count(*) from pg_locks where not granted"

    def hold_until_waited_for() -> None:
        deadline = time.monotonic() + 30
        with labelling(catalog_database) as other:
            other.execute(statement.encode())
            is_held.set()
            while behind.execute(waiting).fetchone() == (0,):
                assert time.monotonic() < deadline
                time.sleep(0.01)

    is_held = threading.Event()
    holding = threading.Thread(target=hold_until_waited_for)

    def hold() -> None:
        holding.start()
        assert is_held.wait(30)

    bucket.before[5] = hold
    async with opened(catalog_database) as catalog:
        assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
    holding.join()
    assert_exact(catalog_database, bucket, ["succeeded"])


async def test_a_table_rewritten_meanwhile_is_the_same_table(
    catalog_database: str, behind: Connection
) -> None:
    bucket = ListedBucket(KEYS)
    for number in (3, 7, 11):
        bucket.before[number] = lambda: behind.execute("vacuum full images")
    async with opened(catalog_database) as catalog:
        assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
    assert_exact(catalog_database, bucket, ["succeeded"])


async def test_a_run_does_not_end_behind_another_vacuum(
    catalog_database: str, behind: Connection
) -> None:
    """Which may take hours; its lock is the one that VACUUM and ANALYZE take."""
    bucket = ListedBucket(KEYS)
    async with opened(catalog_database) as catalog:
        with labelling(catalog_database) as other:
            other.execute("lock table images in share update exclusive mode")
            await asyncio.wait_for(catalog.vacuum(), 60)
            assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
        vacuumed = "select last_vacuum is null from pg_stat_user_tables where relname = 'images'"
        assert behind.execute(vacuumed).fetchall() == [(True,)]
        await catalog.vacuum()
        behind.execute("select pg_stat_force_next_flush()")
        assert behind.execute(vacuumed).fetchall() == [(False,)]
    assert_exact(catalog_database, bucket, ["succeeded"])


async def test_eight_writers_and_an_application_never_lock_each_other(
    catalog_database: str,
    behind: Connection,
    record_property: Callable[[str, object], None],
) -> None:
    """All update, mark and delete the same rows, each in an order of its own."""
    keys = [f"{number:03}.jpg" for number in range(120)]
    over = threading.Event()
    labels = deadlocks = 0

    def label(seed: int) -> None:
        nonlocal labels, deadlocks
        random = Random(seed)
        with psycopg.connect(catalog_database, autocommit=True) as application:
            while not over.is_set():
                try:
                    with application.transaction():
                        for key in random.sample(keys, 6):
                            application.execute(
                                "update images set label = 'zebra' where filename = %s", [key]
                            )
                except errors.DeadlockDetected:
                    deadlocks += 1
                labels += 6

    async with opened(catalog_database) as first, opened(catalog_database) as second:
        ticket = await first.begin_run(RunRequest("b", "", RunMode.FULL, "test", 60))
        run_id = ticket.run_id
        assert run_id is not None
        await first.insert_batch(run_id, 1, rows(keys))
        now, later = datetime.now(UTC), ticket.started_at + timedelta(hours=1)

        async def write(number: int) -> None:
            random = Random(number)
            catalog = (first, second)[number % 2]
            for round_ in range(sampled(6, 100)):
                images = rows(random.sample(keys, 80), version=1 + (number + round_) % 3)
                images = images.take(random.sample(range(80), 80))
                match round_ % 3:
                    case 0:
                        await catalog.update_batch(run_id, 2 + number * 1000 + round_, images)
                    case 1:
                        there = page(rows(images.keys))
                        await catalog.mark_gone(there, run_id=run_id, started_at=later)
                    case _:
                        changes = [
                            ObjectChange(key, random.choice([*ChangeKind]), f"{round_:04}", now)
                            for key in images.keys[:40]
                        ]
                        await catalog.apply_changes(changes)

        # One alone: two of them would lock each other.
        application = threading.Thread(target=label, args=(1,))
        application.start()
        try:
            await asyncio.gather(*map(write, range(8)))
        finally:
            over.set()
            application.join()
    found = "select deadlocks from pg_stat_database where datname = current_database()"
    behind.execute("select pg_stat_force_next_flush()")
    assert behind.execute(found).fetchall() == [(0,)]
    assert deadlocks == 0
    assert kept_counts(behind) == true_counts(behind)
    assert stored(behind).keys == keys
    record_property("rows labelled meanwhile", labels)


async def test_a_schema_that_cannot_have_the_table_says_who_has_it(catalog_database: str) -> None:
    catalog = PostgresCatalog(catalog_database, table="images", description="test")
    with labelling(catalog_database) as other:
        other.execute("update images set label = 'zebra'")
        other.execute("lock table images in row exclusive mode")
        with pytest.raises(SchemaError, match="nothing has changed") as fault:
            await catalog.apply_schema()
        assert f"process {other.info.backend_pid} (application labelling" in str(fault.value)
        # Whoever waited behind us goes on.
        other.execute("insert into images (filename) values ('z')")
