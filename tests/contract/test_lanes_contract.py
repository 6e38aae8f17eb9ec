"""What a run has learnt is kept as a whole, with its end, and only of one that succeeded."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.errors import LeaseLost
from s3sync_tui.model import Lanes, RunMode, RunStatus
from tests.contract.images import HARD_KEYS, rows
from tests.contract.runs import begin, result
from tests.support.database import Connection

FULL_AT = datetime(2026, 11, 24, 12, 0, 0, 123456, UTC)
LANES = Lanes("f", FULL_AT, 1, ["a/", "b/"], ["a/1.jpg", ""], "")


async def finished(catalog: Catalog, lanes: Lanes | None, *keys: str, **request: object) -> int:
    run = await begin(catalog, **request)
    await catalog.insert_batch(run, 1, rows(keys))
    await catalog.finish_run(run, result(run), lanes)
    return run


async def test_lanes_come_back_as_they_were_kept(catalog: Catalog) -> None:
    assert await catalog.lanes("bucket", "") is None
    hard = replace(LANES, prefixes=HARD_KEYS, watermarks=[key + "'\"\\" for key in HARD_KEYS])
    await finished(catalog, hard, "k")
    assert await catalog.lanes("bucket", "") == hard
    none = Lanes("g", FULL_AT, 0, [], [], "no order – none")
    await finished(catalog, none)
    assert await catalog.lanes("bucket", "") == none


async def test_two_thousand_lanes_come_back_whole(catalog: Catalog) -> None:
    """PostgREST cuts answers at 1,000 rows."""
    prefixes = [f"{n:04}/" for n in range(2_000)]
    many = replace(LANES, prefixes=prefixes, watermarks=[each + "x" for each in prefixes])
    await finished(catalog, many, "k")
    assert await catalog.lanes("bucket", "") == many


async def test_each_bucket_and_prefix_has_its_own(catalog: Catalog) -> None:
    await finished(catalog, LANES, "k")
    other = replace(LANES, fingerprint="other")
    await finished(catalog, other, prefix="p/")
    assert await catalog.lanes("bucket", "") == LANES
    assert await catalog.lanes("bucket", "p/") == other
    assert await catalog.lanes("another", "") is None


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.INTERRUPTED])
async def test_a_run_that_did_not_succeed_moves_no_watermark(
    catalog: Catalog, status: RunStatus
) -> None:
    await finished(catalog, LANES, "k")
    run = await begin(catalog)
    await catalog.finish_run(run, result(run, status), replace(LANES, watermarks=["a/9", "b/9"]))
    assert await catalog.lanes("bucket", "") == LANES
    await finished(catalog, None)
    assert await catalog.lanes("bucket", "") == LANES


async def test_a_run_that_was_taken_over_moves_no_watermark(
    catalog: Catalog, database: Connection
) -> None:
    await finished(catalog, LANES, "k")
    run = await begin(catalog)
    database.execute("update sync_leases set expires_at = now() - interval '1 second'")
    await begin(catalog, holder="another")
    with pytest.raises(LeaseLost):
        await catalog.finish_run(run, result(run), replace(LANES, watermarks=["a/9", "b/9"]))
    assert await catalog.lanes("bucket", "") == LANES


async def test_of_a_table_that_was_emptied_nothing_is_known(
    catalog: Catalog, database: Connection
) -> None:
    await finished(catalog, LANES, "k")
    database.execute(
        "with moved as (delete from images returning *) "
        "insert into images_archive select * from moved"
    )
    assert await catalog.lanes("bucket", "") == LANES
    database.execute("truncate images_archive")
    assert await catalog.lanes("bucket", "") is None


async def test_history_tells_the_mode_and_why(catalog: Catalog) -> None:
    run = await begin(catalog, mode=RunMode.DELTA)
    ended = replace(result(run), mode=RunMode.DELTA, mode_reason="2 lanes, last full run 3 h ago")
    await catalog.finish_run(run, ended, LANES)
    [record] = (await catalog.history()).runs
    assert (record.mode, record.mode_reason) == ("delta", "2 lanes, last full run 3 h ago")


async def test_history_knows_the_last_full_run_behind_any_number_of_delta_runs(
    catalog: Catalog,
) -> None:
    assert (await catalog.history()).last_full is None
    full = await finished(catalog, LANES, "k")
    for _ in range(3):
        await finished(catalog, LANES, mode=RunMode.DELTA)
    failed = await begin(catalog)
    await catalog.finish_run(failed, result(failed, RunStatus.FAILED), None)
    found = await catalog.history(2)
    assert [record.run_id for record in found.runs] == [failed, failed - 1]
    assert found.last_full is not None
    assert (found.last_full.run_id, found.last_full.mode) == (full, "full")
