"""``s3sync-tui --once``, as cron and people run it."""

from __future__ import annotations

import signal
import time
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

import psutil
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from s3sync_tui.demo.cameras import key_of
from tests.acceptance.conftest import StartStub
from tests.support.bucket import MotoBucket
from tests.support.command import Command, Ended

HARD_KEYS = sorted(
    [
        "a//b.jpg",
        "/lead.jpg",
        "a/../b.jpg",
        "a b+c%20d.jpg",
        "naïve-日本-😀.jpg",
        "new\nline.jpg",
        "carriage\rreturn.jpg",
        "tab\there.jpg",
        "\"double\" and 'single'.jpg",
        "back\\slash.jpg",
        "a&b<c>.jpg",
        "\x01control.jpg",
        "x" * 1020 + ".jpg",
        "é" * 510 + ".jpg",
        unicodedata.normalize("NFC", "é.jpg"),
        unicodedata.normalize("NFD", "é.jpg"),
        "{curly},NULL.jpg",
        "%s-%(name)s.jpg",
    ]
)


def rows(database: psycopg.Connection, table: str, columns: str = "filename") -> list[str]:
    query = sql.SQL("select {} from {} order by filename").format(
        sql.Identifier(columns), sql.Identifier(table)
    )
    return [row[0] for row in database.execute(query)]


def wait_for(what: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def figures(ended: Ended, *names: str) -> tuple[object, ...]:
    assert ended.code == 0, ended.err
    return tuple(ended.document[name] for name in names)


def test_a_bucket_is_brought_in_step_and_kept_there(
    synced: Command, bucket: MotoBucket, database: psycopg.Connection, table: str
) -> None:
    keys = [key_of(i, datetime(2026, 11, 24, 13, tzinfo=UTC)) for i in range(6_000)]
    bucket.put(keys)
    bucket.put(["notes.txt", "cam-01/"])  # no images
    first = synced.run("--once", "--json")
    assert figures(first, "total", "added", "skipped") == (6_000, 6_000, 0)
    assert list(first.document)[:4] == ["total", "added", "skipped", "duration"]
    assert first.err == ""
    again = synced.run("--once", "--json")
    assert figures(again, "total", "added", "skipped") == (6_000, 0, 6_000)

    bucket.put(key_of(i, datetime(2026, 11, 24, 14, tzinfo=UTC)) for i in range(6_000, 6_742))
    bucket.put(keys[100:103], b"overwritten")
    bucket.delete(keys[500:502])
    third = synced.run("--once", "--json", "--mark-gone")
    assert figures(third, "total", "added", "changed", "gone") == (6_740, 742, 3, 2)
    fourth = synced.run("--once", "--json")
    assert figures(fourth, "total", "added", "changed", "gone") == (6_740, 0, 0, 0)

    query = sql.SQL("select filename from {} where missing_since is not null order by filename")
    missing = [row[0] for row in database.execute(query.format(sql.Identifier(table)))]
    assert missing == sorted(keys[500:502])
    history = database.execute(
        "select status, total, added, skipped, changed, gone from sync_runs "
        "where table_name = %s order by id",
        [table],
    ).fetchall()
    assert history == [
        ("succeeded", 6_000, 6_000, 0, 0, 0),
        ("succeeded", 6_000, 0, 6_000, 0, 0),
        ("succeeded", 6_740, 742, 5_998, 3, 2),
        ("succeeded", 6_740, 0, 6_740, 0, 0),
    ]


def test_hard_keys_arrive_byte_for_byte_and_are_found_again(
    synced: Command, bucket: MotoBucket, database: psycopg.Connection, table: str
) -> None:
    bucket.put(HARD_KEYS)
    assert figures(synced.run("--once", "--json"), "added") == (len(HARD_KEYS),)
    assert rows(database, table) == HARD_KEYS
    assert figures(synced.run("--once", "--json"), "added", "skipped", "gone") == (
        0,
        len(HARD_KEYS),
        0,
    )


def test_the_three_lines_go_to_stdout_and_the_rest_to_stderr(
    synced: Command, bucket: MotoBucket
) -> None:
    bucket.put(["a.jpg", "b.jpg"])
    assert synced.run("--once").code == 0
    bucket.put(["c.jpg"])
    bucket.delete(["a.jpg"])
    ended = synced.run("--once")
    lines = ended.out.splitlines()
    assert lines[:2] == ["Starting S3 sync...", "Found 2 images in S3"]
    assert lines[2].startswith("Sync completed in ")
    assert lines[2].endswith("s - Added: 1, Skipped: 1")
    assert len(lines) == 3
    assert "Gone: 1 row has no object in S3 any more" in ended.err
    quiet = synced.run("--once", "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_a_dry_run_tells_and_writes_nothing(
    synced: Command, bucket: MotoBucket, database: psycopg.Connection, table: str
) -> None:
    bucket.put(["a.jpg", "b.jpg"])
    ended = synced.run("--once", "--json", "--dry-run")
    assert figures(ended, "total", "added", "run_id", "dry_run") == (2, 2, None, True)
    assert rows(database, table) == []
    count_runs = database.execute("select count(*) from sync_runs where table_name = %s", [table])
    assert count_runs.fetchone() == (0,)


def test_patterns_say_what_an_image_is(
    synced: Command, bucket: MotoBucket, database: psycopg.Connection, table: str
) -> None:
    bucket.put(["a.JPG", "a_thumb.jpg", "raw/b.cr3", "c.txt"])
    ended = synced.run(
        "--once", "--json", "--include", "*.jpg", "--include", "raw/*", "--exclude", "*_thumb.*"
    )
    assert figures(ended, "total") == (2,)
    assert rows(database, table) == ["a.JPG", "raw/b.cr3"]


def test_a_prefix_limits_what_is_listed_and_what_can_be_gone(
    synced: Command, bucket: MotoBucket, database: psycopg.Connection, table: str
) -> None:
    bucket.put(["cam-1/a.jpg", "cam-2/b.jpg"])
    assert synced.run("--once").code == 0
    bucket.delete(["cam-1/a.jpg", "cam-2/b.jpg"])
    ended = synced.run("--once", "--json", "--prefix", "cam-2/", "--mark-gone")
    assert figures(ended, "total", "gone") == (0, 1)
    marked = sql.SQL("select filename from {} where missing_since is not null")
    assert database.execute(marked.format(sql.Identifier(table))).fetchall() == [("cam-2/b.jpg",)]


_numbers = count(1)
_KEY = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=80)


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(keys=st.sets(_KEY.filter(lambda key: len(key.encode()) <= 1024), max_size=30))
def test_any_keys_arrive_byte_for_byte(
    synced: Command, bucket: MotoBucket, database: psycopg.Connection, keys: set[str]
) -> None:
    table, prefix = f"drawn_{next(_numbers)}", f"{next(_numbers)}/"
    bucket.put(prefix + key for key in keys)
    arguments = ("--once", "--json", "--include", "*", "--prefix", prefix, "--table", table)
    assert figures(synced.run(*arguments), "added") == (len(keys),)
    assert rows(database, table) == sorted(prefix + key for key in keys)
    assert figures(synced.run(*arguments), "added", "skipped", "changed", "gone") == (
        0,
        len(keys),
        0,
        0,
    )


def test_of_two_runs_at_once_one_works_and_the_other_says_so(
    command: Command, start_stub: StartStub, database: psycopg.Connection, table: str
) -> None:
    command.environ |= {
        "S3SYNC_BUCKET": "stub-bucket",
        "AWS_ENDPOINT_URL_S3": start_stub(keys=30_000, latency_ms=400),
        "S3SYNC_LIST_CONCURRENCY": "1",
    }
    assert command.run("schema", "--apply").code == 0
    with command.start("--once", "--json") as first:
        wait_for(lambda: _running(database, table))
        refused = command.run("--once")
        assert refused.code == 6
        assert "Another run (number" in refused.err
        assert "its lease runs out in" in refused.err
        skipped = command.run("--once", "--json", "--if-running=skip")
        assert (skipped.code, skipped.document["status"]) == (0, "skipped")
        out, err = first.communicate(timeout=90)
    assert first.returncode == 0, err
    assert '"added": 30000' in out
    assert len(rows(database, table)) == 30_000


@pytest.mark.parametrize("processes", [1, 2])
def test_a_killed_run_loses_nothing(
    command: Command,
    start_stub: StartStub,
    database: psycopg.Connection,
    table: str,
    processes: int,
) -> None:
    command.environ |= {
        "S3SYNC_BUCKET": "stub-bucket",
        "AWS_ENDPOINT_URL_S3": start_stub(keys=16_000, latency_ms=300 * processes),
        "S3SYNC_LIST_CONCURRENCY": str(processes),
        "S3SYNC_PROCESSES": str(processes),
        "S3SYNC_BATCH_SIZE": "1000",
        "S3SYNC_LEASE_SECONDS": "10",
    }
    assert command.run("schema", "--apply").code == 0
    with command.start("--once", "--json") as first:
        wait_for(lambda: len(rows(database, table)) > 2_000)
        further = psutil.Process(first.pid).children()
        assert len(further) == processes - 1
        first.kill()
        first.communicate()
        _, alive = psutil.wait_procs(further, timeout=30)
    assert not alive
    before = len(rows(database, table))
    assert 2_000 < before < 16_000
    assert command.run("--once").code == 6
    wait_for(lambda: not _leased(database, table))
    second = command.run("--once", "--json")
    committed = len(rows(database, table)) - second.document["added"]
    assert figures(second, "total", "status") == (16_000, "succeeded")
    assert committed >= before
    stored = rows(database, table)
    assert len(stored) == len(set(stored)) == 16_000
    history = database.execute(
        "select status, added from sync_runs where table_name = %s order by id", [table]
    ).fetchall()
    assert history == [("interrupted", committed), ("succeeded", 16_000 - committed)]
    kept = sql.SQL("select sum(objects) from {}").format(sql.Identifier(f"{table}_counts"))
    assert database.execute(kept).fetchone() == (16_000,)


@pytest.mark.parametrize(
    ("number", "code", "processes"),
    [(signal.SIGINT, 130, 1), (signal.SIGHUP, 129, 1), (signal.SIGTERM, 143, 2)],
)
def test_a_signal_stops_a_run_cleanly(
    command: Command,
    start_stub: StartStub,
    database: psycopg.Connection,
    table: str,
    number: signal.Signals,
    code: int,
    processes: int,
) -> None:
    command.environ |= {
        "S3SYNC_BUCKET": "stub-bucket",
        "AWS_ENDPOINT_URL_S3": start_stub(keys=50_000, latency_ms=300 * processes),
        "S3SYNC_LIST_CONCURRENCY": str(processes),
        "S3SYNC_PROCESSES": str(processes),
        "S3SYNC_BATCH_SIZE": "1000",
    }
    assert command.run("schema", "--apply").code == 0
    with command.start("--once") as first:
        wait_for(lambda: len(rows(database, table)) > 5_000)
        first.send_signal(number)
        out, err = first.communicate(timeout=30)
    assert first.returncode == code, err
    assert "Sync cancelled after" in out
    assert "Traceback" not in err
    stored = len(rows(database, table))
    history = database.execute(
        "select status, added from sync_runs where table_name = %s", [table]
    ).fetchall()
    assert history == [("cancelled", stored)]
    assert not _leased(database, table)


def _running(database: psycopg.Connection, table: str) -> bool:
    found = database.execute(
        "select from sync_runs where table_name = %s and status = 'running'", [table]
    )
    return found.fetchone() is not None


def _leased(database: psycopg.Connection, table: str) -> bool:
    found = database.execute(
        "select from sync_leases where table_name = %s and expires_at > clock_timestamp()", [table]
    )
    return found.fetchone() is not None
