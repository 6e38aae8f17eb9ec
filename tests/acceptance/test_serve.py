"""``s3sync-tui serve``, as schedulers, programs and Prometheus have it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.acceptance.conftest import StartStub
from tests.acceptance.test_once import rows, wait_for
from tests.support.bucket import MotoBucket
from tests.support.command import Command
from tests.support.queue import MotoQueue
from tests.support.served import ROUTES, TOKEN, Served, serving

KEYS = 15_000


@pytest.fixture
def served(synced: Command) -> Iterator[Served]:
    with serving(synced) as server:
        yield server


@pytest.fixture
def slow(command: Command, start_stub: StartStub) -> Command:
    """The command, set up for a bucket of 15,000 images that takes its time."""
    command.environ |= {
        "S3SYNC_BUCKET": "stub-bucket",
        "AWS_ENDPOINT_URL_S3": start_stub(keys=KEYS, latency_ms=200),
        "S3SYNC_LIST_CONCURRENCY": "1",
        "S3SYNC_PROCESSES": "1",
        "S3SYNC_BATCH_SIZE": "1000",
    }
    assert command.run("schema", "--apply").code == 0
    return command


def runs_of(database: psycopg.Connection, table: str) -> list[tuple[Any, ...]]:
    query = "select id, status, total, added from sync_runs where table_name = %s order by id"
    return database.execute(query, [table]).fetchall()


def told(lines: Iterator[str]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The events of a stream: number, name, figures."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield int(fields["id"]), fields["event"], json.loads(fields["data"])
            fields = {}


def test_a_sync_on_request_answers_with_its_stats(
    served: Served, bucket: MotoBucket, database: psycopg.Connection, table: str
) -> None:
    bucket.put(f"{n:04}.jpg" for n in range(1500))
    first = served.ask("POST", "/api/sync")
    assert (first.status_code, first.headers["cache-control"]) == (200, "no-store")
    stats = first.json()
    assert list(stats)[:4] == ["total", "added", "skipped", "duration"]
    assert (stats["total"], stats["added"], stats["status"]) == (1500, 1500, "succeeded")
    assert len(rows(database, table)) == 1500
    by_get = served.ask("GET", "/api/sync?mode=full").json()
    assert (by_get["added"], by_get["skipped"], by_get["mode"]) == (0, 1500, "full")

    bucket.put(["new.jpg"])
    dry = served.ask("POST", "/api/sync", json={"dry_run": True, "wait": False}).json()
    assert (dry["added"], dry["run_id"], dry["dry_run"]) == (1, None, True)
    assert len(rows(database, table)) == 1500
    assert [run[1:] for run in runs_of(database, table)] == [
        ("succeeded", 1500, 1500),
        ("succeeded", 1500, 0),
    ]


def test_who_does_not_wait_gets_the_runs_url(slow: Command) -> None:
    with serving(slow) as served:
        begun = served.ask("POST", "/api/sync?wait=false")
        assert begun.status_code == 202
        number = begun.json()["run_id"]
        url = begun.headers["location"]
        assert url == begun.json()["run_url"] == f"/api/runs/{number}"
        assert served.get(url)["status"] == "running"
        wait_for(lambda: served.get(url)["status"] != "running", 60)
        run = served.get(url)
        assert (run["status"], run["total"], run["added"]) == ("succeeded", KEYS, KEYS)
        assert [phase["phase"] for phase in run["phases"]] == ["list", "dedupe", "insert"]
        assert (run["failed_ranges"], run["error"]) == ([], "")


def test_of_fifty_at_once_one_runs_and_the_rest_are_told_who(
    slow: Command, database: psycopg.Connection, table: str
) -> None:
    with serving(slow) as served:
        for added in (KEYS, 0):
            with ThreadPoolExecutor(50) as clients:
                asked = [clients.submit(served.ask, "POST", "/api/sync") for _ in range(50)]
                answers = [each.result() for each in asked]
            statuses = sorted(each.status_code for each in answers)
            assert statuses == [200] + [409] * 49
            [stats] = [each.json() for each in answers if each.status_code == 200]
            assert (stats["total"], stats["added"], stats["skipped"]) == (
                KEYS,
                added,
                KEYS - added,
            )
            refused = [each.json() for each in answers if each.status_code == 409]
            assert {each["error"]["code"] for each in refused} == {"running"}
            assert {each["holder"]["run_id"] for each in refused} == {stats["run_id"]}
            assert all(f"process {served.process.pid}" in r["holder"]["host"] for r in refused)
    assert len(rows(database, table)) == KEYS
    assert [run[1:] for run in runs_of(database, table)] == [
        ("succeeded", KEYS, KEYS),
        ("succeeded", KEYS, 0),
    ]


def test_a_run_elsewhere_is_told_by_its_holder(
    slow: Command, database: psycopg.Connection, table: str
) -> None:
    with serving(slow) as served, slow.start("--once", "--json") as other:
        wait_for(lambda: runs_of(database, table))
        for ask in ("wait=true", "wait=false"):
            answer = served.ask("POST", f"/api/sync?{ask}")
            assert answer.status_code == 409, answer.text
            holder = answer.json()["holder"]
            assert holder["run_id"] == runs_of(database, table)[0][0]
            assert f"process {other.pid}" in holder["host"]
            assert holder["since"].endswith("+00:00")
        other.communicate(timeout=90)


def test_a_client_that_hangs_up_does_not_stop_the_run(
    slow: Command, database: psycopg.Connection, table: str
) -> None:
    with serving(slow) as served:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{served.url}/api/sync", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=1
            )
        wait_for(lambda: [run[1] for run in runs_of(database, table)] == ["succeeded"], 60)
    assert len(rows(database, table)) == KEYS


def test_sigterm_in_the_middle_of_a_sync_ends_it_cleanly(
    slow: Command, database: psycopg.Connection, table: str
) -> None:
    with serving(slow) as served, ThreadPoolExecutor() as clients:
        with served.client() as client, client.stream("GET", "/api/events") as events:
            waiting = clients.submit(served.ask, "POST", "/api/sync")
            wait_for(lambda: len(rows(database, table)) > 2_000)
            assert served.stop() == 143
            names = [name for _, name, _ in told(events.iter_lines())]
        answer = waiting.result()
    assert (names[0], names[-1]) == ("run_started", "run_finished")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "cancelled")
    assert int(answer.headers["retry-after"]) > 0
    stored = len(rows(database, table))
    assert answer.json()["run"]["added"] == stored < KEYS
    assert [run[1] for run in runs_of(database, table)] == ["cancelled"]
    held = "select 1 from sync_leases where table_name = %s and expires_at > clock_timestamp()"
    assert database.execute(held, [table]).fetchone() is None
    again = slow.run("--once", "--json").document
    assert (again["total"], again["added"]) == (KEYS, KEYS - stored)


def test_the_runs_are_told_a_page_at_a_time(served: Served, bucket: MotoBucket) -> None:
    bucket.put(["a.jpg"])
    numbers = [served.ask("POST", "/api/sync").json()["run_id"] for _ in range(3)]
    page = served.get("/api/runs?limit=2")
    assert [run["run_id"] for run in page["runs"]] == numbers[:0:-1]
    assert page["cost"]["last_run_usd"] > 0
    rest = served.get(page["next"])
    assert [run["run_id"] for run in rest["runs"]] == numbers[:1]
    assert rest["next"] is None
    assert served.ask("GET", f"/api/runs/{numbers[2] + 1}").status_code == 404
    assert served.ask("GET", f"/api/runs/{2**63}").status_code == 404


def test_growth_and_health_are_as_the_commands_tell_them(
    served: Served, synced: Command, bucket: MotoBucket
) -> None:
    bucket.put(["a.jpg", "new\nline\u202e.jpg"])
    assert served.ask("POST", "/api/sync").status_code == 200
    growth = served.get("/api/growth")
    assert growth.keys() == synced.run("growth", "--json").document.keys()
    assert growth["images"] == 2
    health = served.get("/api/health")
    assert health["worst"] == "ok"
    names = {check["name"] for check in synced.run("health", "--json").document["checks"]}
    assert {check["name"] for check in health["checks"]} == names
    assert served.ask("GET", "/readyz").json() == {"ready": True}
    assert served.ask("GET", "/healthz", token=None).json() == {"alive": True}
    assert set(served.get("/openapi.json")["paths"]) >= {
        path for _, path in ROUTES[:-1] if not path.endswith("/1")
    }


def test_the_events_come_in_their_order_and_again_for_who_missed_them(
    served: Served, bucket: MotoBucket
) -> None:
    bucket.put(f"{n:04}.jpg" for n in range(2500))
    with ThreadPoolExecutor() as clients, served.client() as client:
        with client.stream("GET", "/api/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            assert next(lines) == "retry: 3000"
            run = clients.submit(served.ask, "POST", "/api/sync")
            events = []
            for event in told(lines):
                events.append(event)
                if event[1] == "run_finished":
                    break
        stats = run.result().json()
        numbers, names = [e[0] for e in events], [e[1] for e in events]
        assert numbers == sorted(set(numbers))
        assert names[0] == "run_started"
        assert {"progress", "listed", "batch"} <= set(names)
        assert events[-1][2] == stats
        assert {e[2]["run_id"] for e in events} == {stats["run_id"]}
        batches = [e[2]["added_so_far"] for e in events if e[1] == "batch"]
        assert batches == sorted(batches)
        assert batches[-1] == 2500

        headers = {"Last-Event-ID": str(events[0][0])}
        with client.stream("GET", "/api/events", headers=headers) as stream:
            missed = []
            for event in told(stream.iter_lines()):
                missed.append(event[1])
                if event[1] == "run_finished":
                    break
        assert missed == ["listed", "run_finished"]


def test_prometheus_is_told_the_truth(
    served: Served, bucket: MotoBucket, database: psycopg.Connection, table: str
) -> None:
    bucket.put(f"{n:04}.jpg" for n in range(1200))
    first = served.ask("POST", "/api/sync").json()
    bucket.put(["0001.jpg"], b"another")
    bucket.put(["new.jpg"])
    second = served.ask("POST", "/api/sync").json()
    assert served.ask("POST", "/api/sync?dry_run=true").status_code == 200
    after = served.figures()
    assert after["s3sync_images", ""] == 1201
    assert after["s3sync_runs_total", "full,succeeded"] == 2
    assert after["s3sync_rows_total", "added"] == first["added"] + second["added"] == 1201
    assert after["s3sync_rows_total", "changed"] == second["changed"] == 1
    assert after["s3sync_list_requests_total", ""] == (
        first["list_requests"] + second["list_requests"]
    )
    assert after["s3sync_run_duration_seconds_count", "full"] == 2
    seconds = first["duration_seconds"] + second["duration_seconds"]
    assert after["s3sync_run_duration_seconds_sum", "full"] == pytest.approx(seconds, abs=0.01)
    finished = database.execute(
        "select max(extract(epoch from finished_at))::float from sync_runs where table_name = %s",
        [table],
    ).fetchone()
    assert finished is not None
    assert after["s3sync_last_success_timestamp_seconds", ""] == pytest.approx(finished[0])
    assert 0 < after["s3sync_seconds_since_last_success", ""] < after["s3sync_lag_seconds", ""]
    assert after["s3sync_catalog_up", ""] == 1
    assert after["s3sync_run_under_way", ""] == 0
    assert after["s3sync_health_checks", "fail"] == 0
    assert after["s3sync_health_checks", "ok"] > 10
    assert after["s3sync_database_bytes", ""] > after["s3sync_tables_bytes", ""] > 0
    assert after["process_resident_memory_bytes", ""] > 0


def test_vercels_secret_is_the_token(synced: Command, bucket: MotoBucket) -> None:
    bucket.put(["a.jpg"])
    with serving(synced, token=None, CRON_SECRET="of-vercel-0123456789") as served:
        assert served.ask("GET", "/api/sync", token=None).status_code == 401
        answer = served.ask("GET", "/api/sync", token="of-vercel-0123456789")
        assert (answer.status_code, answer.json()["added"]) == (200, 1)


def test_head_does_not_sync(
    served: Served, bucket: MotoBucket, database: psycopg.Connection, table: str
) -> None:
    bucket.put(["a.jpg"])
    answer = served.ask("HEAD", "/api/sync")
    assert (answer.status_code, {*answer.headers["allow"].split(", ")}) == (405, {"GET", "POST"})
    assert runs_of(database, table) == []


def test_what_goes_wrong_is_no_success_and_says_what_to_do(
    command: Command, bucket: MotoBucket
) -> None:
    command.environ |= {"S3SYNC_BUCKET": "no-such-bucket", "AWS_ENDPOINT_URL_S3": bucket.endpoint}
    with serving(command) as served:
        answer = served.ask("POST", "/api/sync")
        assert answer.status_code == 502, answer.text
        said = answer.json()
        assert said["error"]["code"] == "bucket"
        assert "no-such-bucket" in said["error"]["message"]
        assert said["run"]["status"] == "failed"
        ready = served.ask("GET", "/readyz")
        assert (ready.status_code, ready.json()["error"]["code"]) == (503, "bucket")
        assert served.get("/api/health")["worst"] == "fail"
        assert served.figures()["s3sync_runs_total", "full,failed"] == 1


def test_while_the_catalog_is_away_it_serves_what_it_can(
    synced: Command, bucket: MotoBucket
) -> None:
    synced.environ["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nowhere"
    with serving(synced) as served:
        for path in ("/readyz", "/api/runs", "/api/growth"):
            answer = served.ask("GET", path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "catalog"), path
            assert "retry-after" in answer.headers
        assert served.ask("POST", "/api/sync").status_code == 503
        assert served.ask("GET", "/healthz").status_code == 200
        assert served.figures()["s3sync_catalog_up", ""] == 0


def test_it_syncs_by_itself_where_it_is_told_how_often(
    synced: Command, bucket: MotoBucket, database: psycopg.Connection, table: str
) -> None:
    bucket.put(["a.jpg"])
    with serving(synced, "--every", "1h") as served:
        wait_for(lambda: [run[1] for run in runs_of(database, table)] == ["succeeded"])
        wait_for(lambda: served.figures()["s3sync_runs_total", "full,succeeded"] == 1)
        assert served.stop() == 143


def test_it_takes_notifications_where_it_is_told_the_queue(
    synced: Command, bucket: MotoBucket, database: psycopg.Connection, table: str
) -> None:
    assert synced.run("--once").code == 0
    queue = MotoQueue(bucket.endpoint)
    queue.notified_of(bucket)
    with serving(synced, "--sqs", queue.url, AWS_REGION="us-east-1") as served:
        assert served.figures()["s3sync_receiver_added_total", ""] == 0
        bucket.put(["a.jpg", "b.jpg", "notes.txt"])
        wait_for(lambda: rows(database, table) == ["a.jpg", "b.jpg"])
        wait_for(lambda: not queue.bodies)
        wait_for(lambda: served.figures()["s3sync_receiver_added_total", ""] == 2)
        after = served.figures()
        assert after["s3sync_receiver_ignored_objects_total", ""] == 1
        assert after["s3sync_receiver_lag_seconds", ""] > 0
        assert served.stop() == 143


def test_systemd_is_told_once_it_listens_and_once_it_stops(synced: Command, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(30)
        systemd.bind(str(tmp_path / "notify"))
        with serving(synced, NOTIFY_SOCKET=str(tmp_path / "notify")) as served:
            assert systemd.recv(100) == b"READY=1"
            assert served.ask("GET", "/healthz").status_code == 200
            assert served.stop() == 143
            assert systemd.recv(100) == b"STOPPING=1"


def test_schemathesis_finds_nothing(served: Served, bucket: MotoBucket, tmp_path: Path) -> None:
    bucket.put(["a.jpg", "b.jpg"])
    assert served.ask("POST", "/api/sync").status_code == 200
    tried = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run"),
            *(f"{served.url}/openapi.json", "--header", f"Authorization: Bearer {TOKEN}"),
            *("--checks", "all", "--max-examples", "5", "--generation-deterministic"),
            *("--continue-on-failure", "--suppress-health-check", "all"),
            *("--exclude-path", "/api/events"),  # it has no end; the tests above read it
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "Traceback" not in "".join(served.log)
