"""Each health check, by breaking what it looks at; and its fix, by running it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.errors import BucketDenied, CatalogError
from s3sync_tui.insight.check import Check, CheckStatus
from s3sync_tui.insight.checks import bucket as bucket_checks
from s3sync_tui.insight.health import Health, check_health
from s3sync_tui.model import KeyRange, Level, ObjectPage, Rows
from tests.support.database import Connection

OK, WARN, FAIL, UNKNOWN = CheckStatus.OK, CheckStatus.WARN, CheckStatus.FAIL, CheckStatus.UNKNOWN


class BucketOfTests:
    """A bucket of ``images``: key and Last-Modified."""

    bucket = "bucket-of-tests"
    prefix = ""
    list_requests = 0

    def __init__(self, images: dict[str, str]) -> None:
        self.images = images
        self.fault: Exception | None = None
        self.region: str | None = None
        self.clock_offset_seconds: float | None = None

    async def open(self) -> None:
        if self.fault:
            raise self.fault

    async def close(self) -> None: ...

    async def split_points(self, span: KeyRange, parts: int) -> list[str]:
        return []

    async def level(self, prefix: str) -> Level | None:
        return None

    async def pages(self, span: KeyRange) -> AsyncIterator[ObjectPage]:
        self.list_requests += 1
        keys = sorted(key for key in self.images if key in span)[:10]
        size = len(keys)
        times = [self.images[key] for key in keys]
        end = span.up_to if size < 10 else keys[-1]
        yield ObjectPage(
            KeyRange(span.after, end), Rows(keys, ["e"] * size, [1] * size, times), [], [], 0
        )


@pytest.fixture
async def catalog(catalog_database: str) -> AsyncIterator[PostgresCatalog]:
    made = PostgresCatalog(catalog_database, table="images", description="test")
    await made.connect()
    yield made
    await made.close()


def insert(behind: Connection, count: int, *, first: int = 1) -> None:
    """Images, counted as a sync counts them."""
    behind.execute(
        "insert into images (filename, etag, size_bytes, last_modified) "
        "select 'cam/' || lpad(n::text, 9, '0') || '.jpg', 'e', 1, now() "
        "from generate_series(%s::int, %s::int) n",
        (first, first + count - 1),
    )
    behind.execute("select s3sync_recount()")
    # The tests' server commits without waiting for the disk, and VACUUM calls visible
    # only what has got there.
    behind.execute("checkpoint")
    behind.execute("select pg_stat_force_next_flush()")


def past_runs(behind: Connection, *minutes_ago: float, status: str = "succeeded") -> None:
    behind.cursor().executemany(
        "insert into sync_runs (table_name, bucket, mode, holder, status, started_at, finished_at, "
        "error, hint) values ('images', 'b', 'full', 'h', %s, now() - make_interval(secs => %s), "
        "now() - make_interval(secs => %s), nullif(%s, ''), 'Look into it.')",
        [
            (status, 60 * at, 60 * at, "" if status == "succeeded" else "S3 said no")
            for at in sorted(minutes_ago, reverse=True)
        ],
    )


def of(health: Health, name: str) -> Check:
    [check] = [check for check in health.checks if check.name == name]
    assert check.why
    assert len(check.title) <= 40
    assert check.status is OK or check.status is UNKNOWN or check.fix
    return check


async def broken(
    catalog: PostgresCatalog, name: str, status: CheckStatus, *words: str, **options: bool
) -> Check:
    """The check, which is as expected, and which its own SQL mends."""
    check = of(await check_health(catalog, verify=options.get("verify", False)), name)
    assert check.status is status, check
    for word in words:
        assert word in check.measured
    assert check.sql
    await catalog.mend(check.sql)
    mended = of(await check_health(catalog, verify=options.get("verify", False)), name)
    assert mended.status is OK, mended
    return check


async def test_all_is_well_after_a_first_sync(catalog: PostgresCatalog, behind: Connection) -> None:
    insert(behind, 5)
    past_runs(behind, 3)
    now = datetime.now(UTC).isoformat()
    bucket = BucketOfTests({f"cam/{n:09}.jpg": now for n in range(1, 6)})
    health = await check_health(catalog, bucket, verify=True)
    assert {check.status for check in health.checks} == {OK}, health
    assert health.worst is OK
    assert bucket.list_requests == 1
    assert {check.name for check in health.checks} == {
        "schema_version",
        "filename_unique",
        "filename_collation",
        "indexes",
        "anon_access",
        "quota",
        "statistics",
        "vacuum",
        "id_headroom",
        "counts",
        "schedule",
        "runs",
        "bucket",
        "newest_keys",
        "clock",
    }


async def test_the_worst_comes_first(catalog: PostgresCatalog, behind: Connection) -> None:
    behind.execute("drop index images_filename_s3sync_idx")
    behind.execute("grant select on images to authenticated")
    health = await check_health(catalog)
    order = [check.status for check in health.checks]
    assert order == sorted(order, key=[FAIL, WARN, UNKNOWN, OK].index)
    assert health.worst is FAIL


# Structure


@pytest.mark.parametrize("name", ["filename_unique", "indexes"])
async def test_a_dropped_index(catalog: PostgresCatalog, behind: Connection, name: str) -> None:
    behind.execute("drop index images_filename_s3sync_idx")
    with pytest.raises(Exception, match="damaged"):
        await catalog.open()
    await catalog.connect()
    schema = of(await check_health(catalog), "schema_version")
    assert (schema.status, "schema --apply" in schema.fix) == (FAIL, True)
    await broken(catalog, name, FAIL)
    assert of(await check_health(catalog), "schema_version").status is OK


@pytest.mark.parametrize("name", ["filename_unique", "indexes"])
async def test_an_invalid_index(catalog: PostgresCatalog, behind: Connection, name: str) -> None:
    behind.execute(
        "update pg_index set indisvalid = false "
        "where indexrelid = 'images_filename_s3sync_idx'::regclass"
    )
    await broken(catalog, name, FAIL, "invalid")


async def test_a_dropped_helper_index_only_slows(
    catalog: PostgresCatalog, behind: Connection
) -> None:
    behind.execute("drop index images_missing_s3sync_idx")
    await broken(catalog, "indexes", WARN, "images_missing_s3sync_idx is missing")


async def test_a_unique_index_of_the_users_own_counts(
    catalog: PostgresCatalog, behind: Connection
) -> None:
    behind.execute("create unique index theirs on images (filename)")
    behind.execute("drop index images_filename_s3sync_idx")
    health = await check_health(catalog)
    assert of(health, "filename_unique").status is OK
    assert of(health, "indexes").status is FAIL


async def test_an_index_that_nobody_reads(catalog: PostgresCatalog, behind: Connection) -> None:
    insert(behind, 10_001)
    behind.execute("vacuum (analyze) images")
    past_runs(behind, 5, 10)
    check = of(await check_health(catalog), "indexes")
    assert (check.status, "never read" in check.measured) == (WARN, True)
    await catalog.mend(check.sql)
    spans = [KeyRange("cam/000000001.jpg", "cam/000000002.jpg")]
    assert [found.rows for found in await catalog.range_digests(spans)] == [1]
    await catalog.close()  # what a connection has read is counted by its end at the latest
    await catalog.connect()
    assert of(await check_health(catalog), "indexes").status is OK


async def test_duplicates_where_no_index_keeps_them_out(
    catalog: PostgresCatalog, behind: Connection
) -> None:
    behind.execute("drop index images_filename_s3sync_idx")
    behind.execute(
        "insert into images (filename, label) values "
        "('a', null), ('a', 'cat'), ('a', null), ('b', null), ('b', null), ('c', 'dog')"
    )
    behind.execute("select s3sync_recount()")
    await broken(catalog, "duplicates", FAIL, "2 filenames")
    kept = behind.execute("select filename, label from images order by filename").fetchall()
    assert kept == [("a", "cat"), ("b", None), ("c", "dog")]
    assert of(await check_health(catalog, verify=True), "counts").status is OK
    await broken(catalog, "filename_unique", FAIL)


async def test_no_label_is_ever_removed(catalog: PostgresCatalog, behind: Connection) -> None:
    behind.execute("drop index images_filename_s3sync_idx")
    behind.execute("insert into images (filename, label) values ('a', 'cat'), ('a', 'dog')")
    check = of(await check_health(catalog), "duplicates")
    await catalog.mend(check.sql)
    assert behind.execute("select count(*) from images").fetchone() == (2,)


async def test_another_collation(catalog: PostgresCatalog, behind: Connection) -> None:
    behind.execute('alter table images alter column filename type text collate "ucs_basic"')
    behind.execute("alter table images_archive alter column filename drop not null")
    check = await broken(catalog, "filename_collation", FAIL, "images, images_archive")
    assert "locked" in check.fix


async def test_another_version(catalog: PostgresCatalog, behind: Connection) -> None:
    for version, words in ((0, "schema --apply"), (99, "pip install --upgrade")):
        behind.execute(
            "create or replace function s3sync_version() returns integer language sql "
            f"as 'select {version}'"
        )
        check = of(await check_health(catalog), "schema_version")
        assert (check.status, words in check.fix) == (FAIL, True)


async def test_no_schema_at_all(catalog: PostgresCatalog, behind: Connection) -> None:
    behind.execute("drop function s3sync_health")
    health = await check_health(catalog, BucketOfTests({}))
    assert of(health, "schema_version").status is FAIL
    assert "schema --apply" in of(health, "schema_version").fix
    assert of(health, "bucket").status is OK


async def test_tables_that_are_gone_stop_no_other_check(
    catalog: PostgresCatalog, behind: Connection
) -> None:
    behind.execute("drop table images, images_archive, images_counts, sync_runs cascade")
    health = await check_health(catalog, BucketOfTests({}), verify=True)
    assert of(health, "schema_version").status is FAIL
    assert of(health, "filename_unique").status is FAIL
    assert of(health, "schedule").status is UNKNOWN
    assert of(health, "counts").status is UNKNOWN


# Access


@pytest.mark.parametrize("table", ["images", "sync_runs"])
@pytest.mark.parametrize(
    ("damage", "status", "words"),
    [
        ("alter table TABLE disable row level security", FAIL, "row level security is off"),
        ("grant select on TABLE to anon", WARN, "anon have grants on TABLE"),
        ("grant update (id) on TABLE to anon", WARN, "grants"),
        ("grant select on TABLE to public", WARN, "anon and authenticated have grants"),
        ('create policy "p""1" on TABLE to anon using (true)', WARN, "a policy opens TABLE"),
        (
            "create policy p on TABLE using (true); grant select on TABLE to anon",
            FAIL,
            "anon can use TABLE",
        ),
        (
            "grant insert on TABLE to authenticated; create policy p on TABLE using (true)",
            WARN,
            "authenticated can use TABLE",
        ),
    ],
)
async def test_a_door_that_is_open(
    catalog: PostgresCatalog,
    behind: Connection,
    table: str,
    damage: str,
    status: CheckStatus,
    words: str,
) -> None:
    if table == "sync_runs":
        damage = damage.replace("(id)", "(holder)")
    behind.execute(damage.replace("TABLE", table).encode())
    check = await broken(catalog, "anon_access", status, words.replace("TABLE", table))
    assert "rely on it" in check.fix


async def test_a_function_that_anybody_can_call(
    catalog: PostgresCatalog, behind: Connection
) -> None:
    behind.execute("grant execute on function s3sync_growth to anon")
    await broken(catalog, "anon_access", FAIL, "1 function can be called")


async def test_where_there_are_no_api_users_nobody_is_shut_out(
    catalog: PostgresCatalog, behind: Connection
) -> None:
    facts = await catalog.health_facts()
    assert set(facts.low_roles) == {"anon", "authenticated"}
    assert of(await check_health(catalog), "anon_access").status is OK


# Upkeep


async def test_statistics_that_are_gone(catalog: PostgresCatalog, behind: Connection) -> None:
    insert(behind, 10_001)
    behind.execute("analyze images")
    behind.execute("delete from pg_statistic where starelid = 'images'::regclass")
    await broken(catalog, "statistics", WARN, "none")


async def test_a_bulk_load_is_not_vacuumed(catalog: PostgresCatalog, behind: Connection) -> None:
    behind.execute("alter table images set (autovacuum_enabled = off)")
    insert(behind, 12_000)
    await broken(catalog, "vacuum", WARN, "100% of pages not all-visible", "no vacuum")


async def test_dead_rows(catalog: PostgresCatalog, behind: Connection) -> None:
    behind.execute("alter table images set (autovacuum_enabled = off)")
    insert(behind, 12_000)
    behind.execute("vacuum (analyze) images")
    behind.execute("update images set label = 'x' where id % 3 = 0")
    behind.execute("checkpoint")
    behind.execute("select pg_stat_force_next_flush()")
    behind.execute("select 1")
    await broken(catalog, "vacuum", WARN, "% dead rows")


async def test_counts_that_are_wrong(catalog: PostgresCatalog, behind: Connection) -> None:
    insert(behind, 10)
    behind.execute("update images_counts set objects = objects + 1")
    assert not [c for c in (await check_health(catalog)).checks if c.name == "counts"]
    await broken(catalog, "counts", FAIL, "11 kept, 10 counted", verify=True)


async def test_numbers_that_run_out(catalog: PostgresCatalog, behind: Connection) -> None:
    behind.execute("alter table images alter column id type integer")
    behind.execute("alter table images_archive alter column id type integer")
    assert of(await check_health(catalog), "id_headroom").status is OK
    behind.execute("select setval('images_id_seq', 1800000000)")
    assert of(await check_health(catalog), "id_headroom").status is WARN
    behind.execute("select setval('images_id_seq', 2147483647)")
    await broken(catalog, "id_headroom", FAIL, "0 numbers left", "100% used")
    behind.execute("insert into images (filename) values ('one more')")
    assert behind.execute("select max(id) from images").fetchone() == (2_147_483_648,)


async def test_room_that_runs_out(catalog: PostgresCatalog, behind: Connection) -> None:
    used = (await catalog.growth_facts()).database_bytes
    assert used is not None

    async def quota(size: float) -> Check:
        return of(await check_health(catalog, quota_bytes=round(size)), "quota")

    assert (await quota(used * 10)).status is OK
    assert (await quota(used * 1.15)).status is WARN
    assert (await quota(used * 1.01)).status is FAIL
    assert (await quota(used / 2)).status is FAIL
    behind.execute(
        "insert into images_counts select date_trunc('hour', now()) - make_interval(hours => n), "
        "0, 1000, 1 from generate_series(1, 4) n"
    )
    facts = await catalog.growth_facts()
    a_day = 24_000 * facts.rows_bytes / facts.objects_total
    check = await quota((facts.database_bytes or 0) + 20 * a_day)
    assert check.status is WARN
    assert re.search(r"full in 2[0-7] days", check.measured)  # four hours, and a part of one


# Schedule and clocks


async def test_a_schedule_that_stalls(catalog: PostgresCatalog, behind: Connection) -> None:
    past_runs(behind, *(5 * n + 1 for n in range(20)))
    real = datetime.now(UTC)
    assert of(await check_health(catalog), "schedule").status is OK

    async def later(minutes: float) -> Check:
        health = await check_health(catalog, now=lambda: real + timedelta(minutes=minutes))
        return of(health, "schedule")

    assert (await later(5)).status is OK
    assert (await later(15)).status is WARN
    check = await later(60)
    assert (check.status, check.measured) == (FAIL, "last success 61 min ago, runs every 5 min")


async def test_a_schedule_that_is_given(catalog: PostgresCatalog, behind: Connection) -> None:
    past_runs(behind, 60)
    assert of(await check_health(catalog), "schedule").status is OK
    assert of(await check_health(catalog, every_seconds=3600), "schedule").status is OK
    assert of(await check_health(catalog, every_seconds=1200), "schedule").status is WARN
    assert of(await check_health(catalog, every_seconds=300), "schedule").status is FAIL


async def test_runs_by_hand_are_no_schedule(catalog: PostgresCatalog, behind: Connection) -> None:
    past_runs(behind, 2000, 1999, 1500, 1200, 1100, 1090, 900)
    check = of(await check_health(catalog), "schedule")
    assert (check.status, "no schedule" in check.measured) == (OK, True)


async def test_never_run_is_not_known(catalog: PostgresCatalog) -> None:
    health = await check_health(catalog)
    assert of(health, "schedule").status is of(health, "runs").status is UNKNOWN


async def test_runs_that_fail(catalog: PostgresCatalog, behind: Connection) -> None:
    past_runs(behind, 30)
    past_runs(behind, 20, status="failed")
    check = of(await check_health(catalog), "runs")
    assert check.status is WARN
    assert check.measured == "the last run failed: S3 said no"
    assert check.fix == "Look into it."
    past_runs(behind, 15, 10, status="interrupted")
    check = of(await check_health(catalog), "runs")
    assert (check.status, "the last 3 runs interrupted" in check.measured) == (FAIL, True)
    past_runs(behind, 5)
    assert of(await check_health(catalog), "runs").status is OK


async def test_only_failures_are_no_success(catalog: PostgresCatalog, behind: Connection) -> None:
    past_runs(behind, 10, status="failed")
    check = of(await check_health(catalog), "schedule")
    assert (check.status, check.fix) == (FAIL, "Look into it.")


async def test_a_run_that_died(catalog: PostgresCatalog, behind: Connection) -> None:
    past_runs(behind, 10, status="running")
    check = of(await check_health(catalog), "runs")
    assert (check.status, "died" in check.measured) == (WARN, True)
    behind.execute(
        "insert into sync_leases select 'images', 'b', max(id), 'h', '', '{}', now(), "
        "now() + interval '1 minute' from sync_runs"
    )
    assert of(await check_health(catalog), "runs").status is OK  # it is alive


@pytest.mark.parametrize(
    ("skew", "status", "words"),
    [(0, OK, "in step"), (-40, WARN, "40 s ahead"), (3600, FAIL, "60 min behind")],
)
async def test_a_clock_that_is_wrong(
    catalog: PostgresCatalog, skew: int, status: CheckStatus, words: str
) -> None:
    """This machine's clock is ahead by ``skew`` seconds."""
    health = await check_health(catalog, now=lambda: datetime.now(UTC) + timedelta(seconds=skew))
    check = of(health, "clock")
    assert check.status is status
    assert f"database {words}" in check.measured


async def test_two_clocks_against_one_say_which_is_wrong(catalog: PostgresCatalog) -> None:
    bucket = BucketOfTests({})
    bucket.clock_offset_seconds = -400.0
    late = await check_health(
        catalog, bucket, now=lambda: datetime.now(UTC) + timedelta(seconds=400)
    )
    assert of(late, "clock").fix.startswith("Set this machine's clock")
    alone = of(await check_health(catalog, bucket), "clock")
    assert alone.status is FAIL
    assert alone.measured == "database in step, S3 7 min behind"
    assert alone.fix.startswith("Compare with the true time")


# The bucket


async def test_a_bucket_that_says_no(catalog: PostgresCatalog) -> None:
    assert of(await check_health(catalog), "bucket").status is UNKNOWN
    bucket = BucketOfTests({})
    bucket.fault = BucketDenied("These credentials may not list it.", hint="Give s3:ListBucket.")
    check = of(await check_health(catalog, bucket), "bucket")
    assert (check.status, check.fix) == (FAIL, "Give s3:ListBucket.")


@pytest.mark.parametrize(
    ("host", "bucket_region", "status"),
    [
        ("aws-0-eu-central-1.pooler.supabase.com", "eu-central-1", OK),
        ("aws-1-us-west-2.pooler.supabase.com", "eu-central-1", WARN),
        ("db.c8x.us-east-1.rds.amazonaws.com", "us-east-1", OK),
        ("db.abcdefgh.supabase.co", "us-east-1", None),
        ("aws-0-eu-central-1.pooler.supabase.com", None, None),
    ],
)
async def test_regions(
    catalog: PostgresCatalog, host: str, bucket_region: str | None, status: CheckStatus | None
) -> None:
    conninfo, catalog._conninfo = catalog._conninfo, f"postgresql://u:p@{host}:6543/postgres"
    bucket = BucketOfTests({})
    bucket.region = bucket_region
    found = [c for c in (await check_health(catalog, bucket)).checks if c.name == "region"]
    assert [check.status for check in found] == ([] if status is None else [status])
    catalog._conninfo = conninfo


async def test_images_that_never_arrived(catalog: PostgresCatalog, behind: Connection) -> None:
    insert(behind, 3)
    past_runs(behind, 10)
    now = datetime.now(UTC)
    images = {f"cam/{n:09}.jpg": now.isoformat() for n in range(1, 6)}
    check = of(await check_health(catalog, BucketOfTests(images)), "newest_keys")
    assert (check.status, "2 of" in check.measured) == (OK, True)  # newer than the last run
    images["cam/000000005.jpg"] = (now - timedelta(days=3)).isoformat()
    check = of(await check_health(catalog, BucketOfTests(images)), "newest_keys")
    assert (check.status, "1 of" in check.measured) == (FAIL, True)


async def test_a_table_of_another_bucket(catalog: PostgresCatalog, behind: Connection) -> None:
    behind.execute(
        "insert into images (filename, last_modified) values (E'new\\nline\\x1b[31m.jpg', now())"
    )
    check = of(await check_health(catalog, BucketOfTests({"other.jpg": "2026-01-01T00:00:00Z"})),
               "newest_keys")  # fmt: skip
    assert check.status is WARN
    assert check.measured == "new\\nline\\x1b[31m.jpg is not in the bucket"


async def test_a_bucket_that_hangs_is_not_waited_for(
    catalog: PostgresCatalog, behind: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(behind, 1)
    monkeypatch.setattr(bucket_checks, "_PATIENCE_SECONDS", 0.05)

    class Hangs(BucketOfTests):
        async def pages(self, span: KeyRange) -> AsyncIterator[ObjectPage]:
            await asyncio.sleep(60)
            yield ObjectPage(span, Rows([], [], [], []), [], [], 0)

    assert of(await check_health(catalog, Hangs({})), "newest_keys").status is UNKNOWN


async def test_fixes_that_cannot_be_run_say_why(catalog: PostgresCatalog) -> None:
    with pytest.raises(CatalogError, match="nowhere"):
        await catalog.mend(["drop table nowhere"])


async def test_health_writes_nothing(catalog_database: str, catalog: PostgresCatalog) -> None:
    with psycopg.connect(catalog_database, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(
            f'alter database "{name}" set default_transaction_read_only = on'.encode()
        )
    reader = PostgresCatalog(catalog_database, table="images", description="test")
    await reader.connect()
    try:
        assert of(await check_health(reader, verify=True), "schema_version").status is OK
    finally:
        await reader.close()
