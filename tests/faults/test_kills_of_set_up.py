"""SIGKILL while something is set up: it is there or not, whole, and the next try completes it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import psutil
import psycopg
import pytest

from s3sync_tui.catalog.embedded import EmbeddedPostgres
from s3sync_tui.catalog.schema import SCHEMA_VERSION
from s3sync_tui.private_files import replace_file
from tests.contract.images import kept_counts, stored, true_counts
from tests.support.command import Command
from tests.support.database import Connection
from tests.support.killing import PATIENCE_SECONDS, Moment, killed
from tests.support.sampling import sampled
from tests.support.stub import CameraKeys, ListingStub, served

APPLYING = """select count(*) from pg_stat_activity where state = 'active'
    and datname = current_database() and application_name = 's3sync-tui'"""
END_APPLYING = """select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 's3sync-tui'"""
FUNCTIONS = "select count(*) from pg_proc where proname like 's3sync%'"
SIGNS = ["pgdata.init-*", "pgdata.init-*/PG_VERSION", "pgdata/PG_VERSION", "pgdata/postmaster.pid"]
"""What a first start leaves, one after the other."""
LEASE_SECONDS = 5

Record = Callable[[str, object], None]

WRITER = """
import itertools, os, sys
from pathlib import Path
from s3sync_tui.headless.placing import Placed, place
from s3sync_tui.setup.file import Place, save

directory = Path(sys.argv[1])
texts = ['bucket = "' + letter * 3 + '"\\n' * 2_000 for letter in "ab"]
settings, units = directory / "s3sync.toml", directory / "units" / "s3sync-tui.env"
print("writes", flush=True)
for number in itertools.count():
    old, new = texts[number % 2], texts[1 - number % 2]
    found = settings.read_text() if settings.exists() else None
    save(Place(settings, "it", found), new, is_private=True)
    place([Placed(units, new, is_secret=True)], force=True)
    if number % 8 == 0:
        save(Place(directory / f"new-{os.getpid()}" / f"{number}.toml", "it"), new, is_private=True)
"""
TEXTS = ['bucket = "' + letter * 3 + '"\n' * 2_000 for letter in "ab"]


@pytest.mark.timeout(sampled(180, 900))
def test_files_whose_writer_is_killed_are_the_old_or_the_new_ones(
    tmp_path: Path, record_property: Record
) -> None:
    random = Random("settings")
    kills = sampled(6, 100)
    for _ in range(kills):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "writes\n"
            time.sleep(random.uniform(0.01, 0.1))
            writer.kill()
        assert writer.returncode == -signal.SIGKILL
        for path in [*tmp_path.rglob("*.toml"), *tmp_path.rglob("*.env")]:
            assert path.read_text() in TEXTS
            assert path.stat().st_mode & 0o777 == 0o600
    drafts = list(tmp_path.rglob(".s3sync-*.tmp"))
    for draft in drafts:
        os.utime(draft, (0, 0))  # time has passed
        replace_file(draft.with_name("s3sync.toml"), b"", 0o600)
    assert list(tmp_path.rglob(".s3sync-*.tmp")) == []
    record_property("drafts left and removed", len(drafts))
    record_property("writers killed", kills)


def test_a_timer_whose_installation_is_killed_is_completed_by_the_next(
    tmp_path: Path, record_property: Record
) -> None:
    random = Random("timer")
    kills = sampled(2, 20)
    for number in range(kills):
        home = tmp_path / str(number)
        home.mkdir()
        kill_an_installation(home, Moment(random.uniform(0, 0.01)))
    record_property("installations killed", kills)


def kill_an_installation(home: Path, moment: Moment) -> None:
    """The one after it is as if it were the first."""
    command = Command(home, {"S3SYNC_BUCKET": "b-1", "S3SYNC_EVERY": "300"})
    arguments = ("install-timer", "--write", "--user")
    process = command.start_apart(*arguments)
    wait_until(lambda: any(home.rglob("s3sync-tui")), process)
    killed(process, moment)
    ended = command.run(*arguments)
    assert ended.code == 0, ended.err
    names = {path.name for path in home.rglob("s3sync-tui*") if path.is_file()}
    assert names == {"s3sync-tui.env", "s3sync-tui.service", "s3sync-tui.timer"}
    assert all(path.read_text().endswith("\n") for path in home.rglob("s3sync-tui.*"))


@pytest.mark.timeout(sampled(180, 900))
def test_a_schema_whose_application_is_killed_is_whole_or_not_there(
    new_database: Callable[..., str], tmp_path: Path, record_property: Record
) -> None:
    random = Random("schema")
    kills, left_whole = sampled(2, 30), 0
    for number in range(kills):
        database = new_database(with_schema=False)
        command = Command(tmp_path, {"DATABASE_URL": database})
        with psycopg.connect(database, autocommit=True) as behind:
            process = command.start_apart("schema", "--apply")
            wait_until(lambda: count(behind, APPLYING) > 0, process)
            if number % 2:  # with the server's process, else that goes on to the end
                time.sleep(random.uniform(0, 0.05))
                behind.execute(END_APPLYING)
            killed(process, Moment(random.uniform(0, 0.1)))
            wait_until(lambda: count(behind, APPLYING) == 0)
            found = count(behind, FUNCTIONS)
            assert command.run("schema", "--apply").code == 0
            assert found in (0, count(behind, FUNCTIONS))
            left_whole += found > 0
            assert "no changes" in command.run("schema", "--apply").out
            assert count(behind, "select s3sync_version()") == SCHEMA_VERSION
            assert count(behind, "select cardinality(s3sync_problems())") == 0
    record_property("schema applications killed", kills)
    record_property("of them, whole already", left_whole)


def count(behind: Connection, query: str) -> int:
    [(found,)] = behind.execute(query.encode()).fetchall()
    assert isinstance(found, int)
    return found


def wait_until(what: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Or until ``process`` has ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what() and (process is None or process.poll() is None):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # See tests/conftest.py on why not in pytest's own directory.
    with TemporaryDirectory(prefix="s3sync-killed-") as name:
        yield Path(name) / "data"
        end_postgres_of(Path(name))


@pytest.mark.timeout(sampled(180, 900))
def test_a_first_start_of_the_embedded_postgres_that_is_killed_starts_over(
    data_dir: Path, tmp_path: Path, record_property: Record
) -> None:
    random = Random("embedded")
    stub = ListingStub(CameraKeys(2_000))
    rounds = sampled(1, 10)
    with served(stub) as endpoint:
        environ = {"S3SYNC_BUCKET": "stub-bucket", "AWS_ENDPOINT_URL_S3": endpoint}
        environ |= {"S3SYNC_DATA_DIR": str(data_dir), "S3SYNC_LEASE_SECONDS": str(LEASE_SECONDS)}
        command = Command(tmp_path, environ)
        for _ in range(rounds):
            stub.keys = CameraKeys(2_000)
            for sign in SIGNS:
                kill_a_start(command, data_dir, sign, random)
            assert_completed(command, data_dir, stub)
            # And a later one: what is there stays there.
            stub.keys = CameraKeys(4_000)
            kill_a_start(command, data_dir, SIGNS[-1], random)
            assert_completed(command, data_dir, stub)
            shutil.rmtree(data_dir)
    record_property("first starts killed", len(SIGNS) * rounds)


def kill_a_start(command: Command, directory: Path, sign: str, random: Random) -> None:
    process = command.start_apart("--once")
    wait_until(lambda: any(directory.glob(sign)), process)
    killed(process, Moment(random.uniform(0, 0.2)))
    if random.random() < 0.5:  # else it goes on, or stays, for who comes next
        end_postgres_of(directory)


def assert_completed(command: Command, directory: Path, stub: ListingStub) -> None:
    """The next sync is exact, and leaves nothing running."""
    ended = command.run("--once", "--full", "--json")
    if ended.code == 6:  # the killed one had begun
        time.sleep(LEASE_SECONDS)
        ended = command.run("--once", "--full", "--json")
    assert (ended.code, ended.document["total"]) == (0, len(stub.keys)), ended.err
    assert postgres_of(directory) == []
    assert not list(directory.glob("pgdata.init-*"))
    with EmbeddedPostgres(directory) as conninfo, psycopg.connect(conninfo) as behind:
        assert stored(behind).keys == list(stub.keys)
        assert kept_counts(behind) == true_counts(behind)


def end_postgres_of(directory: Path) -> None:
    """All of it at once, as a machine that stops."""
    ended = postgres_of(directory)
    for process in ended:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(ended, PATIENCE_SECONDS)


def postgres_of(directory: Path) -> list[psutil.Process]:
    """The programs of Postgres that work in ``directory``, and what they have started."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(directory) in word for word in process.cmdline()):
                found += [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    return found
