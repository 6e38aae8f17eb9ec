"""The bench's Postgres: databases filled by COPY, and the bare loads to hold syncs against."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from layouts import LAYOUTS, Bytes, Layout, assembled
from measuring import HERE, Plan, child
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

sys.path.insert(0, str(HERE.parent))  # for tests.support

from tests.support.database import DatabaseServer
from tests.support.supabase_stack import SupabaseStack

_COLUMNS = "filename, size_bytes, etag, last_modified"


class Project(NamedTuple):
    """A Supabase project's address, and a secret key."""

    url: str
    key: str


class Tables:
    """A Postgres server whose databases hold the stub's objects, or some of them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._server = DatabaseServer(plan.directory / "postgres")

    def stop(self) -> None:
        """Stop the server."""
        self._server.stop()

    def version(self) -> str:
        """The server's."""
        with psycopg.connect(self._server.conninfo) as connection:
            return f"Postgres {connection.info.server_version // 10_000}"

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The connection string of a new database with our schema; dropped after."""
        database = self._server.database()
        try:
            yield database
        finally:
            self._server.drop(database)

    @contextmanager
    def copy_of(self, database: str) -> Iterator[str]:
        """The same for a copy of ``database``, to which nobody may be connected."""
        original = str(conninfo_to_dict(database)["dbname"])
        name = f"{original}_copy"
        with psycopg.connect(self._server.conninfo, autocommit=True) as connection:
            connection.execute(
                sql.SQL("create database {} template {} strategy file_copy").format(
                    sql.Identifier(name), sql.Identifier(original)
                )
            )
        copy = make_conninfo(self._server.conninfo, dbname=name)
        try:
            yield copy
        finally:
            self._server.drop(copy)

    def fill(self, database: str, keys: int, layout: str = "camera", *, without: int = 0) -> None:
        """Put the stub's objects into the table, and leave it as autovacuum would."""
        began = time.perf_counter()
        with psycopg.connect(database, autocommit=True) as connection:
            for lines in _lines(self._layout(keys, layout), without=without):
                _copy(connection, "images", lines)
            connection.execute("select s3sync_recount()")
        vacuum(database)
        self._plan.say(f"(filled by COPY: {keys - without:,} rows, "
                       f"{time.perf_counter() - began:.0f} s)")  # fmt: skip

    def bare_copy(self, keys: int) -> tuple[float, int]:
        """The least that a first sync could take: its rows, ready made, by one COPY."""
        lines = b"".join(_lines(self._layout(keys, "camera")))
        with self.empty() as database, psycopg.connect(database) as connection:
            began = time.perf_counter()
            rows = _copy(connection, "images", lines)
            connection.commit()
            return time.perf_counter() - began, rows

    def bare_staged_copy(self, database: str, keys: int, new: int) -> tuple[float, int]:
        """The least that so many new rows could take: COPY, and INSERT … ON CONFLICT."""
        lines = b"".join(_lines(self._layout(keys, "camera"), only=new))
        with psycopg.connect(database) as connection:
            began = time.perf_counter()
            connection.execute(
                'create temporary table staged (filename text collate "C", size_bytes bigint, '
                "etag text, last_modified timestamptz) on commit drop"
            )
            _copy(connection, "staged", lines)
            inserted = connection.execute(
                f"insert into images ({_COLUMNS}) select {_COLUMNS} from staged "
                "on conflict do nothing".encode()
            )
            connection.commit()
            return time.perf_counter() - began, inserted.rowcount

    def _layout(self, keys: int, layout: str) -> Layout:
        return LAYOUTS[layout](keys, self._plan.end)


def vacuum(database: str) -> None:
    """What autovacuum does within minutes; the same for all sides."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("vacuum (analyze) images")


def our_sync(
    endpoint: str, database: str, *, mode: str = "full", processes: int | None = None
) -> Any:
    """One run of ours, straight into Postgres; in as many processes as the command takes."""
    environ = {"AWS_ENDPOINT_URL_S3": endpoint, "DATABASE_URL": database, "S3SYNC_MODE": mode}
    arguments = [f"--processes={processes}"] if processes else []
    return child("ours.py", "sync", *arguments, **environ)


@contextmanager
def supabase(database: str) -> Iterator[Project]:
    """A Supabase project over ``database``."""
    with SupabaseStack(database) as stack:
        yield Project(stack.url, stack.secret_key)


def our_sync_over_rest(endpoint: str, project: Project, *, mode: str = "full") -> Any:
    """One run of ours through PostgREST."""
    return child(
        "ours.py",
        "sync",
        AWS_ENDPOINT_URL_S3=endpoint,
        S3SYNC_MODE=mode,
        SUPABASE_URL=project.url,
        SUPABASE_SECRET_KEY=project.key,
    )


def naive_sync(endpoint: str, project: Project) -> Any:
    """One run of the naive loop, through PostgREST."""
    return child("naive.py", endpoint, project.url, project.key)


def _copy(connection: psycopg.Connection, table: str, lines: bytes) -> int:
    with connection.cursor() as cursor:
        with cursor.copy(f"copy {table} ({_COLUMNS}) from stdin".encode()) as copy:
            for start in range(0, len(lines), 1 << 18):
                copy.write(lines[start : start + (1 << 18)])
        return cursor.rowcount


def _lines(layout: Layout, *, without: int = 0, only: int = 0) -> Iterator[bytes]:
    for objects in layout.chunks(without=without, only=only):
        tab, end = b"\t", b"\n"
        parts: list[bytes | Bytes] = [
            objects.key, tab, objects.size, tab, objects.etag, tab, objects.modified, end
        ]  # fmt: skip
        yield assembled(parts, len(objects.key)).tobytes()
