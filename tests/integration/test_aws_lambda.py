"""The Lambda handler with events as Lambda has them, over moto's S3 and a real Postgres."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from s3sync_tui.errors import BucketDenied, SettingsError
from s3sync_tui.headless import aws_lambda
from s3sync_tui.headless.aws_lambda import NotDone, handler
from s3sync_tui.source.looking import Seen
from s3sync_tui.source.s3 import S3Source
from tests.support.bucket import MotoBucket, MotoServer
from tests.support.database import Connection
from tests.support.queue import MotoQueue
from tests.unit.test_notifications import by_eventbridge, by_sns


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Lambda's process is the function's own; this one is not."""
    root = logging.getLogger()
    level, formatters = root.level, [(each, each.formatter) for each in root.handlers]
    yield
    root.setLevel(level)
    for each, formatter in formatters:
        each.setFormatter(formatter)
        each.removeFilter(aws_lambda._take_secrets_out)


@pytest.fixture
def queue(moto: MotoServer) -> MotoQueue:
    return MotoQueue(moto.endpoint)


@pytest.fixture
def bucket(
    moto: MotoServer, queue: MotoQueue, catalog_database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MotoBucket]:
    """A bucket, and a function that is set up for it."""
    bucket = moto.bucket()
    queue.notified_of(bucket)
    queue.take()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": bucket.endpoint,
        "S3SYNC_BUCKET": bucket.name,
        "DATABASE_URL": catalog_database,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(aws_lambda, "FUNCTION", aws_lambda.Function())
    yield bucket
    aws_lambda.FUNCTION.close()


class Context:
    """Lambda's, as far as we look at it."""

    def __init__(self, seconds: float = 30) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


def from_sqs(*bodies: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def failed(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"message-{n}"} for n in numbers]}


def present(behind: Connection) -> dict[str, str]:
    rows = behind.execute("select filename, etag from images where missing_since is null")
    return {str(key): str(etag) for key, etag in rows}


def test_messages_that_fail_are_named_and_all_others_are_done(
    bucket: MotoBucket, queue: MotoQueue, behind: Connection
) -> None:
    bucket.put(["a.jpg", "b.jpg", "c.txt"])
    bucket.delete(["b.jpg"])
    bodies = queue.take()
    half = json.loads(bodies[0])
    half["Records"].append({})
    event = from_sqs("no json", *bodies, json.dumps(half), '{"Event": "s3:TestEvent"}')
    assert handler(event, Context()) == failed(0, 5)
    assert present(behind) == {"a.jpg": bucket.objects()["a.jpg"]}
    assert handler(from_sqs(*bodies), Context()) == failed()
    assert present(behind) == {"a.jpg": bucket.objects()["a.jpg"]}


def test_a_key_that_the_bucket_says_nothing_of_costs_only_its_own_message(
    bucket: MotoBucket, behind: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put(["a.jpg", "b.jpg"])
    look = S3Source.look

    async def look_but_not_at_b(source: S3Source, key: str) -> Seen | None:
        if key == "b.jpg":
            raise BucketDenied("Not this one.", hint="Ask for it.")
        return await look(source, key)

    monkeypatch.setattr(S3Source, "look", look_but_not_at_b)
    bodies = [by_eventbridge(key) for key in ("b.jpg", "a.jpg")]  # of long ago: looked at
    bodies = [body.replace('"camera-images"', f'"{bucket.name}"') for body in bodies]
    assert handler(from_sqs(*bodies), Context()) == failed(0)
    assert present(behind) == {"a.jpg": bucket.objects()["a.jpg"]}


def test_a_message_full_of_nonsense_costs_a_line_of_the_log_each(
    bucket: MotoBucket, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.put(["a.jpg"])
    records = [*({} for _ in range(100)), {"Event": "s3:TestEvent"}]
    assert handler(from_sqs(json.dumps({"Records": records})), Context()) == failed(0)
    assert caplog.text.count("not understood") == 1


def test_s3_sns_and_eventbridge_invoke_it_directly(
    bucket: MotoBucket, queue: MotoQueue, behind: Connection
) -> None:
    bucket.put(["a.jpg", "b.jpg", "c d+e.jpg"])
    by_s3, other, _ = queue.take()
    assert handler(json.loads(by_s3), Context()) == {}
    record = {"EventSource": "aws:sns", "Sns": json.loads(by_sns(other))}
    assert handler({"Records": [record]}, Context()) == {}
    event = json.loads(by_eventbridge("c d+e.jpg"))
    event["detail"]["bucket"]["name"] = bucket.name  # which is of long ago, so it is looked at
    assert handler(event, Context()) == {}
    assert present(behind) == bucket.objects()


@pytest.mark.parametrize("event", [{}, [], None, {"Records": [{}]}, {"Records": 7}])
def test_an_event_that_is_not_understood_is_an_error(bucket: MotoBucket, event: Any) -> None:
    with pytest.raises(NotDone):
        handler(event, Context())


def test_while_the_catalog_is_away_all_of_it_is_to_come_back(
    bucket: MotoBucket,
    queue: MotoQueue,
    behind: Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bucket.put(["a.jpg", "b.jpg"])
    bodies = queue.take()
    with monkeypatch.context() as away:
        away.setenv("DATABASE_URL", "postgresql://u:secret-word@127.0.0.1:1/postgres")
        assert handler(from_sqs(*bodies), Context(seconds=5)) == failed(0, 1)
        with pytest.raises(NotDone):
            handler(json.loads(bodies[0]), Context(seconds=5))
    assert "secret-word" not in caplog.text
    assert handler(from_sqs(*bodies), Context()) == failed()
    assert present(behind) == bucket.objects()


def test_no_secret_is_in_a_log_that_lambda_itself_writes(
    bucket: MotoBucket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_LOG_FORMAT", "JSON")
    assert handler(from_sqs('{"Event": "s3:TestEvent"}'), Context()) == failed()
    try:
        raise OSError("postgresql://u:secret-word@h/x is away")
    except OSError:
        logging.getLogger("botocore").exception("sent %s", "sb_secret_abcdefgh")
    assert "OSError: postgresql://…@h/x is away" in caplog.text
    assert "secret-word" not in caplog.text
    assert "abcdefgh" not in caplog.text


def test_without_a_catalog_it_says_so(bucket: MotoBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(SettingsError, match="no embedded one"):
        handler(from_sqs("{}"), Context())


def test_connections_live_on_between_invocations(
    bucket: MotoBucket, queue: MotoQueue, behind: Connection
) -> None:
    bucket.put(["a.jpg", "b.jpg"])
    first, second = queue.take()
    assert handler(from_sqs(first), Context()) == failed()
    query = (
        "select pid from pg_stat_activity where datname = current_database() "
        "and pid <> pg_backend_pid() order by pid"
    )
    ours = behind.execute(query).fetchall()
    assert ours
    assert handler(from_sqs(second), Context()) == failed()
    assert behind.execute(query).fetchall() == ours
