"""Messages that wait are hidden from others for as long as they wait, and no longer."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from s3sync_tui.engine.held import Held
from s3sync_tui.source.messages import Message, Queue


class Hiding(Queue):
    """A queue that only notes what it is asked."""

    description = "queue"
    visibility_seconds = 60
    has_dead_letters = False

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], int]] = []
        self.refuses: list[Message] = []

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def receive(self, wait_seconds: int) -> list[Message]:
        return []

    async def delete(self, messages: Sequence[Message]) -> list[Message]:
        return []

    async def hide(self, messages: Sequence[Message], seconds: int) -> list[Message]:
        self.asked.append(([message.id for message in messages], seconds))
        return [message for message in messages if message in self.refuses]


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def message(number: int, receive_count: int = 1) -> Message:
    return Message(f"m{number}", f"r{number}", "", receive_count)


@pytest.fixture
def queue() -> Hiding:
    return Hiding()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def held(queue: Hiding, clock: Clock) -> Held:
    return Held(queue, 3, clock=clock)


async def test_what_waits_is_hidden_anew_well_before_it_would_show(
    held: Held, queue: Hiding, clock: Clock
) -> None:
    held.add([message(1), message(2)])
    clock.now += 20
    held.add([message(3)])
    await held.extend()
    assert queue.asked == []
    clock.now += 10
    await held.extend()
    assert queue.asked == [(["m1", "m2"], 60)]
    held.drop([message(2)])
    clock.now += 20
    await held.extend()
    assert queue.asked[1:] == [(["m3"], 60)]


async def test_what_could_not_be_hidden_is_tried_again_before_it_shows(
    held: Held, queue: Hiding, clock: Clock
) -> None:
    held.add([message(1), message(2)])
    queue.refuses = [message(2)]
    clock.now += 30
    await held.extend()
    clock.now += 10
    await held.extend()
    assert queue.asked[1:] == [(["m2"], 60)]


async def test_nothing_is_held_longer_than_sqs_hides_it(
    held: Held, queue: Hiding, clock: Clock
) -> None:
    held.add([message(1)])
    for _ in range(11 * 60):
        clock.now += 60
        await held.extend()
    assert len(queue.asked) == 660
    clock.now += 31 * 60
    await held.extend()
    assert len(held) == 0
    assert len(queue.asked) == 660


async def test_there_is_room_until_there_is_none(held: Held) -> None:
    held.add([message(1), message(2)])
    assert held.has_room.is_set()
    held.add([message(3)])
    assert not held.has_room.is_set()
    held.drop([message(1)])
    assert held.has_room.is_set()
    held.add([message(4)], size=2)
    assert not held.has_room.is_set()
    held.drop([message(4), message(4)])
    assert held.has_room.is_set()


async def test_what_nobody_understands_comes_back_ever_later_where_nothing_puts_it_aside(
    held: Held, queue: Hiding
) -> None:
    for count in (1, 2, 3, 10, 11, 1000):
        await held.put_off(message(count, receive_count=count))
    assert [seconds for _, seconds in queue.asked] == [60, 120, 240, 30_720, 41_400, 41_400]
    queue.has_dead_letters = True
    await held.put_off(message(1))
    assert len(queue.asked) == 6


async def test_what_is_put_off_after_long_is_hidden_no_longer_than_sqs_can(
    held: Held, queue: Hiding, clock: Clock
) -> None:
    held.add([message(1, receive_count=1000)])
    clock.now += 11 * 3600
    await held.put_off(message(1, receive_count=1000))
    assert queue.asked == [(["m1"], 1800)]


async def test_all_of_it_goes_back_at_once(held: Held, queue: Hiding) -> None:
    held.add([message(1), message(2)])
    await held.release()
    await held.release()
    assert queue.asked == [(["m1", "m2"], 0)]
    assert len(held) == 0
