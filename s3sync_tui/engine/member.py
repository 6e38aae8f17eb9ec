"""A further process of a run: lists, reconciles and writes what the first one gives it.

It is spoken to by :mod:`s3sync_tui.engine.crew` through its stdin, whose end is its own: a
run that dies leaves no process behind. What it has to say goes to its stdout.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import IO

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.engine.lanes import Learner
from s3sync_tui.engine.pipes import as_text, pack, receive, stdin
from s3sync_tui.engine.progress import Counts, Progress
from s3sync_tui.engine.stages import Stages, Task
from s3sync_tui.errors import BucketError, S3SyncError
from s3sync_tui.model import KeyRange
from s3sync_tui.source.base import Source
from s3sync_tui.source.plan import Part
from s3sync_tui.source.ranges import Listing

TELL_SECONDS = 0.1

Opener = Callable[[int], AbstractAsyncContextManager[tuple[Source, Catalog]]]
"""Opens bucket and catalog anew in another process, for so many LIST requests at once. It
can be pickled."""


@dataclass(frozen=True, slots=True)
class Job:
    """The first thing that the process is told."""

    opener: Opener
    task: Task
    streams: int
    """LIST requests in flight at once."""
    first_batch: int
    learner: Learner
    """One that has learnt nothing yet."""
    log_level: int


@dataclass(frozen=True, slots=True)
class Take:
    """The process is to list these, too."""

    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Give:
    """The process is to give something of what it has left."""


@dataclass(frozen=True, slots=True)
class Finish:
    """All is listed: the process is to write what it has found, and to end."""


@dataclass(frozen=True, slots=True)
class Told:
    """How far the process is."""

    counts: Counts
    batches: list[tuple[int, int]] = field(default_factory=list)
    """Since it told last: the number of each batch, and how many rows it changed."""
    failures: list[tuple[KeyRange, BucketError]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The process could list more."""

    streams: int
    """So many have nothing to do."""
    is_dry: bool
    """All of them."""
    taken: int
    """How often something has reached it."""


@dataclass(frozen=True, slots=True)
class Given:
    """The answer to :class:`Give`."""

    part: Part | None


@dataclass(frozen=True, slots=True)
class Done:
    """All that it found is committed."""

    learner: Learner
    gone_sample: list[str]
    rejected_sample: list[str]


@dataclass(frozen=True, slots=True)
class Failed:
    """It can't go on."""

    error: Exception


def main() -> None:
    """Serve until the job is done, or stdin ends."""
    faulthandler.enable()
    told = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever prints must not print between messages
    with suppress(BrokenPipeError):
        asyncio.run(_serve(told))


async def _serve(told: IO[bytes]) -> None:
    commands = await stdin()
    job = await receive(commands)
    if not isinstance(job, Job):
        return
    logging.basicConfig(level=job.log_level, handlers=[_ToParent(told)], force=True)
    member = _Member(job, told)
    work = asyncio.create_task(member.work())
    orders = asyncio.create_task(member.obey(commands))
    await asyncio.wait({work, orders}, return_when=asyncio.FIRST_COMPLETED)
    for task in (work, orders):
        task.cancel()
    await asyncio.wait({work, orders})
    error = None if work.cancelled() else work.exception()
    if isinstance(error, Exception):
        if not isinstance(error, S3SyncError):
            logging.getLogger(__name__).error("A fault that nobody foresaw.", exc_info=error)
            error = S3SyncError(f"A fault of s3sync-tui: {type(error).__name__}.")
        told.write(pack(Failed(error)))


class _Member:
    """The process. To its listing it is who else there is: the parent, that is."""

    def __init__(self, job: Job, told: IO[bytes]) -> None:
        self._job = job
        self._told = told
        self._progress = Progress(price_per_request=0)
        self._batches: list[tuple[int, int]] = []
        self._failures: list[tuple[KeyRange, BucketError]] = []
        self._taken = 0
        self._asked: Wanted | None = None
        self._source: Source | None = None
        self._listing: Listing | None = None
        self._is_ready = asyncio.Event()
        self.are_busy = True
        """Until the parent says otherwise, it may give something."""

    async def work(self) -> None:
        """All of the job."""
        job = self._job
        async with job.opener(job.streams) as (source, catalog):
            await source.open()
            stages = Stages(
                catalog,
                job.task,
                self._progress,
                batch_numbers=count(job.first_batch),
                listed=job.learner.take,
                committed=lambda number, rows: self._batches.append((number, rows)),
            )
            self._source = source
            self._listing = Listing(
                source,
                [],
                concurrency=job.streams,
                deliver=stages.deliver,
                failed=lambda span, error: self._failures.append((span, error)),
                others=self,
            )
            self._is_ready.set()
            telling = asyncio.create_task(self._keep_telling())
            try:
                await stages.run(self._listing, all_listed=self._tell)
            except ExceptionGroup as group:
                raise first_fault(group) from None
            finally:
                telling.cancel()
        self._tell()
        self._send(Done(job.learner, stages.gone_sample, stages.rejected_sample))

    async def obey(self, commands: asyncio.StreamReader) -> None:
        """Do what the parent says until it says no more."""
        await self._is_ready.wait()
        listing = self._listing
        if listing is None:
            return
        while (order := await receive(commands)) is not None:
            match order:
                case Take(parts):
                    self._taken += 1
                    self._asked = None
                    for part in parts:
                        listing.take_over(part)
                case Give():
                    self._send(Given(listing.give()))
                case Finish():
                    self.are_busy = False
                    listing.look_again()

    def ask(self) -> None:
        """Tell the parent, once, that there is nothing to do, or nothing left."""
        if self._listing is None:
            return
        is_dry = self._listing.plan.is_over
        if self.are_busy and (self._asked is None or is_dry != self._asked.is_dry):
            self._asked = Wanted(self._listing.idle + 1, is_dry, self._taken)
            self._tell()
            self._send(self._asked)

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(TELL_SECONDS)
            self._tell()

    def _tell(self) -> None:
        counts = self._progress.own
        if self._source is not None and self._listing is not None:
            counts.list_requests = self._source.list_requests
            counts.pages_left = self._listing.plan.pages_left()
        self._send(Told(counts, self._batches, self._failures))
        self._batches, self._failures = [], []

    def _send(self, message: object) -> None:
        # The parent reads all the time; where it does not, there is nothing to go on with.
        self._told.write(pack(message))


def first_fault(group: BaseExceptionGroup[Exception]) -> Exception:
    """The fault that came first; the others are tasks that met the same, or its end."""
    fault = group.exceptions[0]
    return first_fault(fault) if isinstance(fault, BaseExceptionGroup) else fault


class _ToParent(logging.Handler):
    def __init__(self, told: IO[bytes]) -> None:
        super().__init__()
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        self._told.write(pack(as_text(record)))
