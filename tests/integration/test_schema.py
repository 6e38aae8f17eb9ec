"""The schema: applied over nothing, over itself and over a user's own table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.catalog.schema import schema_sql
from s3sync_tui.changes import ChangeKind, ObjectChange
from s3sync_tui.errors import (
    CatalogDenied,
    CatalogUnreachable,
    S3SyncError,
    SchemaError,
)
from s3sync_tui.model import KeyRange, RunMode, RunRequest
from tests.contract.images import kept_counts, rows, true_counts
from tests.support.database import Connection, DatabaseServer

SUPPORT = Path(__file__).parents[1] / "support"
VERSION_1 = SUPPORT / "supabase-schema-1.sql"
VERSION_2 = SUPPORT / "supabase-schema-2.sql"
VERSION_3 = SUPPORT / "supabase-schema-3.sql"

OLDER = """
create table images (
  id serial primary key,
  filename varchar(400) not null,
  labeled boolean default false,
  label text,
  extra jsonb
);
create index my_index on images (label);
create policy my_policy on images for select using (label is not null);
insert into images (filename, labeled, label, extra)
  values ('Zebra.jpg', true, 'zebra', '{"a": 1}'), ('apple.jpg', false, null, null);
"""


@pytest.fixture
def plain(new_database: Callable[..., str]) -> str:
    """A database without our schema."""
    return new_database(with_schema=False)


@pytest.fixture
def own(plain: str) -> Iterator[Connection]:
    """A connection to :func:`plain`."""
    with psycopg.connect(plain, autocommit=True) as connection:
        yield connection


def catalog_at(conninfo: str, table: str = "images") -> PostgresCatalog:
    return PostgresCatalog(conninfo, table=table, description="test")


async def opened(conninfo: str, table: str = "images") -> None:
    catalog = catalog_at(conninfo, table)
    try:
        await catalog.open()
    finally:
        await catalog.close()


async def test_it_is_created_and_then_there_is_nothing_more_to_do(plain: str) -> None:
    catalog = catalog_at(plain)
    changes = await catalog.apply_schema()
    assert "created table images" in changes
    assert "switched on row level security on images" in changes
    assert "created function s3sync_insert" in changes
    assert await catalog.apply_schema() == []
    await opened(plain)


async def test_over_a_table_of_the_user_s_own_it_adds_and_loses_nothing(
    plain: str, own: Connection
) -> None:
    own.execute(OLDER)
    changes = await catalog_at(plain).apply_schema()
    assert "created column images.etag (text)" in changes
    assert any(change.startswith("changed column images.filename: ") for change in changes)
    assert "created table images" not in changes
    kept = own.execute("select id, filename, labeled, label, extra from images order by id")
    assert kept.fetchall() == [
        (1, "Zebra.jpg", True, "zebra", {"a": 1}),
        (2, "apple.jpg", False, None, None),
    ]
    [indexes] = own.execute("select count(*) from pg_class where relname = 'my_index'").fetchall()
    [policies] = own.execute("select count(*) from pg_policies").fetchall()
    assert (indexes, policies) == ((1,), (1,))
    assert kept_counts(own) == true_counts(own)
    assert await catalog_at(plain).apply_schema() == []

    catalog = catalog_at(plain)
    await catalog.open()
    ticket = await catalog.begin_run(RunRequest("b", "", RunMode.FULL, "test", 60))
    assert ticket.run_id is not None
    assert await catalog.insert_batch(ticket.run_id, 1, rows(["Zebra.jpg", "new.jpg"])) == 1
    assert await catalog.update_batch(ticket.run_id, 2, rows(["Zebra.jpg"])) == 1
    assert [held.rows for held in await catalog.range_digests([KeyRange()])] == [3]
    await catalog.close()
    assert kept_counts(own) == true_counts(own)
    labelled = own.execute("select label from images where filename = 'Zebra.jpg'").fetchone()
    assert labelled == ("zebra",)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("create view images as select 'a' as filename", "is not a table"),
        ("create table images (id serial, path text)", "has no column filename"),
        ("create table images (id serial, filename jsonb)", "has the type jsonb"),
        ("create table images (filename text, etag integer)", "etag"),
        ("create table images (filename text, owner text not null)", "owner"),
        ("create table images (filename text); insert into images values (null)", "no filename"),
        ("create table sync_runs (id int)", "a table sync_runs exists"),
    ],
)
async def test_what_is_in_the_way_is_named_and_nothing_is_changed(
    plain: str, own: Connection, statement: str, message: str
) -> None:
    own.execute(statement.encode())
    before = own.execute("select count(*) from pg_class, pg_attribute").fetchone()
    with pytest.raises(SchemaError, match=message) as fault:
        await catalog_at(plain).apply_schema()
    assert "nothing has changed" in fault.value.message
    assert fault.value.hint
    assert own.execute("select count(*) from pg_class, pg_attribute").fetchone() == before


async def test_duplicates_are_counted_and_named(plain: str, own: Connection) -> None:
    own.execute("create table images (id serial, filename text)")
    own.execute(
        "insert into images (filename) select 'd' || i % 7 from generate_series(1, 14) i "
        "union all select 'single'"
    )
    with pytest.raises(SchemaError) as fault:
        await catalog_at(plain).apply_schema()
    assert "7 filenames occur more than once in images: d0 (2 times), d1" in fault.value.message
    assert "d5" not in fault.value.message  # some are enough
    assert "having count(*) > 1" in fault.value.hint
    assert own.execute("select count(*) from images").fetchone() == (15,)
    columns = own.execute(
        "select count(*) from information_schema.columns where table_name = 'images'"
    )
    assert columns.fetchone() == (2,)


async def test_views_policies_and_triggers_in_the_way_are_named(
    plain: str, own: Connection
) -> None:
    own.execute(OLDER)
    own.execute("create view labelled as select filename from images where labeled")
    own.execute("create policy by_name on images using (filename like 'a%')")
    with pytest.raises(SchemaError, match="stand in the way") as fault:
        await catalog_at(plain).apply_schema()
    assert "view labelled" in fault.value.message
    assert "policy by_name" in fault.value.message
    assert "my_policy" not in fault.value.message
    own.execute("drop view labelled; drop policy by_name on images")
    await catalog_at(plain).apply_schema()
    own.execute("create view labelled as select filename from images where labeled")
    assert await catalog_at(plain).apply_schema() == []


async def test_functions_of_an_older_version_do_not_stay_beside_ours(
    catalog_database: str, behind: Connection
) -> None:
    await catalog_at(catalog_database, "old_photos").apply_schema()
    behind.execute(
        """create function s3sync_renew(p_run_id bigint) returns int language sql as 'select 1';
           create function s3sync_forgotten() returns int language sql as 'select 1';
           create function s3sync_forgotten__old_photos() returns int language sql as 'select 1';
           drop function s3sync_summary();
           create function s3sync_summary() returns int language sql as 'select 1';
           update sync_schema set version = 0 where table_name = 'images'"""
    )
    await catalog_at(catalog_database).apply_schema()
    found = behind.execute(
        "select proname, count(*) from pg_proc where pronamespace = 'public'::regnamespace "
        "group by 1 having count(*) > 1 or proname like '%forgotten%'"
    )
    assert found.fetchall() == [("s3sync_forgotten__old_photos", 1)]
    await opened(catalog_database)
    await opened(catalog_database, "old_photos")


async def test_a_database_of_version_1_is_upgraded_and_loses_nothing(
    plain: str, own: Connection
) -> None:
    own.execute(VERSION_1.read_bytes())
    own.execute(
        """insert into images (filename, size_bytes, etag, label) values ('a.jpg', 3, 'e', 'zebra');
           select s3sync_recount();
           select s3sync_begin_run('b', '', 'full', 'older', 60);
           select s3sync_finish_run(1, 'succeeded', 1, 0, 0, 2, 0.1, '', '', '{"phases": []}');
           select s3sync_begin_run('b', '', 'full', 'older, still at work', 1)"""
    )
    with pytest.raises(SchemaError, match="has version 1; version 4 is needed"):
        await opened(plain)
    changes = await catalog_at(plain).apply_schema()
    for table in ("sync_lanes", "sync_changes"):
        assert f"created table {table}" in changes
        assert f"switched on row level security on {table}" in changes
    assert await catalog_at(plain).apply_schema() == []

    arguments = "select pronargs from pg_proc where proname = 's3sync_finish_run'"
    assert own.execute(arguments).fetchall() == [(13,)]
    image = own.execute("select filename, size_bytes, etag, label from images").fetchall()
    assert image == [("a.jpg", 3, "e", "zebra")]
    assert kept_counts(own) == true_counts(own)
    own.execute("update sync_leases set expires_at = now()")
    catalog = catalog_at(plain)
    await catalog.open()
    assert (await catalog.begin_run(RunRequest("b", "", RunMode.DELTA, "we", 60))).interrupted == [
        2
    ]
    modes = [(run.mode, run.stats.total) for run in (await catalog.history()).runs]
    assert modes == [("delta", 0), ("full", 0), ("full", 1)]
    assert await catalog.lanes("b", "") is None
    await catalog.close()


async def test_a_database_of_version_2_is_upgraded_and_loses_nothing(
    plain: str, own: Connection
) -> None:
    own.execute(VERSION_2.read_bytes())
    own.execute(
        """insert into images (filename, size_bytes, etag, label) values ('a.jpg', 3, 'e', 'zebra');
           select s3sync_recount();
           select s3sync_begin_run('b', '', 'full', 'older', 60);
           select s3sync_finish_run(1, 'succeeded', 1, 0, 0, 2, 0.1, '', '', '{}',
             '{"fingerprint": "f", "full_at": "2026-11-24T00:00:00Z", "depth": 1,
               "prefixes": ["cam/"], "watermarks": ["cam/9"], "why_full": ""}')"""
    )
    with pytest.raises(SchemaError, match="has version 2; version 4 is needed"):
        await opened(plain)
    changes = await catalog_at(plain).apply_schema()
    assert "created table sync_changes" in changes
    assert "switched on row level security on sync_changes" in changes
    assert "created function s3sync_apply_changes" in changes
    assert await catalog_at(plain).apply_schema() == []

    catalog = catalog_at(plain)
    await catalog.open()
    kept = await catalog.lanes("b", "")
    assert kept is not None
    assert kept.watermarks == ["cam/9"]
    now = datetime.now(UTC)
    changed = [
        ObjectChange("a.jpg", ChangeKind.REMOVED, "01", now),
        ObjectChange("b.jpg", ChangeKind.CREATED, "01", now, "e", 5),
    ]
    applied = await catalog.apply_changes(changed)
    assert (applied.added, applied.gone) == (1, 1)
    await catalog.close()
    images = own.execute("select filename, size_bytes, etag, label from images order by id")
    assert images.fetchall() == [("a.jpg", 3, "e", "zebra"), ("b.jpg", 5, "e", None)]
    assert kept_counts(own) == true_counts(own)


async def test_a_database_of_version_3_is_upgraded_and_loses_nothing(
    plain: str, own: Connection
) -> None:
    own.execute(VERSION_3.read_bytes())
    own.execute(
        """insert into images (filename, size_bytes, etag, label) values ('a.jpg', 3, 'e', 'zebra');
           select s3sync_recount();
           select s3sync_apply_changes('{a.jpg}', '{removed}', '{05}', array[now()], '{""}', '{0}');
           select s3sync_begin_run('b', '', 'full', 'older', 60);
           select s3sync_finish_run(1, 'succeeded', 1, 0, 0, 2, 0.1, '', '', '{"phases": []}');
           select s3sync_begin_run('b', '', 'full', 'older, still at work', 1);
           select s3sync_insert(2, 1, '{b.jpg}', '{5}', '{e}', array[now()])"""
    )
    with pytest.raises(SchemaError, match="has version 3; version 4 is needed"):
        await opened(plain)
    changes = await catalog_at(plain).apply_schema()
    assert "created function s3sync_lock_rows" in changes
    assert not [change for change in changes if "table" in change or "column" in change]
    assert await catalog_at(plain).apply_schema() == []

    own.execute("update sync_leases set expires_at = now()")
    catalog = catalog_at(plain)
    await catalog.open()
    run_id = (await catalog.begin_run(RunRequest("b", "", RunMode.FULL, "we", 60))).run_id
    runs = (await catalog.history()).runs
    assert [(run.status, run.stats.added) for run in runs] == [
        ("running", 0),
        ("interrupted", 1),
        ("succeeded", 0),
    ]
    assert run_id is not None
    assert await catalog.insert_batch(run_id, 1, rows(["b.jpg", "c.jpg"])) == 1
    # What was applied before is remembered.
    older = ObjectChange("a.jpg", ChangeKind.CREATED, "04", datetime.now(UTC), "e", 3)
    assert (await catalog.apply_changes([older])).stale == 1
    await catalog.close()
    images = own.execute("select filename, label, missing_since is null from images order by 1")
    assert images.fetchall() == [
        ("a.jpg", "zebra", False),
        ("b.jpg", None, True),
        ("c.jpg", None, True),
    ]
    assert kept_counts(own) == true_counts(own)


@pytest.mark.parametrize(
    ("older", "table"),
    [(VERSION_1, "sync_lanes"), (VERSION_1, "sync_changes"), (VERSION_2, "sync_changes")],
)
async def test_a_table_that_is_not_ours_is_in_the_way_of_an_upgrade(
    plain: str, own: Connection, older: Path, table: str
) -> None:
    own.execute(older.read_bytes())
    own.execute(f"create table {table} (mine text)".encode())
    with pytest.raises(SchemaError, match=f"a table {table} exists that s3sync-tui did not make"):
        await catalog_at(plain).apply_schema()
    own.execute(f"alter table {table} rename to my_own".encode())
    await catalog_at(plain).apply_schema()
    await opened(plain)


async def test_a_newer_schema_is_left_alone(catalog_database: str, behind: Connection) -> None:
    behind.execute("update sync_schema set version = 99")
    with pytest.raises(SchemaError, match="version 99 already") as fault:
        await catalog_at(catalog_database).apply_schema()
    assert "pip install --upgrade" in fault.value.hint


async def test_what_the_public_loses_is_told(plain: str, own: Connection) -> None:
    own.execute("create table images (id serial primary key, filename text)")
    changes = await catalog_at(plain).apply_schema()
    assert "withdrew the access of anon to images" in changes
    assert "switched on row level security on images" in changes


async def test_applying_while_batches_are_written_disturbs_neither(
    catalog_database: str, behind: Connection
) -> None:
    catalog = catalog_at(catalog_database)
    await catalog.open()
    ticket = await catalog.begin_run(RunRequest("b", "", RunMode.FULL, "test", 60))
    run_id = ticket.run_id
    assert run_id is not None

    async def write(first: int) -> int:
        return sum(
            [
                await catalog.insert_batch(run_id, n, rows(f"{n:03}/{i}.jpg" for i in range(20)))
                for n in range(first, first + 10)
            ]
        )

    async def apply() -> list[str]:
        return [change for _ in range(5) for change in await catalog.apply_schema()]

    *added, changes = await asyncio.gather(*(write(n * 10) for n in range(4)), apply())
    assert (added, changes) == ([200] * 4, [])
    assert kept_counts(behind) == true_counts(behind)
    await catalog.close()


async def test_two_tables_live_in_one_database_without_touching_each_other(
    plain: str, own: Connection
) -> None:
    for table in ("images", "photos_2"):
        await catalog_at(plain, table).apply_schema()
    assert await catalog_at(plain, "images").apply_schema() == []
    assert await catalog_at(plain, "photos_2").apply_schema() == []
    for table in ("images", "photos_2"):
        catalog = catalog_at(plain, table)
        await catalog.open()
        ticket = await catalog.begin_run(RunRequest("b", "", RunMode.FULL, "test", 60))
        assert ticket.run_id is not None
        assert await catalog.insert_batch(ticket.run_id, 1, rows([table, "both"])) == 2
        await catalog.close()
    for table in ("images", "photos_2"):
        found = own.execute(
            sql.SQL("select filename from {} order by 1").format(sql.Identifier(table))
        ).fetchall()
        assert found == [("both",), (table,)]
        assert kept_counts(own, table) == true_counts(own, table)


def test_another_table_s_name_reaches_every_object_of_the_schema() -> None:
    renamed = schema_sql("photos")
    assert '"photos_filename_s3sync_idx"' in renamed
    assert '"s3sync_insert__photos"' in renamed
    shared = (
        "sync_runs",
        "sync_leases",
        "sync_batches",
        "sync_lanes",
        "sync_changes",
        "sync_schema",
    )
    assert all(name in renamed for name in shared)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (
            (
                "create or replace function s3sync_version() returns integer "
                "language sql immutable as 'select 0'"
            ),
            SchemaError,
            "version 0; version 4 is needed",
        ),
        (
            (
                "create or replace function s3sync_version() returns integer "
                "language sql immutable as 'select 99'"
            ),
            SchemaError,
            "newer than this program",
        ),
        ("drop index images_filename_s3sync_idx", SchemaError, "damaged: unique indexes"),
        (
            (
                "update pg_index set indisvalid = false "
                "where indexrelid = 'images_filename_s3sync_idx'::regclass"
            ),
            SchemaError,
            "damaged: unique indexes",
        ),
        ("alter table images drop column etag", SchemaError, "columns are missing"),
        ("alter table images alter filename drop not null", SchemaError, "NOT NULL"),
        ("drop function s3sync_version()", SchemaError, "missing"),
    ],
)
async def test_damage_is_noticed_and_apply_repairs_it(
    catalog_database: str,
    behind: Connection,
    damage: str,
    error: type[S3SyncError],
    message: str,
) -> None:
    behind.execute(damage.encode())
    with pytest.raises(error, match=message) as fault:
        await opened(catalog_database)
    assert "s3sync-tui" in fault.value.hint
    assert await catalog_at(catalog_database).apply_schema()
    await opened(catalog_database)


async def test_a_user_who_sees_no_rows_is_refused(
    catalog_database: str, behind: Connection
) -> None:
    behind.execute("create role lowly login")
    try:
        behind.execute("grant all on all tables in schema public to lowly")
        behind.execute("grant execute on all functions in schema public to lowly")
        lowly = psycopg.conninfo.make_conninfo(catalog_database, user="lowly")
        with pytest.raises(CatalogDenied, match="row level security") as fault:
            await opened(lowly)
        assert "owner of the table" in fault.value.hint
    finally:
        behind.execute("drop owned by lowly")
        behind.execute("drop role lowly")


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_the_roles_of_the_public_may_nothing(behind: Connection, role: str) -> None:
    tables = behind.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
    ).fetchall()
    assert len(tables) >= 7
    behind.execute("insert into images (filename) values ('a')")
    functions = behind.execute(
        "select oid::regprocedure::text, has_function_privilege(%s, oid, 'execute') from pg_proc "
        "where pronamespace = 'public'::regnamespace",
        [role],
    ).fetchall()
    assert len(functions) > 10
    assert [name for name, callable_ in functions if callable_] == []
    sequences = behind.execute(
        "select relname, has_sequence_privilege(%s, oid, 'usage, select, update') from pg_class "
        "where relnamespace = 'public'::regnamespace and relkind = 'S'",
        [role],
    ).fetchall()
    assert len(sequences) >= 2
    assert [name for name, usable in sequences if usable] == []
    behind.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
    for (name,) in tables:
        table = sql.Identifier(str(name))
        for statement in ("select from {}", "delete from {}", "insert into {} default values"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                behind.execute(sql.SQL(statement).format(table))
    behind.execute("reset role")


async def test_a_wrong_password_is_no_missing_database(
    database_server: DatabaseServer, plain: str
) -> None:
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("create role locked login password 'right'")
    database_server.require_password("locked")
    wrong = psycopg.conninfo.make_conninfo(plain, user="locked", password="canary-wrong")
    with pytest.raises(CatalogDenied, match="refuses this user") as fault:
        await opened(wrong)
    assert "password" in fault.value.hint
    assert "canary-wrong" not in f"{fault.value.message} {fault.value.hint}"
    with pytest.raises(CatalogUnreachable, match="no_such_database"):
        await opened(psycopg.conninfo.make_conninfo(plain, dbname="no_such_database"))
