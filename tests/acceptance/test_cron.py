"""``--once`` as cron and timers run it: by itself, with nobody looking."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import time
from pathlib import Path

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from s3sync_tui.catalog.postgres import PostgresCatalog
from s3sync_tui.model import RunMode, RunRequest
from tests.acceptance.conftest import StartStub
from tests.acceptance.test_once import rows
from tests.support.bucket import MotoBucket
from tests.support.command import Command


def figures(file: Path) -> dict[str, float]:
    """By name; of the status, only the one that holds."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(file.read_text()):
        assert (family.type, bool(family.documentation)) == ("gauge", True)
        for sample in family.samples:
            assert sample.labels["bucket"]
            if "status" not in sample.labels:
                found[sample.name.removeprefix("s3sync_")] = sample.value
            elif sample.value:
                found[sample.labels["status"]] = sample.value
    return found


def started_slowly(command: Command, start_stub: StartStub) -> None:
    """A bucket that takes long to list."""
    command.environ |= {
        "S3SYNC_BUCKET": "stub-bucket",
        "AWS_ENDPOINT_URL_S3": start_stub(keys=50_000, latency_ms=300),
        "S3SYNC_LIST_CONCURRENCY": "1",
        "S3SYNC_PROCESSES": "1",
        "S3SYNC_BATCH_SIZE": "1000",
    }
    assert command.run("schema", "--apply").code == 0


def test_a_sync_that_takes_too_long_is_stopped_cleanly(
    command: Command, start_stub: StartStub, database: psycopg.Connection, table: str
) -> None:
    started_slowly(command, start_stub)
    file = command.directory / "s3sync.prom"
    ended = command.run("--once", "--timeout=4s", f"--metrics-file={file}", "--json")
    assert ended.code == 124, ended.err
    assert (ended.document["status"], ended.document["error"]) == (
        "cancelled",
        "The sync did not end within 4s.",
    )
    assert "Error: The sync did not end within 4s." in ended.err
    [(status, error, added)] = database.execute(
        "select status, error, added from sync_runs where table_name = %s", [table]
    )
    assert (status, error) == ("cancelled", "The sync did not end within 4s.")
    assert added == len(rows(database, table)) == ended.document["added"]
    told = figures(file)
    assert (told["cancelled"], told["last_run_exit_code"]) == (1, 124)
    assert told["last_success_timestamp_seconds"] == 0


def test_a_sync_in_time_is_not_disturbed(synced: Command, bucket: MotoBucket) -> None:
    bucket.put(["a.jpg"])
    assert synced.run("--once", "--timeout", "5m").out.endswith("Added: 1, Skipped: 0\n")


@pytest.mark.parametrize("argument", ["--timeout=soon", "--timeout=0", "--if-running=wait"])
def test_flags_that_make_no_sense_are_refused(synced: Command, argument: str) -> None:
    ended = synced.run("--once", argument)
    assert (ended.code, ended.out) == (2, "")
    assert argument.partition("=")[2] in ended.err
    name, _, value = argument.partition("=")
    assert synced.run("--once", "--list-concurrency=1", name, value).code == 2


def test_metrics_tell_of_the_last_run_and_the_last_success(
    synced: Command, bucket: MotoBucket
) -> None:
    bucket.put(["a.jpg", "b.jpg"])
    file = synced.directory / "s3sync.prom"
    line = ("--once", "--quiet", f"--metrics-file={file}")
    before = time.time()
    assert synced.run(*line).code == 0
    first = figures(file)
    assert (first["succeeded"], first["last_run_exit_code"]) == (1, 0)
    assert (first["last_run_added"], first["last_run_images"]) == (2, 2)
    assert first["last_run_list_requests"] >= 1
    assert first["last_run_duration_seconds"] > 0
    assert before - 1 < first["last_success_timestamp_seconds"] < time.time() + 1
    assert file.stat().st_mode & 0o777 == 0o644

    assert synced.run(*line, AWS_ENDPOINT_URL_S3="http://127.0.0.1:1").code == 3
    second = figures(file)
    assert (second["failed"], second["last_run_exit_code"]) == (1, 3)
    success = "last_success_timestamp_seconds"
    assert second[success] == first[success]
    assert second["last_run_timestamp_seconds"] > first["last_run_timestamp_seconds"]

    assert synced.run(*line, DATABASE_URL="postgresql://u:p@127.0.0.1:1/db").code == 4
    third = figures(file)
    assert (third["failed"], third["last_run_exit_code"], third["last_run_added"]) == (1, 4, 0)
    assert third[success] == first[success]

    synced.run("--once", "--dry-run", f"--metrics-file={file}")
    assert figures(file) == third
    assert [path.name for path in synced.directory.glob("*.prom*")] == ["s3sync.prom"]


def test_metrics_of_a_run_that_left_the_field_to_another_say_so(
    synced: Command, bucket: MotoBucket, embedded: str, table: str
) -> None:
    assert synced.run("--once").code == 0
    asyncio.run(_take_the_lease(embedded, table, bucket.name))
    file = synced.directory / "s3sync.prom"
    line = ("--once", "--quiet", f"--metrics-file={file}")
    assert synced.run(*line, "--if-running=skip").code == 0
    assert figures(file)["skipped"] == 1
    assert synced.run(*line).code == 6
    assert (figures(file)["failed"], figures(file)["last_run_exit_code"]) == (1, 6)


async def _take_the_lease(conninfo: str, table: str, bucket: str) -> None:
    catalog = PostgresCatalog(conninfo, table=table, description="test")
    await catalog.open()
    try:
        await catalog.begin_run(RunRequest(bucket, "", RunMode.FULL, "somebody else", 60))
    finally:
        await catalog.close()


@pytest.mark.parametrize("file", ["/proc/nowhere/x.prom", "/"])
def test_an_unwritable_metrics_file_fails_no_sync(
    synced: Command, bucket: MotoBucket, file: str
) -> None:
    ended = synced.run("--once", "--quiet", f"--metrics-file={file}")
    assert ended.code == 0
    assert f"the metrics file {file} cannot be written" in ended.err


def test_a_log_file_keeps_what_a_quiet_run_does_not_say(
    synced: Command, bucket: MotoBucket
) -> None:
    bucket.put(["a.jpg"])
    file = synced.directory / "sync.log"
    line = ("--once", "--quiet", f"--log-file={file}")
    assert (synced.run(*line).out, synced.run(*line).err) == ("", "")
    first, second = file.read_text().splitlines()
    assert re.search(r" INFO    run \d+ full: 1 added, 1 listed, \d LIST, [\d.]+ s$", first)
    assert ": 0 added, " in second
    assert file.stat().st_mode & 0o777 == 0o600

    assert synced.run(*line, DATABASE_URL="postgresql://u:canary@127.0.0.1:1/db").code == 4
    assert " ERROR   " in file.read_text().splitlines()[2]
    assert "canary" not in file.read_text()
    assert synced.run(*line, AWS_ENDPOINT_URL_S3="http://127.0.0.1:1").err.startswith("Error: ")
    assert re.search(r" ERROR   run \d+ full failed: 0 added, ", file.read_text().splitlines()[3])


def test_the_log_file_auto_lies_in_the_users_log_directory(
    synced: Command, bucket: MotoBucket
) -> None:
    state = synced.directory / "state"
    assert synced.run("--once", "--log-file=auto", XDG_STATE_HOME=str(state)).code == 0
    [file] = state.rglob("s3sync-tui.log")
    assert "run " in file.read_text()


def test_a_log_file_does_not_grow_for_ever(synced: Command, bucket: MotoBucket) -> None:
    file = synced.directory / "sync.log"
    file.write_text("x" * 4_999_999 + "\n")
    assert synced.run("--once", f"--log-file={file}").code == 0
    assert file.stat().st_size < 10_000
    assert (synced.directory / "sync.log.1").stat().st_size == 5_000_000


def test_a_log_file_in_trouble_is_said_once_and_fails_no_sync(
    synced: Command, bucket: MotoBucket
) -> None:
    full = synced.run("--once", "--quiet", "--log-file=/dev/full")
    assert (full.code, full.err.count("\n")) == (0, 1)
    assert full.err.startswith("The log file /dev/full cannot be written: No space left")
    file = synced.directory / "sync.log"
    file.write_text("x" * 4_999_999 + "\n")
    (synced.directory / "sync.log.2").touch()
    (synced.directory / "sync.log.3" / "in the way").mkdir(parents=True)
    grown = synced.run("--once", "--quiet", f"--log-file={file}")
    assert (grown.code, grown.err.count("\n")) == (0, 1)
    assert "cannot be rotated, and grows" in grown.err
    assert " INFO    run " in file.read_text()[5_000_000:]


def test_a_log_file_that_cannot_be_is_refused(synced: Command) -> None:
    ended = synced.run("--once", "--log-file=nowhere/x.log")
    assert ended.code == 2
    assert "--log-file nowhere/x.log: " in ended.err


def _clean(command: Command) -> dict[str, str]:
    """The environment of a service: the shell's variables are not in it."""
    return {"HOME": str(command.directory), "PATH": "/usr/bin:/bin"}


def test_what_install_timer_writes_syncs(
    synced: Command, bucket: MotoBucket, database: psycopg.Connection, table: str
) -> None:
    bucket.put(["a.jpg"])
    printed = synced.run("install-timer", "--user", "--cron", "--every", "15m")
    assert printed.code == 0, printed.err
    assert "AWS_SECRET_ACCESS_KEY=…" in printed.out
    assert "expires" not in printed.err
    passing = synced.run("install-timer", "--user", AWS_SESSION_TOKEN="canary")
    assert "AWS_SESSION_TOKEN expires" in passing.err
    assert "canary" not in passing.out + passing.err
    assert not (synced.directory / ".config").exists()

    written = synced.run("install-timer", "--user", "--cron", "--every", "15m", "--write")
    assert written.code == 0, written.err
    [file] = (synced.directory / ".config").rglob("*.env")
    assert file.stat().st_mode & 0o777 == 0o600
    crontab_line = written.out.splitlines()[-1]
    times, command = crontab_line[:12], crontab_line[12:]
    assert times == "*/15 * * * *"
    done = subprocess.run(
        ["sh", "-c", command.replace("\\%", "%")],
        env=_clean(synced), cwd="/", capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert rows(database, table) == ["a.jpg"]


def test_install_timer_writes_units_and_says_what_to_type(synced: Command) -> None:
    ended = synced.run("install-timer", "--user", "--write", "--name", "site-4")
    assert ended.code == 0, ended.err
    units = synced.directory / ".config" / "systemd" / "user"
    assert sorted(path.name for path in units.iterdir()) == ["site-4.service", "site-4.timer"]
    assert "systemctl --user enable --now site-4.timer" in ended.err
    service = (units / "site-4.service").read_text()
    program = re.search(r"^ExecStart=(\S+) --once --quiet", service, re.MULTILINE)
    assert program is not None
    assert Path(program[1]).is_absolute()
    assert os.access(program[1], os.X_OK)
    assert synced.environ["S3SYNC_BUCKET"] not in service.partition("[Service]")[2]

    (units / "site-4.timer").write_text("[Timer]\nOnCalendar=daily\n")
    refused = synced.run("install-timer", "--user", "--write", "--name", "site-4", "--worker")
    assert refused.code == 0  # another file
    refused = synced.run("install-timer", "--user", "--write", "--name", "site-4")
    assert refused.code == 2
    assert "site-4.timer differs:" in refused.err
    assert "-OnCalendar=daily" in refused.err
    assert synced.run("install-timer", "--user", "--write", "--name=site-4", "--force").code == 0


def test_install_timer_refuses_what_makes_no_sense(synced: Command) -> None:
    for arguments in (["--worker", "--cron"], ["--name", "../x"], ["--cron", "--every", "7m"]):
        ended = synced.run("install-timer", "--user", "--write", *arguments)
        assert (ended.code, ended.out) == (2, "")
    assert not (synced.directory / ".config").exists()
    assert synced.run("install-timer", "--user", S3SYNC_BUCKET="").code == 2
