"""The further processes of a run: started, given ranges to list, and waited for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

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
from s3sync_tui.engine.pipes import Child, log_again
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
        self._is_all_listed = False

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
            member.child.tell(Give())

    async def attend(self, job: Job) -> None:
        """Start one more, and be there for it until it is done.

        Raises what has stopped it, and :class:`~s3sync_tui.errors.S3SyncError` where its
        process ends before that. Ended early, this ends the process.
        """
        child = await Child.start("s3sync_tui.engine.member")
        child.tell(job)
        member = _Member(len(self._members), job, child)
        self._members.append(member)
        if self._is_all_listed:  # while it was starting
            self._let_go(member)
        try:
            while member.done is None and (message := await child.hear()) is not None:
                self._take_in(member, message)
            if member.done is None and not member.is_dismissed:
                raise _epitaph(await child.fate())
        finally:
            if member.lending is not None:
                member.lending.cancel()
            if not await child.end(END_SECONDS):
                log.debug("a process of the sync did not end in time: it is killed")

    def _take_in(self, member: _Member, message: object) -> None:
        match message:
            case logging.LogRecord():
                log_again(message)
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
        self._is_all_listed = True
        for member in self._members:
            self._let_go(member)

    @staticmethod
    def _let_go(member: _Member) -> None:
        if member.given:
            member.child.tell(Finish())
        else:  # it may be loading still
            member.is_dismissed = True
            member.child.kill()

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
            member.child.tell(Take(parts))

        if member.lending is None:  # from now on it has its share of the requests in flight
            self._listing.streams -= member.job.streams
        if member.lending is None or member.lending.done():
            member.lending = asyncio.create_task(lend())


def _epitaph(how: str) -> S3SyncError:
    return S3SyncError(
        f"A process of the sync ended before the sync did: {how}.",
        hint="Nothing is lost: the next run goes on from here. Where memory is short, "
        "--processes=1 needs least.",
    )


class _Member:
    """One of the processes."""

    def __init__(self, place: int, job: Job, child: Child) -> None:
        self.place = place
        self.job = job
        self.child = child
        self.is_dry = True
        """It has nothing to list, not even on its way."""
        self.is_asked = False
        self.given = 0
        """How often it was given something."""
        self.pages_left = 0.0
        self.done: Done | None = None
        self.is_dismissed = False
        self.lending: asyncio.Task[None] | None = None
