"""Postgres stops or crashes while a run is under way, and comes back, or does not."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from functools import partial

import psycopg
import pytest

from s3sync_tui.catalog import postgres
from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.supabase import SupabaseCatalog
from s3sync_tui.model import RunStatus
from tests.support.database import DatabaseServer
from tests.support.faulty_runs import ListedBucket, assert_clear, assert_exact, opened, run
from tests.support.own_server import OwnServer, crash
from tests.support.sampling import sampled
from tests.support.supabase_stack import SupabaseStack

KEYS = 1000
# Nothing is written of itself: what nobody waits for is lost.
LAZY_WRITER = {"wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
async def test_a_restart_is_survived_or_told(
    own_server: OwnServer,
    how: signal.Signals,
    record_property: Callable[[str, object], None],
) -> None:
    restarts = sampled(1, 15)

    def restart() -> None:
        own_server.end(how)
        own_server.start()

    for number in range(restarts):
        conninfo = own_server.database()
        bucket = ListedBucket(KEYS)
        bucket.before[2 + (9 + number * 7) % 19] = restart
        async with opened(conninfo) as catalog:
            first = await run(catalog, bucket)
            # An orderly end loses nothing; after the other a run may miss a batch.
            if first.status is not RunStatus.SUCCEEDED:
                assert how is signal.SIGQUIT
                assert_clear(first, "lost rows", "Run again")
            again = await run(catalog, bucket)
        assert again.status is RunStatus.SUCCEEDED
        assert_exact(conninfo, bucket, [first.status, "succeeded"])
        own_server.drop(conninfo)
    record_property("restarts", restarts)


async def lose_batches(
    catalog: Catalog, conninfo: str, record_property: Callable[[str, object], None]
) -> None:
    """Crashes between confirmed batches and the end of the run: of inserts, then of updates."""
    statuses: list[str] = []
    for version in (1, 2):
        bucket = ListedBucket(KEYS, version=version)
        are_committed = threading.Event()

        def crash_once_committed(are_committed: threading.Event = are_committed) -> None:
            assert are_committed.wait(30)
            crash(conninfo)

        def note(batches: int, are_committed: threading.Event = are_committed) -> None:
            if batches == 5:
                are_committed.set()

        bucket.before[18] = crash_once_committed  # of 20
        kept = await catalog.lanes("bucket", "")
        assert (kept is not None) == (version > 1)
        result = await run(catalog, bucket, on_batch=note)
        assert_clear(result, "lost rows that this run had committed", "Run again")
        assert result.passes
        assert await catalog.lanes("bucket", "") == kept
        again = await run(catalog, bucket)
        assert again.status is RunStatus.SUCCEEDED
        assert again.stats.added + again.stats.changed > 0
        statuses += ["failed", "succeeded"]
        assert_exact(conninfo, bucket, statuses)
    record_property("crashes that undid commits", len(statuses) // 2)


@pytest.mark.parametrize("synchronous_commit", ["on", "off"])
async def test_a_run_whose_commits_a_crash_has_undone_does_not_succeed(
    own_server: OwnServer,
    synchronous_commit: str,
    record_property: Callable[[str, object], None],
) -> None:
    conninfo = own_server.database()
    with own_server.set_to(synchronous_commit=synchronous_commit, **LAZY_WRITER):
        async with opened(conninfo) as catalog:
            await lose_batches(catalog, conninfo, record_property)
    own_server.drop(conninfo)


async def test_the_same_through_the_rest_api(
    database_server: DatabaseServer,
    catalog_database: str,
    supabase: SupabaseStack,
    record_property: Callable[[str, object], None],
) -> None:
    with psycopg.connect(database_server.conninfo, autocommit=True) as admin:
        for name, value in LAZY_WRITER.items():
            admin.execute(f"alter system set {name} = '{value}'".encode())
        admin.execute("select pg_reload_conf()")
    try:
        catalog = SupabaseCatalog(supabase.url, supabase.secret_key, table="images")
        await catalog.open()
        await lose_batches(catalog, catalog_database, record_property)
        await catalog.close()
    finally:
        with psycopg.connect(database_server.conninfo, autocommit=True) as admin:
            for name in LAZY_WRITER:
                admin.execute(f"alter system reset {name}".encode())
            admin.execute("select pg_reload_conf()")


async def test_a_server_that_does_not_come_back_is_told_and_the_next_run_is_exact(
    own_server: OwnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PATIENCE_SECONDS", 1)
    conninfo = own_server.database()
    bucket = ListedBucket(KEYS)
    bucket.before[12] = own_server.end
    try:
        async with opened(conninfo) as catalog:
            result = await run(catalog, bucket)
        assert_clear(result, "does not answer", "DATABASE_URL")
        assert result.passes
    finally:
        own_server.start()
    with psycopg.connect(conninfo, autocommit=True) as connection:
        # Nobody could write the end of it.
        connection.execute("update sync_leases set expires_at = now()")
    async with opened(conninfo) as catalog:
        assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
    assert_exact(conninfo, bucket, ["interrupted", "succeeded"])
    own_server.drop(conninfo)


async def test_a_backend_killed_within_a_batch_is_survived_or_told(
    own_server: OwnServer, record_property: Callable[[str, object], None]
) -> None:
    crashes = sampled(2, 20)
    for number in range(crashes):
        conninfo = own_server.database()
        bucket = ListedBucket(KEYS)
        statuses = []
        async with opened(conninfo) as catalog:
            bucket.before[3 + number * 5 % 17] = partial(crash, conninfo)
            statuses.append((await run(catalog, bucket)).status)
            statuses.append((await run(catalog, bucket)).status)
        assert statuses[-1] is RunStatus.SUCCEEDED
        assert_exact(conninfo, bucket, [status.value for status in statuses])
        own_server.drop(conninfo)
    record_property("crashes", crashes)
