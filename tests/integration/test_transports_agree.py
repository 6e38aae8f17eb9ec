"""One bucket, two transports: the same table, the same stats, the same history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.catalog.supabase import SupabaseCatalog
from s3sync_tui.engine.pipeline import SyncOptions
from s3sync_tui.engine.sync import sync
from s3sync_tui.model import RunStats
from s3sync_tui.source.s3 import S3Source
from tests.support.stub import CameraKeys, ListingStub, served
from tests.support.supabase_stack import SupabaseStack

KEYS = 200_000

TABLE = """
select convert_to(filename, 'UTF8'), size_bytes, etag, last_modified, labeled, label,
  missing_since is null
from images order by filename collate "C"
"""
HISTORY = """
select id, table_name, bucket, prefix, mode, status, total, added, skipped, changed, gone, rejected,
  error, hint, details - 'phases'
from sync_runs order by id
"""


async def run(catalog: Catalog, endpoint: str) -> RunStats:
    source = S3Source("stub-bucket", endpoint=endpoint)
    await catalog.open()
    try:
        result = await sync(source, catalog, SyncOptions(), lambda _: None)
    finally:
        await source.close()
        await catalog.close()
    assert result.error == ""
    # How long it took differs, and so may requests: ranges are cut by statistics, which
    # only a connection can refresh.
    return replace(result.stats, duration_seconds=0, list_requests=0, cost_usd=0)


def rows(conninfo: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(query.encode()).fetchall()


async def test_both_transports_leave_the_same_behind(
    new_database: Callable[..., str],
    supabase: SupabaseStack,
    catalog_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    direct = new_database()
    keys = list(CameraKeys(KEYS))
    full, thinned = ListingStub(keys), ListingStub(keys[:-1_500])
    sides: dict[str, list[RunStats]] = {}
    with served(full) as endpoint, served(thinned) as later:
        for name, catalog in (
            ("postgres", PostgresCatalog(direct, table="images", description="test")),
            ("rest", SupabaseCatalog(supabase.url, supabase.secret_key, table="images")),
        ):
            sides[name] = [await run(catalog, at) for at in (endpoint, endpoint, later)]
    figures = [(stats.total, stats.added, stats.gone) for stats in sides["postgres"]]
    assert figures == [(KEYS, KEYS, 0), (KEYS, 0, 0), (KEYS - 1_500, 0, 1_500)]
    assert sides["rest"] == sides["postgres"]
    table = rows(direct, TABLE)
    assert len(table) == KEYS
    assert rows(catalog_database, TABLE) == table
    assert rows(catalog_database, HISTORY) == rows(direct, HISTORY)
