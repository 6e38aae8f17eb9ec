"""The Postgres transport when the database misbehaves: exact, and plain about what is wrong."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from s3sync_tui.catalog.faults import explain, is_transient
from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.errors import CatalogDenied, CatalogError, CatalogUnreachable, S3SyncError
from s3sync_tui.model import KeyRange
from tests.contract.images import HARD_KEYS, kept_counts, rows, stored, true_counts
from tests.contract.runs import begin, result
from tests.support.database import Connection

OURS = "application_name = 's3sync-tui' and datname = current_database()"


@pytest.fixture
async def catalog(catalog_database: str) -> AsyncIterator[PostgresCatalog]:
    made = PostgresCatalog(catalog_database, table="images", description="postgres test")
    await made.open()
    yield made
    await made.close()


async def until_blocked(behind: Connection) -> int:
    """The process that waits for us, once there is one."""
    query = """select pid from pg_locks
        where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))"""
    while not (found := behind.execute(query).fetchone()):
        await asyncio.sleep(0.01)
    return int(str(found[0]))


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_connection_cut_in_mid_call_loses_nothing_and_counts_nothing_twice(
    catalog: PostgresCatalog, behind: Connection, fresh: bool
) -> None:
    run_id = await begin(catalog)
    with behind.transaction(force_rollback=True):
        behind.execute("insert into images (filename) values ('b')")
        batch = asyncio.create_task(
            catalog.insert_batch(run_id, 1, rows(["a", "b", "c"]), fresh=fresh)
        )
        cut = await until_blocked(behind)
        behind.execute("select pg_terminate_backend(%s)", [cut])
        while await until_blocked(behind) == cut:
            await asyncio.sleep(0.01)
    assert await batch == 3
    assert stored(behind) == rows(["a", "b", "c"])
    assert (await catalog.finish_run(run_id, result(run_id))).added == 3
    assert kept_counts(behind) == true_counts(behind)


async def test_a_batch_cut_off_when_it_is_cancelled_leaves_nothing_behind(
    catalog: PostgresCatalog, behind: Connection
) -> None:
    run_id = await begin(catalog)
    with behind.transaction(force_rollback=True):
        behind.execute("insert into images (filename) values ('b')")
        batch = asyncio.create_task(catalog.insert_batch(run_id, 1, rows(["a", "b"]), fresh=True))
        await until_blocked(behind)
        batch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await batch
    assert (await catalog.finish_run(run_id, result(run_id))).added == 0
    assert behind.execute("select count(*) from images").fetchone() == (0,)


async def test_connections_cut_between_calls_are_replaced(
    catalog: PostgresCatalog, behind: Connection
) -> None:
    run_id = await begin(catalog)
    # All connections are in use at once, so that there are as many as may be.
    await asyncio.gather(*(catalog.range_digests([KeyRange()] * 200) for _ in range(20)))
    for number in range(3):
        behind.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where {OURS}")
        assert await catalog.insert_batch(run_id, number, rows([f"{number}.jpg"])) == 1
    assert (await catalog.finish_run(run_id, result(run_id))).added == 3


async def test_batches_do_not_wait_for_the_disk_but_the_end_of_the_run_does(
    catalog: PostgresCatalog, behind: Connection
) -> None:
    behind.execute("create table told (event text, waits text)")
    behind.execute(
        """create function public.tell() returns trigger language plpgsql as $$ begin
          insert into told values (tg_table_name, current_setting('synchronous_commit'));
          return null; end $$;
        create trigger tell after insert or update on images execute function public.tell();
        create trigger tell after update on sync_runs execute function public.tell()"""
    )
    run_id = await begin(catalog)
    behind.execute("delete from told")
    await catalog.insert_batch(run_id, 1, rows(["a"]), fresh=True)
    await catalog.insert_batch(run_id, 2, rows(["b"]))
    await catalog.update_batch(run_id, 3, rows(["a"], version=2))
    await catalog.finish_run(run_id, result(run_id))
    told = behind.execute("select event, waits from told").fetchall()
    assert told == [("images", "off")] * 3 + [("sync_runs", "on")]


async def test_a_deadlock_with_the_user_s_own_work_is_resolved_for_both(
    catalog: PostgresCatalog, behind: Connection
) -> None:
    run_id = await begin(catalog)
    await catalog.insert_batch(run_id, 1, rows(["a", "b"]))
    behind.execute("set deadlock_timeout = '60s'")  # it is we who give way
    with behind.transaction():
        behind.execute("update images set label = 'second' where filename = 'b'")
        batch = asyncio.create_task(catalog.update_batch(run_id, 2, rows(["a", "b"], version=2)))
        await until_blocked(behind)
        await asyncio.to_thread(
            behind.execute, "update images set label = 'first' where filename = 'a'"
        )
    assert await batch == 2
    assert stored(behind) == rows(["a", "b"], version=2)
    labels = behind.execute("select label from images order by filename").fetchall()
    assert labels == [("first",), ("second",)]


async def test_a_statement_that_takes_too_long_is_given_up_and_named(
    catalog_database: str, behind: Connection
) -> None:
    impatient = make_conninfo(catalog_database, options="-c statement_timeout=100")
    catalog = PostgresCatalog(impatient, table="images", description="test")
    await catalog.open()
    run_id = await begin(catalog)
    with behind.transaction(force_rollback=True):
        behind.execute("insert into images (filename) values ('b')")
        with pytest.raises(CatalogError, match="is locked by process") as fault:
            await catalog.insert_batch(run_id, 1, rows(["a", "b"]))
    assert f"pg_terminate_backend({behind.info.backend_pid})" in fault.value.hint
    # What was given up has left nothing behind, and can be done again.
    assert await catalog.insert_batch(run_id, 1, rows(["a", "b"])) == 2
    await catalog.close()


async def test_a_read_only_database_is_named(catalog_database: str) -> None:
    read_only = make_conninfo(catalog_database, options="-c default_transaction_read_only=on")
    catalog = PostgresCatalog(read_only, table="images", description="test")
    await catalog.open()
    with pytest.raises(CatalogDenied, match="read-only") as fault:
        await begin(catalog)
    assert "primary" in fault.value.hint
    await catalog.close()


async def test_digests_are_read_from_the_index_alone(
    catalog: PostgresCatalog, behind: Connection
) -> None:
    run_id = await begin(catalog)
    keys = [f"{i:05}.jpg" for i in range(5000)]
    await catalog.insert_batch(run_id, 1, rows(keys), fresh=True)
    await catalog.vacuum()  # at once, before the disk has the batch of itself

    def reads() -> tuple[object, ...]:
        behind.execute("select pg_stat_force_next_flush()")
        query = """select t.seq_scan, t.idx_tup_fetch, i.idx_tup_read
            from pg_stat_user_tables t join pg_stat_user_indexes i using (relid)
            where indexrelname = 'images_filename_s3sync_idx'"""
        [found] = behind.execute(query).fetchall()
        return found

    scans, fetched, read = reads()
    behind.execute(
        "select s3sync_range_digests(array['', '01000.jpg'], array['01000.jpg', '02000.jpg'])"
    )
    scans_after, fetched_after, read_after = reads()
    assert (scans_after, fetched_after) == (scans, fetched)
    assert int(str(read_after)) - int(str(read)) == 2001


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize(
    ("changes", "error", "message", "hint"),
    [
        ({"dbname": "nope"}, CatalogUnreachable, 'database "nope" does not exist', "name"),
        ({"user": "nobody"}, CatalogDenied, 'role "nobody" does not exist', "Check user"),
        ({"user": "guest"}, CatalogDenied, "not permitted to log in", "Check user"),
        ({"host": "127.0.0.1", "port": "closed"}, CatalogUnreachable, "refused", "port"),
        ({"host": "no-such-host.invalid"}, CatalogUnreachable, "no-such-host.invalid", "host"),
        ({"host": "/no/such/directory"}, CatalogUnreachable, "No such file", "host"),
        ({"sslmode": "nonsense"}, CatalogUnreachable, "sslmode", "DATABASE_URL"),
    ],
)
async def test_what_cannot_be_reached_says_why_and_what_to_check(
    catalog_database: str,
    behind: Connection,
    changes: dict[str, str],
    error: type[S3SyncError],
    message: str,
    hint: str,
) -> None:
    if changes.get("port") == "closed":
        changes = changes | {"port": str(closed_port())}
    if changes.get("user") == "guest":
        behind.execute("drop role if exists guest; create role guest nologin")
    address = make_conninfo(catalog_database, **{"password": "canary-right", **changes})
    catalog = PostgresCatalog(address, table="images", description="postgres here")
    with pytest.raises(error, match=message) as fault:
        await catalog.open()
    assert hint in fault.value.hint
    said = f"{fault.value.message} {fault.value.hint}"
    assert "postgres here" in said
    assert "canary" not in said
    assert "FATAL" not in said
    await catalog.close()


async def test_a_connection_string_that_cannot_be_read_is_not_quoted() -> None:
    address = "postgresql://user:canary right@host/db"
    catalog = PostgresCatalog(address, table="images", description="here")
    with pytest.raises(CatalogError, match="cannot be read") as fault:
        await catalog.open()
    assert "canary" not in f"{fault.value.message} {fault.value.hint}"
    assert "%40" in fault.value.hint


async def test_a_catalog_that_is_not_open_says_so(catalog_database: str) -> None:
    catalog = PostgresCatalog(catalog_database, table="images", description="test")
    with pytest.raises(CatalogError, match="not open"):
        await catalog.summary()


async def test_vacuuming_without_the_right_to_do_it_is_no_fault(
    catalog_database: str, behind: Connection
) -> None:
    behind.execute("grant usage on schema public to service_role")
    as_service = make_conninfo(catalog_database, options="-c role=service_role")
    catalog = PostgresCatalog(as_service, table="images", description="test")
    await catalog.open()
    run_id = await begin(catalog)
    assert await catalog.insert_batch(run_id, 1, rows(HARD_KEYS), fresh=True) == len(HARD_KEYS)
    await catalog.vacuum()
    await catalog.finish_run(run_id, result(run_id))
    await catalog.close()


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("08006", True),  # connection failure
        ("57P01", True),  # administrator's command
        ("57P03", True),  # starting up
        ("53300", True),  # too many connections
        ("40001", True),  # serialization
        ("40P01", True),  # deadlock
        ("55P03", True),  # lock not available
        ("57014", False),  # statement timeout: again would take as long again
        ("53100", False),  # disk full
        ("57P04", False),  # database dropped
        ("23505", False),
        ("42501", False),
        ("S3S01", False),  # the lease is lost
    ],
)
def test_only_what_a_moment_s_wait_can_mend_is_tried_again(state: str, expected: bool) -> None:
    kind = psycopg.errors.lookup(state) if state != "S3S01" else psycopg.DatabaseError
    error = kind("made up")
    error.sqlstate = state
    assert is_transient(error) is expected


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        ("Tenant or user not found", CatalogDenied, "refuses this user"),
        ("(ENOTFOUND) tenant/user postgres.x not found", CatalogDenied, "refuses this user"),
        ("MaxClientsInSessionMode: max clients reached", CatalogUnreachable, "no connection left"),
        ("(EMAXCONNSESSION) max clients reached", CatalogUnreachable, "no connection left"),
        ("SSL error: certificate verify failed", CatalogUnreachable, "No secure connection"),
        ("SSL error: unexpected eof while reading", CatalogUnreachable, "does not answer"),
    ],
)
def test_poolers_and_tls_are_understood_without_a_code(
    words: str, kind: type[CatalogError], message: str
) -> None:
    explained = explain(psycopg.OperationalError(f"connection failed: {words}"), "here", "images")
    assert type(explained) is kind
    assert message in explained.message
