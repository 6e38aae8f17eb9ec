"""The SQS queue to which a bucket's notifications go.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/Welcome.html
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from botocore import exceptions as boto

from s3sync_tui.source.aws import aws_client
from s3sync_tui.source.messages import MOST_AT_ONCE, Message, Queue
from s3sync_tui.source.queue_faults import queue_fault

log = logging.getLogger(__name__)

LONGEST_POLL_SECONDS = 20
LONGEST_HIDDEN_SECONDS = 12 * 3600
"""SQS hides a message for at most so long after a receive, however often that is extended."""
_USUAL_HIDDEN_SECONDS = 30
# Shorter, and it could not be extended in time; longer, and a crash delays for nothing.
_SHORTEST_HIDDEN_SECONDS, _MOST_HIDDEN_SECONDS = 2, 600
_THREADS = 16
_ENTRY_ATTEMPTS = 4
_ENTRY_WAIT_SECONDS = 0.2

# https://docs.aws.amazon.com/general/latest/gr/sqs-service.html
_AWS = re.compile(
    r"sqs(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)"
    r"|([a-z0-9-]+)\.queue\.amazonaws\.com(?:\.cn)?"
)
_PRIVATE_LINK = re.compile(r"vpce-[a-z0-9-]+\.sqs\.([a-z0-9-]+)\.vpce\.amazonaws\.com(?:\.cn)?")
_T = TypeVar("_T")


class SqsQueue(Queue):
    """An SQS queue by its URL, which tells the region.

    Requests go to the host of the URL where that is not AWS's own, unless
    ``AWS_ENDPOINT_URL_SQS`` names another. A receive hides what it brings for as long as the
    queue's own setting says, within reason.
    """

    def __init__(
        self,
        url: str,
        *,
        region: str | None = None,
        profile: str | None = None,
        ca_bundle: Path | None = None,
    ) -> None:
        self.visibility_seconds = _USUAL_HIDDEN_SECONDS
        self._url = url
        self._region, self._endpoint = place_of(url, region)
        self.description = f"queue {url.rpartition('/')[2]!r} ({self._region or 'SQS'})"
        self._make_client = partial(
            aws_client,
            "sqs",
            region=self._region,
            profile=profile,
            endpoint=self._endpoint,
            ca_bundle=ca_bundle,
            connections=_THREADS,
            read_seconds=LONGEST_POLL_SECONDS + 10,
        )
        self._client: Any = None
        self._making = threading.Lock()
        self._threads = asyncio.Semaphore(_THREADS)
        self._attributes: Mapping[str, str] = {}

    @property
    def has_dead_letters(self) -> bool:
        """Whether the queue itself puts aside what has come back too often."""
        return "RedrivePolicy" in self._attributes

    async def open(self) -> None:
        """Look at the queue, and warn where messages that nobody understands would stay.

        Raises :class:`~s3sync_tui.errors.QueueError`.
        """
        answer = await self._ask(
            "get_queue_attributes",
            AttributeNames=["RedrivePolicy", "MessageRetentionPeriod", "VisibilityTimeout"],
        )
        self._attributes = answer.get("Attributes", {})
        hidden = int(self._attributes.get("VisibilityTimeout", _USUAL_HIDDEN_SECONDS))
        self.visibility_seconds = max(_SHORTEST_HIDDEN_SECONDS, min(hidden, _MOST_HIDDEN_SECONDS))
        if not self.has_dead_letters:
            log.warning(
                "%s has no redrive policy: a message that cannot be understood comes back, ever "
                "less often, until its retention ends (%s). s3sync-tui notifications --setup "
                "makes a dead-letter queue.",
                self.description,
                _days(self._attributes.get("MessageRetentionPeriod", "")),
            )
            return
        with suppress(ValueError, TypeError, KeyError):  # it is a text that we did not write
            most = int(json.loads(self._attributes["RedrivePolicy"])["maxReceiveCount"])
            if most < 3:
                log.warning(
                    "%s gives up a message after %d receives; 5 leaves room for restarts.",
                    self.description,
                    most,
                )

    async def close(self) -> None:
        """Release connections."""
        if self._client is not None:
            self._client.close()

    async def receive(self, wait_seconds: int) -> list[Message]:
        """Up to ten messages, as soon as there are any, none after ``wait_seconds``. When this
        is cancelled, what still arrives goes back to the queue.

        Raises :class:`~s3sync_tui.errors.QueueError`.
        """
        is_wanted = threading.Event()
        is_wanted.set()
        try:
            return await self._in_thread(self._receive, wait_seconds, is_wanted)
        except asyncio.CancelledError:
            is_wanted.clear()
            raise

    async def delete(self, messages: Sequence[Message]) -> list[Message]:
        """Delete them; returns those that could not be, which will come back.

        Raises :class:`~s3sync_tui.errors.QueueError`.
        """
        return await self._entries("delete_message_batch", messages, {})

    async def hide(self, messages: Sequence[Message], seconds: int) -> list[Message]:
        """Hide them for ``seconds`` from now on, 0 shows them; returns those that could not be.

        Raises :class:`~s3sync_tui.errors.QueueError`.
        """
        seconds = max(0, min(seconds, LONGEST_HIDDEN_SECONDS))
        more = {"VisibilityTimeout": seconds}
        return await self._entries("change_message_visibility_batch", messages, more)

    async def _entries(
        self, operation: str, messages: Sequence[Message], more: Mapping[str, object]
    ) -> list[Message]:
        """Ten messages a request, all at once; each is answered by itself."""
        tens = [messages[i : i + MOST_AT_ONCE] for i in range(0, len(messages), MOST_AT_ONCE)]
        left = await asyncio.gather(*(self._ten_entries(operation, ten, more) for ten in tens))
        return [message for ten in left for message in ten]

    async def _ten_entries(
        self, operation: str, messages: Sequence[Message], more: Mapping[str, object]
    ) -> list[Message]:
        left = list(messages)
        for attempt in range(_ENTRY_ATTEMPTS):
            if attempt:
                await asyncio.sleep(random.uniform(0, _ENTRY_WAIT_SECONDS * 2**attempt))  # noqa: S311
            answer = await self._ask(operation, Entries=_entries_of(left, more))
            failed = {entry["Id"]: entry for entry in answer.get("Failed", [])}
            left = [left[int(number)] for number in failed]
            # The sender's fault is a receipt that no longer counts: the message is back.
            if all(entry.get("SenderFault") for entry in failed.values()):
                break
        return left

    def _receive(self, wait_seconds: int, is_wanted: threading.Event) -> list[Message]:
        answer = self._connected().receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=MOST_AT_ONCE,
            WaitTimeSeconds=wait_seconds,
            VisibilityTimeout=self.visibility_seconds,
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        messages = [_message(document) for document in answer.get("Messages", [])]
        if messages and not is_wanted.is_set():
            self._connected().change_message_visibility_batch(
                QueueUrl=self._url, Entries=_entries_of(messages, {"VisibilityTimeout": 0})
            )
        return messages

    async def _ask(self, operation: str, **parameters: object) -> Mapping[str, Any]:
        def ask() -> Mapping[str, Any]:
            method = getattr(self._connected(), operation)
            answer: Mapping[str, Any] = method(QueueUrl=self._url, **parameters)
            return answer

        return await self._in_thread(ask)

    def _connected(self) -> Any:
        with self._making:
            if self._client is None:
                self._client = self._make_client()
            return self._client

    async def _in_thread(self, work: Callable[..., _T], *arguments: object) -> _T:
        """All of botocore's work, of which at most ``_THREADS`` go on at once."""
        async with self._threads:
            try:
                return await in_daemon(work, *arguments)
            except (boto.BotoCoreError, boto.ClientError, ValueError) as error:
                raise queue_fault(error, self.description) from error


async def in_daemon(work: Callable[..., _T], *arguments: object) -> _T:
    """Do ``work`` in a thread that the process's end does not wait for: a long poll takes 20
    seconds, and those of the usual pools are waited for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def settle(finish: Callable[[], None]) -> None:
        if not done.done():  # whoever waited may have been cancelled
            finish()

    def run() -> None:
        try:
            finish = partial(done.set_result, work(*arguments))
        except Exception as error:  # noqa: BLE001  # for whoever waits
            finish = partial(done.set_exception, error)
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(settle, finish)

    threading.Thread(target=run, name="sqs", daemon=True).start()
    return await done


def place_of(url: str, region: str | None) -> tuple[str | None, str | None]:
    """The region of a queue's URL, ``region`` where it tells none, and the endpoint to ask;
    None for AWS's usual ones."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in {"queue.amazonaws.com", "sqs.amazonaws.com"}:
        return "us-east-1", None
    if match := _AWS.fullmatch(host):
        return match[1] or match[2], None
    origin = f"{parts.scheme}://{parts.netloc}"
    if match := _PRIVATE_LINK.fullmatch(host):
        return match[1], origin
    elsewhere = os.environ.get("AWS_ENDPOINT_URL_SQS") or os.environ.get("AWS_ENDPOINT_URL")
    return region, None if elsewhere else origin


def _message(document: Mapping[str, Any]) -> Message:
    counts = document.get("Attributes", {})
    return Message(
        document["MessageId"],
        document["ReceiptHandle"],
        document.get("Body", ""),
        int(counts.get("ApproximateReceiveCount", 1)),
    )


def _entries_of(messages: Sequence[Message], more: Mapping[str, object]) -> list[dict[str, object]]:
    return [
        {"Id": str(number), "ReceiptHandle": message.receipt, **more}
        for number, message in enumerate(messages)
    ]


def _days(seconds: str) -> str:
    return f"{int(seconds) / 86_400:g} days" if seconds.isdecimal() else "4 days, usually"
