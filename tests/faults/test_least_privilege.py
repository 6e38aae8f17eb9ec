"""Who may do what in the database: a sync needs no more than SECURITY.md grants, and whoever is
granted nothing gets at nothing, whatever tables and functions there are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from s3sync_tui.catalog.schema import schema_sql
from tests.support.bucket import MotoBucket
from tests.support.command import Command
from tests.support.database import Connection
from tests.support.sampling import sampled

_SECURITY = Path(__file__).parents[2] / "SECURITY.md"

# By the catalog, so that what is added to the schema is looked at, too.
_RELATIONS = """
select c.oid::regclass::text, c.relkind::text from pg_class c
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
 order by 1
"""
_FUNCTIONS = """
select p.oid::regprocedure::text, p.proname, p.pronargs - p.pronargdefaults, p.prosecdef,
       coalesce(array_to_string(p.proconfig, '|'), '')
  from pg_proc p where p.pronamespace = 'public'::regnamespace order by 1
"""
_TABLE_RIGHTS = ("select", "insert", "update", "delete", "truncate", "references", "trigger")
_COLUMN_RIGHTS = ("select", "insert", "update", "references")
_SEQUENCE_RIGHTS = ("usage", "select", "update")
STRANGERS = ("anon", "authenticated", "stranger")


@pytest.fixture(params=[True, False], ids=["Supabase", "Postgres"])
def open_house(
    request: pytest.FixtureRequest, new_database: Callable[..., str]
) -> Iterator[Connection]:
    """A database with our schema for two tables, as its owner sees it."""
    conninfo = new_database(with_schema=False, is_supabase=request.param)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(schema_sql().encode())
        connection.execute(schema_sql("photos").encode())
        make_role(connection, "stranger")
        yield connection
        drop_role(connection, "stranger")


def make_role(connection: Connection, name: str) -> None:
    connection.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))


def drop_role(connection: Connection, name: str) -> None:
    """Roles are the server's, which tests share."""
    connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
    connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def attempt_as(connection: Connection, role: str, statement: str) -> None:
    with connection.transaction():
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        connection.execute(statement.encode())


def rows(connection: Connection, query: str, *values: object) -> list[tuple[object, ...]]:
    return connection.execute(query.encode(), values).fetchall()


def test_strangers_have_no_right_on_anything(open_house: Connection) -> None:
    relations, functions = rows(open_house, _RELATIONS), rows(open_house, _FUNCTIONS)
    assert len(relations) > 12
    assert len(functions) > 60
    granted = []
    for role in STRANGERS:
        for name, kind in relations:
            what = "sequence" if kind == "S" else "table"
            for right in _SEQUENCE_RIGHTS if kind == "S" else _TABLE_RIGHTS:
                [(has,)] = rows(
                    open_house, f"select has_{what}_privilege(%s, %s, %s)", role, name, right
                )
                granted += [(role, right, name)] if has else []
            for right in () if kind == "S" else _COLUMN_RIGHTS:
                [(has,)] = rows(
                    open_house, "select has_any_column_privilege(%s, %s, %s)", role, name, right
                )
                granted += [(role, right, name)] if has else []
        for signature, *_ in functions:
            [(has,)] = rows(
                open_house, "select has_function_privilege(%s, %s, 'execute')", role, signature
            )
            granted += [(role, "execute", signature)] if has else []
    assert granted == []


def test_strangers_who_try_are_refused(
    open_house: Connection, record_property: Callable[[str, object], None]
) -> None:
    tried = 0
    relations, functions = rows(open_house, _RELATIONS), rows(open_house, _FUNCTIONS)
    for role in STRANGERS:
        attempts = []
        for name, kind in relations:
            if kind == "S":
                attempts += [f"select nextval('{name}')", f"select last_value from {name}"]
                continue
            attempts += [f"select count(*) from {name}", f"delete from {name}", f"truncate {name}"]
            attempts += [f"insert into {name} default values", f"copy {name} to stdout"]
            attempts += [f"lock table {name}", f"alter table {name} add column x int"]
            attempts += [f"drop table {name}"]
        for signature, name, arguments, *_ in functions:
            nulls = ", ".join(["null"] * int(str(arguments)))
            attempts += [f"select {name}({nulls})", f"drop function {signature}"]
        for attempt in attempts:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                attempt_as(open_house, role, attempt)
        tried += len(attempts)
    record_property("attempts", tried)


def test_functions_run_with_their_callers_rights_and_a_fixed_path(open_house: Connection) -> None:
    """Then a function that a stranger gets to call can do no more than he can, and finds no
    other tables than ours."""
    for signature, name, _, is_definer, configuration in rows(open_house, _FUNCTIONS):
        if str(name).startswith("s3sync_"):
            assert not is_definer, signature
            assert "search_path=public, pg_temp" in str(configuration), signature


@pytest.fixture
def least(catalog_database: str, behind: Connection) -> Iterator[str]:
    """The connection string of a role with what SECURITY.md grants."""
    [statements] = re.findall(r"```sql\n(create role s3sync .*?)```", _SECURITY.read_text(), re.S)
    behind.execute(statements.encode())
    yield make_conninfo(catalog_database, user="s3sync")
    drop_role(behind, "s3sync")


def test_the_documented_role_can_sync_and_nothing_else(
    tmp_path: Path, least: str, behind: Connection, bucket: MotoBucket
) -> None:
    bucket.put(f"cam/{i:04}.jpg" for i in range(30))
    command = Command(
        tmp_path,
        {
            "DATABASE_URL": least,
            "S3SYNC_BUCKET": bucket.name,
            "AWS_ENDPOINT_URL_S3": bucket.endpoint,
        },
    )
    first = command.run("--once", "--json", "--mark-gone")
    assert first.code == 0, first.err
    assert first.document["added"] == 30
    bucket.put(["cam/new.jpg"])
    bucket.delete(["cam/0003.jpg"])
    second = command.run("--once", "--json", "--full", "--mark-gone")
    assert second.code == 0, second.err
    assert (second.document["added"], second.document["gone"]) == (1, 1)
    for asked in ("health", "history", "growth")[: sampled(1, 3)]:
        told = command.run(asked, "--json")
        assert told.code in ({0, 5} if asked == "health" else {0}), told.err
    with psycopg.connect(least, autocommit=True) as connection:
        for refused in (
            "create table public.x (i int)",
            "drop table images",
            "alter table images disable row level security",
            "truncate images",
            "create function public.lower(varchar) returns text language sql as 'select 1'",
            "create role another",
            "copy images to program 'true'",
            "set role service_role",
        ):
            with pytest.raises(psycopg.Error) as error:
                connection.execute(refused.encode())
            assert error.value.sqlstate == "42501", (refused, error.value)


def test_the_advice_on_the_schema_public_shows_who_may_create_and_takes_it_back(
    open_house: Connection,
) -> None:
    [advice] = re.findall(r"```sql\n(select grantee.*?)```", _SECURITY.read_text(), re.S)
    look, take_back = advice.strip().split(";\n")
    open_house.execute("grant create on schema public to public")
    attempt_as(
        open_house,
        "stranger",
        "create function public.lower(varchar) returns text"
        " language sql as $$ select 'hijacked' $$",
    )
    assert "-" in {str(row[0]) for row in rows(open_house, look)}  # everybody
    open_house.execute(take_back.encode())
    assert "-" not in {str(row[0]) for row in rows(open_house, look)}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        attempt_as(open_house, "stranger", "create table public.x (i int)")
