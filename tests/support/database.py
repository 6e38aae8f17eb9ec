"""A real Postgres for the tests, and a database of its own for each of them."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from s3sync_tui.catalog.embedded import EmbeddedPostgres
from s3sync_tui.catalog.schema import schema_sql

Connection = psycopg.Connection[tuple[object, ...]]

_WITH_SCHEMA = "template_with_schema"
_SUPABASE = "template_supabase"

# As on Supabase: whatever is made in public is everybody's, until its maker takes it back.
# https://github.com/supabase/postgres/blob/develop/migrations/db/init-scripts/00000000000000-initial-schema.sql
_ROLES = """
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;
"""
_DEFAULT_PRIVILEGES = """
grant usage on schema public to anon, authenticated, service_role;
alter default privileges in schema public
  grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public
  grant all on functions to anon, authenticated, service_role;
alter default privileges in schema public
  grant all on sequences to anon, authenticated, service_role;
"""


class DatabaseServer:
    """One server for the whole session; durability is off, nothing else is special."""

    def __init__(self, directory: Path) -> None:
        self._postgres = EmbeddedPostgres(directory)
        self._numbers = count(1)
        self.conninfo = self._postgres.start()
        with self._admin() as connection:
            # Not synchronous_commit: VACUUM finds nothing all-visible while commits are not
            # written yet, so tests would see other plans than users.
            for setting in ("fsync", "full_page_writes"):
                connection.execute(f"alter system set {setting} = off")
            connection.execute("select pg_reload_conf()")
            connection.execute(_ROLES)
        self._make(_SUPABASE, "template1")
        with psycopg.connect(self._address(_SUPABASE), autocommit=True) as connection:
            connection.execute(_DEFAULT_PRIVILEGES)
        self._make(_WITH_SCHEMA, _SUPABASE)
        with psycopg.connect(self._address(_WITH_SCHEMA), autocommit=True) as connection:
            connection.execute(schema_sql().encode())

    def stop(self) -> None:
        """Stop the server."""
        self._postgres.stop()

    def database(self, *, with_schema: bool = True, is_supabase: bool = True) -> str:
        """The connection string of a new database: with our schema applied for the
        table ``images``, or with none, on a Supabase project or a plain Postgres."""
        name = f"test_{next(self._numbers)}"
        plain = _SUPABASE if is_supabase else "template1"
        self._make(name, _WITH_SCHEMA if with_schema else plain)
        return self._address(name)

    def drop(self, conninfo: str) -> None:
        """Drop a database, whoever is connected."""
        name = sql.Identifier(str(conninfo_to_dict(conninfo)["dbname"]))
        with self._admin() as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(name))

    def require_password(self, user: str) -> None:
        """From now on ``user`` (there need not be any) is let in by password only."""
        with self._admin() as connection:
            [(path,)] = connection.execute("show hba_file")
            rules = Path(str(path)).read_text()
            Path(str(path)).write_text(f"local all {user} scram-sha-256\n{rules}")
            connection.execute("select pg_reload_conf()")

    def _make(self, name: str, template: str) -> None:
        query = sql.SQL("create database {} template {}")
        with self._admin() as connection:
            connection.execute(query.format(sql.Identifier(name), sql.Identifier(template)))

    def _admin(self) -> Connection:
        return psycopg.connect(self.conninfo, autocommit=True)

    def _address(self, database: str) -> str:
        return make_conninfo(self.conninfo, dbname=database)
