"""The queue over real HTTP, on moto's SQS."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator

import pytest
from botocore import exceptions as boto

from s3sync_tui.errors import QueueDenied, QueueError, QueueMissing, QueueUnreachable
from s3sync_tui.source.messages import Message
from s3sync_tui.source.queue import SqsQueue, place_of
from s3sync_tui.source.queue_faults import queue_fault
from tests.support.bucket import MotoServer
from tests.support.queue import MotoQueue

pytestmark = pytest.mark.usefixtures("credentials")


@pytest.fixture
def queue(moto: MotoServer) -> MotoQueue:
    return MotoQueue(moto.endpoint, visibility_seconds=30)


@pytest.fixture
async def sqs(queue: MotoQueue) -> AsyncIterator[SqsQueue]:
    sqs = SqsQueue(queue.url)
    await sqs.open()
    yield sqs
    await sqs.close()


async def received(sqs: SqsQueue, number: int) -> list[Message]:
    messages: list[Message] = []
    while len(messages) < number:
        messages += await sqs.receive(5)
    return messages


async def test_messages_are_received_hidden_shown_and_deleted(
    queue: MotoQueue, sqs: SqsQueue
) -> None:
    bodies = [f"body {n} 😀" for n in range(25)]
    for body in bodies:
        queue.send(body)
    first = await sqs.receive(5)
    assert len(first) == 10
    messages = first + await received(sqs, 15)
    assert sorted(message.body for message in messages) == sorted(bodies)
    assert {message.receive_count for message in messages} == {1}
    assert await sqs.receive(1) == []
    assert await sqs.hide(messages, 0) == []
    assert queue.visible == 25
    again = await received(sqs, 25)
    assert {message.receive_count for message in again} == {2}
    assert await sqs.delete(again) == []
    assert queue.bodies == []


async def test_entries_that_fail_are_named_and_the_others_done(
    queue: MotoQueue, sqs: SqsQueue
) -> None:
    queue.send("one")
    [good] = await sqs.receive(5)
    unknown = Message("unknown", "no receipt", "", 1)
    assert await sqs.hide([unknown, good, unknown], 0) == [unknown, unknown]
    assert queue.visible == 1


async def test_a_long_poll_ends_at_once_when_it_is_cancelled_and_what_comes_late_goes_back(
    queue: MotoQueue, sqs: SqsQueue
) -> None:
    polling = asyncio.create_task(sqs.receive(20))
    await asyncio.sleep(0.5)
    began = time.monotonic()
    polling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await polling
    assert time.monotonic() - began < 10  # it would have been 20 seconds
    queue.send("late")
    async with asyncio.timeout(10):
        while queue.receives("late") == 0 or queue.visible == 0:
            await asyncio.sleep(0.05)
    assert (await sqs.receive(5))[0].body == "late"


async def test_what_hides_is_the_queue_s_own_setting_within_reason(moto: MotoServer) -> None:
    for seconds, expected in ((30, 30), (0, 2), (43_200, 600)):
        queue = MotoQueue(moto.endpoint, visibility_seconds=seconds)
        sqs = SqsQueue(queue.url)
        await sqs.open()
        assert sqs.visibility_seconds == expected
        await sqs.close()


@pytest.mark.parametrize(
    ("most_receives", "words"),
    [(None, "has no redrive policy"), (1, "after 1 receives"), (5, "")],
)
async def test_a_queue_that_gives_up_never_or_too_soon_is_warned_of(
    moto: MotoServer, caplog: pytest.LogCaptureFixture, most_receives: int | None, words: str
) -> None:
    sqs = SqsQueue(MotoQueue(moto.endpoint, most_receives=most_receives).url)
    with caplog.at_level(logging.WARNING, "s3sync_tui"):
        await sqs.open()
    await sqs.close()
    said = [record.message for record in caplog.records if record.name.startswith("s3sync_tui")]
    assert words in " ".join(said)
    assert bool(said) is bool(words)
    assert sqs.has_dead_letters is (most_receives is not None)


async def test_a_queue_that_is_not_there_is_named(moto: MotoServer) -> None:
    sqs = SqsQueue(f"{moto.endpoint}/123456789012/nobody-s")
    with pytest.raises(QueueMissing, match="nobody-s") as caught:
        await sqs.open()
    assert caught.value.hint
    assert caught.value.exit_code == 3


async def test_a_queue_that_does_not_answer_is_unreachable() -> None:
    sqs = SqsQueue("http://127.0.0.1:1/123456789012/images")
    with pytest.raises(QueueUnreachable, match="images"):
        await sqs.open()


async def test_without_credentials_the_remedy_is_named(
    queue: MotoQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
    with pytest.raises(QueueDenied, match="No credentials"):
        await SqsQueue(queue.url).open()


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("AccessDenied", 403, QueueDenied),
        ("KMS.AccessDeniedException", 400, QueueDenied),
        ("InvalidClientTokenId", 403, QueueDenied),
        ("ExpiredToken", 403, QueueDenied),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, QueueMissing),
        ("ThrottlingException", 400, QueueUnreachable),
        ("InternalFailure", 500, QueueUnreachable),
        ("SomethingNew", 400, QueueError),
    ],
)
def test_what_sqs_says_has_a_remedy(code: str, status: int, kind: type[QueueError]) -> None:
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    fault = queue_fault(boto.ClientError(answer, "ReceiveMessage"), "queue 'images'")  # type: ignore[arg-type]
    assert type(fault) is kind
    assert "queue 'images'" in fault.message
    assert fault.hint


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://sqs.eu-central-1.amazonaws.com/1/images", ("eu-central-1", None)),
        ("https://sqs-fips.us-east-1.amazonaws.com/1/images", ("us-east-1", None)),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1/images", ("cn-north-1", None)),
        ("https://sqs.eu-west-1.api.aws/1/images", ("eu-west-1", None)),
        ("https://eu-west-1.queue.amazonaws.com/1/images", ("eu-west-1", None)),
        ("https://queue.amazonaws.com/1/images", ("us-east-1", None)),
        (
            "https://vpce-0a-1b.sqs.us-east-2.vpce.amazonaws.com/1/images",
            ("us-east-2", "https://vpce-0a-1b.sqs.us-east-2.vpce.amazonaws.com"),
        ),
        ("http://localhost:9324/queue/images", ("set", "http://localhost:9324")),
        ("https://sqs.evil.example/1/images", ("set", "https://sqs.evil.example")),
    ],
)
def test_the_url_tells_where_the_queue_is(
    url: str, place: tuple[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_SQS", raising=False)
    assert place_of(url, "set") == place


def test_another_endpoint_may_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://localhost:4566")
    assert place_of("http://sqs.localstack/0/images", None) == (None, None)
