"""An SQS queue in moto's server, and S3's notifications as S3 would send them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from typing import Any

from moto.s3 import notifications
from moto.s3.models import s3_backends
from moto.sqs import models
from moto.sqs.models import sqs_backends

from tests.support.bucket import ACCOUNT, MotoBucket

REGION = "us-east-1"
_NUMBERS = count(1)
_SEQUENCERS = count(1)
_SEQUENCED = "sequenced"


def _delete_in_place(queue: Any, receipt: str) -> None:
    for message in list(queue._messages):
        if message.had_receipt_handle(receipt):
            queue.pending_messages.discard(message)
            queue.deleted_messages.update(message.all_receipt_handles)
            queue._messages.remove(message)
            return


def _with_sequencer(event_of: Callable[..., Any]) -> Callable[..., Any]:
    def event(name: str, bucket: Any, key: Any, configuration: str) -> Any:
        document = event_of(name, bucket, key, configuration)
        if configuration.startswith(_SEQUENCED):
            for record in document["Records"]:
                record["s3"]["object"]["sequencer"] = f"{next(_SEQUENCERS):018X}"
        return document

    return event


# S3 sends sequencers, moto does not.
notifications._get_s3_event = _with_sequencer(notifications._get_s3_event)
_moto: Any = models
# moto's own puts a new list in the place of the old one, and what is sent meanwhile is lost.
_moto.Queue.delete_message = _delete_in_place
# Of every message moto asks for the time, most often to count those that nobody asked about:
# of thousands it would take minutes.
_moto.unix_time_millis = lambda: time.time() * 1000
_moto.SQSBackend.is_message_valid_based_on_retention_period = lambda *_: True
for _counted in ("", "_delayed", "_not_visible"):
    setattr(models.Queue, f"approximate_number_of_messages{_counted}", 0)


class MotoQueue:
    """One queue, with a dead-letter queue unless ``most_receives`` is None."""

    def __init__(
        self, endpoint: str, *, most_receives: int | None = 5, visibility_seconds: int = 5
    ) -> None:
        self.name = f"test-queue-{next(_NUMBERS)}"
        self.url = f"{endpoint}/{ACCOUNT}/{self.name}"
        self.arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"
        self._backend: Any = sqs_backends[ACCOUNT][REGION]
        self._backend.create_queue(f"{self.name}-dead", None)
        attributes = {"VisibilityTimeout": str(visibility_seconds)}
        if most_receives is not None:
            redrive = {"deadLetterTargetArn": f"{self.arn}-dead", "maxReceiveCount": most_receives}
            attributes["RedrivePolicy"] = json.dumps(redrive)
        self._queue: Any = self._backend.create_queue(self.name, None, **attributes)
        self._dead: Any = self._backend.get_queue(f"{self.name}-dead")

    def send(self, body: str) -> None:
        """A message for the queue."""
        self._backend.send_message(queue_name=self.name, message_body=body)

    def hides_for(self, seconds: int) -> None:
        """How long a receive hides what it brings."""
        self._backend.set_queue_attributes(self.name, {"VisibilityTimeout": seconds})

    def remove(self) -> None:
        """There is no such queue any more."""
        self._backend.delete_queue(self.name)

    @property
    def bodies(self) -> list[str]:
        """Of all messages that are not deleted, hidden or not."""
        return [message.body for message in list(self._queue._messages)]

    def receives(self, body: str) -> int:
        """How often the message with this body has been received."""
        counts = [m.approximate_receive_count for m in self._queue._messages if m.body == body]
        return sum(counts)

    @property
    def visible(self) -> int:
        """How many messages somebody could receive now."""
        return len(self._queue.messages)

    @property
    def dead(self) -> list[str]:
        """Of what the queue has put aside."""
        return [message.body for message in list(self._dead._messages)]

    def notified_of(self, bucket: MotoBucket, *, sequenced: bool = True) -> None:
        """From now on the bucket's notifications come here, after a test event."""
        backend: Any = s3_backends[ACCOUNT]["aws"]
        backend.put_bucket_notification_configuration(
            bucket.name,
            {
                "QueueConfiguration": [
                    {
                        "Id": f"{_SEQUENCED if sequenced else 'plain'}-{self.name}",
                        "Queue": self.arn,
                        "Event": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
                    }
                ]
            },
        )

    def disturb(self, luck: Random, *, duplicates: int, others: Sequence[str]) -> None:
        """Some messages come twice, ``others`` too, and all of them in any order."""
        for body in [*luck.choices(self.bodies, k=duplicates), *others]:
            self.send(body)
        luck.shuffle(self._queue._messages)

    def take(self) -> list[str]:
        """All bodies, which are then no longer in the queue."""
        bodies = self.bodies
        self._queue._messages.clear()
        return bodies
