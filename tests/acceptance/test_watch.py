"""``s3sync-tui watch``, as a service manager runs it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.conftest import StartStub
from tests.acceptance.test_once import rows, wait_for
from tests.support.bucket import MotoBucket, MotoServer
from tests.support.command import COMMAND, Command
from tests.support.queue import MotoQueue

RUN = re.compile(r"run \d+ (full|delta)( cancelled)?: ")


class Worker:
    """The worker, and what it has logged so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(iter(self.process.stderr.readline, ""))

    def runs(self) -> list[str]:
        return [line for line in self.lines if RUN.search(line)]

    def says(self, text: str) -> None:
        """Wait until it does."""
        wait_for(lambda: any(text in line for line in self.lines))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code after a signal."""
        self.process.send_signal(number)
        code = self.process.wait(60)
        self._reading.join(10)
        assert "Traceback" not in "".join(self.lines), self.lines
        return code


@contextmanager
def watching(command: Command, *arguments: str, **environ: str) -> Iterator[Worker]:
    with command.start("watch", *arguments, **environ) as process:
        worker = Worker(process)
        try:
            yield worker
        finally:
            process.kill()


def statuses(database: psycopg.Connection, table: str) -> list[str]:
    found = database.execute(
        "select status from sync_runs where table_name = %s order by id", [table]
    )
    return [row[0] for row in found]


def test_it_syncs_again_and_again_a_line_a_run(
    synced: Command, bucket: MotoBucket, database: psycopg.Connection, table: str
) -> None:
    bucket.put(["a.jpg", "b.jpg"])
    with watching(synced, "--every", "1s") as worker:
        wait_for(worker.runs)
        assert re.search(
            r" INFO    run \d+ full: 2 added, 2 listed, \d LIST, [\d.]+ s$", worker.runs()[0]
        )
        bucket.put(["c.jpg"])
        wait_for(lambda: "c.jpg" in rows(database, table))
        wait_for(lambda: len(worker.runs()) >= 3)
        assert worker.stop() == 143
    assert len(worker.lines) == len(worker.runs()) == len(statuses(database, table))
    assert sum(" 1 added" in line for line in worker.runs()) == 1
    assert set(statuses(database, table)) == {"succeeded"}


def test_json_lines_hold_the_figures(synced: Command, bucket: MotoBucket) -> None:
    bucket.put(["a.jpg", "b.jpg"])
    with watching(synced, "--every", "1h", "--log-format", "json") as worker:
        wait_for(lambda: worker.lines)
        assert worker.stop(signal.SIGINT) == 130
    line = json.loads(worker.lines[0])
    assert (line["level"], line["status"], line["mode"]) == ("info", "succeeded", "full")
    assert (line["added"], line["total"]) == (2, 2)


def test_a_restart_does_not_sync_anew(synced: Command, bucket: MotoBucket) -> None:
    bucket.put(["a.jpg"])
    assert synced.run("--once").code == 0
    with watching(synced, "--every", "1h") as worker:
        worker.says("catalog and bucket answer; next run at ")
        assert worker.stop() == 143
    assert not worker.runs()


def test_sigterm_in_the_middle_of_a_run_leaves_it_cancelled(
    command: Command, start_stub: StartStub, database: psycopg.Connection, table: str
) -> None:
    command.environ |= {
        "S3SYNC_BUCKET": "stub-bucket",
        "AWS_ENDPOINT_URL_S3": start_stub(keys=50_000, latency_ms=300),
        "S3SYNC_LIST_CONCURRENCY": "1",
        "S3SYNC_PROCESSES": "1",
        "S3SYNC_BATCH_SIZE": "1000",
    }
    assert command.run("schema", "--apply").code == 0
    with watching(command) as worker:
        wait_for(lambda: len(rows(database, table)) > 2_000)
        assert worker.stop() == 143
    [line] = worker.runs()
    assert re.search(
        r"INFO    run \d+ full cancelled: [\d,]+ added, .* The run was cancelled\.", line
    )
    assert statuses(database, table) == ["cancelled"]
    [(added,)] = database.execute("select added from sync_runs where table_name = %s", [table])
    assert added == len(rows(database, table))


def test_sighup_reads_the_settings_anew_and_refuses_bad_ones(
    synced: Command, bucket: MotoBucket, database: psycopg.Connection, table: str
) -> None:
    bucket.put(["cam-1/a.jpg", "cam-2/b.jpg"])
    file = synced.directory / "s3sync.toml"
    file.write_text('prefix = "cam-1/"\nevery = 3600\n')
    with watching(synced) as worker:
        wait_for(worker.runs)
        assert rows(database, table) == ["cam-1/a.jpg"]

        file.write_text("every = 0\n")
        worker.process.send_signal(signal.SIGHUP)
        worker.says("the settings are refused, the old ones stay: s3sync.toml line 1: every = 0")

        file.write_text("every = 1\n")
        worker.process.send_signal(signal.SIGHUP)
        worker.says('settings read anew: prefix "cam-1/" → ""; every 3600 → 1')
        wait_for(lambda: rows(database, table) == ["cam-1/a.jpg", "cam-2/b.jpg"])

        worker.process.send_signal(signal.SIGHUP)
        worker.says("settings read anew: nothing has changed")
        assert worker.stop() == 143


def test_new_secrets_are_told_without_their_value(synced: Command, bucket: MotoBucket) -> None:
    file = synced.directory / "s3sync.toml"
    with watching(synced, "--every", "1h") as worker:
        wait_for(worker.runs)
        file.write_text('database_url = "postgresql://u:canary-of-a-secret@127.0.0.1:1/db"\n')
        worker.process.send_signal(signal.SIGHUP)
        worker.says("settings read anew: database_url is another")
        assert worker.stop() == 143
    assert "canary" not in "".join(worker.lines)


def test_a_catalog_that_is_away_is_waited_for(
    synced: Command, bucket: MotoBucket, database: psycopg.Connection, table: str
) -> None:
    bucket.put(["a.jpg"])
    file = synced.directory / "s3sync.toml"
    file.write_text('database_url = "postgresql://u:p@127.0.0.1:1/db"\n')
    with watching(synced, "--every", "1h") as worker:
        worker.says("Trying again in ")
        file.unlink()
        worker.process.send_signal(signal.SIGHUP)
        wait_for(worker.runs)
        assert "caught up after" in worker.runs()[0]
        assert worker.stop() == 143
    assert rows(database, table) == ["a.jpg"]


def test_notifications_are_received_beside_the_schedule(
    synced: Command,
    moto: MotoServer,
    bucket: MotoBucket,
    database: psycopg.Connection,
    table: str,
) -> None:
    queue = MotoQueue(moto.endpoint, visibility_seconds=3)
    file = synced.directory / "s3sync.toml"
    file.write_text(f'sqs = "{queue.url}-that-is-not-there"\n')
    with watching(synced, "--every", "1h") as worker:
        wait_for(worker.runs)
        worker.says("ERROR   notifications: ")  # and the worker works on
        queue.notified_of(bucket)
        file.write_text(f'sqs = "{queue.url}"\n')
        worker.process.send_signal(signal.SIGHUP)
        worker.says("notifications are received from http")
        bucket.put(["a.jpg"])
        wait_for(lambda: rows(database, table) == ["a.jpg"])
        assert len(worker.runs()) == 1
        assert worker.stop() == 143
    [told] = [line for line in worker.lines if " INFO    notifications: " in line]
    assert re.search(r" messages?, .*1 added.* s behind$", told)


def test_two_workers_never_sync_at_once(
    command: Command, start_stub: StartStub, database: psycopg.Connection, table: str
) -> None:
    command.environ |= {
        "S3SYNC_BUCKET": "stub-bucket",
        "AWS_ENDPOINT_URL_S3": start_stub(keys=3_000, latency_ms=200),
        "S3SYNC_LIST_CONCURRENCY": "1",
    }
    assert command.run("schema", "--apply").code == 0
    arguments = ("--every", "1s", "--full-every", "1s")
    with watching(command, *arguments) as one, watching(command, *arguments) as other:
        held = "Another run (number"
        wait_for(lambda: any(held in line for line in one.lines + other.lines))
        wait_for(lambda: len(one.runs() + other.runs()) >= 3)
        assert (one.stop(), other.stop()) == (143, 143)
    overlaps = database.execute(
        "select a.id, b.id from sync_runs a join sync_runs b on a.id < b.id "
        "and a.table_name = b.table_name where a.table_name = %s "
        "and b.started_at < a.finished_at and a.started_at < b.finished_at",
        [table],
    ).fetchall()
    assert overlaps == []
    assert len(rows(database, table)) == 3_000


@contextmanager
def systemd(address: str) -> Iterator[list[str]]:
    """What a service tells systemd at ``address``, message by message."""
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0", 1))
        listener.settimeout(0.2)
        is_over = threading.Event()

        def listen() -> None:
            while not is_over.is_set():
                try:
                    heard.append(listener.recv(65536).decode())
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield heard
        finally:
            is_over.set()
            thread.join(10)


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_systemd_hears_of_everything(
    synced: Command, bucket: MotoBucket, kind: str, tmp_path: Path
) -> None:
    address = f"{tmp_path}/notify" if kind == "path" else f"@s3sync-test-{os.getpid()}"
    bucket.put(["a.jpg"])
    told = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "400000"}
    with systemd(address) as heard, watching(synced, "--every", "1h", **told) as worker:
        wait_for(lambda: "READY=1" in heard)
        assert heard[heard.index("READY=1") - 1] == "STATUS=catalog and bucket answer; syncing"
        status = re.compile(r"STATUS=run \d+ full: 1 added, .*; next run at [-\d]+ [:\d]+ UTC")
        wait_for(lambda: any(status.fullmatch(line) for line in heard))
        wait_for(lambda: heard.count("WATCHDOG=1") >= 4)
        worker.process.send_signal(signal.SIGHUP)
        wait_for(lambda: heard.count("READY=1") == 2)
        [reloading] = [line for line in heard if line.startswith("RELOADING=1\n")]
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", reloading)
        assert worker.stop() == 143
        wait_for(lambda: "STOPPING=1" in heard)


def test_it_is_ready_though_the_catalog_is_away(synced: Command, tmp_path: Path) -> None:
    address = f"{tmp_path}/notify"
    synced.environ |= {"DATABASE_URL": "postgresql://u:p@127.0.0.1:1/db"}
    with systemd(address) as heard, watching(synced, NOTIFY_SOCKET=address) as worker:
        wait_for(lambda: "READY=1" in heard)
        assert any("STATUS=" in line and "Trying again in" in line for line in heard)
        assert not [line for line in heard if line == "WATCHDOG=1"]
        assert worker.stop() == 143


def test_settings_that_will_not_do_are_an_error_at_the_start(command: Command) -> None:
    assert command.run("watch").code == 2
    ended = command.run("watch", "--every", "0")
    assert (ended.code, ended.out) == (2, "")
    assert "--every 0: must be a time" in ended.err


def test_it_does_not_outlive_its_terminal(synced: Command, database: psycopg.Connection) -> None:
    ours, its = pty.openpty()
    environ = synced._environment({})
    process = subprocess.Popen(
        [*COMMAND, "watch", "--every", "1h"],
        cwd=synced.directory,
        env=environ,
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        preexec_fn=_take_the_terminal,
    )
    os.close(its)
    said = b""
    while b" full: " not in said:
        said += os.read(ours, 4096)
    os.close(ours)
    assert process.wait(30) == 143


def _take_the_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
