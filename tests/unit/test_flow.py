"""What flows between the stages stays within its bounds, and all of it arrives."""

from __future__ import annotations

import asyncio
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync_tui.engine.flow import Batcher, BoundedQueue, one_fault
from s3sync_tui.model import Rows


def rows_of(first: int, count: int) -> Rows:
    numbers = range(first, first + count)
    return Rows([f"k{n}" for n in numbers], [f"e{n}" for n in numbers], [*numbers], [""] * count)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_full_queue_holds_its_feeder_back() -> None:
    queue: BoundedQueue[str] = BoundedQueue(10)
    await queue.put("a", 6)
    waiting = asyncio.create_task(queue.put("b", 5))
    await settle()
    assert not waiting.done()
    assert await queue.take(9) == ["a"]
    await waiting
    assert await queue.take(9) == ["b"]


async def test_one_item_is_let_in_however_heavy() -> None:
    queue: BoundedQueue[str] = BoundedQueue(10)
    await asyncio.wait_for(queue.put("giant", 1_000), 5)
    assert await queue.take(1) == ["giant"]


async def test_a_closed_queue_is_used_up_and_then_ends_for_every_taker() -> None:
    queue: BoundedQueue[int] = BoundedQueue(10)
    for number in range(3):
        await queue.put(number, 1)
    takers = [asyncio.create_task(queue.take(2)) for _ in range(4)]
    await settle()
    await queue.close()
    taken = await asyncio.gather(*takers)
    assert sorted(n for some in taken for n in some) == [0, 1, 2]
    assert [] in taken


@given(sizes=st.lists(st.integers(0, 40), max_size=12), size=st.integers(1, 9), seed=st.randoms())
def test_every_row_is_in_one_batch_and_all_but_the_last_are_full(
    sizes: list[int], size: int, seed: object
) -> None:
    batches: list[Rows] = []

    async def emit(batch: Rows) -> None:
        await asyncio.sleep(0)  # others add meanwhile
        batches.append(batch)

    async def feed() -> None:
        batcher = Batcher(size, emit)
        firsts = [sum(sizes[:i]) for i in range(len(sizes))]
        pieces = [rows_of(first, n) for first, n in zip(firsts, sizes, strict=True)]
        await asyncio.gather(*map(batcher.add, pieces))
        await batcher.flush()

    asyncio.run(feed())
    numbers = [n for batch in batches for n in batch.sizes]
    assert sorted(numbers) == list(range(sum(sizes)))
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(0 < len(batch) <= size for batch in batches)
    for batch in batches:  # columns stay aligned
        assert batch.keys == [f"k{n}" for n in batch.sizes]
        assert batch.etags == [f"e{n}" for n in batch.sizes]


async def test_a_group_that_has_failed_leaves_its_task_uncancelled() -> None:
    async def fail() -> None:
        await settle()
        raise ValueError("the fault")

    async def group() -> None:
        with one_fault():
            async with asyncio.TaskGroup() as outer:
                outer.create_task(asyncio.sleep(3600))
                async with asyncio.TaskGroup() as inner:
                    inner.create_task(fail())

    async def left_cancelled() -> int:
        with pytest.raises(ValueError, match="the fault"):
            await group()
        task = asyncio.current_task()
        return task.cancelling() if task is not None else -1

    assert await asyncio.create_task(left_cancelled()) == 0


async def test_who_cancels_while_a_group_fails_is_obeyed_where_python_can_tell() -> None:
    is_failing = asyncio.Event()

    async def take_long_to_end() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            is_failing.set()
            await settle()

    async def fail() -> None:
        raise ValueError("the fault")

    async def group() -> None:
        with one_fault():
            async with asyncio.TaskGroup() as group:
                group.create_task(take_long_to_end())
                await settle()
                group.create_task(fail())

    async def leave() -> None:
        with pytest.raises(ValueError, match="the fault"):
            await group()
        task = asyncio.current_task()
        cancelled.append(task.cancelling() if task is not None else -1)

    cancelled: list[int] = []
    leaving = asyncio.create_task(leave())
    await is_failing.wait()
    leaving.cancel()
    await asyncio.wait({leaving})
    assert cancelled == [sys.version_info >= (3, 13)]
