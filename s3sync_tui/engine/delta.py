"""Delta runs: whether one will do, what it lists, and what it leaves to the next."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from s3sync_tui.engine.lanes import DEPTHS, MOST_LANES, Learner, Learnt, part_of
from s3sync_tui.engine.order import Stretch
from s3sync_tui.model import KeyRange, Lanes, Level, ModeChoice, ObjectPage, RunMode
from s3sync_tui.source.base import Located, Source

SMALL = 0.2
"""Of the objects: a delta that would list more of them is none."""

CHEAPER = 0.5
"""Of a full run's requests: a delta that would make more is not worth what it can't see."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How a run is to be, and why."""

    mode: RunMode
    reason: str
    """Half a sentence."""


def decide(
    choice: ModeChoice,
    lanes: Lanes | None,
    *,
    fingerprint: str,
    now: datetime,
    full_every: timedelta,
) -> Decision:
    """``lanes`` are what is known, ``fingerprint`` that of the settings now; ``now`` is
    the database's time."""
    if choice == "full":
        return Decision(RunMode.FULL, "as asked")
    if lanes is None:
        return Decision(RunMode.FULL, "no full run has succeeded yet")
    if lanes.fingerprint != fingerprint:
        changed = "endpoint, patterns or lookback have changed since the last full run"
        return Decision(RunMode.FULL, changed)
    if not lanes.prefixes:
        return Decision(RunMode.FULL, lanes.why_full)
    age = now - lanes.full_at
    several = f"{len(lanes.prefixes):,} lane{'s' if len(lanes.prefixes) > 1 else ''}"
    known = f"{several}, last full run {_ago(age)}"
    if choice == "delta":
        return Decision(RunMode.DELTA, f"as asked; {known}")
    if not timedelta(0) <= age < full_every:
        return Decision(RunMode.FULL, f"the last one was {_ago(age)}")
    if lanes.why_full:
        return Decision(RunMode.FULL, lanes.why_full)
    return Decision(RunMode.DELTA, known)


def begins(source: Source, started_at: datetime) -> datetime:
    """When the listing begins by the bucket's clock, or earlier, for clocks may differ.
    ``started_at`` is when the run began by the database's."""
    offset = source.clock_offset_seconds if isinstance(source, Located) else None
    if offset is None:
        return started_at
    there = datetime.now(started_at.tzinfo) + timedelta(seconds=offset)
    return min(started_at, there)


class Course:
    """What one run lists, and what it learns on the way for the next."""

    def __init__(
        self,
        source: Source,
        lanes: Lanes | None,
        *,
        started_at: datetime,
        lookback: timedelta,
        fingerprint: str,
    ) -> None:
        """``lanes`` are those to go by, None for a full run."""
        self._source = source
        self._lanes = lanes
        self._started_at = started_at
        self._lookback = lookback
        self._fingerprint = fingerprint
        self._learner: Learner  # made by spans(), before the first page
        self._began: datetime

    async def spans(self) -> list[KeyRange] | None:
        """What to list, in key order; None for everything. The source is open."""
        self._began = begins(self._source, self._started_at)
        spans = None
        if self._lanes is not None:
            spans = await delta_spans(self._source, self._lanes)
            if spans is None:
                self._lanes = None
        self._learner = self.new_learner()
        return spans

    def new_learner(self) -> Learner:
        """One that has learnt nothing yet, for this process or a further one of the run."""
        depths = DEPTHS if self._lanes is None else (self._lanes.depth,)
        return Learner(self._source.prefix, self._began, self._lookback, depths)

    def merge(self, learner: Learner) -> None:
        """Take in what was learnt in a further process."""
        self._learner.merge(learner)

    def take(self, page: ObjectPage) -> None:
        """A page is listed."""
        self._learner.take(page)

    def lanes(self) -> Lanes:
        """What the next run may go by, once everything found in this one is committed."""
        if self._lanes is not None:
            return advanced(self._lanes, self._learner)
        return choose_lanes(self._learner, fingerprint=self._fingerprint, full_at=self._started_at)


async def delta_spans(source: Source, lanes: Lanes) -> list[KeyRange] | None:
    """Each lane from its watermark, new lanes and those without order as a whole, and
    the gaps between lanes in which there are keys.

    What is new there, is found by listing the lanes' parents with a delimiter: a request
    each. None where it is so much that everything had better be listed.
    """
    spans: list[KeyRange] = []
    parts = [source.prefix]
    for _ in range(lanes.depth):
        # All at once: the source has a limit of its own.
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(source.level(part)) for part in parts]
        deeper: set[str] = set()
        for parent, task in zip(parts, asked, strict=True):
            level = task.result()
            if level is None:
                return None
            spans += _gaps(parent, level)
            deeper.update(level.prefixes)
        parts = sorted(deeper)
        if max(len(parts), len(spans)) > MOST_LANES:
            return None
    watermarks = dict(zip(lanes.prefixes, lanes.watermarks, strict=True))
    for part in parts:
        whole = KeyRange.of_prefix(part)
        spans.append(KeyRange(max(whole.after, watermarks.get(part, "")), whole.up_to))
    return sorted(spans, key=lambda span: span.after)


def advanced(lanes: Lanes, learner: Learner) -> Lanes:
    """``lanes`` after a delta run. Watermarks move over what it listed, but where keys
    came out of order, for a delta sees too little to tell a few strays from many; new lanes
    have none before the next full run."""
    learnt = learner.learnt(lanes.depth)
    listed = learnt.stretches.items() if learnt else ()
    ordered = {part: _watermark(stretch) for part, stretch in listed if not stretch.strays}
    known = zip(lanes.prefixes, lanes.watermarks, strict=True)
    watermarks = [(after and ordered.get(part)) or after for part, after in known]
    return replace(lanes, watermarks=watermarks)


def choose_lanes(learner: Learner, *, fingerprint: str, full_at: datetime) -> Lanes:
    """The lanes after a full run: the shallowest parts that have an order, but for a small
    rest. None where there is no such depth."""
    for depth in DEPTHS:
        learnt = learner.learnt(depth)
        if learnt is None:
            continue
        ordered = {p: s for p, s in learnt.stretches.items() if learner.is_lane(s)}
        rest = learner.objects - sum(learnt.objects[part] for part in ordered)
        if ordered and rest <= SMALL * learner.objects:
            parts = sorted(learnt.objects)
            watermarks = [_watermark(ordered.get(part)) for part in parts]
            why_full = _why_full(learner, learnt, ordered.values(), rest)
            return Lanes(fingerprint, full_at, depth, parts, watermarks, why_full)
    return Lanes(fingerprint, full_at, 0, [], [], "no part of the bucket keeps the order of time")


def _watermark(stretch: Stretch | None) -> str:
    """The last key before the first recent one; empty where there is none."""
    if stretch is None:
        return ""
    return stretch.last if stretch.recent_after is None else stretch.recent_after


def _why_full(learner: Learner, learnt: Learnt, ordered: Iterable[Stretch], rest: int) -> str:
    recent = sum(stretch.recent for stretch in ordered)
    listed = rest + recent * learner.objects / learner.images
    if listed > SMALL * learner.objects:
        return "too much of the bucket is newer than the lookback"
    parents = {
        part_of(part, learner.prefix, depth)
        for part in learnt.objects
        for depth in range(learnt.depth)
    }
    requests = len(parents) + len(learnt.objects) + listed * learner.pages / learner.objects
    if requests > CHEAPER * learner.pages:
        return "it costs little more"
    return ""


def _gaps(parent: str, level: Level) -> list[KeyRange]:
    """The gaps between sub-prefixes in which there are keys."""
    whole, keys = KeyRange.of_prefix(parent), sorted(level.keys)
    inside = [KeyRange.of_prefix(prefix) for prefix in sorted(level.prefixes)]
    starts = [whole.after, *(span.up_to for span in inside)]
    ends = [*(span.after for span in inside), whole.up_to]
    return [
        KeyRange(after, up_to)
        for after, up_to in zip(starts, ends, strict=True)
        if bisect_right(keys, after) < bisect_right(keys, up_to)
    ]


def _ago(age: timedelta) -> str:
    seconds = age.total_seconds()
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return "a moment ago"
