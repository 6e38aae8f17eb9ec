"""The embedded Postgres, against the real thing: who may die when, and what survives."""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from s3sync_tui.catalog import binaries as binaries_module
from s3sync_tui.catalog import cluster as cluster_module
from s3sync_tui.catalog.binaries import (
    PACKAGE,
    Account,
    find_binaries,
    give,
    make_traversable,
    server_account,
)
from s3sync_tui.catalog.cluster import Cluster
from s3sync_tui.catalog.embedded import EmbeddedPostgres
from s3sync_tui.catalog.postmaster import read_server
from s3sync_tui.errors import CatalogError, CatalogUnreachable, SettingsError

NOBODY = 65534

USER = """
import signal, sys
from pathlib import Path
from s3sync_tui.catalog.embedded import EmbeddedPostgres

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored beneath nohup
signal.signal(signal.SIGINT, signal.default_int_handler)
with EmbeddedPostgres(Path(sys.argv[1])) as conninfo:
    print(conninfo, flush=True)
    sys.stdin.read()
"""

USER_KILLED_AFTER_FORKING_THE_SERVER = (
    """
import os, signal, threading
threading.Thread.start = lambda self: os.kill(os.getpid(), signal.SIGKILL)
"""
    + USER
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as another")
needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads /proc")


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """A directory whose cluster was created, started and stopped; small, to be copied."""
    with (
        tempfile.TemporaryDirectory(prefix="s3sync-") as name,
        pytest.MonkeyPatch.context() as patch,
    ):
        options = [*cluster_module._INITDB_OPTIONS, "--wal-segsize=1"]
        patch.setattr(cluster_module, "_INITDB_OPTIONS", options)
        directory = Path(name) / "template"
        with EmbeddedPostgres(directory) as conninfo:
            query(conninfo, "create table kept as select 'precious' as what")
            query(conninfo, "update pg_database set datistemplate = false")
            query(conninfo, "drop database template0")
            query(conninfo, "drop database template1")
        yield directory


@pytest.fixture
def place() -> Iterator[Path]:
    """A place for directories of embedded Postgres, with no server left at the end.

    Not pytest's: every session that begins shuts what is above it to the server's user.
    """
    with tempfile.TemporaryDirectory(prefix="s3sync-") as name:
        yield Path(name)
        for pid_file in Path(name).rglob("postmaster.pid"):
            server = read_server(pid_file.parent)
            if server is not None and server.listens():
                os.kill(server.pid, signal.SIGQUIT)
                gone(server.pid)


@pytest.fixture
def home(place: Path, template: Path) -> Path:
    """A directory with a cluster and no server."""
    directory = place / "home"
    copy(template, directory)
    return directory


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", source, target], check=True)


def query(conninfo: str, statement: str) -> str | None:
    """The one value of a statement's answer, or its tag."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        if cursor.description is None:
            return cursor.statusmessage
        row = cursor.fetchone()
        assert row is not None
        return None if row[0] is None else str(row[0])


def kept(conninfo: str) -> str | None:
    return query(conninfo, "select what from kept")


def server_pid(directory: Path) -> int:
    """The pid of the live server in a directory."""
    server = read_server(directory / "pgdata")
    assert server is not None
    assert server.listens()
    return server.pid


def is_running(directory: Path) -> bool:
    server = read_server(directory / "pgdata")
    return server is not None and server.listens()


def starts_logged(directory: Path) -> int:
    return (directory / "postgres.log").read_text().count("starting PostgreSQL")


def gone(pid: int) -> None:
    """Wait until a process has ended, whoever's child it is."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        while process.status() != psutil.STATUS_ZOMBIE:
            threading.Event().wait(0.01)


def kill_server(directory: Path) -> int:
    pid = server_pid(directory)
    os.kill(pid, signal.SIGKILL)
    gone(pid)
    return pid


def run_user(directory: Path, program: str = USER) -> subprocess.Popen[str]:
    """Another process that uses the server until its stdin is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", program, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # as from a terminal of its own
    )


def conninfo_of(user: subprocess.Popen[str]) -> str:
    assert user.stdout is not None
    line = user.stdout.readline().strip()
    assert line, "the user could not start the server"
    return line


def leave(user: subprocess.Popen[str]) -> int:
    user.communicate()
    return user.returncode


def kill_with_its_terminal(user: subprocess.Popen[str], number: signal.Signals) -> None:
    os.killpg(user.pid, number)
    user.communicate()


def as_ordinary_user(work: Callable[[], None]) -> None:
    """Run ``work`` without root's powers: in a fork, where we are root."""

    def drop_and_work() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        work()

    if os.geteuid() != 0:
        work()
        return
    child = multiprocessing.get_context("fork").Process(target=drop_and_work)
    child.start()
    child.join()
    assert child.exitcode == 0


# Start and stop


def test_it_starts_on_demand_and_stops_with_its_user(place: Path) -> None:
    directory = place / "made" / "on the way"
    embedded = EmbeddedPostgres(directory)
    conninfo = embedded.start()
    assert query(conninfo, "show server_encoding") == "UTF8"
    assert query(conninfo, "show data_directory") == str(directory / "pgdata")
    assert query(conninfo, "show listen_addresses") == ""
    pid = server_pid(directory)
    embedded.stop()
    gone(pid)
    assert not is_running(directory)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(conninfo)


def test_data_survives_a_restart(home: Path) -> None:
    with EmbeddedPostgres(home) as conninfo:
        query(conninfo, "update kept set what = 'changed'")
    with EmbeddedPostgres(home) as conninfo:
        assert kept(conninfo) == "changed"


def test_starting_twice_is_starting_once(home: Path) -> None:
    embedded = EmbeddedPostgres(home)
    first = embedded.start()
    pid = server_pid(home)
    assert embedded.start() == first
    assert server_pid(home) == pid
    embedded.stop()
    assert not is_running(home)
    embedded.stop()
    assert not is_running(home)


def test_a_stop_waits_for_a_start_that_goes_on_in_its_thread(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starting, go_on = threading.Event(), threading.Event()
    really_start = Cluster.start

    def start(self: Cluster) -> str:
        starting.set()
        go_on.wait()
        return really_start(self)

    monkeypatch.setattr(Cluster, "start", start)
    embedded = EmbeddedPostgres(home)
    abandoned = threading.Thread(target=embedded.start)
    abandoned.start()
    starting.wait()
    stop = threading.Thread(target=embedded.stop)
    stop.start()
    go_on.set()
    abandoned.join()
    stop.join()
    assert starts_logged(home) == 2  # the template's, and this one
    assert not is_running(home)


def test_variables_meant_for_another_database_lead_nowhere(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "PGHOST": "db.example.com",
        "PGHOSTADDR": "127.0.0.1",
        "PGPORT": "1",
        "PGUSER": "someone",
        "PGDATABASE": "elsewhere",
        "PGDATA": "/nonexistent",
    }.items():
        monkeypatch.setenv(name, value)
    with EmbeddedPostgres(home) as conninfo:
        assert kept(conninfo) == "precious"
        assert query(conninfo, "show port") == "5432"


# Sharing


def test_two_processes_share_and_the_last_to_leave_stops_it(home: Path) -> None:
    first = run_user(home)
    conninfo = conninfo_of(first)
    pid = server_pid(home)
    second = run_user(home)
    assert conninfo_of(second) == conninfo
    assert server_pid(home) == pid
    assert leave(first) == 0
    assert server_pid(home) == pid
    assert kept(conninfo) == "precious"
    assert leave(second) == 0
    assert not is_running(home)


def test_two_instances_in_one_process_share_too(home: Path) -> None:
    first, second = EmbeddedPostgres(home), EmbeddedPostgres(home)
    conninfo = first.start()
    assert second.start() == conninfo
    first.stop()
    assert kept(conninfo) == "precious"
    second.stop()
    assert not is_running(home)


def test_processes_that_start_at_once_get_one_server(place: Path) -> None:
    directory = place / "new"
    users = [run_user(directory) for _ in range(3)]
    assert len({conninfo_of(user) for user in users}) == 1
    assert starts_logged(directory) == 1
    assert [leave(user) for user in users] == [0, 0, 0]
    assert not is_running(directory)


def test_processes_that_leave_at_once_leave_no_server(home: Path) -> None:
    users = [run_user(home) for _ in range(3)]
    for user in users:
        conninfo_of(user)
    for user in users:
        assert user.stdin is not None
        user.stdin.close()
    assert [user.wait() for user in users] == [0, 0, 0]
    assert not is_running(home)
    for user in users:
        assert user.stdout is not None
        user.stdout.close()


# Kills


def test_the_server_outlives_its_starters_terminal(home: Path) -> None:
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGKILL):
        starter = run_user(home)
        conninfo_of(starter)
        other = EmbeddedPostgres(home)
        conninfo = other.start()
        pid = server_pid(home)
        kill_with_its_terminal(starter, number)
        assert starter.returncode != 0
        assert server_pid(home) == pid
        assert kept(conninfo) == "precious"
        other.stop()
        assert not is_running(home)


def test_a_server_whose_users_were_all_killed_serves_the_next(home: Path) -> None:
    user = run_user(home)
    query(conninfo_of(user), "update kept set what = 'written before the kill'")
    pid = server_pid(home)
    kill_with_its_terminal(user, signal.SIGKILL)
    with EmbeddedPostgres(home) as conninfo:
        assert server_pid(home) == pid
        assert kept(conninfo) == "written before the kill"
    assert not is_running(home)


def test_a_killed_server_starts_again_with_its_data(home: Path) -> None:
    embedded = EmbeddedPostgres(home)
    query(embedded.start(), "update kept set what = 'committed'")
    killed = kill_server(home)
    assert kept(embedded.start()) == "committed"
    assert server_pid(home) != killed
    embedded.stop()
    assert not is_running(home)


def test_leaving_a_killed_server_is_quiet(home: Path) -> None:
    embedded = EmbeddedPostgres(home)
    embedded.start()
    kill_server(home)
    embedded.stop()
    assert kept(embedded.start()) == "precious"
    embedded.stop()


def test_a_pid_file_that_names_a_stranger_is_no_obstacle(home: Path) -> None:
    embedded = EmbeddedPostgres(home)
    embedded.start()
    kill_server(home)
    # Of the server's own user: Postgres ignores those that it may not signal.
    user = (home / "pgdata").stat().st_uid if os.geteuid() == 0 else None
    with subprocess.Popen(["sleep", "600"], user=user) as stranger:
        try:
            for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
                file = home / "pgdata" / name
                _, _, rest = file.read_text().partition("\n")
                file.write_text(f"{stranger.pid}\n{rest}")
            embedded.stop()
            assert stranger.poll() is None
            assert kept(embedded.start()) == "precious"
            assert server_pid(home) != stranger.pid
            embedded.stop()
            assert not is_running(home)
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_half_a_pid_file_is_no_obstacle(home: Path) -> None:
    data = home / "pgdata"
    for content in ("", "123", f"-1\n{data}\n1\n5432\n{data}\n", "no number\n" * 8):
        (data / "postmaster.pid").write_text(content)
        assert read_server(data) is None
        with EmbeddedPostgres(home) as conninfo:
            assert kept(conninfo) == "precious"


def test_a_server_whose_starter_was_killed_at_once_is_not_started_twice(home: Path) -> None:
    before = starts_logged(home)
    starter = run_user(home, USER_KILLED_AFTER_FORKING_THE_SERVER)
    assert leave(starter) == -signal.SIGKILL
    with (home / "server.lock").open("w") as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the server lives
    with EmbeddedPostgres(home) as conninfo:
        assert kept(conninfo) == "precious"
        assert starts_logged(home) == before + 1
    assert not is_running(home)


@pytest.mark.parametrize("victim", ["initdb", "starter", "both"])
def test_a_creation_that_was_killed_starts_over(place: Path, victim: str) -> None:
    directory = place / "new"
    starter, initdb = begin_creation(directory)
    if victim != "initdb":
        starter.kill()
    if victim != "starter":
        initdb.kill()
    assert leave(starter) != 0
    assert not (directory / "pgdata").exists()
    with EmbeddedPostgres(directory) as conninfo:
        assert query(conninfo, "select 1") == "1"
        assert not list(directory.glob("pgdata.init-*"))


def test_a_creation_that_was_interrupted_stops_and_clears_up(place: Path) -> None:
    directory = place / "new"
    starter, initdb = begin_creation(directory)
    starter.send_signal(signal.SIGINT)
    assert leave(starter) != 0
    assert not initdb.is_running()
    assert not list(directory.glob("pgdata*/*"))


def begin_creation(directory: Path) -> tuple[subprocess.Popen[str], psutil.Process]:
    """A process that starts the server, and its initdb, half-way."""
    starter = run_user(directory)
    while not list(directory.glob("pgdata.init-*/global/*")):
        assert starter.poll() is None
        threading.Event().wait(0.002)
    (initdb,) = psutil.Process(starter.pid).children()
    assert initdb.name() == "initdb"
    return starter, initdb


# Places


def test_any_path_will_do(place: Path, template: Path) -> None:
    directory = place / 'Jürgen\'s "photos" \\ 画像'
    copy(template, directory)
    with EmbeddedPostgres(directory) as conninfo:
        assert kept(conninfo) == "precious"
        assert query(conninfo, "show data_directory") == str(directory / "pgdata")


@pytest.mark.parametrize("name", ["long" * 30, "a, comma"])
def test_where_a_socket_cannot_be_it_is_in_a_private_directory(
    place: Path, template: Path, name: str
) -> None:
    directory = place / name
    copy(template, directory)
    embedded = EmbeddedPostgres(directory)
    conninfo = embedded.start()
    assert kept(conninfo) == "precious"
    sockets = Path(str(conninfo_to_dict(conninfo)["host"]))
    assert sockets.parent != directory
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert sockets.stat().st_uid == (directory / "pgdata").stat().st_uid
    kill_server(directory)
    assert embedded.start() == conninfo
    embedded.stop()
    assert not sockets.exists()

    sockets.mkdir(0o700)  # and killed before it was the server's
    assert embedded.start() == conninfo
    embedded.stop()

    sockets.mkdir()
    sockets.chmod(0o755)  # as a stranger might have made it
    try:
        with pytest.raises(CatalogError, match="not a private directory"):
            embedded.start()
    finally:
        sockets.rmdir()


def test_a_copy_of_a_running_directory_is_a_database_of_its_own(home: Path) -> None:
    with EmbeddedPostgres(home) as original:
        twin = home.parent / "twin"
        query(original, "checkpoint")
        copy(home, twin)
        query(original, "update kept set what = 'changed later'")
        with EmbeddedPostgres(twin) as copied:
            assert server_pid(twin) != server_pid(home)
            assert kept(copied) == "precious"
        assert kept(original) == "changed later"


def test_only_the_owner_gets_in(home: Path) -> None:
    with EmbeddedPostgres(home):
        data = home / "pgdata"
        server = read_server(data)
        assert server is not None
        assert server.sockets == data
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        found = (data / ".s.PGSQL.5432").stat()
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == 0o700
        for name in ("postgres.log", "users.lock", "start.lock", "server.lock"):
            assert stat.S_IMODE((home / name).stat().st_mode) == 0o600


def test_a_new_directory_is_shut_to_others(place: Path) -> None:
    directory = place / "new"
    with EmbeddedPostgres(directory):
        # The server's user must pass where we are root: pass, not read.
        expected = 0o701 if os.geteuid() == 0 else 0o700
        assert stat.S_IMODE(directory.stat().st_mode) == expected
        assert stat.S_IMODE((directory / "pgdata").stat().st_mode) == 0o700


@needs_proc
def test_the_server_inherits_no_lock_no_terminal_and_no_secret(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY")
    with socket.socket() as ours:
        os.set_inheritable(ours.fileno(), True)
        with EmbeddedPostgres(home):
            process = Path("/proc", str(server_pid(home)))
            files = open_files(process)
            assert files["0"] == str(home / "server.lock")
            assert [fd for fd, path in files.items() if path.endswith(".lock")] == ["0"]
            assert f"socket:[{os.fstat(ours.fileno()).st_ino}]" not in files.values()
            assert b"AWS" not in (process / "environ").read_bytes()
            assert os.getsid(server_pid(home)) == server_pid(home)


def open_files(process: Path) -> dict[str, str]:
    files = {}
    for descriptor in (process / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            files[descriptor.name] = str(descriptor.readlink())
    return files


# Users


@needs_root
def test_root_opens_what_the_server_must_pass_and_nothing_else(place: Path) -> None:
    modes = {"a": 0o700, "a/b": 0o750, "a/b/c": 0o755, "a/b/c/d": 0o700, "a/b/beside": 0o700}
    for path, mode in modes.items():
        (place / path).mkdir()
        (place / path).chmod(mode)
    make_traversable(place / "a/b/c/d", Account(NOBODY, NOBODY))
    found = {path: stat.S_IMODE((place / path).stat().st_mode) for path in modes}
    assert found == {
        "a": 0o701,
        "a/b": 0o751,
        "a/b/c": 0o755,
        "a/b/c/d": 0o701,
        "a/b/beside": 0o700,
    }


@needs_root
def test_root_is_told_when_there_is_no_user_to_run_as(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries_module, "SYSTEM_USER", "not:a:name")
    with pytest.raises(CatalogError, match="refuses to run as root") as caught:
        EmbeddedPostgres(place / "new").start()
    assert "invalid user name" in caught.value.message
    assert "ordinary user" in caught.value.hint


@needs_root
def test_root_leaves_another_users_data_alone(place: Path) -> None:
    data = pretended_cluster(place, version=max(find_binaries()))
    os.chown(data, NOBODY, NOBODY)
    with pytest.raises(CatalogError, match="belongs to another user") as caught:
        EmbeddedPostgres(place).start()
    assert "as that user" in caught.value.hint
    assert data.stat().st_uid == NOBODY


def pretended_cluster(directory: Path, *, version: int) -> Path:
    data = directory / "pgdata"
    data.mkdir(0o700)
    (data / "PG_VERSION").write_text(f"{version}\n")
    give(data, server_account())
    return data


def test_an_ordinary_user_runs_it_as_themselves() -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        if os.geteuid() == 0:
            os.chown(directory, NOBODY, NOBODY)

        def work() -> None:
            with EmbeddedPostgres(directory / "new") as conninfo:
                assert query(conninfo, "select 1") == "1"
                assert psutil.Process(server_pid(directory / "new")).uids().real == os.getuid()
                assert stat.S_IMODE((directory / "new").stat().st_mode) == 0o700
            assert not is_running(directory / "new")

        as_ordinary_user(work)


# Faults


def test_a_directory_that_cannot_be_written_is_named() -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o555)

        def work() -> None:
            with pytest.raises(CatalogError, match=r"Permission denied") as caught:
                EmbeddedPostgres(directory / "new").start()
            assert str(directory) in caught.value.message
            assert "DATABASE_URL" in caught.value.hint

        as_ordinary_user(work)


def test_a_directory_that_cannot_be_made_is_named(place: Path) -> None:
    (place / "file").touch()
    with pytest.raises(CatalogError, match=r"Not a directory"):
        EmbeddedPostgres(place / "file" / "new").start()


def test_a_missing_package_is_a_setting_to_mend(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    with pytest.raises(SettingsError, match="not installed") as caught:
        EmbeddedPostgres(place / "new").start()
    assert "s3sync-tui[embedded]" in caught.value.hint
    assert "DATABASE_URL" in caught.value.hint


def test_a_package_for_another_machine_is_said_to_be_one(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = place / "foreign_postgres" / "pginstall18" / "bin" / "postgres"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho libc.musl.so: not found >&2\nexit 127\n")
    program.chmod(0o755)
    (place / "foreign_postgres" / "__init__.py").touch()
    monkeypatch.syspath_prepend(place)
    monkeypatch.setattr(binaries_module, "PACKAGE", "foreign_postgres")
    with pytest.raises(SettingsError, match=r"does not run on this machine: libc\.musl\.so"):
        EmbeddedPostgres(place / "new").start()


def test_a_cluster_of_an_unknown_version_is_left_alone(place: Path) -> None:
    data = pretended_cluster(place, version=15)
    with pytest.raises(CatalogError, match="written by Postgres 15; installed is") as caught:
        EmbeddedPostgres(place).start()
    assert "Postgres 15" in caught.value.hint
    assert [file.name for file in data.iterdir()] == ["PG_VERSION"]


def test_a_cluster_of_an_older_version_runs_on_its_own_programs(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_of_them = find_binaries()
    oldest = min(all_of_them)
    assert oldest < max(all_of_them)
    directory = place / "old"
    with monkeypatch.context() as patch:
        patch.setattr(cluster_module, "find_binaries", lambda: {oldest: all_of_them[oldest]})
        with EmbeddedPostgres(directory):
            pass
    with EmbeddedPostgres(directory) as conninfo:
        version = query(conninfo, "show server_version_num")
        assert int(version or 0) // 10_000 == oldest


def test_a_directory_of_something_else_is_left_alone(place: Path) -> None:
    (place / "pgdata").mkdir()
    (place / "pgdata" / "photo.jpg").write_text("mine")
    with pytest.raises(CatalogError, match="not empty"):
        EmbeddedPostgres(place).start()
    assert (place / "pgdata" / "photo.jpg").read_text() == "mine"


def test_a_server_that_does_not_start_says_why(home: Path) -> None:
    settings = home / "pgdata" / "postgresql.conf"
    good = settings.read_text()
    settings.write_text(f"{good}\nnonsense = 1\n")
    embedded = EmbeddedPostgres(home)
    with pytest.raises(CatalogUnreachable, match="did not start") as caught:
        embedded.start()
    assert 'unrecognized configuration parameter "nonsense"' in caught.value.message
    assert "ready to accept connections" not in caught.value.message  # of an earlier start
    assert str(home / "postgres.log") in caught.value.hint
    settings.write_text(good)
    assert kept(embedded.start()) == "precious"
    embedded.stop()


def test_a_cluster_that_cannot_be_created_says_why(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "_INITDB_OPTIONS", ["--locale=tlh_QO"])
    with pytest.raises(CatalogUnreachable, match="could not create its data") as caught:
        EmbeddedPostgres(place / "new").start()
    assert "tlh_QO" in caught.value.message
    assert not list((place / "new").glob("pgdata*"))


def test_a_server_that_never_gets_ready_is_given_up(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "START_SECONDS", 0)
    log = place / "postgres.log"
    log.write_text("LOG:  redo in progress\n")
    with (place / "server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CatalogUnreachable, match="not ready after 0 s") as caught:
            EmbeddedPostgres(place).start()
    assert "redo in progress" in caught.value.message
    assert log.read_text() == "LOG:  redo in progress\n"


def test_a_server_that_ignores_a_fast_stop_is_stopped_at_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "STOP_SECONDS", 0.2)
    embedded = EmbeddedPostgres(home)
    conninfo = embedded.start()
    walwriter = "select max(pid) from pg_stat_activity where backend_type = 'walwriter'"
    writer = None
    while writer is None:
        writer = query(conninfo, walwriter)
    os.kill(int(writer), signal.SIGSTOP)  # it would have to end first
    embedded.stop()
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(writer), signal.SIGCONT)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(conninfo)
    monkeypatch.undo()
    assert kept(embedded.start()) == "precious"
    embedded.stop()
