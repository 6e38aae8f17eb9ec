"""Commands of ours, killed with SIGKILL at moments that can be repeated."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import psutil

PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill: so long after the start, or once a state is seen."""

    seconds: float = 0
    state: str = ""


def moments(
    number: int, life_seconds: float, states: Sequence[str], random: Random
) -> Iterator[Moment]:
    """``number`` of them: every other one is a state, the rest are spread over a life, and a
    little beyond."""
    shares = number - number // 2
    order = random.sample(range(shares), shares)
    for each in range(number):
        if each % 2:
            yield Moment(state=states[each // 2 % len(states)])
        else:
            share = (order[each // 2] + random.random()) / shares * 1.05
            yield Moment(round(share * life_seconds, 3))


def killed(
    process: subprocess.Popen[str],
    moment: Moment,
    seen: Callable[[], bool] = lambda: True,
    *,
    with_others: bool = False,
) -> bool:
    """Kill ``process``, which leads a session, at ``moment``; false where it had ended before.
    ``seen`` says whether the moment's state is there.

    The others of its session are killed with it, or have to end by themselves: this waits for it.
    """
    due = time.monotonic() + moment.seconds
    while process.poll() is None and (time.monotonic() < due or not seen()):
        time.sleep(0.005)
    is_alive = process.poll() is None
    if is_alive:
        if with_others:
            send_to_all(process, signal.SIGKILL)
        else:
            process.kill()
    process.communicate(timeout=PATIENCE_SECONDS)
    _, alive = psutil.wait_procs(session(process.pid), PATIENCE_SECONDS)
    assert not alive, f"left behind: {alive}"
    return is_alive


def send_to_all(leader: subprocess.Popen[str], number: int) -> None:
    """Send a signal to each process of the session that ``leader`` leads, itself first."""
    for process in sorted(session(leader.pid), key=lambda each: each.pid != leader.pid):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def session(leader: int) -> list[psutil.Process]:
    """All processes of the session that ``leader`` began, be it dead or alive."""
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
