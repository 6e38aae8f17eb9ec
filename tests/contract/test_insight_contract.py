"""What the catalog says about itself, whatever the transport."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.errors import SchemaError
from s3sync_tui.model import RunMode, RunRequest, RunResult, RunStats, RunStatus
from tests.contract.conftest import Transport
from tests.contract.images import rows
from tests.support.database import Connection


async def sync(
    catalog: Catalog, keys: list[str], *, status: RunStatus = RunStatus.SUCCEEDED, error: str = ""
) -> int:
    ticket = await catalog.begin_run(RunRequest("bucket", "p/", RunMode.FULL, "test", 60))
    assert ticket.run_id is not None
    if keys:
        await catalog.insert_batch(ticket.run_id, 1, rows(keys))
    stats = RunStats(total=len(keys), list_requests=3, cost_usd=0.5, duration_seconds=1)
    gone = ['"\n\x01']
    result = RunResult(ticket.run_id, status, RunMode.FULL, False, stats, [], gone, [], error, "x")
    await catalog.finish_run(ticket.run_id, result)
    return ticket.run_id


async def test_history_tells_runs_as_they_were(catalog: Catalog) -> None:
    first = await sync(catalog, ["a.jpg", "b.jpg"])
    second = await sync(catalog, [], status=RunStatus.FAILED, error="S3 said no")
    found = await catalog.history()
    assert [run.run_id for run in found.runs] == [second, first]
    failed, succeeded = found.runs
    assert (failed.status, failed.error, failed.hint) == (RunStatus.FAILED, "S3 said no", "x")
    assert (succeeded.bucket, succeeded.prefix, succeeded.mode) == ("bucket", "p/", "full")
    assert (succeeded.stats.total, succeeded.stats.added, succeeded.stats.skipped) == (2, 2, 0)
    assert succeeded.stats.list_requests == 3
    assert succeeded.details["gone_sample"] == ['"\n\x01']
    assert succeeded.started_at.tzinfo is not None
    assert succeeded.finished_at is not None
    assert succeeded.started_at <= succeeded.finished_at <= found.at
    assert (found.month_runs, found.month_list_requests, found.month_cost_usd) == (2, 6, 1.0)


async def test_a_run_that_goes_on_is_in_the_history(catalog: Catalog) -> None:
    ticket = await catalog.begin_run(RunRequest("bucket", "", RunMode.FULL, "me", 60))
    [run] = (await catalog.history()).runs
    assert (run.run_id, run.status, run.finished_at) == (ticket.run_id, RunStatus.RUNNING, None)
    assert (run.holder, run.error, run.details) == ("me", "", {})


async def test_history_is_read_in_pages_and_no_row_limit_cuts_it(
    catalog: Catalog, database: Connection
) -> None:
    database.execute(
        "insert into sync_runs (table_name, bucket, mode, holder, status, started_at, cost_usd) "
        "select case when n % 5 = 0 then 'other' else 'images' end, 'b', 'full', 'h', 'succeeded', "
        "now() - make_interval(hours => n), 0.001 from generate_series(1, 1500) n"
    )
    found = await catalog.history(1000)
    assert len(found.runs) == 1000
    numbers = [run.run_id for run in found.runs]
    assert numbers == sorted(numbers, reverse=True)
    rest = await catalog.history(1000, numbers[-1])
    assert len(rest.runs) == 200
    assert found.month_runs == 576  # of 719 hours; a fifth is of another table
    assert found.month_cost_usd == pytest.approx(0.576)


async def test_growth_is_that_of_the_kept_counts(catalog: Catalog, database: Connection) -> None:
    empty = await catalog.growth_facts()
    assert (empty.objects_total, empty.hours, empty.days, empty.newest_at) == (0, [], [], None)
    assert empty.synced_at is None
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    database.execute(
        "insert into images_counts select %s - make_interval(hours => n / 2), n %% 2, 10, 100 "
        "from generate_series(0, 9999) n",
        (now,),
    )
    database.execute("insert into images_counts values ('epoch', 0, 7, 70)")
    await sync(catalog, [])
    facts = await catalog.growth_facts()
    assert (facts.objects_total, facts.bytes_total) == (100_007, 1_000_070)
    assert len(facts.hours) == 2400  # beyond PostgREST's 1,000 rows
    assert set(facts.hour_objects) == {20}
    assert facts.hours[-1] == now
    assert sum(facts.day_objects) == 100_000
    assert facts.days[0] == (now - timedelta(hours=4999)).replace(hour=0)
    assert facts.newest_at == now  # the counts know the hour
    assert facts.synced_at is not None
    assert facts.synced_at <= facts.at
    assert facts.database_bytes is not None
    assert 0 < facts.rows_bytes < facts.ours_bytes < facts.database_bytes


async def test_the_newest_image_is_known_to_the_second(
    catalog: Catalog, database: Connection
) -> None:
    await sync(catalog, ["a.jpg", "b.jpg", "c.jpg"])
    [(newest,)] = database.execute(
        "update images set last_modified = now() - interval '1 s' where filename = 'b.jpg' "
        "returning last_modified"
    ).fetchall()
    assert (await catalog.growth_facts()).newest_at == newest


async def test_health_is_told_also_of_a_damaged_schema(
    transport: Transport, database: Connection
) -> None:
    catalog = await transport.make()
    await sync(catalog, ["a.jpg", "b\u2028.jpg"])
    facts = await catalog.health_facts()
    assert (facts.version, facts.problems) == (4, [])
    assert facts.low_roles == ["anon", "authenticated"]
    assert facts.tables[0].name == "images"
    assert {(t.row_security, *t.granted, *t.policies) for t in facts.tables} == {(True,)}
    assert facts.open_functions == []
    assert all(index.exists and index.valid for index in facts.indexes)
    assert facts.runs is not None
    assert facts.runs.statuses == ["succeeded"]
    assert facts.newest_key in {"a.jpg", "b\u2028.jpg"}
    assert facts.duplicates is None

    database.execute("drop table images_archive, sync_batches, images_counts cascade")
    database.execute("drop index images_filename_s3sync_idx")
    damaged = await catalog.health_facts()
    assert damaged.problems
    assert [t.name for t in damaged.tables if not t.exists] == [
        "images_archive",
        "images_counts",
        "sync_batches",
    ]
    assert damaged.duplicates == 0
    database.execute("drop table sync_leases, sync_runs, images cascade")
    assert (await catalog.health_facts()).runs is None


async def test_a_schema_that_is_not_there_is_said_so(
    catalog: Catalog, database: Connection
) -> None:
    database.execute("drop function s3sync_health")
    database.execute("notify pgrst, 'reload schema'")
    with pytest.raises(SchemaError):
        await catalog.health_facts()


async def test_counts_are_verified_in_one_snapshot(catalog: Catalog, database: Connection) -> None:
    await sync(catalog, [f"{n}.jpg" for n in range(100)])
    counted = await catalog.verify_counts()
    assert (counted.kept_objects, counted.true_objects) == (100, 100)
    assert (counted.wrong_hours, counted.duplicates) == (0, 0)
    database.execute("delete from images where filename < '3'")
    counted = await catalog.verify_counts()
    assert counted.kept_objects > counted.true_objects
    assert counted.wrong_hours > 0


async def test_the_service_role_needs_no_more_than_it_has(
    catalog: Catalog, database: Connection
) -> None:
    await sync(catalog, ["a.jpg"])
    for function in ("history()", "growth()", "health()", "verify()", "recount()"):
        database.execute("set role service_role")
        [(answer,)] = database.execute(
            f"select to_jsonb(f) from (select s3sync_{function}) f"
        ).fetchall()
        database.execute("set role anon")
        with pytest.raises(Exception, match="permission denied"):
            database.execute(f"select s3sync_{function}")
        database.execute("reset role")
        assert json.dumps(answer)
