"""One run at a time: whatever the hosts' clocks say, and whoever wakes up too late."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from s3sync_tui.engine.lease import naming_the_heir
from s3sync_tui.model import RunStatus
from tests.contract.images import kept_counts, stored, true_counts
from tests.contract.runs import begin, result
from tests.support.command import Command, Ended
from tests.support.database import Connection
from tests.support.faulty_runs import opened
from tests.support.killing import PATIENCE_SECONDS, send_to_all, session
from tests.support.sampling import sampled
from tests.support.skewed import skewed
from tests.support.stub import CameraKeys, ListingStub, Reply, Request, served
from tests.support.supabase_stack import SupabaseStack
from tests.support.tcp_proxy import tcp_proxy

KEYS = CameraKeys(5_000)
DAY = 24 * 3600
LEASE_SECONDS = 5

Record = Callable[[str, object], None]


class GatedStub(ListingStub):
    """Lets so many pages pass, and no more until it is opened. Pages are small."""

    def __init__(self) -> None:
        super().__init__(KEYS)
        self.script = self._in_turn
        self._left = 0
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def shut(self, *, after_pages: int) -> None:
        self._left = after_pages
        self._open.clear()

    def _in_turn(self, request: Request) -> Reply | None:
        if "list-type" not in request.query or "delimiter" in request.query:
            return None
        self._left -= 1
        if self._left < 0:
            self._open.wait(PATIENCE_SECONDS)
        return Reply(200, self.listing(request.query | {"max-keys": "200"}))


@pytest.fixture
def stub() -> Iterator[GatedStub]:
    stub = GatedStub()
    stub.open()
    yield stub
    stub.open()


@pytest.fixture(params=["postgres", "supabase"])
def command(
    request: pytest.FixtureRequest, stub: GatedStub, catalog_database: str, tmp_path: Path
) -> Iterator[Command]:
    with served(stub) as endpoint:
        environ = {
            "S3SYNC_BUCKET": "stub-bucket",
            "AWS_ENDPOINT_URL_S3": endpoint,
            "S3SYNC_LIST_CONCURRENCY": "2",
            "S3SYNC_PROCESSES": "1",
            "S3SYNC_BATCH_SIZE": "200",
            "S3SYNC_LEASE_SECONDS": str(LEASE_SECONDS),
        }
        if request.param == "postgres":
            environ["DATABASE_URL"] = catalog_database
        else:
            supabase: SupabaseStack = request.getfixturevalue("supabase")
            environ |= {"SUPABASE_URL": supabase.url, "SUPABASE_SECRET_KEY": supabase.secret_key}
        yield Command(tmp_path, environ)


def at(clock: dict[str, str], command: Command) -> Command:
    """The command on a host with another clock."""
    return replace(command, environ=command.environ | clock)


def until(what: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


def number(behind: Connection, query: str) -> int:
    [(found,)] = behind.execute(query.encode()).fetchall()
    assert isinstance(found, int)
    return found


def begun(
    command: Command, behind: Connection, stub: GatedStub, **environ: str
) -> subprocess.Popen[str]:
    """A sync that has written something, and goes on once ``stub`` is opened."""
    stub.shut(after_pages=8)
    last = number(behind, "select coalesce(max(id), 0) from sync_runs")
    process = command.start_apart("--once", "--full", "--json", **environ)
    query = f"select count(*) from sync_batches where added > 0 and run_id > {last}"
    until(lambda: number(behind, query) > 0 or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code, and what it said to people."""
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert "Traceback" not in err
    until(lambda: not session(process.pid))
    return process.returncode, err or str(json.loads(out)["error"])


def expire(behind: Connection) -> None:
    behind.execute("update sync_leases set expires_at = now()")


def assert_exact(behind: Connection, statuses: list[str]) -> None:
    """The table is as the bucket, each row was counted once, and history is as told."""
    assert stored(behind).keys == list(KEYS)
    assert kept_counts(behind) == true_counts(behind)
    rows = behind.execute("select status, added from sync_runs order by id").fetchall()
    assert [status for status, _ in rows] == statuses
    assert sum(int(str(added)) for _, added in rows) == len(KEYS)
    assert number(behind, "select count(*) from sync_leases where run_id <> 0") == 0


def test_hosts_whose_clocks_are_days_apart_never_sync_at_once(
    command: Command, stub: GatedStub, behind: Connection, tmp_path: Path
) -> None:
    early, late = skewed(tmp_path, -DAY), skewed(tmp_path, DAY)
    holder = begun(at(early, command), behind, stub)
    for clock in (early, late):
        refused = at(clock, command).run("--once")
        assert refused.code == 6, refused.err
        # By the database's clock, whoever asks.
        assert (left := re.search(r"runs out in (\d+) s", refused.err)) is not None, refused.err
        assert int(left[1]) <= LEASE_SECONDS
    send_to_all(holder, signal.SIGKILL)
    holder.communicate()
    stub.open()

    [(expires_at,)] = behind.execute("select expires_at from sync_leases").fetchall()
    assert isinstance(expires_at, datetime)
    heir = once_the_lease_is_out(at(late, command), behind)
    assert heir.code == 0, heir.err
    [(begun_at,)] = behind.execute("select max(started_at) from sync_runs").fetchall()
    assert isinstance(begun_at, datetime)
    assert timedelta(0) <= begun_at - expires_at
    assert_exact(behind, ["interrupted", "succeeded"])


def test_of_hosts_that_start_at_once_one_syncs(
    command: Command, stub: GatedStub, behind: Connection, tmp_path: Path
) -> None:
    stub.shut(after_pages=0)
    clocks = [skewed(tmp_path, days * DAY) for days in (-1, 0, 1)]
    processes = [at(clock, command).start_apart("--once", "--full") for clock in clocks]
    until(lambda: sum(process.poll() is None for process in processes) == 1)
    stub.open()
    assert sorted(ended(process)[0] for process in processes) == [0, 6, 6]
    assert_exact(behind, ["succeeded"])


@pytest.mark.timeout(sampled(180, 900))
@pytest.mark.parametrize("processes", [1, 2])
def test_who_wakes_up_after_another_took_over_writes_nothing_and_says_who_it_was(
    command: Command,
    stub: GatedStub,
    behind: Connection,
    processes: int,
    record_property: Record,
) -> None:
    rounds = sampled(1, 10)
    for _ in range(rounds):
        behind.execute("truncate images, images_counts, sync_runs, sync_batches, sync_leases")
        sleeper = begun(command, behind, stub, S3SYNC_PROCESSES=str(processes))
        send_to_all(sleeper, signal.SIGSTOP)
        expire(behind)
        stub.open()
        assert command.run("--once", "--full").code == 0
        assert_exact(behind, ["interrupted", "succeeded"])
        heir = number(behind, "select max(id) from sync_runs")
        send_to_all(sleeper, signal.SIGCONT)
        code, said = ended(sleeper)
        assert code == 6
        assert f"another run has taken over: number {heir} (" in said
        assert "and now succeeded" in said
        assert_exact(behind, ["interrupted", "succeeded"])
    record_property("holders paused", rounds)


async def test_of_all_runs_since_it_names_the_one_that_took_over(
    catalog_database: str, behind: Connection
) -> None:
    async with opened(catalog_database) as catalog:
        runs = []
        for _ in range(3):
            runs.append(await begin(catalog))
            expire(behind)
        lost = result(runs[0], RunStatus.INTERRUPTED)
        told = (await naming_the_heir(catalog, "bucket", lost)).error
    assert f"another run has taken over: number {runs[1]} (host, process 1)" in told


def test_a_lease_that_somebody_removed_ends_the_run_and_the_next_completes_it(
    command: Command, stub: GatedStub, behind: Connection
) -> None:
    holder = begun(command, behind, stub)
    behind.execute("delete from sync_leases")
    stub.open()
    code, said = ended(holder)
    assert (code, "no other run has it" in said) == (6, True), said
    assert command.run("--once", "--full").code == 0
    assert_exact(behind, ["interrupted", "succeeded"])


@pytest.mark.parametrize("command", ["postgres"], indirect=True)
def test_who_is_paused_in_the_midst_of_copy_holds_up_nobody(
    command: Command, behind: Connection, record_property: Record
) -> None:
    slow = "create or replace function slow() returns void return pg_sleep({})"
    command.environ["S3SYNC_LEASE_SECONDS"] = "60"
    behind.execute(slow.format("0.0002").encode())
    behind.execute("alter table images add column slow text default slow()::text")
    sleeper = caught_in_copy(command, behind)
    assert command.run("--once").code == 6  # told at once, not after the batch
    behind.execute(slow.format("0").encode())
    expire(behind)
    heir = command.run("--once", "--full")
    assert heir.code == 0, heir.err
    assert_exact(behind, ["interrupted", "succeeded"])
    send_to_all(sleeper, signal.SIGCONT)
    code, said = ended(sleeper)
    assert code == 6
    assert "another run has taken over: number 2 (" in said
    assert_exact(behind, ["interrupted", "succeeded"])
    record_property("holders paused in COPY", 1)


def caught_in_copy(command: Command, behind: Connection) -> subprocess.Popen[str]:
    """A sync that was stopped while the database waits for more of its rows."""
    copying = """select count(*) from pg_stat_activity where datname = current_database()
                 and query like 'copy %' and state = 'active' """
    waits = "and wait_event = 'ClientRead'"
    sleeper = command.start_apart("--once", "--full", "--json", S3SYNC_BATCH_SIZE="5000")
    for _ in range(200):
        until(lambda: number(behind, copying) > 0)
        send_to_all(sleeper, signal.SIGSTOP)
        until(
            lambda: number(behind, copying) == number(behind, copying + waits)
        )  # it takes what was sent
        if number(behind, copying + waits):
            return sleeper
        send_to_all(sleeper, signal.SIGCONT)
    raise AssertionError("never caught in the midst of COPY")


@pytest.mark.parametrize("command", ["postgres"], indirect=True)
async def test_who_is_cut_off_past_its_lease_holds_up_nobody_and_writes_nothing_more(
    command: Command, stub: GatedStub, behind: Connection
) -> None:
    direct = command.environ["DATABASE_URL"]
    socket = Path(str(conninfo_to_dict(direct)["host"])) / ".s.PGSQL.5432"
    async with tcp_proxy(socket) as proxy:
        far = make_conninfo(direct, host="127.0.0.1", port=proxy.port)
        holder = await asyncio.to_thread(begun, at({"DATABASE_URL": far}, command), behind, stub)
        proxy.is_silent = True
        stub.open()
        heir = await asyncio.to_thread(once_the_lease_is_out, command, behind)
        assert heir.code == 0, heir.err
        assert_exact(behind, ["interrupted", "succeeded"])
        proxy.is_silent = False
        proxy.reset_all()
        code, said = await asyncio.to_thread(ended, holder)
    assert code == 6
    assert "another run has taken over: number 2 (" in said
    assert_exact(behind, ["interrupted", "succeeded"])


def once_the_lease_is_out(command: Command, behind: Connection) -> Ended:
    """A sync that begins when the database says so."""
    held = "select count(*) from sync_leases where expires_at > clock_timestamp()"
    until(lambda: number(behind, held) == 0)
    return command.run("--once", "--full")
