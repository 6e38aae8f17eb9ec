"""The further processes of a run: started, given ranges to list, and waited for."""

from __future__ import annotations

import asyncio
import logging
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress

from s3sync_tui.engine.member import (
    Done,
    Failed,
    Finish,
    Give,
    Given,
    Job,
    Take,
    Told,
    Wanted,
)
from s3sync_tui.engine.pipes import command, pack, receive
from s3sync_tui.errors import S3SyncError
from s3sync_tui.source.ranges import Listing

WORTH_GIVING = 8.0
"""Pages: who has less left is not asked for some of it."""

END_SECONDS = 0.5
"""For a process to end by itself once its stdin is shut; it is killed after that."""

log = logging.getLogger(__name__)


class Crew:
    """The further processes, and to the listing of this one, who else there is."""

    def __init__(self, told: Callable[[int, Told], None]) -> None:
        """``told`` hears from each process, by its place in the order of their starts."""
        self._told = told
        self._members: list[_Member] = []
        self._listing: Listing

    @property
    def are_busy(self) -> bool:
        """Whether any of them lists something, or was asked for it."""
        return any(not member.is_dry or member.is_asked for member in self._members)

    @property
    def done(self) -> list[Done]:
        """What those say that are done."""
        return [member.done for member in self._members if member.done is not None]

    def help_with(self, listing: Listing) -> None:
        """Before the first process is started."""
        self._listing = listing

    def ask(self) -> None:
        """Who has most left is to give some of it."""
        others = [m for m in self._members if not m.is_dry and not m.is_asked]
        member = max(others, key=lambda member: member.pages_left, default=None)
        if member is not None and member.pages_left >= WORTH_GIVING:
            member.is_asked = True
            member.pages_left /= 2  # until it tells anew
            member.tell(Give())

    async def attend(self, job: Job) -> None:
        """Start one more, and be there for it until it is done.

        Raises what has stopped it, and :class:`~s3sync_tui.errors.S3SyncError` where its
        process ends before that. Ended early, this ends the process.
        """
        member = _Member(len(self._members), job)
        self._members.append(member)
        try:
            await member.start()
            while member.done is None and (message := await member.hear()) is not None:
                self._take_in(member, message)
            if member.done is None and not member.is_dismissed:
                raise await member.epitaph()
        finally:
            await member.end()

    def _take_in(self, member: _Member, message: object) -> None:
        match message:
            case logging.LogRecord():
                logger = logging.getLogger(message.name)
                if logger.isEnabledFor(message.levelno):
                    logger.handle(message)
            case Told(counts):
                member.pages_left = counts.pages_left
                self._told(member.place, message)
                self._listing.look_again()
            case Wanted(streams, is_dry, taken):
                self._lend_to(member, streams)
                member.is_dry = is_dry and taken == member.given
                self._listing.look_again()
            case Given(part):
                member.is_asked = False
                if part is not None:
                    self._listing.take_over(part)
                self._listing.look_again()
            case Failed(error):
                raise error
            case Done():
                member.done = message

    def finish(self) -> None:
        """All is listed: they are to write what they have found, and to end."""
        for member in self._members:
            if member.given:
                member.tell(Finish())
            else:  # it may be starting still
                member.dismiss()

    def _lend_to(self, member: _Member, streams: int) -> None:
        """Give it something to list, as soon as there is something worth it."""

        async def lend() -> None:
            part = await self._listing.lend()
            if part is None:
                return
            parts = [part]
            while len(parts) < streams and (part := self._listing.give()) is not None:
                parts.append(part)
            member.is_dry = False
            member.given += 1
            member.tell(Take(parts))

        if member.lending is None:  # from now on it has its share of the requests in flight
            self._listing.streams -= member.job.streams
        if member.lending is None or member.lending.done():
            member.lending = asyncio.create_task(lend())


class _Member:
    """One of the processes."""

    def __init__(self, place: int, job: Job) -> None:
        self.place = place
        self.job = job
        self.is_dry = True
        """It has nothing to list, not even on its way."""
        self.is_asked = False
        self.given = 0
        """How often it was given something."""
        self.pages_left = 0.0
        self.done: Done | None = None
        self.is_dismissed = False
        self.lending: asyncio.Task[None] | None = None
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it, and tell it all it needs through its stdin."""
        self._process = await asyncio.create_subprocess_exec(
            *command("s3sync_tui.engine.member"),
            stdin=PIPE,
            stdout=PIPE,
            process_group=0,  # the terminal's signals are for us, who pass on what is meant
        )
        self.tell(self.job)

    def tell(self, message: object) -> None:
        """What it is told waits in its stdin; there is never much of it."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(pack(message))

    async def hear(self) -> object:
        """The next thing that it says; None once it has ended."""
        if self._process is None or self._process.stdout is None:
            return None
        return await receive(self._process.stdout)

    def dismiss(self) -> None:
        """It is not needed."""
        self.is_dismissed = True
        self._kill()

    async def epitaph(self) -> S3SyncError:
        """What to say of its unforeseen end."""
        code = await self._process.wait() if self._process is not None else 0
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return S3SyncError(
            f"A process of the sync ended before the sync did: {how}.",
            hint="Nothing is lost: the next run goes on from here. Where memory is short, "
            "--processes=1 needs least.",
        )

    async def end(self) -> None:
        """End it, if it has not ended by itself."""
        if self.lending is not None:
            self.lending.cancel()
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            log.debug("a process of the sync did not end in time: it is killed")
        finally:
            self._kill()

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
