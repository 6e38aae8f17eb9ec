"""Whether runs come and succeed, and whether the clocks agree."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise, takewhile
from statistics import median, quantiles

from s3sync_tui.catalog.facts import HealthFacts, RunFacts
from s3sync_tui.insight.check import Check, Subject, printable, several, span

LEAST_SPACING_SECONDS = 300.0
"""No schedule is read out of runs that come faster than this."""
_RUNS_FOR_A_SCHEDULE = 5
_LATE, _LOST = 2.5, 6.0
CLOCK_SECONDS = (10.0, 300.0)

_SCHEDULE = Subject(
    "schedule",
    "Runs come on time",
    "A timer that has stopped makes no noise: the table just falls behind.",
)
_RUNS = Subject(
    "runs",
    "Runs end well",
    "A run that broke off leaves work to the next; several in a row mean that none is done.",
)
_CLOCK = Subject(
    "clock",
    "Clocks agree",
    "S3 refuses requests from clocks that are 15 minutes off, and times here and there "
    "would not fit together.",
)


def check_schedule(facts: HealthFacts, now: datetime, every_seconds: float | None) -> list[Check]:
    """``every_seconds`` is how often runs are meant to come; without it, past runs tell."""
    if facts.runs is None:
        return [
            _SCHEDULE.unknown("the runs cannot be read"),
            _RUNS.unknown("the runs cannot be read"),
        ]
    return [_check_success(facts.runs, now, every_seconds), _check_runs(facts.runs)]


def check_clocks(database_offset: float | None, bucket_offset: float | None) -> Check:
    """Seconds by which the others' clocks are ahead of this machine's."""
    offsets = {
        whose: offset
        for whose, offset in (("database", database_offset), ("S3", bucket_offset))
        if offset is not None
    }
    if not offsets:
        return _CLOCK.unknown("no other clock to compare with")
    found = ", ".join(f"{whose} {_offset(offset)}" for whose, offset in offsets.items())
    # S3 tells whole seconds, and a slow answer makes any clock uncertain.
    worst = max(abs(offset) for offset in offsets.values())
    if worst < CLOCK_SECONDS[0]:
        return _CLOCK.ok(found)
    # Where all others agree, it is ours that is wrong.
    ours = len(offsets) > 1 and max(offsets.values()) - min(offsets.values()) < CLOCK_SECONDS[0]
    fix = "Set this machine's clock: timedatectl set-ntp true."
    if not ours:
        fix = f"Compare with the true time, and set the clock that is wrong. {fix}"
    verdict = _CLOCK.fail if worst >= CLOCK_SECONDS[1] else _CLOCK.warn
    return verdict(found, fix)


def _check_success(runs: RunFacts, now: datetime, every: float | None) -> Check:
    if not runs.statuses:
        return _SCHEDULE.unknown("there was no run yet", "Sync: s3sync-tui --once")
    if runs.succeeded_at is None:
        return _SCHEDULE.fail(
            f"none of {several(len(runs.statuses), 'run')} succeeded",
            printable(runs.last_hint or "See what went wrong: s3sync-tui history", 300),
        )
    age = max(0.0, (now - runs.succeeded_at).total_seconds())
    found = f"last success {span(age)} ago"
    spacing = every or _spacing(runs.starts)
    if spacing is None:
        return _SCHEDULE.ok(f"{found}; runs keep no schedule")
    found += f", runs every {span(spacing)}"
    if age <= _LATE * spacing:
        return _SCHEDULE.ok(found)
    fix = "Look at what starts the runs (cron, timer, watch) and its log, or sync now: "
    fix += "s3sync-tui --once"
    return (_SCHEDULE.fail if age > _LOST * spacing else _SCHEDULE.warn)(found, fix)


def _spacing(starts: list[datetime]) -> float | None:
    """The rhythm of past runs, where they have one."""
    gaps = [(later - earlier).total_seconds() for later, earlier in pairwise(starts)]
    if len(gaps) < _RUNS_FOR_A_SCHEDULE - 1:
        return None
    low, _, high = quantiles(gaps, n=4)
    middle = median(gaps)
    if high - low > middle / 2:
        return None  # runs by hand
    return max(LEAST_SPACING_SECONDS, middle)


def _check_runs(runs: RunFacts) -> Check:
    if not runs.statuses:
        return _RUNS.unknown("there was no run yet")
    if runs.dead:
        return _RUNS.warn(
            f"run {runs.dead[-1]} died and is not completed",
            "Sync again: the next run completes it.",
        )
    ended = [status for status in runs.statuses if status != "running"]
    bad = len(list(takewhile(lambda status: status in {"failed", "interrupted"}, ended)))
    broken = sum(status in {"failed", "interrupted"} for status in ended)
    if bad == 0:
        rest = f"; {broken} before it did not" if broken else ""
        return _RUNS.ok(f"the last of {several(len(ended), 'run')} ended well{rest}")
    found = f"the last {'run' if bad == 1 else f'{bad} runs'} {ended[0]}"
    if runs.last_error:
        found += f": {runs.last_error}"
    fix = runs.last_hint or "Sync again, and see what it says: s3sync-tui --once"
    verdict = _RUNS.fail if bad >= 3 else _RUNS.warn
    return verdict(printable(found, 300), printable(fix, 300))


def _offset(seconds: float) -> str:
    if abs(seconds) < 2:
        return "in step"
    return f"{span(abs(seconds))} {'ahead' if seconds > 0 else 'behind'}"
