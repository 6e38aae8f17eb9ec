"""A transaction pooler between us and Postgres that loses sessions, restarts, or is no more."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from s3sync_tui.catalog import postgres
from s3sync_tui.model import RunStatus
from tests.support.database import Connection
from tests.support.faulty_runs import ListedBucket, assert_clear, assert_exact, opened, run
from tests.support.pooler import pooler
from tests.support.sampling import sampled

KEYS = 1000


async def test_a_pooler_that_restarts_or_loses_sessions_costs_nothing(
    catalog_database: str,
    behind: Connection,
    record_property: Callable[[str, object], None],
) -> None:
    bucket = ListedBucket(KEYS)
    ended = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
    faults = 0
    with pooler(catalog_database) as between:

        def restart() -> None:
            nonlocal faults
            between.kill()
            time.sleep(0.1)
            between.start()
            faults += 1

        def end_sessions() -> None:
            nonlocal faults
            here = f"{ended} and datname = current_database()"
            faults += len(behind.execute(here.encode()).fetchall())

        for page in range(3, 20, sampled(8, 2)):
            bucket.before[page] = restart
            bucket.before[page + 1] = end_sessions
        async with opened(between.conninfo) as catalog:
            assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
    assert faults > 1
    assert_exact(catalog_database, bucket, ["succeeded"])
    record_property("restarts and lost sessions", faults)


async def test_a_pooler_that_is_gone_is_told(
    catalog_database: str, behind: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PATIENCE_SECONDS", 1)
    bucket = ListedBucket(KEYS)
    with pooler(catalog_database) as between:
        bucket.before[9] = between.kill
        async with opened(between.conninfo) as catalog:
            result = await run(catalog, bucket)
        assert_clear(result, "does not answer", "Connection refused", "DATABASE_URL")
        behind.execute("update sync_leases set expires_at = now()")
        between.start()
        async with opened(between.conninfo) as catalog:
            assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
    assert_exact(catalog_database, bucket, ["interrupted", "succeeded"])
