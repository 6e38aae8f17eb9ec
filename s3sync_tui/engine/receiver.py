"""Notifications from a queue, brought into the catalog as they come.

Receive, read, apply, and delete a message only once its rows are committed; whatever goes
wrong between, it comes back, and to apply it again changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.changes import Applied, ObjectChange
from s3sync_tui.engine.backoff import Backoff
from s3sync_tui.engine.changes import ROUNDS, collapse, doubtful, look_at
from s3sync_tui.engine.gathering import gather
from s3sync_tui.engine.held import Held
from s3sync_tui.engine.received import Received, ReceivedSink
from s3sync_tui.errors import QueueUnreachable, S3SyncError
from s3sync_tui.source.looking import Looker
from s3sync_tui.source.messages import MOST_AT_ONCE, Message, Queue
from s3sync_tui.source.notifications import Notice, NotUnderstood, Ours, read_notification, shown

log = logging.getLogger(__name__)

POLLERS = 4
"""Receives in flight while messages queue up; one is enough while they don't."""
BATCH = 1000
GATHER_SECONDS = 0.1
MOST_HELD = 4 * BATCH
MOST_DELETED = 10 * MOST_AT_ONCE
DELETE_AFTER_SECONDS = 1.0
"""Deletions wait so long for company: a request deletes up to ten."""
CLOSE_SECONDS = 10
_RELEASE_SECONDS = 5
_LONG_POLL_SECONDS = 20
_SHORT_POLL_SECONDS = 1

CatalogGiver = Callable[[], Awaitable[Catalog]]
"""Gives the catalog, open; asked anew each time, for it may have been opened anew."""
_Tasks = Sequence[asyncio.Task[None]]


@dataclass(eq=False, slots=True)
class _Delivery:
    """A message, and which of its keys are not settled yet."""

    message: Message
    notice: Notice
    keys: set[str]


@dataclass(slots=True)
class _Doubts:
    """Keys to look at, and who waits for them. All were asked about before ``after``."""

    after: datetime
    waiting: dict[str, list[_Delivery]]


class Receiver:
    """Everything between a queue and a catalog.

    ``catalog`` is asked for the catalog before each batch. ``sink`` gets the counters at most
    once a second, where they have changed; it must not wait, nor raise.
    """

    def __init__(
        self,
        queue: Queue,
        looker: Looker,
        catalog: CatalogGiver,
        ours: Ours,
        sink: ReceivedSink = lambda _received: None,
    ) -> None:
        self._queue = queue
        self._looker = looker
        self._catalog = catalog
        self._ours = ours
        self._sink = sink
        self._held = Held(queue, MOST_HELD)
        self._received = Received()
        self._shown = self._received
        self._arrived: asyncio.Queue[_Delivery | None] = asyncio.Queue()  # bounded by what is held
        self._doubts: asyncio.Queue[_Doubts | None] = asyncio.Queue()  # the same
        self._done: asyncio.Queue[Message | None] = asyncio.Queue()  # the same
        self._is_busy = asyncio.Event()
        self._catalog_answers = asyncio.Event()
        self._catalog_answers.set()
        self._ends = asyncio.Event()

    @property
    def received(self) -> Received:
        """The counters as they are now."""
        return self._received

    async def run(self) -> None:
        """Receive until cancelled. Then, within ten seconds, what is being applied is finished
        and deleted, and everything else goes back to the queue.

        Whatever is wrong with bucket or catalog is waited for, and a queue that is away.
        Raises :class:`~s3sync_tui.errors.QueueError` for the rest, after the same orderly end.
        """
        polling = (self._poll(number) for number in range(POLLERS))
        receiving = [*map(asyncio.create_task, (*polling, self._report()))]
        applying = [*map(asyncio.create_task, (self._apply_all(), self._look_at_all()))]
        settling = [*map(asyncio.create_task, (self._delete_all(), self._held.keep()))]
        tasks = [*receiving, *applying, *settling]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closing = asyncio.create_task(self._close(receiving, applying, settling))
            await asyncio.wait({closing})
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _close(self, receiving: _Tasks, applying: _Tasks, settling: _Tasks) -> None:
        self._ends.set()
        await _stop(receiving)
        self._arrived.put_nowait(None)
        self._doubts.put_nowait(None)
        await asyncio.wait(applying, timeout=CLOSE_SECONDS)
        await _stop(applying)
        self._done.put_nowait(None)
        await asyncio.wait(settling[:1], timeout=_RELEASE_SECONDS)
        await _stop(settling)
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                await self._held.release()
        except (S3SyncError, TimeoutError):
            log.warning("Messages that were waiting here come back to the queue in a minute.")
        self._show()

    # Receiving ---------------------------------------------------------------------------

    async def _poll(self, number: int) -> None:
        backoff = Backoff()
        while True:
            if number:  # those beyond the first help while messages queue up
                await self._is_busy.wait()
            await self._catalog_answers.wait()
            await self._held.has_room.wait()
            try:
                messages = await self._queue.receive(
                    _SHORT_POLL_SECONDS if number else _LONG_POLL_SECONDS
                )
            except QueueUnreachable as error:
                await self._wait_for("queue", error, backoff)
                continue
            backoff.succeeded()
            if not number:
                full = len(messages) == MOST_AT_ONCE
                (self._is_busy.set if full else self._is_busy.clear)()
            for message in messages:
                await self._read(message)

    async def _read(self, received: Message) -> None:
        self._count(messages=1)
        message = replace(received, body="")  # what waits here should be small
        self._held.add([message])
        try:
            notice = read_notification(received.body, self._ours)
        except NotUnderstood as reason:
            await self._put_off(message, str(reason))
            return
        keys = {*notice.looks, *(change.key for change in notice.changes)}
        self._count(
            changes=len(notice.changes) + len(notice.looks),
            ignored_objects=notice.ignored_objects,
            ignored_buckets=notice.ignored_buckets,
            rejected=len(notice.rejected),
        )
        if notice.rejected:
            log.warning(
                "%d keys cannot be stored by Postgres, for example %s",
                len(notice.rejected),
                notice.rejected[0],
            )
        delivery = _Delivery(message, notice, keys)
        if keys:
            self._arrived.put_nowait(delivery)
        else:
            await self._finish(delivery)

    async def _put_off(self, message: Message, reason: str) -> None:
        self._count(not_understood=1)
        log.warning(
            "A message is not understood (%s, received %d times): %s",
            shown(message.id),
            message.receive_count,
            reason,
        )
        try:
            await self._held.put_off(message)
        except S3SyncError as error:
            log.info("It comes back in a minute: %s", error)

    # Applying ----------------------------------------------------------------------------

    async def _apply_all(self) -> None:
        while batch := await gather(self._arrived, BATCH, GATHER_SECONDS, _number_of_keys):
            if self._ends.is_set():
                return
            await self._apply(batch)

    async def _apply(self, batch: Sequence[_Delivery]) -> None:
        notices = [delivery.notice for delivery in batch]
        collapsed = collapse(
            (change for notice in notices for change in notice.changes),
            (key for notice in notices for key in notice.looks),
        )
        changes = collapsed.changes
        applied = await self._commit(changes, None)
        if applied is None:
            return
        open_keys = collapsed.looks | doubtful(changes, applied)
        waiting: dict[str, list[_Delivery]] = {}
        for delivery in batch:
            for key in list(delivery.keys):
                if key in open_keys:
                    waiting.setdefault(key, []).append(delivery)
                else:
                    await self._settle(delivery, key)
        if waiting:
            self._doubts.put_nowait(_Doubts(applied.at, waiting))
        if changes:
            lag = applied.at - min(change.at for change in changes)
            self._received = replace(self._received, lag_seconds=max(0.0, lag.total_seconds()))

    async def _look_at_all(self) -> None:
        while doubts := await gather(self._doubts, BATCH, 0, _number_of_questions):
            if self._ends.is_set():
                return
            waiting: dict[str, list[_Delivery]] = {}
            for each in doubts:
                for key, deliveries in each.waiting.items():
                    waiting.setdefault(key, []).extend(deliveries)
            await self._look(_Doubts(max(each.after for each in doubts), waiting))

    async def _look(self, doubts: _Doubts) -> None:
        backoff = Backoff()
        rounds = 0
        while doubts.waiting and rounds < ROUNDS and not self._ends.is_set():
            seen, failed = await look_at(self._looker, list(doubts.waiting))
            self._count(looked=len(doubts.waiting))
            applied = await self._commit(seen, doubts.after)
            if applied is None:
                return
            doubts.after = applied.at
            again = doubtful(seen, applied)
            for key in {change.key for change in seen} - again:
                for delivery in doubts.waiting.pop(key):
                    await self._settle(delivery, key)
            rounds += bool(again)
            if failed:
                await self._wait_for("bucket", next(iter(failed.values())), backoff)
        if not self._ends.is_set():  # somebody is faster, again and again: let them come back
            self._held.drop(each.message for those in doubts.waiting.values() for each in those)

    async def _commit(
        self, changes: Sequence[ObjectChange], after: datetime | None
    ) -> Applied | None:
        """Apply ``changes``, however long the catalog is away; None where the end comes first."""
        backoff = Backoff()
        while True:
            try:
                catalog = await self._catalog()
                applied = await catalog.apply_changes(changes, looked_after=after)
            except S3SyncError as error:  # were it raised, messages would end as dead letters
                self._catalog_answers.clear()
                await self._wait_for("catalog", error, backoff)
                if self._ends.is_set():
                    return None
                continue
            self._catalog_answers.set()
            self._count(
                added=applied.added, changed=applied.changed, gone=applied.gone, stale=applied.stale
            )
            return applied

    async def _settle(self, delivery: _Delivery, key: str) -> None:
        """What it says of ``key`` is committed."""
        delivery.keys.discard(key)
        if not delivery.keys:
            await self._finish(delivery)

    async def _finish(self, delivery: _Delivery) -> None:
        """All that it says is committed."""
        if delivery.notice.faults:
            await self._put_off(delivery.message, delivery.notice.faults[0])
        else:
            self._done.put_nowait(delivery.message)

    # Deleting, and the rest --------------------------------------------------------------

    async def _delete_all(self) -> None:
        while batch := await gather(self._done, MOST_DELETED, DELETE_AFTER_SECONDS):
            backoff = Backoff()
            while True:
                try:
                    left = await self._queue.delete(batch)
                except QueueUnreachable as error:
                    await self._wait_for("queue", error, backoff)
                    if self._ends.is_set():
                        return
                else:
                    break
            if left:
                log.info("%d messages could not be deleted, and come back.", len(left))
            self._held.drop(batch)

    async def _wait_for(self, what: str, error: S3SyncError, backoff: Backoff) -> None:
        """Something is away: wait for it, but not beyond the end."""
        seconds = backoff.failed()
        log.warning("The %s is waited for, %.0f s: %s %s", what, seconds, error, error.hint)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ends.wait(), seconds)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._show()

    def _show(self) -> None:
        if self._received != self._shown:
            self._shown = self._received
            self._sink(self._received)

    def _count(self, **more: int) -> None:
        now = {name: getattr(self._received, name) + number for name, number in more.items()}
        self._received = replace(self._received, **now)


def _number_of_keys(delivery: _Delivery) -> int:
    return len(delivery.keys)


def _number_of_questions(doubts: _Doubts) -> int:
    return len(doubts.waiting)


async def _stop(tasks: _Tasks) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
