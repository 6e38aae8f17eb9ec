"""``s3sync-tui notifications``, over moto's S3, SQS and STS."""

from __future__ import annotations

import json
from typing import Any

import pytest

from s3sync_tui.source.aws import aws_client
from tests.acceptance.test_once import wait_for
from tests.support.bucket import ACCOUNT, MotoBucket
from tests.support.command import COMMAND, Command
from tests.support.queue import REGION
from tests.support.terminal import terminal


class Aws:
    """AWS as others see it."""

    def __init__(self, endpoint: str, bucket: str) -> None:
        self.endpoint = endpoint
        self.bucket = bucket
        self._s3 = aws_client("s3", region=REGION, endpoint=endpoint)
        self._sqs = aws_client("sqs", region=REGION, endpoint=endpoint)

    def queue(self, name: str, attributes: dict[str, str] | None = None) -> str:
        return str(self._sqs.create_queue(QueueName=name, Attributes=attributes or {})["QueueUrl"])

    def attributes(self, name: str) -> dict[str, str]:
        url = self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        return dict(answer["Attributes"])

    @property
    def queues(self) -> list[str]:
        urls = self._sqs.list_queues(QueueNamePrefix=f"s3sync-{self.bucket}").get("QueueUrls", [])
        return [url.rpartition("/")[2] for url in urls]

    @property
    def configuration(self) -> dict[str, Any]:
        answer = self._s3.get_bucket_notification_configuration(Bucket=self.bucket)
        del answer["ResponseMetadata"]
        return dict(answer)

    def configure(self, configuration: dict[str, Any]) -> None:
        self._s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration=configuration
        )


@pytest.fixture
def aws(synced: Command, bucket: MotoBucket, monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    synced.environ |= {
        "AWS_ENDPOINT_URL_SQS": bucket.endpoint,
        "AWS_ENDPOINT_URL_STS": bucket.endpoint,
        "S3SYNC_TABLE": "images",
    }
    return Aws(bucket.endpoint, bucket.name)


def arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def test_it_sets_up_all_that_is_needed_and_the_second_time_nothing(
    synced: Command, aws: Aws, bucket: MotoBucket
) -> None:
    name = f"s3sync-{bucket.name}"
    shown = synced.run("notifications")
    assert shown.code == 0
    assert "sends no notifications" in shown.out
    assert "there is none" in shown.out

    done = synced.run("notifications", "--setup", "--yes", "--prefix", "cam-07/")
    assert done.code == 0, done.err
    assert f"export S3SYNC_SQS_URL={aws.endpoint}/{ACCOUNT}/{name}\n" in done.out
    attributes = aws.attributes(name)
    assert attributes["ReceiveMessageWaitTimeSeconds"] == "20"
    assert attributes["VisibilityTimeout"] == "60"
    assert attributes["MessageRetentionPeriod"] == str(4 * 86_400)
    assert json.loads(attributes["RedrivePolicy"]) == {
        "deadLetterTargetArn": arn(f"{name}-dead"),
        "maxReceiveCount": 5,
    }
    assert aws.attributes(f"{name}-dead")["MessageRetentionPeriod"] == str(14 * 86_400)
    [statement] = json.loads(attributes["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Condition"] == {
        "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket.name}"},
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
    }
    [entry] = aws.configuration["QueueConfigurations"]
    assert entry["QueueArn"] == arn(name)
    assert "s3:ObjectCreated:*" in entry["Events"]
    [rule] = entry["Filter"]["Key"]["FilterRules"]
    assert (rule["Name"].lower(), rule["Value"]) == ("prefix", "cam-07/")

    before = aws.configuration, aws.attributes(name)
    again = synced.run("notifications", "--setup", "--prefix", "cam-07/")
    assert (again.code, again.out.splitlines()[0]) == (0, "Nothing to do: all is set up.")
    assert (aws.configuration, aws.attributes(name)) == before
    shown = synced.run("notifications")
    assert f"under cam-07/ to {arn(name)}" in shown.out
    assert f"dead letters: about 0 in {name}-dead" in shown.out


def test_without_a_terminal_it_shows_the_plan_and_does_nothing(synced: Command, aws: Aws) -> None:
    ended = synced.run("notifications", "--setup")
    assert ended.code == 2
    assert f"create queue s3sync-{aws.bucket}-dead" in ended.out
    assert "Nothing was changed: give --yes to do it." in ended.err
    assert aws.queues == []
    assert aws.configuration == {}


@pytest.mark.parametrize(("answer", "is_done"), [("y", True), ("n", False)])
def test_on_a_terminal_it_asks(synced: Command, aws: Aws, answer: str, is_done: bool) -> None:
    environ = {"HOME": str(synced.directory), **synced.environ}
    environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    asking = [*COMMAND, "notifications", "--setup"]
    with terminal(asking, size=(100, 30), environ=environ) as shown:
        shown.until("Do this?")
        shown.press(answer, "Enter")
        shown.until("export S3SYNC_SQS_URL" if is_done else "Nothing was changed.")
    assert bool(aws.queues) is is_done


def test_what_others_set_up_while_it_asks_stays(synced: Command, aws: Aws) -> None:
    environ = {"HOME": str(synced.directory), **synced.environ}
    environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    aws.queue("meanwhile")
    entry = {"QueueArn": arn("meanwhile"), "Events": ["s3:ObjectRestore:*"]}
    asking = [*COMMAND, "notifications", "--setup"]
    with terminal(asking, size=(100, 30), environ=environ) as shown:
        shown.until("Do this?")
        aws.configure({"QueueConfigurations": [entry]})
        shown.press("y", "Enter")
        shown.until("Nothing was changed.")
    assert aws.queues == []
    assert [each["QueueArn"] for each in aws.configuration["QueueConfigurations"]] == [
        arn("meanwhile")
    ]


def test_what_others_have_set_up_stays(synced: Command, aws: Aws, bucket: MotoBucket) -> None:
    name = f"s3sync-{bucket.name}"
    theirs: dict[str, Any] = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*"}
    theirs |= {"Action": "sqs:SendMessage"}
    theirs |= {"Resource": arn(name), "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    policy = {"Version": "2012-10-17", "Statement": [theirs]}
    aws.queue(name, {"Policy": json.dumps(policy), "VisibilityTimeout": "90"})
    aws.queue("others")
    rule = {"Name": "prefix", "Value": "reports/"}
    entry = {
        "Id": "reports",
        "QueueArn": arn("others"),
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [rule]}},
    }
    restores = {"Id": "restores", "QueueArn": arn("others"), "Events": ["s3:ObjectRestore:*"]}
    aws.configure({"QueueConfigurations": [entry, restores]})

    refused = synced.run("notifications", "--setup", "--yes")
    assert refused.code == 2
    assert "reports" in refused.err
    assert arn("others") in refused.err
    assert aws.queues == [name]

    done = synced.run("notifications", "--setup", "--yes", "--prefix", "cam-07/")
    assert done.code == 0, done.err
    assert "its 2 other entries stay as they are" in done.out
    kept = {each["Id"]: each for each in aws.configuration["QueueConfigurations"]}
    assert kept["reports"]["Events"] == ["s3:ObjectCreated:*"]
    assert kept["restores"]["QueueArn"] == arn("others")
    assert f"s3sync-tui-{name}" in kept
    attributes = aws.attributes(name)
    assert attributes["VisibilityTimeout"] == "90"
    statements = json.loads(attributes["Policy"])["Statement"]
    assert theirs in statements
    assert len(statements) == 2


def test_what_is_set_up_works(
    synced: Command, aws: Aws, bucket: MotoBucket, database: Any, table: str
) -> None:
    done = synced.run("notifications", "--setup", "--yes", "--queue", f"mine-{bucket.name}")
    assert done.code == 0, done.err
    synced.environ["S3SYNC_SQS_URL"] = done.out.rpartition("S3SYNC_SQS_URL=")[2].strip()
    synced.environ["S3SYNC_TABLE"] = table
    assert synced.run("--once").code == 0
    worker = synced.start("watch", "--every", "1d")
    try:
        bucket.put(["a.jpg"])
        query = f"select filename from {table}"
        wait_for(lambda: database.execute(query).fetchall() == [("a.jpg",)])
    finally:
        worker.terminate()
        worker.communicate()


def test_what_cannot_be_is_refused_with_its_reason(synced: Command, aws: Aws) -> None:
    fifo = synced.run("notifications", "--queue", "images.fifo")
    assert fifo.code == 2
    assert "S3 sends to no FIFO queue" in fifo.err
    missing = synced.run("notifications", "--bucket", "nobody-s-bucket")
    assert missing.code == 3
    assert "There is no bucket 'nobody-s-bucket'" in missing.err
    del synced.environ["AWS_ENDPOINT_URL_SQS"]
    elsewhere = synced.run("notifications")
    assert elsewhere.code == 2
    assert "which is not AWS" in elsewhere.err
