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
from s3sync_tui.engine.changes import collapse, doubtful, look_into
from s3sync_tui.engine.gathering import gather
from s3sync_tui.engine.held import Held
from s3sync_tui.engine.received import Received, ReceivedSink
from s3sync_tui.engine.refusals import apply_changes
from s3sync_tui.engine.settling import Delivery, Settling
from s3sync_tui.errors import BucketError, BucketUnreachable, QueueUnreachable, S3SyncError
from s3sync_tui.source.looking import Looker
from s3sync_tui.source.messages import MOST_AT_ONCE, Message, Queue
from s3sync_tui.source.notifications import NotUnderstood, Ours, read_notification, shown

log = logging.getLogger(__name__)

POLLERS = 4
"""Receives in flight while messages queue up; one is enough while they don't."""
BATCH = 1000
GATHER_SECONDS = 0.1
MOST_HELD = 4 * BATCH
CLOSE_SECONDS = 10
_STOP_SECONDS = 1
_LONG_POLL_SECONDS = 20
_SHORT_POLL_SECONDS = 1

CatalogGiver = Callable[[], Awaitable[Catalog]]
"""Gives the catalog, open; asked anew each time, for it may have been opened anew."""
_Tasks = Sequence[asyncio.Task[None]]


@dataclass(slots=True)
class _Doubts:
    """Keys to look at, and who waits for them. All were asked about before ``after``."""

    after: datetime
    waiting: dict[str, list[Delivery]]


class _Ended(Exception):
    """Nothing is waited for any more."""


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
        self._arrived: asyncio.Queue[Delivery | None] = asyncio.Queue()  # bounded by what is held
        self._doubts: asyncio.Queue[_Doubts | None] = asyncio.Queue()  # the same
        self._is_busy = asyncio.Event()
        self._catalog_answers = asyncio.Event()
        self._catalog_answers.set()
        self._ends = asyncio.Event()
        self._settling = Settling(queue, self._held, ends=self._ends, count=self._count)

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
        settling = [*map(asyncio.create_task, (self._settling.delete_all(), self._held.keep()))]
        tasks = [*receiving, *applying, *settling]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closing = asyncio.create_task(self._close(receiving, applying, settling))
            await asyncio.wait({closing})
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _close(self, receiving: _Tasks, applying: _Tasks, settling: _Tasks) -> None:
        ends_at = asyncio.get_running_loop().time() + CLOSE_SECONDS
        self._ends.set()
        await _stop(receiving)
        self._arrived.put_nowait(None)
        self._doubts.put_nowait(None)
        await asyncio.wait(applying, timeout=CLOSE_SECONDS / 2)
        await _stop(applying)
        self._settling.end()
        await asyncio.wait(settling[:1], timeout=CLOSE_SECONDS / 5)
        await _stop(settling)
        try:
            async with asyncio.timeout_at(ends_at):
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
                await backoff.wait("queue", error, self._ends)
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
        try:
            notice = read_notification(received.body, self._ours)
        except NotUnderstood as reason:
            self._held.add([message])
            await self._settling.put_off(message, str(reason))
            return
        told = len(notice.changes) + len(notice.looks)
        rest = len(notice.rejected) + len(notice.faults)
        self._held.add([message], size=max(1, told + rest))
        keys = {*notice.looks, *(change.key for change in notice.changes)}
        self._count(
            changes=told,
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
        delivery = Delivery(message, notice, keys)
        if keys:
            self._arrived.put_nowait(delivery)
        else:
            await self._settling.finish(delivery)

    # Applying ----------------------------------------------------------------------------

    async def _apply_all(self) -> None:
        while batch := await gather(self._arrived, BATCH, GATHER_SECONDS, _number_of_keys):
            if self._ends.is_set():
                return
            with suppress(_Ended):
                await self._apply(batch)

    async def _apply(self, batch: Sequence[Delivery]) -> None:
        notices = [delivery.notice for delivery in batch]
        collapsed = collapse(
            (change for notice in notices for change in notice.changes),
            (key for notice in notices for key in notice.looks),
        )
        changes = collapsed.changes
        applied = await self._commit(changes, None)
        open_keys = collapsed.looks | doubtful(changes, applied)
        waiting: dict[str, list[Delivery]] = {}
        for delivery in batch:
            for key in list(delivery.keys):
                if key in open_keys:
                    waiting.setdefault(key, []).append(delivery)
                else:
                    delivery.refused = delivery.refused or applied.refused.get(key, "")
                    await self._settling.settle(delivery, key)
        if waiting:
            self._doubts.put_nowait(_Doubts(applied.at, waiting))
        if changes:
            lag = applied.at - min(change.at for change in changes)
            self._received = replace(self._received, lag_seconds=max(0.0, lag.total_seconds()))

    async def _look_at_all(self) -> None:
        backoff = Backoff()
        while doubts := await gather(self._doubts, BATCH, 0, _number_of_questions):
            if self._ends.is_set():
                return
            waiting: dict[str, list[Delivery]] = {}
            for each in doubts:
                for key, deliveries in each.waiting.items():
                    waiting.setdefault(key, []).extend(deliveries)
            with suppress(_Ended):
                failed = await self._look(_Doubts(max(each.after for each in doubts), waiting))
                if failed is not None:
                    await backoff.wait("bucket", failed, self._ends)
                else:
                    backoff.succeeded()

    async def _look(self, doubts: _Doubts) -> BucketError | None:
        """Settle what the bucket tells; returns why some keys are to be asked for again."""
        waiting = doubts.waiting
        looked = await look_into(self._looker, self._commit, waiting, doubts.after)
        self._count(looked=looked.asked)
        for key in waiting.keys() - looked.left - looked.failed.keys():
            for delivery in waiting.pop(key):
                delivery.refused = delivery.refused or looked.refused.get(key, "")
                await self._settling.settle(delivery, key)
        # Where other keys were answered it is not the bucket that is to be waited for.
        has_answered = looked.asked > len(looked.failed)
        away: dict[str, list[Delivery]] = {}
        for key, error in looked.failed.items():
            if isinstance(error, BucketUnreachable) or not has_answered:
                away[key] = waiting.pop(key)
            else:
                log.warning("Nothing is told of %s: %s %s", shown(key), error, error.hint)
        # And where somebody is faster, again and again: let them come back.
        self._held.drop(each.message for those in waiting.values() for each in those)
        if not away:
            return None
        self._doubts.put_nowait(_Doubts(looked.after, away))
        return looked.failed[next(iter(away))]

    async def _commit(self, changes: Sequence[ObjectChange], after: datetime | None) -> Applied:
        """Apply ``changes``, however long the catalog is away.

        Raises :class:`_Ended` where the end comes first.
        """
        backoff = Backoff()
        while True:
            try:
                catalog = await self._catalog()
                applied = await apply_changes(catalog, changes, looked_after=after)
            except S3SyncError as error:  # were it raised, messages would end as dead letters
                self._catalog_answers.clear()
                await backoff.wait("catalog", error, self._ends)
                if self._ends.is_set():
                    raise _Ended from error
                continue
            self._catalog_answers.set()
            self._count(
                added=applied.added, changed=applied.changed, gone=applied.gone, stale=applied.stale
            )
            return applied

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


def _number_of_keys(delivery: Delivery) -> int:
    return len(delivery.keys)


def _number_of_questions(doubts: _Doubts) -> int:
    return len(doubts.waiting)


async def _stop(tasks: _Tasks) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=_STOP_SECONDS)  # a database that hangs is not waited for
