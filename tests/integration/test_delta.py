"""Delta runs over real parts: a real Postgres, and S3 over HTTP."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.engine.pipeline import SyncOptions
from s3sync_tui.engine.sync import sync
from s3sync_tui.model import Level, ModeChoice, RunMode, RunResult
from s3sync_tui.source.s3 import S3Source
from tests.support.bucket import MotoServer
from tests.support.database import Connection
from tests.support.faulty_runs import opened
from tests.support.model_bucket import ModelBucket, Play, Script, Stored, scripts
from tests.support.stub import CameraKeys, ListingStub, served

CAMERAS = 50
_OBJECT = re.compile(rb"<Key>(cam-\d+)/(\d+)/(\d+)/(\d+)/(\d+)/(.*?)<LastModified>[^<]*")

pytestmark = pytest.mark.usefixtures("credentials")


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(scripts)
def test_on_a_real_catalog_too_no_key_is_lost_and_a_full_run_mends_the_rest(
    catalog_database: str, script: Script
) -> None:
    asyncio.run(played(catalog_database, script))


async def played(conninfo: str, script: Script) -> None:
    with psycopg.connect(conninfo, autocommit=True) as behind:
        behind.execute("truncate images, images_counts, sync_lanes")

        def rows() -> Stored:
            query = "select filename, etag, size_bytes from images where missing_since is null"
            return {key: (etag, size) for key, etag, size in behind.execute(query).fetchall()}

        bucket = ModelBucket()
        # By the database's clock it is always later, so the bucket's own counts.
        bucket.now = datetime.now(UTC) - timedelta(days=200)
        async with opened(conninfo) as catalog:
            await Play(bucket, catalog, rows).perform(script)


class StubWithTimes(ListingStub):
    """With the hour of its key as each object's time: the plain one has one time for all."""

    def listing(self, query: dict[str, str], bucket: str = "stub-bucket") -> bytes:
        body = super().listing(query, bucket)
        return _OBJECT.sub(rb"<Key>\1/\2/\3/\4/\5/\6<LastModified>\2-\3-\4T\5:00:00.000Z", body)


async def run_on(
    endpoint: str, catalog: PostgresCatalog, mode: ModeChoice, *, dry_run: bool = False
) -> RunResult:
    source = S3Source("stub-bucket", endpoint=endpoint, region="us-east-1")
    options = SyncOptions(mode=mode, dry_run=dry_run)
    try:
        return await sync(source, catalog, options, lambda _: None)
    finally:
        await source.close()


async def test_a_delta_of_fifty_lanes_takes_sixty_list_requests_at_most(
    catalog_database: str, behind: Connection
) -> None:
    stub = StubWithTimes(CameraKeys(CAMERAS * 4_000, CAMERAS))
    with served(stub) as endpoint:
        async with opened(catalog_database) as catalog:
            first = await run_on(endpoint, catalog, "auto")
            assert (first.mode, first.stats.added) == (RunMode.FULL, CAMERAS * 4_000)
            stub.keys = CameraKeys(CAMERAS * 4_015, CAMERAS)
            dry = await run_on(endpoint, catalog, "auto", dry_run=True)
            delta = await run_on(endpoint, catalog, "auto")
            again = await run_on(endpoint, catalog, "auto")
            full = await run_on(endpoint, catalog, "full")
    assert (dry.mode, dry.stats.added) == (RunMode.DELTA, CAMERAS * 15)
    assert (delta.mode, delta.stats.added) == (RunMode.DELTA, CAMERAS * 15)
    assert delta.mode_reason == "50 lanes, last full run a moment ago"
    assert delta.stats.list_requests <= 60
    assert (again.stats.added, again.stats.list_requests <= 60) == (0, True)
    assert (full.mode, full.stats.added, full.stats.changed) == (RunMode.FULL, 0, 0)
    modes = behind.execute("select mode from sync_runs order by id").fetchall()
    assert modes == [("full",), ("delta",), ("delta",), ("full",)]


async def test_a_level_names_what_lies_directly_under_a_prefix(
    moto: MotoServer,
) -> None:
    moto_bucket = moto.bucket()
    moto_bucket.put(["p/a/1.jpg", "p/a/2.jpg", "p/b +%/1.jpg", "p/é.jpg", "p/", "q/1.jpg"])
    source = S3Source(moto_bucket.name, "p", endpoint=moto_bucket.endpoint)
    try:
        assert await source.level("p") == Level(["p/"], [])
        assert await source.level("p/") == Level(["p/a/", "p/b +%/"], ["p/", "p/é.jpg"])
        assert await source.level("p/c/") == Level([], [])
    finally:
        await source.close()
