"""A Source over a list of keys, for tests of listing."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Mapping, Sequence

from s3sync_tui.model import KeyRange, Level, ObjectPage, Rows


class ListSource:
    """Few keys a page; some of them cannot be passed. Between pages others may work,
    for a number of turns that changes as ``pauses`` say."""

    bucket = "list"
    prefix = ""
    list_requests = 0

    def __init__(
        self,
        keys: Sequence[str],
        faults: Mapping[str, Exception] | None = None,
        *,
        page_size: int = 1,
        pauses: Sequence[int] = (1,),
    ) -> None:
        self._keys = keys
        self._faults = faults or {}
        self._page_size = page_size
        self._pauses = pauses

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def split_points(self, span: KeyRange, parts: int) -> list[str]:
        return []

    async def level(self, prefix: str) -> Level | None:
        return None

    async def pages(self, span: KeyRange) -> AsyncIterator[ObjectPage]:
        after, at = span.after, bisect_right(self._keys, span.after)
        end = bisect_right(self._keys, span.up_to)
        while True:
            self.list_requests += 1
            for _ in range(self._pauses[self.list_requests % len(self._pauses)]):
                await asyncio.sleep(0)
            found = list(self._keys[at : min(end, at + self._page_size)])
            for key in found:
                if key in self._faults:
                    raise self._faults[key]
            at += len(found)
            up_to = found[-1] if at < end else span.up_to
            rows = Rows(found, found, [0] * len(found), found)
            yield ObjectPage(KeyRange(after, up_to), rows, [], [], 1)
            if at >= end:
                return
            after = up_to
