"""The demo's catalog: a database of its own in an embedded Postgres of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from s3sync_tui.catalog.embedded import EmbeddedPostgres
from s3sync_tui.catalog.postgres import PostgresCatalog

_PREFIX = "demo_"


@contextmanager
def fresh_catalog(directory: Path) -> Iterator[str]:
    """The connection string of a database that holds the schema and nothing else; it
    is dropped in the end.

    What killed demos left behind is dropped first. Raises
    :class:`~s3sync_tui.errors.CatalogError`.
    """
    own = f"{_PREFIX}{os.getpid()}"
    with (
        EmbeddedPostgres(directory) as server,
        psycopg.connect(server, autocommit=True) as connection,
    ):
        for (name,) in connection.execute("select datname from pg_database").fetchall():
            if name.startswith(_PREFIX) and not _is_alive(int(name.removeprefix(_PREFIX))):
                _drop(connection, name)
        _drop(connection, own)
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(own)))
        try:
            database_url = make_conninfo(server, dbname=own)
            catalog = PostgresCatalog(database_url, table="images", description="demo")
            asyncio.run(catalog.apply_schema())
            yield database_url
        finally:
            _drop(connection, own)


def _drop(connection: psycopg.Connection, name: str) -> None:
    connection.execute(
        sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
    )


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
