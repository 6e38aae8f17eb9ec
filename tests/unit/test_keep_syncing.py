"""A schedule kept over hours, by a clock that takes no time."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from s3sync_tui.errors import (
    BucketDenied,
    CatalogUnreachable,
    LeaseHeld,
    S3SyncError,
)
from s3sync_tui.headless.lines import run_fields, run_line
from s3sync_tui.headless.report import duration
from s3sync_tui.headless.schedule import Schedule
from s3sync_tui.headless.watch import keep_syncing
from s3sync_tui.model import RunMode, RunResult, RunStats, RunStatus

START = datetime(2026, 11, 24, 14, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
AWAY = CatalogUnreachable("db.example.com does not answer.", hint="Is it running?")
DENIED = BucketDenied("The bucket denies listing.", hint="Allow\ns3:ListBucket.")
HELD = LeaseHeld("Another run (number 7) has been syncing.", hint="Wait for it.")


class _Over(Exception):
    """The time of the test is."""


class FakeClock:
    """Stands still but for sleeping, until ``end``."""

    def __init__(self, end: datetime) -> None:
        self._end = end
        self.passed = timedelta()
        self.set_by = timedelta()
        """What somebody has set the wall clock by."""

    def now(self) -> datetime:
        return START + self.passed + self.set_by

    def monotonic(self) -> float:
        return 1000 + self.passed.total_seconds()

    async def sleep(self, seconds: float) -> None:
        for _ in range(5):  # whatever else is ready goes first
            await asyncio.sleep(0)
        self.work(seconds)

    def work(self, seconds: float) -> None:
        """Time passes."""
        assert seconds >= 0
        self.passed += timedelta(seconds=seconds)
        if START + self.passed > self._end:
            raise _Over


@dataclass
class FakeSyncs:
    """Takes notes of when it was asked to run, and does what ``outcome`` says at that time."""

    clock: FakeClock
    outcome: Callable[[datetime], S3SyncError | RunResult | None] = lambda _: None
    age: timedelta | S3SyncError | None = None
    takes_seconds: float = 3
    began: list[datetime] = field(default_factory=list)
    succeeded: list[datetime] = field(default_factory=list)

    async def look(self) -> timedelta | None:
        if isinstance(self.age, S3SyncError):
            raise self.age
        return self.age

    async def run(self) -> RunResult:
        await asyncio.sleep(0)
        began = self.clock.now()
        self.began.append(began)
        outcome = self.outcome(began)
        if isinstance(outcome, S3SyncError):
            raise outcome
        self.clock.work(self.takes_seconds)
        if outcome is not None:
            return outcome
        self.succeeded.append(began)
        return succeeded(len(self.began))


def succeeded(number: int) -> RunResult:
    stats = RunStats(
        total=48_210_332, added=750, list_requests=51, duration_seconds=3.21, cost_usd=0.0003
    )
    return RunResult(number, RunStatus.SUCCEEDED, RunMode.DELTA, False, stats, [], [], [])


def failed(number: int, *, passes: bool) -> RunResult:
    stats = RunStats(changed=2, gone=1, rejected=1, duration_seconds=1.5)
    return RunResult(
        number, RunStatus.FAILED, RunMode.FULL, False, stats, [], [], [],
        "The bucket gives no answer.", "Check\nthe \x1b[31mnetwork.", 3, passes,
    )  # fmt: skip


async def kept(
    syncs: FakeSyncs,
    schedule: Schedule,
    *,
    draw: Callable[[], float] = lambda: 1.0,
    schedules: asyncio.Queue[Schedule] | None = None,
) -> list[str]:
    """The schedule, kept to the end; returns what was told."""
    told: list[str] = []
    with pytest.raises(_Over):
        await keep_syncing(
            syncs, schedule, clock=syncs.clock, told=told.append, schedules=schedules, draw=draw
        )
    return told


def away_in_the_second_hour(at: datetime) -> S3SyncError | None:
    return AWAY if START + HOUR <= at < START + 2 * HOUR else None


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
async def test_three_hours_with_the_catalog_away_for_one_of_them(
    seed: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    syncs = FakeSyncs(FakeClock(START + 3 * HOUR), away_in_the_second_hour)
    schedule = Schedule(300, 0.4)
    jitter = timedelta(seconds=12)
    draw = (lambda: 1.0) if seed is None else random.Random(seed).random
    told = await kept(syncs, schedule, draw=draw)
    away, back = START + HOUR, START + 2 * HOUR

    # Never synced: at once. Then every five minutes, twelve seconds past.
    before = [at for at in syncs.began if at < away]
    first_due = START + 3 * MINUTE + jitter
    assert before == [START, *(first_due + n * 5 * MINUTE for n in range(12))]

    # Away: again and again, at random within bounds that double, never less often than a step.
    attempts = [at for at in syncs.began if away <= at < back]
    assert attempts[0] == first_due + 12 * 5 * MINUTE
    later = [at for at in syncs.began if at > attempts[0]]
    gaps = [(b - a).total_seconds() for a, b in zip(attempts, later, strict=False)]
    bounds = [5, 10, 20, 40, 80, 160] + [300] * len(gaps)
    assert all(gap <= bound for gap, bound in zip(gaps, bounds, strict=False))
    if seed is None:
        assert gaps == bounds[: len(gaps)]
        assert len(attempts) == 17

    # Back: one run catches up, as soon as the back-off asks; then the schedule goes on.
    after = [at for at in syncs.began if at >= back]
    assert after == [at for at in syncs.succeeded if at >= back]
    catch_up, *rest = after
    assert catch_up - back <= 5 * MINUTE
    due = schedule.next_due(catch_up + timedelta(seconds=3))
    assert rest == [due + n * 5 * MINUTE for n in range(len(rest))]
    assert START + 3 * HOUR - rest[-1] <= 5 * MINUTE

    # One line each.
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == len(told) - 1 == len(syncs.began)
    assert told[0] == "catalog and bucket answer; syncing"
    assert lines[0] == "run 1 delta: 750 added, 48,210,332 listed, 51 LIST, 3.2 s"
    assert told[1] == f"{lines[0]}; next run at 2026-11-24 14:05:12 UTC"
    shown = lines[len(before)]
    assert shown.startswith("db.example.com does not answer. Is it running? Trying again in ")
    away_for = duration((catch_up - attempts[0]).total_seconds() + 3)
    caught_up = [line for line in lines if "caught up" in line]
    assert caught_up == [
        lines[0].replace("run 1", f"run {len(before) + len(attempts) + 1}")
        + f"; caught up after {away_for} away"
    ]


async def test_a_restart_soon_after_a_run_waits_for_the_next_due_time() -> None:
    syncs = FakeSyncs(FakeClock(START + 10 * MINUTE), age=timedelta(seconds=120))
    told = await kept(syncs, Schedule(300, 0))
    assert syncs.began == [START + 3 * MINUTE, START + 8 * MINUTE]
    assert told[0] == "catalog and bucket answer; next run at 2026-11-24 14:05:00 UTC"


async def test_a_catalog_away_at_the_start_is_waited_for() -> None:
    syncs = FakeSyncs(FakeClock(START + 2 * MINUTE), age=AWAY)
    told = await kept(syncs, Schedule(300, 0))
    assert syncs.began == [START + timedelta(seconds=5)]
    assert told[0] == "db.example.com does not answer. Is it running? Trying again in 5 s."


async def test_a_run_that_overruns_skips_the_due_times_it_missed() -> None:
    syncs = FakeSyncs(FakeClock(START + 40 * MINUTE), takes_seconds=12 * 60)
    await kept(syncs, Schedule(300, 0))
    assert syncs.began == [START, START + 13 * MINUTE, START + 28 * MINUTE]


@pytest.mark.parametrize("outcome", [HELD, DENIED, failed(7, passes=False)])
async def test_what_no_waiting_mends_is_tried_at_the_next_due_time(
    outcome: S3SyncError | RunResult, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    syncs = FakeSyncs(FakeClock(START + 9 * MINUTE), lambda _: outcome)
    await kept(syncs, Schedule(300, 0))
    assert syncs.began == [START, START + 3 * MINUTE, START + 8 * MINUTE]
    assert len(caplog.records) == 3
    level = logging.INFO if outcome is HELD else logging.ERROR
    assert {record.levelno for record in caplog.records} == {level}


async def test_a_run_that_met_a_bucket_away_is_tried_again_soon(
    caplog: pytest.LogCaptureFixture,
) -> None:
    syncs = FakeSyncs(FakeClock(START + MINUTE), lambda _: failed(7, passes=True))
    await kept(syncs, Schedule(300, 0))
    gaps = [(b - a).total_seconds() for a, b in zip(syncs.began, syncs.began[1:], strict=False)]
    assert gaps == [3 + 5, 3 + 10, 3 + 20]
    assert caplog.messages[0] == (
        "run 7 full failed: 0 added, 2 changed, 1 gone, 1 rejected, 0 listed, 0 LIST, 1.5 s: "
        "The bucket gives no answer. Check the \\x1b[31mnetwork. Trying again in 5 s."
    )


async def test_the_back_off_begins_anew_once_somebody_has_answered() -> None:
    outcomes = iter([AWAY, AWAY, HELD, AWAY, None, None])
    syncs = FakeSyncs(FakeClock(START + 9 * MINUTE), lambda _: next(outcomes))
    await kept(syncs, Schedule(300, 0))
    seconds = [(at - START).total_seconds() for at in syncs.began]
    assert seconds == [0, 5, 15, 180, 185, 480]


async def test_a_clock_that_is_set_back_makes_nobody_wait_for_an_hour() -> None:
    syncs = FakeSyncs(FakeClock(START + 20 * MINUTE))

    def set_back(at: datetime) -> None:
        if len(syncs.began) == 2:
            syncs.clock.set_by = -HOUR

    syncs.outcome = set_back
    await kept(syncs, Schedule(300, 0))
    assert syncs.began[2] == START - HOUR + 8 * MINUTE

    # While waiting, too: it is seen within a minute.
    clock = FakeClock(START + 12 * MINUTE)
    syncs = FakeSyncs(clock)
    sleep = clock.sleep

    async def sleep_and_set(seconds: float) -> None:
        await sleep(seconds)
        if clock.passed > MINUTE:
            clock.set_by = -HOUR

    clock.sleep = sleep_and_set  # type: ignore[method-assign]
    await kept(syncs, Schedule(300, 0))
    assert syncs.began[1] == START - HOUR + 3 * MINUTE


async def test_a_new_schedule_holds_while_waiting() -> None:
    schedules: asyncio.Queue[Schedule] = asyncio.Queue()
    syncs = FakeSyncs(FakeClock(START + 70 * MINUTE))

    def change(at: datetime) -> None:
        if at == START + 58 * MINUTE:
            schedules.put_nowait(Schedule(300, 0))

    syncs.outcome = change
    await kept(syncs, Schedule(3600, 0), schedules=schedules)
    assert syncs.began[:3] == [START, START + 58 * MINUTE, START + 63 * MINUTE]


async def test_new_settings_are_tried_at_once_where_the_old_ones_failed() -> None:
    schedules: asyncio.Queue[Schedule] = asyncio.Queue()
    outcomes = iter([DENIED, None, None])
    syncs = FakeSyncs(FakeClock(START + 70 * MINUTE))

    def mend(at: datetime) -> S3SyncError | None:
        outcome = next(outcomes)
        if outcome is DENIED:
            schedules.put_nowait(Schedule(3600, 0))
        return outcome

    syncs.outcome = mend
    await kept(syncs, Schedule(3600, 0), schedules=schedules)
    assert syncs.began == [START, START, START + 58 * MINUTE]


def test_a_line_says_what_is_not_nought() -> None:
    assert run_line(failed(7, passes=False)).count("\n") == 0
    assert run_fields(succeeded(1)) == {
        "run_id": 1,
        "status": "succeeded",
        "mode": "delta",
        "added": 750,
        "changed": 0,
        "gone": 0,
        "rejected": 0,
        "total": 48_210_332,
        "list_requests": 51,
        "duration_seconds": 3.21,
    }
