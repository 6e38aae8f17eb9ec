"""What comes together is given together, and nothing waits for long."""

from __future__ import annotations

import asyncio

from s3sync_tui.engine.gathering import gather


def filled(*items: int | None) -> asyncio.Queue[int | None]:
    source: asyncio.Queue[int | None] = asyncio.Queue()
    for item in items:
        source.put_nowait(item)
    return source


async def test_what_is_there_is_given_up_to_a_limit() -> None:
    source = filled(1, 2, 3, 4)
    assert await gather(source, 3, 0.01) == [1, 2, 3]
    assert await gather(source, 3, 0.01) == [4]


async def test_sizes_count() -> None:
    source = filled(5, 4, 1, 2)
    assert await gather(source, 9, 0.01, size=lambda item: item) == [5, 4]
    assert await gather(source, 9, 0.01, size=lambda item: item) == [1, 2]


async def test_who_comes_a_little_later_is_taken_along() -> None:
    source = filled(1)
    asyncio.get_running_loop().call_later(0.01, source.put_nowait, 2)
    assert await gather(source, 2, 30) == [1, 2]


async def test_before_the_end_comes_what_came_before_it() -> None:
    source = filled(1, 2, None)
    assert await gather(source, 9, 30) == [1, 2]
    assert await gather(source, 9, 30) == []
