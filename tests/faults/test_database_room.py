"""A database that has no room: on its disk, or for one more connection."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress

import psycopg
import pytest

from s3sync_tui.catalog import postgres
from s3sync_tui.errors import CatalogUnreachable
from s3sync_tui.model import RunStatus
from tests.support.faulty_runs import ListedBucket, assert_clear, assert_exact, opened, run
from tests.support.own_server import OwnServer
from tests.support.small_disk import enlarge, limit_files, move_to, small_disk

KEYS = 1000


async def test_a_full_disk_is_told_and_with_room_the_next_run_is_exact(
    own_server: OwnServer, record_property: Callable[[str, object], None]
) -> None:
    conninfo = own_server.database()
    bucket = ListedBucket(30_000)
    with small_disk() as disk, ExitStack() as cleaning:
        if disk is not None:
            cleaning.callback(drop_tablespace, own_server)
            cleaning.callback(own_server.drop, conninfo)
            move_to(disk, conninfo, own_server.conninfo)
            async with opened(conninfo) as catalog:
                result = await run(catalog, bucket)
            assert_clear(result, "disk is full", "Free or add disk space")
            enlarge(disk)
        else:
            async with opened(conninfo) as catalog:
                bucket.before[40] = lambda: limit_files(conninfo, 8192)
                result = await run(catalog, bucket)
            assert_clear(result, "File too large")
        async with opened(conninfo) as catalog:
            assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
        assert_exact(conninfo, bucket, ["failed", "succeeded"])
    record_property("by", "a small file system" if disk else "a limit of file sizes")


def drop_tablespace(server: OwnServer) -> None:
    with psycopg.connect(server.conninfo, autocommit=True) as admin:
        admin.execute("drop tablespace small")


async def test_no_connection_left_is_the_reason_that_is_told(
    own_server: OwnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PATIENCE_SECONDS", 1)
    conninfo = own_server.database()
    bucket = ListedBucket(KEYS)
    with own_server.set_to(max_connections="12"):
        own_server.end()
        own_server.start()
        with ExitStack() as others:

            def take_all() -> None:
                """Also those that we have."""
                admin = others.enter_context(psycopg.connect(conninfo, autocommit=True))
                ours = "from pg_stat_activity where application_name = 's3sync-tui'"
                for _ in range(100):  # they come again, and may be faster
                    admin.execute(f"select pg_terminate_backend(pid) {ours}".encode())
                    with suppress(psycopg.OperationalError):
                        others.enter_context(psycopg.connect(conninfo))
                        continue
                    if admin.execute(f"select count(*) {ours}".encode()).fetchone() == (0,):
                        return
                raise AssertionError("some are left")

            bucket.before[9] = take_all
            async with opened(conninfo) as catalog:
                result = await run(catalog, bucket)
            assert_clear(result, "no connection left for us: sorry, too many clients", "pooler")
            assert result.passes
            with pytest.raises(CatalogUnreachable, match="no connection left") as fault:
                async with opened(conninfo):
                    raise AssertionError("there is one")
            assert "max_connections" in fault.value.hint
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("update sync_leases set expires_at = now()")
        async with opened(conninfo) as catalog:
            assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
    assert_exact(conninfo, bucket, ["interrupted", "succeeded"])
    own_server.drop(conninfo)
    own_server.end()
    own_server.start()
