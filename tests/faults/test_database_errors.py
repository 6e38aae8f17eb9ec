"""What Postgres may answer to a batch instead of taking it, for a while or for good."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import pytest
from psycopg.conninfo import make_conninfo

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.supabase import SupabaseCatalog
from s3sync_tui.model import RunStatus
from tests.support.database import Connection
from tests.support.faulty_runs import ListedBucket, assert_clear, assert_exact, opened, run

KEYS = 600

OpenCatalog = Callable[[], AbstractAsyncContextManager[Catalog]]

# Raised where rows are written, so many times. (nextval is not undone with the rest.)
FAILING = """
create sequence attempts;
create function fail() returns trigger language plpgsql as
  $$ begin
    if nextval('attempts') <= {times} then
      raise exception using errcode = '{code}', message = 'the server''s words';
    end if;
    return null;
  end $$;
create trigger fail after insert on images for each statement execute function fail();
grant usage on sequence attempts to service_role;
"""


@pytest.fixture(params=["postgres", "supabase"])
def transport(request: pytest.FixtureRequest, catalog_database: str) -> OpenCatalog:
    """Opens a catalog, one way or the other."""
    if request.param == "postgres":
        return lambda: opened(catalog_database)
    project = request.getfixturevalue("supabase")

    @asynccontextmanager
    async def through_the_rest_api() -> AsyncIterator[Catalog]:
        catalog = SupabaseCatalog(
            project.url, project.secret_key, table="images", patience_seconds=1
        )
        await catalog.open()
        try:
            yield catalog
        finally:
            await catalog.close()

    return through_the_rest_api


@pytest.mark.parametrize(
    "code", ["08006", "25P03", "40001", "40P01", "53200", "53300", "55P03", "57P01", "57P03"]
)
async def test_what_passes_costs_nothing(
    catalog_database: str, behind: Connection, transport: OpenCatalog, code: str
) -> None:
    behind.execute(FAILING.format(times=2, code=code).encode())
    bucket = ListedBucket(KEYS)
    async with transport() as catalog:
        assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
    assert behind.execute("select last_value > 2 from attempts").fetchall() == [(True,)]
    assert_exact(catalog_database, bucket, ["succeeded"])


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("53100", "disk is full"),
        ("53200", "out of memory"),
        ("57014", "took too long"),
        ("25006", "read-only"),
        ("42501", "may not do this"),
        ("58030", "the server's words"),
        ("XX001", "the server's words"),
        ("0A000", "the server's words"),
        ("40P01", "the server's words"),
    ],
)
async def test_what_stays_is_told_and_the_next_run_is_exact(
    catalog_database: str,
    behind: Connection,
    transport: OpenCatalog,
    code: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("s3sync_tui.catalog.postgres.ATTEMPTS", 2)
    behind.execute(FAILING.format(times=1000, code=code).encode())
    bucket = ListedBucket(KEYS)
    async with transport() as catalog:
        assert_clear(await run(catalog, bucket), words)
        behind.execute("drop trigger fail on images")
        assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
    assert_exact(catalog_database, bucket, ["failed", "succeeded"])


async def test_a_client_that_stands_still_in_the_midst_of_a_batch_does_it_again(
    catalog_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    impatient = make_conninfo(catalog_database, options="-c idle_in_transaction_session_timeout=20")
    bucket = ListedBucket(KEYS)

    async def stand_still() -> None:
        while True:
            time.sleep(0.05)
            await asyncio.sleep(0.001)

    async with opened(impatient) as catalog:
        standing = asyncio.create_task(stand_still())
        assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
        standing.cancel()
        with suppress(asyncio.CancelledError):
            await standing
    assert "trying it again" in caplog.text
    assert_exact(catalog_database, bucket, ["succeeded"])


async def test_sessions_that_idle_for_too_long_are_made_anew(catalog_database: str) -> None:
    impatient = make_conninfo(catalog_database, options="-c idle_session_timeout=700")
    bucket = ListedBucket(KEYS)
    for page in (2, 12):
        bucket.before[page] = lambda: time.sleep(1.5)
    async with opened(impatient) as catalog:
        assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
    assert_exact(catalog_database, bucket, ["succeeded"])
