"""``growth``, ``health`` and ``history``, as people and programs have them."""

from __future__ import annotations

import psycopg
import pytest

from tests.support.bucket import MotoBucket
from tests.support.command import Command
from tests.support.supabase_stack import SupabaseStack

HARD = "new\nline\u202egpj.jpg"


def is_printable(text: str) -> bool:
    return all(char.isprintable() or char == "\n" for char in text)


def test_before_the_first_sync_they_say_so(command: Command) -> None:
    assert "0 images" in command.run("growth").out
    assert command.run("history").out == "No runs yet.\n"
    health = command.run("health")
    assert health.code == 0
    assert "there was no run yet" in health.out


def test_after_a_sync_they_tell_of_it(synced: Command, bucket: MotoBucket) -> None:
    bucket.put([HARD, *(f"{n}.jpg" for n in range(40))])
    assert synced.run("--once").code == 0
    growth = synced.run("growth", "--json", "--database-quota", "8 GB").document
    assert (growth["images"], growth["today"], growth["quota_bytes"]) == (41, 41, 8_000_000_000)
    assert set(growth["arrivals"]) == {"hour", "day", "week", "month"}
    assert sum(growth["arrivals"]["day"]["counts"]) == 41
    assert [rate["window_hours"] for rate in growth["rates"]] == [1, 24, 168, 720]
    assert growth["at"].endswith("+00:00")
    table = synced.run("growth", "--database-quota", "8 GB").out
    assert "41 images" in table
    assert "of 8.0 GB used" in table

    history = synced.run("history", "--json").document
    [run] = history["runs"]
    assert (run["status"], run["total"], run["added"], run["skipped"]) == ("succeeded", 41, 41, 0)
    assert history["cost"]["last_run_usd"] == run["cost_usd"] > 0
    assert "succeeded" in synced.run("history").out

    health = synced.run("health", "--verify", "--every", "5m", "--json")
    assert health.code == 0, health.out
    found = {check["name"]: check["status"] for check in health.document["checks"]}
    assert set(found.values()) == {"ok"}, health.document
    assert found["counts"] == found["newest_keys"] == found["bucket"] == "ok"
    shown = synced.run("health")
    assert is_printable(shown.out)
    assert "database in step, S3 in step" in shown.out
    assert shown.err == ""


def test_health_fails_with_5_and_says_what_to_do(
    synced: Command, bucket: MotoBucket, database: psycopg.Connection, table: str
) -> None:
    bucket.put(["a.jpg"])
    assert synced.run("--once").code == 0
    # The embedded catalog's schema is completed at each start, but not this.
    database.execute(f"update {table}_counts set objects = 7".encode())
    ended = synced.run("health", "--verify")
    assert ended.code == 5
    assert "7 kept, 1 counted" in ended.out
    assert f'select public."s3sync_recount__{table}"();' in ended.out
    assert synced.run("health", "--verify", "--json").document["worst"] == "fail"
    database.execute(f'select public."s3sync_recount__{table}"()'.encode())
    assert synced.run("health", "--verify").code == 0


def test_nothing_that_a_key_holds_reaches_the_terminal(synced: Command, bucket: MotoBucket) -> None:
    bucket.put([HARD])
    assert synced.run("--once").code == 0
    bucket.delete([HARD])
    ended = synced.run("health")
    assert "new\\nline\\u202egpj.jpg is not in the bucket" in ended.out
    assert is_printable(ended.out)


def test_over_rest_they_say_the_same(
    synced: Command, supabase: SupabaseStack, bucket: MotoBucket
) -> None:
    bucket.put(["a.jpg", "b.jpg"])
    synced.environ |= {
        "SUPABASE_URL": supabase.url,
        "SUPABASE_SECRET_KEY": supabase.secret_key,
        "S3SYNC_TABLE": "images",
    }
    assert synced.run("--once").code == 0
    assert synced.run("growth", "--json").document["images"] == 2
    assert len(synced.run("history", "--json").document["runs"]) == 1
    health = synced.run("health", "--verify", "--json")
    assert health.code == 0, health.out
    assert {check["status"] for check in health.document["checks"]} == {"ok"}
    supabase.execute("drop index images_filename_s3sync_idx")
    damaged = synced.run("health")
    assert damaged.code == 5
    assert "create unique index concurrently" in damaged.out


@pytest.mark.parametrize("every", ["0", "5x", "soon", ""])
def test_what_is_no_rhythm(command: Command, every: str) -> None:
    ended = command.run("health", "--every", every)
    assert ended.code == 2
    assert "must be a time, like 5m or 1h" in ended.err


def test_a_bucket_that_is_not_there_is_a_check_not_an_end(
    command: Command, bucket: MotoBucket
) -> None:
    command.environ |= {"S3SYNC_BUCKET": "no-such-bucket", "AWS_ENDPOINT_URL_S3": bucket.endpoint}
    ended = command.run("health")
    assert ended.code == 5
    assert "no-such-bucket" in ended.out
    assert "✓ Schema version" in ended.out
