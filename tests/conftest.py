"""What all kinds of tests share: a real Postgres, started once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from hypothesis import settings

from tests.support.database import Connection, DatabaseServer
from tests.support.supabase_stack import SupabaseStack

# A busy machine is no fault of what is tested.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def database_server() -> Iterator[DatabaseServer]:
    # Not in pytest's own directory: every session shuts that to other users, such as
    # the one that Postgres runs as when we are root.
    with TemporaryDirectory(prefix="s3sync-postgres-") as directory:
        server = DatabaseServer(Path(directory))
        yield server
        server.stop()


@pytest.fixture
def new_database(database_server: DatabaseServer) -> Iterator[Callable[..., str]]:
    """Makes databases that are gone after the test; takes what
    :meth:`DatabaseServer.database` takes."""
    made: list[str] = []

    def make(**options: bool) -> str:
        made.append(database_server.database(**options))
        return made[-1]

    yield make
    for conninfo in made:
        database_server.drop(conninfo)


@pytest.fixture
def catalog_database(new_database: Callable[..., str]) -> str:
    """The connection string of a database with our schema."""
    return new_database()


@pytest.fixture
def behind(catalog_database: str) -> Iterator[Connection]:
    """A connection to :func:`catalog_database`, to look behind the curtain."""
    with psycopg.connect(catalog_database, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def supabase_stack(database_server: DatabaseServer) -> Iterator[SupabaseStack]:
    """A Supabase project, started once; see :func:`supabase`."""
    with SupabaseStack(database_server.database()) as stack:
        yield stack


@pytest.fixture
def supabase(supabase_stack: SupabaseStack, catalog_database: str) -> Iterator[SupabaseStack]:
    """A Supabase project over :func:`catalog_database`."""
    supabase_stack.move_to(catalog_database)
    supabase_stack.gateway.reset()
    yield supabase_stack
    supabase_stack.stop_postgrest()
