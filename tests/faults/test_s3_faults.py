"""The bucket fails in every way there is: the run ends exact, or in one clear error, and the next
run is exact."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.engine.pipeline import SyncOptions
from s3sync_tui.engine.sync import sync
from s3sync_tui.model import RunResult, RunStatus
from s3sync_tui.source.s3 import S3Source
from tests.support.broken_answers import ON_THE_WAY, dripping, packed, silent
from tests.support.bucket import MotoBucket
from tests.support.fault_proxy import Fault, FaultProxy, at, from_on, nothing
from tests.support.s3_answers import (
    S3_LASTING,
    S3_PASSING,
    is_list,
)
from tests.support.sampling import IS_WHOLE

KEYS = [f"cam-{c}/{i:03}.jpg" for c in range(3) for i in range(20)] + ["zz/last.jpg"]
TIMEOUTS: dict[str, Fault] = {"silent": silent, "dripping": dripping}
KINDS = {**ON_THE_WAY, **S3_PASSING, **TIMEOUTS}
"""Faults that another try may mend."""


def some(kinds: dict[str, Any], every: int) -> list[str]:
    """All of them, or one in so many."""
    return list(kinds)[:: 1 if IS_WHOLE else every]


class Rig:
    """A bucket behind a proxy, and a catalog."""

    def __init__(self, bucket: MotoBucket, proxy: FaultProxy, conninfo: str) -> None:
        self.bucket = bucket
        self.proxy = proxy
        self.conninfo = conninfo

    async def run(self, *, page_size: int = 10, streams: int = 3, **source: Any) -> RunResult:
        """One sync."""
        bucket = S3Source(
            self.bucket.name,
            endpoint=self.proxy.url,
            concurrency=streams,
            page_size=page_size,
            **{"retry_base_seconds": 0.001, "request_seconds": 0.4, **source},
        )
        options = SyncOptions(batch_size=25, list_concurrency=streams)
        async with opened(self.conninfo) as catalog:
            try:
                return await sync(bucket, catalog, options, lambda _: None)
            finally:
                await bucket.close()

    def rows(self) -> dict[object, object]:
        """What the table holds."""
        return dict(self._ask("select filename, etag from images"))  # type: ignore[arg-type]

    def statuses(self) -> list[object]:
        """How the runs ended, in their order."""
        return [status for (status,) in self._ask("select status from sync_runs order by id")]

    def assert_exact(self, result: RunResult) -> None:
        """The run has succeeded, and the table is the bucket."""
        assert (result.status, result.exit_code) == (RunStatus.SUCCEEDED, 0), result.error
        assert self.rows() == self.bucket.objects()
        assert result.stats.total == len(self.bucket.objects())
        assert "running" not in self.statuses()

    def assert_clear(self, result: RunResult, *codes: int) -> None:
        """The run has failed in one clear error, and the table holds nothing wrong."""
        assert result.status is RunStatus.FAILED
        assert result.exit_code in codes, result.error
        assert result.error
        assert result.hint
        assert "Error(" not in result.error
        assert self.rows().items() <= self.bucket.objects().items()
        assert self.statuses()[-1] == "failed"

    def _ask(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.conninfo) as connection:
            return connection.execute(query.encode()).fetchall()


@asynccontextmanager
async def opened(conninfo: str) -> AsyncIterator[PostgresCatalog]:
    catalog = PostgresCatalog(conninfo, table="images", description="test")
    await catalog.open()
    try:
        yield catalog
    finally:
        await catalog.close()


@pytest.fixture
def rig(bucket: MotoBucket, credentials: None, catalog_database: str) -> Iterator[Rig]:
    bucket.put(KEYS)
    with FaultProxy(bucket.endpoint) as proxy:
        yield Rig(bucket, proxy, catalog_database)


@pytest.mark.parametrize("kind", some(KINDS, 2))
async def test_a_fault_that_passes_loses_nothing(rig: Rig, kind: str) -> None:
    rig.proxy.script = at(KINDS[kind], 2, 3, 5, 6, which=is_list)
    rig.assert_exact(await rig.run())
    assert rig.proxy.injected == 4


@pytest.mark.parametrize("kind", some(KINDS, 3))
async def test_a_fault_that_stays_is_told_and_the_next_run_is_exact(rig: Rig, kind: str) -> None:
    rig.proxy.script = from_on(KINDS[kind], 3, which=is_list)
    rig.assert_clear(await rig.run(request_seconds=0.15), 7)
    # Eight tries for each range that was begun, and none for what is cut from it.
    assert rig.proxy.injected <= 8 * 12
    rig.proxy.script = nothing
    rig.assert_exact(await rig.run())


@pytest.mark.parametrize("kind", some(KINDS, 4))
async def test_a_fault_from_the_first_request_on_is_told(rig: Rig, kind: str) -> None:
    rig.proxy.script = from_on(KINDS[kind], 1)
    # Two kinds are nothing to the look at the folders, and to HEAD most are.
    rig.assert_clear(await rig.run(request_seconds=0.15), 3, 7)
    rig.proxy.script = nothing
    rig.assert_exact(await rig.run())


@pytest.mark.parametrize("kind", some(S3_LASTING, 3))
@pytest.mark.parametrize("first", [1, 4])
async def test_what_no_retry_mends_ends_the_run_at_once(rig: Rig, kind: str, first: int) -> None:
    fault, hint = S3_LASTING[kind]
    rig.proxy.script = from_on(fault, first, which=is_list)
    result = await rig.run()
    rig.assert_clear(result, 3)
    assert hint in result.hint
    assert rig.proxy.injected <= 6  # one each, for what was under way
    rig.proxy.script = nothing
    rig.assert_exact(await rig.run())


async def test_answers_that_are_packed_unasked_are_read(rig: Rig) -> None:
    rig.proxy.script = from_on(packed, 1, which=is_list)
    rig.assert_exact(await rig.run())
