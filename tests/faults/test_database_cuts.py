"""Connections to Postgres that are cut or fall silent, within a COPY as anywhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from s3sync_tui.catalog import postgres
from s3sync_tui.model import RunStatus
from tests.support.faulty_runs import ListedBucket, assert_clear, assert_exact, opened, run
from tests.support.own_server import OwnServer
from tests.support.sampling import sampled
from tests.support.tcp_proxy import Fault, TcpProxy, tcp_proxy

KEYS = 1000
BYTES_UP = 150_000
"""What a first run of so many keys sends, about."""


@asynccontextmanager
async def through_a_proxy(
    own_server: OwnServer, conninfo: str
) -> AsyncIterator[tuple[TcpProxy, str]]:
    async with tcp_proxy(own_server.socket) as proxy:
        database = conninfo_to_dict(conninfo)["dbname"]
        yield proxy, f"host=127.0.0.1 port={proxy.port} user=postgres dbname={database}"


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_connection_cut_after_any_byte_costs_nothing(
    own_server: OwnServer,
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr(postgres, "STATEMENT_SECONDS", 1)
    cuts = 0
    random = Random(f"cuts {fault.name}")
    for _ in range(sampled(2, 40)):
        conninfo = own_server.database()
        bucket = ListedBucket(KEYS)
        async with through_a_proxy(own_server, conninfo) as (proxy, address):
            async with opened(address) as catalog:
                for _ in range(2):
                    proxy.cut_after(random.randrange(BYTES_UP // 3), fault)
                result = await run(catalog, bucket)
            cuts += proxy.faults
        assert result.status is RunStatus.SUCCEEDED, result
        assert_exact(conninfo, bucket, ["succeeded"])
        own_server.drop(conninfo)
    assert cuts
    record_property(f"connections {fault.name.lower()}", cuts)


async def test_sessions_ended_by_an_administrator_cost_nothing(
    own_server: OwnServer, record_property: Callable[[str, object], None]
) -> None:
    conninfo = own_server.database()
    bucket = ListedBucket(KEYS)
    ended = 0

    def end_all() -> None:
        nonlocal ended
        with psycopg.connect(conninfo, autocommit=True) as admin:
            found = admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name = 's3sync-tui' and datname = current_database()"
            )
            ended += len(found.fetchall())

    for page in range(2, 20, sampled(4, 1)):
        bucket.before[page] = end_all
    async with opened(conninfo) as catalog:
        assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
    assert_exact(conninfo, bucket, ["succeeded"])
    own_server.drop(conninfo)
    assert ended
    record_property("sessions ended", ended)


@pytest.mark.parametrize("kind", ["silent", "closed"])
async def test_a_server_that_answers_no_more_is_told_and_the_next_run_is_exact(
    own_server: OwnServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silent: it lets us connect, acknowledges all that is sent, and says nothing."""
    monkeypatch.setattr(postgres, "STATEMENT_SECONDS", 1)
    monkeypatch.setattr(postgres, "LOOK_SECONDS", 1)
    monkeypatch.setattr(postgres, "PATIENCE_SECONDS", 1)
    monkeypatch.setitem(postgres._CONNECT, "connect_timeout", 2)
    conninfo = own_server.database()
    bucket = ListedBucket(KEYS)
    async with through_a_proxy(own_server, conninfo) as (proxy, address):
        loop = asyncio.get_running_loop()

        def fail() -> None:
            proxy.is_silent = kind == "silent"
            proxy.is_down = kind == "closed"
            if proxy.is_down:
                loop.call_soon_threadsafe(proxy.reset_all)

        async with opened(address) as catalog:
            bucket.before[9] = fail
            result = await run(catalog, bucket)
        assert_clear(result, "does not answer", "DATABASE_URL")
        assert result.passes
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("update sync_leases set expires_at = now()")
    async with opened(conninfo) as catalog:
        assert (await run(catalog, bucket)).status is RunStatus.SUCCEEDED
    assert_exact(conninfo, bucket, ["interrupted", "succeeded"])
    own_server.drop(conninfo)
