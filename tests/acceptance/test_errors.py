"""What can be wrong: one paragraph that says what to do, the right exit code, no traceback."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from tests.support.bucket import MotoBucket
from tests.support.command import Command, Ended
from tests.support.stub import ListingStub, error_reply, served


def says(ended: Ended, code: int, *texts: str) -> None:
    assert ended.code == code, ended.err
    # A run that began has said why it lists all or only what may be new.
    assert ended.err.startswith(("Error: ", "Full run: "))
    for text in texts:
        assert text in ended.err


def test_a_bucket_that_is_not_there(synced: Command) -> None:
    ended = synced.run("--once", "--bucket", "no-such-bucket")
    says(ended, 3, "There is no bucket 'no-such-bucket'", "Check the bucket's name")


def test_a_bucket_in_another_region(synced: Command) -> None:
    moved = error_reply(301, "PermanentRedirect", x_amz_bucket_region="us-west-2")
    with served(ListingStub([], script=lambda _: moved)) as endpoint:
        ended = synced.run("--once", "--region", "eu-west-1", "--endpoint", endpoint)
    says(ended, 3, "is in region us-west-2, but eu-west-1 is set", "AWS_REGION=us-west-2")


def test_credentials_that_are_refused(synced: Command) -> None:
    denied = error_reply(403, "AccessDenied", "User x is not authorized")
    with served(ListingStub([], script=lambda _: denied)) as endpoint:
        ended = synced.run("--once", "--endpoint", endpoint)
    says(ended, 3, "may not list the bucket", "s3:ListBucket")


def test_an_endpoint_that_does_not_answer(synced: Command) -> None:
    ended = synced.run("--once", "--endpoint", "http://127.0.0.1:9")
    says(ended, 3, "no usable answer at http://127.0.0.1:9", "Check the endpoint's host")


def test_no_credentials(synced: Command) -> None:
    ended = synced.run("--once", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    says(ended, 3, "No credentials for bucket", "Set AWS_PROFILE")


def test_no_bucket(command: Command) -> None:
    says(command.run("--once"), 2, "No bucket is set.", "--bucket, $S3SYNC_BUCKET")


def test_a_failed_run_is_in_the_history(
    synced: Command, database: psycopg.Connection, table: str
) -> None:
    synced.run("--once", "--bucket", "no-such-bucket")
    status, error = database.execute(
        "select status, error from sync_runs where table_name = %s", [table]
    ).fetchone() or ("", "")
    assert status == "failed"
    assert "no-such-bucket" in error


@pytest.mark.parametrize(
    ("url", "code", "text"),
    [
        ("postgresql://u:canary-secret@127.0.0.1:9/db", 4, "does not answer"),
        ("postgresql://u:canary-secret@no-such-host.invalid/db", 4, "does not answer"),
        ("mysql://u:canary-secret@h/db", 2, "postgresql://"),
    ],
)
def test_a_database_that_cannot_be_had(synced: Command, url: str, code: int, text: str) -> None:
    ended = synced.run("--once", DATABASE_URL=url)
    says(ended, code, text)
    assert "canary-secret" not in ended.out + ended.err


def test_a_schema_that_is_missing(
    synced: Command, embedded: str, bucket: MotoBucket, table: str
) -> None:
    ended = synced.run("--once", DATABASE_URL=embedded)
    says(ended, 5, "The schema is missing", f"s3sync-tui schema --apply --table {table}")
    applied = synced.run("schema", "--apply", DATABASE_URL=embedded)
    assert applied.code == 0
    assert f"created table {table}" in applied.out
    assert synced.run("--once", DATABASE_URL=embedded).code == 0
    assert "no changes" in synced.run("schema", "--apply", DATABASE_URL=embedded).out


def test_a_table_with_duplicates(synced: Command, database: psycopg.Connection, table: str) -> None:
    name = sql.Identifier(table)
    database.execute(sql.SQL("create table {} (id serial, filename text)").format(name))
    database.execute(
        sql.SQL("insert into {} (filename) values ('a.jpg'), ('a.jpg'), ('b.jpg')").format(name)
    )
    says(synced.run("--once"), 5, "1 filename", "a.jpg (2 times)")
    kept = database.execute(sql.SQL("select count(*) from {}").format(name)).fetchone()
    assert kept == (3,)


def test_settings_that_are_wrong_say_where_they_came_from(synced: Command) -> None:
    says(synced.run("--once", "--batch-size", "0"), 2, "--batch-size 0: must be from 1 to 10000")
    says(synced.run("--once", S3SYNC_BATCH_SIZE="many"), 2, "$S3SYNC_BATCH_SIZE")
    file = synced.directory / "s3sync.toml"
    file.write_text('prefix = "cam/"\nbatchsize = 5\n')
    says(synced.run("--once"), 2, "s3sync.toml line 2", "batch_size")
    file.write_text('bucket = "unfinished\n')
    says(synced.run("--once"), 2, "s3sync.toml line 1")


def test_a_flag_that_does_not_exist(synced: Command) -> None:
    ended = synced.run("--onec")
    assert ended.code == 2
    assert "--onec" in ended.err


def test_the_schema_is_printed_for_any_table(command: Command) -> None:
    ended = command.run("schema", "--table", "photos")
    assert ended.code == 0
    assert 'create table "photos"' in ended.out
