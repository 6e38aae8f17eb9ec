"""A further process of a run: lists, reconciles and writes what the first one gives it.

It is spoken to by :mod:`s3sync_tui.engine.crew` through its stdin, whose end is its own: a
run that dies leaves no process behind. What it has to say goes to its stdout.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from itertools import count

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.engine.flow import one_fault
from s3sync_tui.engine.lanes import Learner
from s3sync_tui.engine.pipes import Inbox, Outlet, as_text
from s3sync_tui.engine.progress import Counts, Progress
from s3sync_tui.engine.refusals import Refusals
from s3sync_tui.engine.stages import Stages, Task
from s3sync_tui.errors import BucketError, S3SyncError
from s3sync_tui.fault import fault_of_ours
from s3sync_tui.model import KeyRange
from s3sync_tui.source.base import Source
from s3sync_tui.source.plan import Part
from s3sync_tui.source.ranges import Listing

TELL_SECONDS = 0.1

log = logging.getLogger(__name__)

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
    refusals: Refusals


@dataclass(frozen=True, slots=True)
class Failed:
    """It can't go on."""

    error: Exception


def main() -> None:
    """Serve until the job is done, or stdin ends."""
    faulthandler.enable()
    outlet = Outlet()
    with suppress(BrokenPipeError):
        asyncio.run(_serve(outlet))


async def _serve(outlet: Outlet) -> None:
    commands = await Inbox.of_stdin()
    job = await commands.take()
    if not isinstance(job, Job):
        return
    logging.basicConfig(level=job.log_level, handlers=[_ToParent(outlet)], force=True)
    try:
        async with job.opener(job.streams) as (source, catalog):
            await source.open()
            await _Member(job, source, catalog, outlet).work(commands)
    except S3SyncError as error:
        outlet.say(Failed(error))
    except Exception as fault:
        log.exception("A process of the sync met a fault that nobody foresaw.")
        outlet.say(Failed(fault_of_ours(fault)))


class _Member:
    """The process. To its listing it is who else there is: the parent, that is."""

    def __init__(self, job: Job, source: Source, catalog: Catalog, outlet: Outlet) -> None:
        self._job = job
        self._source = source
        self._outlet = outlet
        self._progress = Progress(price_per_request=0)
        self._batches: list[tuple[int, int]] = []
        self._failures: list[tuple[KeyRange, BucketError]] = []
        self._taken = 0
        self._asked: Wanted | None = None
        self._stages = Stages(
            catalog,
            job.task,
            self._progress,
            batch_numbers=count(job.first_batch),
            listed=job.learner.take,
            committed=lambda number, rows: self._batches.append((number, rows)),
        )
        self._listing = Listing(
            source,
            [],
            concurrency=job.streams,
            deliver=self._stages.deliver,
            failed=lambda span, error: self._failures.append((span, error)),
            others=self,
        )
        self.are_busy = True
        """Until the parent says otherwise, it may give something."""

    async def work(self, commands: Inbox) -> None:
        """All of the job, unless ``commands`` end before that."""
        with one_fault():
            async with asyncio.TaskGroup() as group:
                work = group.create_task(self._stages.run(self._listing, all_listed=self._tell))
                around = [
                    group.create_task(self._keep_telling()),
                    group.create_task(self._obey(commands, work)),
                ]
                work.add_done_callback(lambda _: [task.cancel() for task in around])
        if not work.cancelled():
            self._tell()
            stages = self._stages
            self._outlet.say(
                Done(
                    self._job.learner,
                    stages.gone_sample,
                    stages.rejected_sample,
                    stages.refusals,
                )
            )

    def ask(self) -> None:
        """Tell the parent, once, that there is nothing to do, or nothing left."""
        is_dry = self._listing.plan.is_over
        if self.are_busy and (self._asked is None or is_dry != self._asked.is_dry):
            self._asked = Wanted(self._listing.idle + 1, is_dry, self._taken)
            self._tell()
            self._outlet.say(self._asked)

    async def _obey(self, commands: Inbox, work: asyncio.Task[None]) -> None:
        """Do what the parent says until it says no more, which ends all."""
        while (order := await commands.take()) is not None:
            match order:
                case Take(parts):
                    self._taken += 1
                    self._asked = None
                    for part in parts:
                        self._listing.take_over(part)
                case Give():
                    self._outlet.say(Given(self._listing.give()))
                case Finish():
                    self.are_busy = False
                    self._listing.look_again()
        work.cancel()

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(TELL_SECONDS)
            self._tell()

    def _tell(self) -> None:
        counts = self._progress.own
        counts.list_requests = self._source.list_requests
        counts.pages_left = self._listing.plan.pages_left()
        self._outlet.say(Told(counts, self._batches, self._failures))
        self._batches, self._failures = [], []


class _ToParent(logging.Handler):
    def __init__(self, outlet: Outlet) -> None:
        super().__init__()
        self._outlet = outlet

    def emit(self, record: logging.LogRecord) -> None:
        self._outlet.say(as_text(record))
