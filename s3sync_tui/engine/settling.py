"""Messages on their way out: deleted once all that they say is committed, or put off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from s3sync_tui.engine.backoff import Backoff
from s3sync_tui.engine.gathering import gather
from s3sync_tui.engine.held import Held
from s3sync_tui.errors import QueueUnreachable, S3SyncError
from s3sync_tui.source.messages import MOST_AT_ONCE, Message, Queue
from s3sync_tui.source.notifications import Notice, shown

log = logging.getLogger(__name__)

MOST_DELETED = 10 * MOST_AT_ONCE
DELETE_AFTER_SECONDS = 1.0
"""Deletions wait so long for company: a request deletes up to ten."""


@dataclass(eq=False, slots=True)
class Delivery:
    """A message, and which of its keys are not settled yet."""

    message: Message
    notice: Notice
    keys: set[str]
    refused: str = ""
    """Why the table does not take a row that it speaks of; empty where it takes all."""


class Settling:
    """The last that becomes of each message of ``queue``, until ``ends`` is set."""

    def __init__(
        self, queue: Queue, held: Held, *, ends: asyncio.Event, count: Callable[..., None]
    ) -> None:
        self._queue = queue
        self._held = held
        self._ends = ends
        self._count = count
        self._done: asyncio.Queue[Message | None] = asyncio.Queue()  # bounded by what is held

    async def settle(self, delivery: Delivery, key: str) -> None:
        """What it says of ``key`` is committed."""
        delivery.keys.discard(key)
        if not delivery.keys:
            await self.finish(delivery)

    async def finish(self, delivery: Delivery) -> None:
        """All that it says is committed."""
        if delivery.notice.faults:
            await self.put_off(delivery.message, delivery.notice.faults[0])
        elif delivery.refused:
            self._count(refused=1)
            log.warning(
                "A message comes back (%s, received %d times): %s",
                shown(delivery.message.id),
                delivery.message.receive_count,
                delivery.refused,
            )
            await self._hide(delivery.message)
        else:
            self._done.put_nowait(delivery.message)

    async def put_off(self, message: Message, reason: str) -> None:
        """It is not understood, wholly or in part: it comes back, until the queue has enough."""
        self._count(not_understood=1)
        log.warning(
            "A message is not understood (%s, received %d times): %s",
            shown(message.id),
            message.receive_count,
            reason,
        )
        await self._hide(message)

    async def _hide(self, message: Message) -> None:
        try:
            await self._held.put_off(message)
        except S3SyncError as error:
            log.info("It comes back in a minute: %s", error)

    def end(self) -> None:
        """There will be no more."""
        self._done.put_nowait(None)

    async def delete_all(self) -> None:
        """Delete what is finished, until :meth:`end`.

        Raises :class:`~s3sync_tui.errors.QueueError`, but for a queue that is away.
        """
        while batch := await gather(self._done, MOST_DELETED, DELETE_AFTER_SECONDS):
            backoff = Backoff()
            while True:
                try:
                    left = await self._queue.delete(batch)
                except QueueUnreachable as error:
                    await backoff.wait("queue", error, self._ends)
                    if self._ends.is_set():
                        return
                else:
                    break
            if left:
                log.info("%d messages could not be deleted, and come back.", len(left))
            self._held.drop(batch)
