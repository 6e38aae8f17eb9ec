"""A listing that is shared with another: every key exactly once, whoever lists it."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync_tui.model import KeyRange, ObjectPage
from s3sync_tui.source.ranges import Listing
from tests.support.list_source import ListSource


class Other:
    """Who shares the listing of ``home``: lists what that lends, and gives what it asks for."""

    are_busy = True

    def __init__(self) -> None:
        self.home: Listing
        self.own: Listing
        self.is_dry = True
        self.lending: asyncio.Task[None] | None = None

    def ask(self) -> None:
        self.is_dry = self.own.plan.is_over
        if self.lending is None or self.lending.done():
            self.lending = asyncio.create_task(self._borrow())
        self.home.look_again()

    async def _borrow(self) -> None:
        part = await self.home.lend()
        if part is None:
            self.are_busy = False
            self.own.look_again()
        else:
            self.is_dry = False
            self.own.take_over(part)


class Home:
    """The other end: to the listing that has it all, who else there is."""

    def __init__(self, other: Other) -> None:
        self._other = other

    @property
    def are_busy(self) -> bool:
        return not self._other.is_dry

    def ask(self) -> None:
        part = self._other.own.give()
        if part is not None:
            self._other.home.take_over(part)


KEYS = st.sets(
    st.one_of(
        st.integers(0, 10**4).map(lambda n: f"cam-{n % 3}/{n:05}.jpg"),
        st.text("ab/é😀", min_size=1, max_size=6),
    ),
    max_size=300,
).map(sorted)


@settings(max_examples=150, deadline=None)
@given(
    keys=KEYS,
    page_size=st.integers(1, 3),
    cuts=st.lists(st.sampled_from(["cam-1/", "cam-2/", "b", "é"]), unique=True),
    streams=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    fewer=st.integers(1, 8),
    after_pages=st.integers(0, 100),
    pauses=st.lists(st.integers(0, 5), min_size=1, max_size=7),
)
def test_two_that_give_and_take_list_every_key_once(
    keys: list[str],
    page_size: int,
    cuts: list[str],
    streams: tuple[int, int],
    fewer: int,
    after_pages: int,
    pauses: list[int],
) -> None:
    pages: list[ObjectPage] = []

    async def deliver(page: ObjectPage) -> None:
        pages.append(page)
        if len(pages) == after_pages:  # as when another process is there
            home.streams = min(home.streams, fewer)
        await asyncio.sleep(0)

    def failed(span: KeyRange, error: Exception) -> None:
        raise error

    source, other = ListSource(keys, page_size=page_size, pauses=pauses), Other()
    home = Listing(
        source,
        KeyRange().split(sorted(cuts)),
        concurrency=streams[0],
        deliver=deliver,
        failed=failed,
        others=Home(other),
    )
    other.home = home
    other.own = Listing(
        source, [], concurrency=streams[1], deliver=deliver, failed=failed, others=other
    )

    async def share() -> None:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(home.run())
            group.create_task(other.own.run())

    asyncio.run(share())
    assert sorted(key for page in pages for key in page.images.keys) == keys
    spans = sorted((page.span for page in pages), key=lambda span: (span.after, span.up_to))
    reached = ""
    for span in spans:  # without a gap, and nothing twice
        assert span.after == reached
        reached = span.up_to
    assert reached == KeyRange().up_to
