"""The adaptive limit."""

from __future__ import annotations

import asyncio

import pytest

from s3sync_tui.source.throttle import Throttle


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_never_more_than_the_limit_at_once() -> None:
    throttle = Throttle(3)
    most = 0

    async def request() -> None:
        nonlocal most
        async with throttle:
            most = max(most, throttle.active)
            await asyncio.sleep(0)

    await asyncio.gather(*(request() for _ in range(20)))
    assert most == 3
    assert throttle.active == 0


def test_slow_down_halves_once_in_a_window() -> None:
    clock = Clock()
    throttle = Throttle(16, window_seconds=1, clock=clock)
    for _ in range(16):
        throttle.slow_down()
    assert throttle.limit == 8
    clock.now = 1.0
    throttle.slow_down()
    assert throttle.limit == 4


def test_one_request_is_always_allowed() -> None:
    clock = Clock()
    throttle = Throttle(2, clock=clock)
    for second in range(10):
        clock.now = float(second)
        throttle.slow_down()
    assert throttle.limit == 1
    with pytest.raises(ValueError, match="at least one"):
        Throttle(0)


async def test_successes_win_the_limit_back_and_admit_those_who_wait() -> None:
    throttle = Throttle(4)
    throttle.slow_down()
    entered: list[int] = []
    done = asyncio.Event()

    async def request(number: int) -> None:
        async with throttle:
            entered.append(number)
            await done.wait()

    tasks = [asyncio.create_task(request(i)) for i in range(4)]
    await settle()
    assert entered == [0, 1]
    for _ in range(4):
        throttle.succeeded()
    await settle()
    assert entered == [0, 1, 2]
    for _ in range(40):
        throttle.succeeded()
    assert throttle.limit == 4
    done.set()
    await asyncio.gather(*tasks)


async def test_a_cancelled_wait_gives_its_slot_to_the_next() -> None:
    throttle = Throttle(1)
    entered = asyncio.Event()
    async with throttle:
        cancelled = asyncio.create_task(throttle.__aenter__())
        await settle()

        async def request() -> None:
            async with throttle:
                entered.set()

        following = asyncio.create_task(request())
        await settle()
    cancelled.cancel()  # it has been given the slot by now, but has not run since
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await asyncio.wait_for(following, 5)
    assert entered.is_set()
    assert throttle.active == 0
