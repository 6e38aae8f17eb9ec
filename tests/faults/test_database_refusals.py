"""A database that lets us in no more, or lets us write no more: each told in its own words."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from s3sync_tui.catalog.binaries import find_binaries, give, server_account
from s3sync_tui.catalog.embedded import EmbeddedPostgres
from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.errors import CatalogDenied, CatalogUnreachable
from s3sync_tui.model import RunStatus
from tests.support.database import Connection, DatabaseServer
from tests.support.faulty_runs import ListedBucket, assert_clear, assert_exact, opened, run
from tests.support.own_server import OwnServer
from tests.support.tcp_proxy import tcp_proxy

KEYS = 600


def expire(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("update sync_leases set expires_at = now()")


def end_sessions(connection: Connection) -> None:
    connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = "
        "'s3sync-tui' and datname <> current_database()"
    )


async def test_a_database_made_read_only_meanwhile_is_told(
    catalog_database: str, database_server: DatabaseServer
) -> None:
    name = conninfo_to_dict(catalog_database)["dbname"]
    bucket = ListedBucket(KEYS)
    with psycopg.connect(database_server.conninfo, autocommit=True) as admin:

        def forbid() -> None:
            admin.execute(f"alter database {name} set default_transaction_read_only = on".encode())
            end_sessions(admin)

        bucket.before[5] = forbid
        async with opened(catalog_database) as catalog:
            result = await run(catalog, bucket)
        assert_clear(result, "The database is read-only", "Connect to the primary")
        admin.execute(f"alter database {name} reset default_transaction_read_only".encode())
    expire(catalog_database)
    async with opened(catalog_database) as catalog:
        assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
    assert_exact(catalog_database, bucket, ["interrupted", "succeeded"])


async def test_a_password_changed_meanwhile_is_told_at_once(
    catalog_database: str, behind: Connection, database_server: DatabaseServer
) -> None:
    database_server.require_password("changing")
    behind.execute("create role changing superuser login password 'canary-old'")
    address = make_conninfo(catalog_database, user="changing", password="canary-old")
    bucket = ListedBucket(KEYS)
    try:
        with psycopg.connect(database_server.conninfo, autocommit=True) as admin:

            def change() -> None:
                admin.execute("alter role changing password 'canary-new'")
                end_sessions(admin)

            bucket.before[5] = change
            async with opened(address) as catalog:
                result = await run(catalog, bucket)
        assert_clear(result, "refuses this user: password authentication failed", "DATABASE_URL")
        assert not result.passes
        assert "canary" not in result.error + result.hint
        expire(catalog_database)
        async with opened(make_conninfo(address, password="canary-new")) as catalog:
            assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
        assert_exact(catalog_database, bucket, ["interrupted", "succeeded"])
    finally:
        behind.execute("drop role changing")


async def test_a_database_dropped_meanwhile_is_told(
    database_server: DatabaseServer,
) -> None:
    conninfo = database_server.database()
    bucket = ListedBucket(KEYS)
    bucket.before[5] = lambda: database_server.drop(conninfo)
    async with opened(conninfo) as catalog:
        result = await run(catalog, bucket)
    assert_clear(result, "does not exist", "Check the database name")


@contextmanager
def standby_of(server: OwnServer) -> Iterator[str]:
    """An asynchronous standby, reading along."""
    programs = find_binaries()
    backup = programs[max(programs)] / "pg_basebackup"
    address = conninfo_to_dict(server.conninfo)
    with tempfile.TemporaryDirectory(prefix="s3sync-standby-") as directory:
        data = Path(directory) / "pgdata"
        host, port = str(address["host"]), str(address["port"])
        command = [str(backup), "-h", host, "-p", port, "-U", "postgres", "-D", str(data)]
        subprocess.run([*command, "-R", "-c", "fast", "-X", "stream"], check=True)
        account = server_account()
        for path in (data, *data.rglob("*")):
            give(path, account)
        standby = EmbeddedPostgres(Path(directory))
        with standby as conninfo:
            yield conninfo


async def test_a_standby_is_read_only_and_where_it_takes_over_no_row_is_lost_unnoticed(
    own_server: OwnServer,
) -> None:
    """The run is on its way when the primary dies; the standby has not heard of its last
    batches. Its client is led to the standby by the address, as by a pooler or DNS."""
    conninfo = own_server.database()
    name = str(conninfo_to_dict(conninfo)["dbname"])
    bucket = ListedBucket(KEYS)
    with standby_of(own_server) as standby:
        copy = make_conninfo(standby, dbname=name)
        async with opened(copy) as catalog:
            with pytest.raises(CatalogDenied, match="read-only"):
                await run(catalog, bucket)
        socket = Path(str(conninfo_to_dict(standby)["host"])) / ".s.PGSQL.5432"
        async with tcp_proxy(own_server.socket) as proxy:

            def stop_reading_along() -> None:
                with psycopg.connect(copy, autocommit=True) as connection:
                    connection.execute("alter system set primary_conninfo = ''")
                    connection.execute("select pg_reload_conf()")
                    while connection.execute("select from pg_stat_wal_receiver").fetchall():
                        time.sleep(0.01)
                has_stopped.set()

            def fail_over() -> None:
                assert are_committed.wait(30)
                own_server.end()
                with psycopg.connect(copy, autocommit=True) as connection:
                    connection.execute("select pg_promote()")
                proxy.move_to(socket)

            has_stopped, are_committed = threading.Event(), threading.Event()
            since = 0

            def note(batches: int) -> None:
                nonlocal since
                since += has_stopped.is_set()
                if since == 2:
                    are_committed.set()

            bucket.before[3] = stop_reading_along
            bucket.before[11] = fail_over
            address = f"host=127.0.0.1 port={proxy.port} user=postgres dbname={name}"
            async with opened(address) as catalog:
                result = await run(catalog, bucket, on_batch=note)
                assert_clear(result, "lost rows", "Run again")
                assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
        assert_exact(copy, bucket, ["failed", "succeeded"])
    own_server.start()
    own_server.drop(conninfo)


async def test_an_encrypted_connection_that_cannot_be_had_is_told(own_server: OwnServer) -> None:
    async with tcp_proxy(own_server.socket) as proxy:
        address = f"host=127.0.0.1 port={proxy.port} user=postgres sslmode=require"
        with pytest.raises(CatalogUnreachable, match="does not support SSL") as fault:
            await PostgresCatalog(address, table="images", description="test").open()
    assert "sslrootcert" in fault.value.hint


@pytest.mark.parametrize(("host", "is_told"), [("0.0.0.0", True), ("127.0.0.1", False)])
async def test_keys_in_clear_text_on_a_network_are_told_of_once(
    own_server: OwnServer, host: str, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Linux takes 0.0.0.0 for itself, but it is not among the addresses of this machine alone."""
    name = conninfo_to_dict(own_server.database())["dbname"]
    async with tcp_proxy(own_server.socket, host) as proxy:
        address = f"host={host} port={proxy.port} user=postgres password=canary dbname={name}"
        async with opened(address) as catalog:
            await run(catalog, ListedBucket(100))
    told = [record.getMessage() for record in caplog.records if "encrypted" in record.message]
    assert len(told) == int(is_told)
    assert all(host in text and "sslmode=" in text and "canary" not in text for text in told)
