"""Reads ``supabase-schema.sql``, applies it, and says what that changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s3sync_tui.errors import CatalogDenied, S3SyncError, SchemaError

if TYPE_CHECKING:
    import psycopg

SCHEMA_VERSION = 4
"""The version that this program needs; ``s3sync_version()`` of the database says
what it has."""

DEFAULT_TABLE = "images"

# A quoted 'images' is a text; anywhere else it is a name.
_NAME = re.compile(r"'(images\w*)'|\b(images\w*)|\b(s3sync_[a-z]\w*)")

BLIND = "row level security"
"""So begins the problem, among those of ``s3sync_problems()``, that no schema mends."""

_OBJECTS = """
with ours as (
  select c.oid, c.relname, c.relrowsecurity from pg_class c
   where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
     and c.relname = any(%(tables)s)
)
select 'table ' || relname, '' from ours
union all
select 'column ' || relname || '.' || a.attname,
       format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
       || case when a.attcollation = 'pg_catalog."C"'::regcollation then ' collate "C"' else '' end
  from pg_attribute a join ours on oid = a.attrelid
 where a.attnum > 0 and not a.attisdropped
union all
select 'index ' || x.relname,
       pg_get_indexdef(x.oid) || case when i.indisvalid then '' else ' invalid' end
  from pg_index i join ours on ours.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
union all
select 'row level security on ' || relname, '' from ours where relrowsecurity
union all
select 'access of ' || r.rolname || ' to ' || relname, '' from ours, pg_roles r
 where r.rolname in ('anon', 'authenticated')
   and has_table_privilege(r.oid, ours.oid, 'select, insert, update, delete')
union all
select 'function ' || p.proname, md5(pg_get_functiondef(p.oid))
  from pg_proc p where p.pronamespace = 'public'::regnamespace and p.proname = any(%(functions)s)
"""


@cache
def _template() -> str:
    packaged = resources.files("s3sync_tui.catalog") / "supabase-schema.sql"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    # A checkout or an editable install: the file is at the top of the repository.
    return (Path(__file__).parents[2] / "supabase-schema.sql").read_text(encoding="utf-8")


def function_name(name: str, table: str) -> str:
    """The name of the schema's function ``name`` for ``table``: each table has
    its own set, so that two tables can live in one database."""
    return name if table == DEFAULT_TABLE else f"{name}__{table}"


def schema_sql(table: str = DEFAULT_TABLE) -> str:
    """The whole schema as SQL, for any table name that the settings accept."""
    if table == DEFAULT_TABLE:
        return _template()

    def renamed(match: re.Match[str]) -> str:
        text, name, function = match.groups()
        if function:
            return f'"{function_name(function, table)}"'
        if text:
            return f"'{text.replace(DEFAULT_TABLE, table, 1)}'"
        return f'"{name.replace(DEFAULT_TABLE, table, 1)}"'

    return _NAME.sub(renamed, _template())


def apply_command(table: str) -> str:
    """What an operator types to apply the schema."""
    return "s3sync-tui schema --apply" + ("" if table == DEFAULT_TABLE else f" --table {table}")


def missing_schema(table: str, where: str) -> SchemaError:
    """There is no schema, or a part of it is gone."""
    return SchemaError(
        f"The schema is missing or incomplete in {where}.",
        hint=f"Apply it with: {apply_command(table)}",
    )


def check_schema(version: int, problems: Sequence[str], *, table: str, where: str) -> None:
    """Raise unless ``s3sync_version()`` and ``s3sync_problems()`` of ``table`` are
    as this program needs them."""
    apply = apply_command(table)
    if version > SCHEMA_VERSION:
        raise SchemaError(
            f"The schema in {where} has version {version}, which is newer than this program "
            f"understands ({SCHEMA_VERSION}).",
            hint="Upgrade it with: pip install --upgrade s3sync-tui",
        )
    if version < SCHEMA_VERSION:
        raise SchemaError(
            f"The schema in {where} has version {version}; version {SCHEMA_VERSION} is needed.",
            hint=f"Bring it up to date with: {apply}",
        )
    damage = [problem for problem in problems if not problem.startswith(BLIND)]
    if damage:
        raise SchemaError(
            f"The schema in {where} is damaged: {'; '.join(damage)}.",
            hint=f"Repair it with: {apply}",
        )
    if problems:
        raise CatalogDenied(
            f"The table looks empty to this database user ({where}): {problems[0]}.",
            hint="Connect as the owner of the table (on Supabase: postgres), or with a secret key.",
        )


async def apply_schema(connection: psycopg.AsyncConnection[Any], table: str) -> list[str]:
    """Apply the schema in one transaction; returns what changed, a line each.

    ``connection`` is in autocommit mode: the script brings its own transaction.
    Raises :class:`~s3sync_tui.errors.SchemaError`, with nothing changed, where
    something is in the way, and psycopg's errors for what is no matter of schemas.
    """
    import psycopg

    sql = schema_sql(table)
    before = await _objects(connection, table, sql)
    try:
        # No parameters: psycopg then sends the script as one simple query.
        await connection.execute(sql.encode())
    except psycopg.Error as error:
        if not connection.broken:
            await connection.rollback()
        raise _explained(error) from error
    return _changes(before, await _objects(connection, table, sql))


def _explained(error: psycopg.Error) -> S3SyncError | psycopg.Error:
    state = error.sqlstate
    # Connection, resources, operator; privileges.
    if state is None or state[:2] in {"08", "53", "57"} or state == "42501":
        return error
    message = error.diag.message_primary or str(error)
    hint = error.diag.message_hint or error.diag.message_detail or ""
    if state == "55P03":
        message = "other sessions are using the tables"
        hint = "Try again in a quiet moment; select * from pg_stat_activity shows who is at work."
    return SchemaError(
        f"The schema was not applied, nothing has changed: {message.rstrip('.')}.", hint=hint
    )


async def _objects(
    connection: psycopg.AsyncConnection[Any], table: str, sql: str
) -> dict[str, str]:
    tables = [table, f"{table}_archive", f"{table}_counts"]
    tables += ["sync_schema", "sync_runs", "sync_leases", "sync_batches"]
    tables += ["sync_lanes", "sync_changes"]
    functions = sorted(set(re.findall(r"create or replace function \"?(\w+)", sql)))
    cursor = await connection.execute(_OBJECTS, {"tables": tables, "functions": functions})
    return {str(name): str(definition) for name, definition in await cursor.fetchall()}


def _changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    changes = [f"withdrew the {name}" for name in before.keys() - after.keys()]
    for name in after.keys() - before.keys():
        kind, _, rest = name.partition(" ")
        if kind == "column":
            # Of a new table, the table itself is enough to say.
            if f"table {rest.partition('.')[0]}" in before:
                changes.append(f"created {name} ({after[name]})")
        elif kind == "row":
            changes.append(f"switched on {name}")
        else:
            changes.append(f"created {name}")
    for name in after.keys() & before.keys():
        if after[name] != before[name]:
            shown = "" if name.startswith("function") else f": {before[name]} → {after[name]}"
            changes.append(f"changed {name}{shown}")
    return sorted(changes)
