"""Reads ``supabase-schema.sql``, applies it, and says what that changed."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from s3sync_tui.errors import SchemaError

if TYPE_CHECKING:
    import psycopg

SCHEMA_VERSION = 1
"""The version that this program needs; ``s3sync_version()`` of the database says
what it has."""

DEFAULT_TABLE = "images"

_FUNCTION = re.compile(r"\bs3sync_[a-z]\w*")
_TABLE = re.compile(r"'(images(?:_archive|_counts)?)'|\bimages\w*")

_OBJECTS = """
select 'table ' || c.relname, ''
  from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
   and c.relname = any(%(tables)s)
union all
select 'column ' || c.relname || '.' || a.attname,
       format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
       || case when a.attcollation = 'pg_catalog."C"'::regcollation then ' collate "C"' else '' end
  from pg_attribute a join pg_class c on c.oid = a.attrelid
 where c.relnamespace = 'public'::regnamespace and c.relname = any(%(tables)s)
   and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
union all
select 'index ' || x.relname, pg_get_indexdef(x.oid) || i.indisvalid
  from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
 where c.relnamespace = 'public'::regnamespace and c.relname = any(%(tables)s)
union all
select 'row level security on ' || c.relname, ''
  from pg_class c where c.relnamespace = 'public'::regnamespace and c.relrowsecurity
   and c.relname = any(%(tables)s)
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

    def rename_table(match: re.Match[str]) -> str:
        literal = match.group(1)
        if literal:
            return "'" + literal.replace(DEFAULT_TABLE, table, 1) + "'"
        return '"' + match.group(0).replace(DEFAULT_TABLE, table, 1) + '"'

    sql = _TABLE.sub(rename_table, _template())
    return _FUNCTION.sub(lambda match: f'"{function_name(match.group(0), table)}"', sql)


async def apply_schema(connection: psycopg.AsyncConnection, table: str) -> list[str]:
    """Apply the schema in one transaction; returns what changed, a line each.

    ``connection`` must be in autocommit mode: the script brings its own
    transaction. Raises :class:`~s3sync_tui.errors.SchemaError`, with nothing
    changed, where something is in the way.
    """
    import psycopg

    sql = schema_sql(table)
    before = await _objects(connection, table, sql)
    try:
        # No parameters: psycopg then sends the script as one simple query.
        await connection.execute(sql.encode())
    except psycopg.Error as error:
        await connection.rollback()
        if error.sqlstate and error.sqlstate[:2] in {"08", "57"}:
            raise
        raise SchemaError(
            f"The schema was not applied, nothing has changed: {error.diag.message_primary or error}.",
            hint=error.diag.message_hint or error.diag.message_detail or "",
        ) from error
    return _changes(before, await _objects(connection, table, sql))


async def _objects(connection: psycopg.AsyncConnection, table: str, sql: str) -> dict[str, str]:
    from psycopg.rows import tuple_row

    tables = [table, f"{table}_archive", f"{table}_counts"]
    tables += ["sync_schema", "sync_runs", "sync_leases", "sync_batches"]
    functions = sorted(set(re.findall(r"create or replace function \"?(\w+)", sql)))
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(_OBJECTS, {"tables": tables, "functions": functions})
    return {str(name): str(definition) for name, definition in await cursor.fetchall()}


def _changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    changes = []
    for name in after.keys() - before.keys():
        kind, _, rest = name.partition(" ")
        if kind == "column" and f"table {rest.split('.')[0]}" not in before:
            continue  # the table itself is new, and says so
        if kind == "row":
            changes.append(f"switched on {name}")
        else:
            changes.append(f"created {name}" + (f" ({after[name]})" if kind == "column" else ""))
    for name in after.keys() & before.keys():
        if after[name] != before[name]:
            column = name.startswith("column")
            changes.append(
                f"changed {name}" + (f" from {before[name]} to {after[name]}" if column else "")
            )
    return sorted(changes)
