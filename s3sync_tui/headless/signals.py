"""Ctrl-C, SIGTERM and SIGHUP: an end that is orderly, and can be hurried."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_HURRYING = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """A signal asked for an end, and the work has come to it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


async def until_signalled(work: Coroutine[Any, Any, T]) -> T:
    """Do ``work``; cancel it at the first SIGINT, SIGTERM or, but beneath nohup, SIGHUP. A second
    SIGINT or SIGTERM kills; a terminal that goes may send SIGHUP twice.

    Raises :class:`Stopped` once ``work`` has ended after a signal.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    received: list[int] = []
    is_held_up = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    ending = _HURRYING if is_held_up else (*_HURRYING, signal.SIGHUP)

    def stop(number: int) -> None:
        received.append(number)
        for each in ending:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL if each in _HURRYING else signal.SIG_IGN)
        task.cancel()

    for each in ending:
        loop.add_signal_handler(each, stop, each)
    try:
        return await task
    except asyncio.CancelledError:
        if received:
            raise Stopped(received[0]) from None
        raise
    finally:
        for each in ending:
            loop.remove_signal_handler(each)
