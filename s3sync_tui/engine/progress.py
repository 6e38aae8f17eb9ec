"""How far a run is: cumulative counters, and the events made from them."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence

from s3sync_tui.engine.pace import Pace
from s3sync_tui.events import PhaseProgress
from s3sync_tui.model import KeyRange, RunStats
from s3sync_tui.phases import Phase, PhaseRecord


class Progress:
    """The counters of one run. The stages add to them, :meth:`events` reads them."""

    def __init__(self, *, price_per_request: float, clock: Callable[[], float] = time.monotonic):
        self.list_requests = 0
        self.listed = 0
        """Objects, images or not."""
        self.images = 0
        self.compared = 0
        self.wanted = 0
        """Rows to insert or update, as far as found."""
        self.written = 0
        self.added = 0
        self.changed = 0
        self.gone = 0
        self.rejected = 0
        self.images_before = 0
        """In the catalog when the run began."""
        self.all_listed = False
        self._price = price_per_request
        self._clock = clock
        self._began = clock()
        self._ranges: Sequence[KeyRange] = ()
        self._range_widths: list[float] = []
        self._range_shares: list[float] = []
        self._paces = {phase: Pace() for phase in Phase}

    @property
    def elapsed_seconds(self) -> float:
        """Since the run began."""
        return self._clock() - self._began

    def begin(self, phase: Phase) -> None:
        """``phase`` has something to do; only the first time counts."""
        self._paces[phase].begin(self.elapsed_seconds)

    def end(self, phase: Phase) -> None:
        """``phase`` is through."""
        self._paces[phase].end(self.elapsed_seconds)

    def stop(self) -> None:
        """The run is over, whether all is done or not."""
        for phase in Phase:
            self.end(phase)

    def plan(self, ranges: Sequence[KeyRange]) -> None:
        """These ranges, in key order, will be listed."""
        self._ranges = ranges
        self._range_widths = [0.0] * len(ranges)
        self._range_shares = [0.0] * len(ranges)

    def covered(self, span: KeyRange) -> None:
        """``span`` is listed, or given up."""
        index = bisect_right(self._ranges, span.after, key=lambda r: r.after) - 1
        whole = self._ranges[index]
        self._range_widths[index] += _position(whole, span.up_to) - _position(whole, span.after)
        # Keys often share all but their last few characters, and then position says nothing.
        # Who has seen some of a range may take it for half of it: that is never far off.
        before = min(self._range_shares[index], 0.5)
        width = min(1.0, round(self._range_widths[index], 9))
        self._range_shares[index] = max(width, (before + 0.5) / 2)

    def stats(self) -> RunStats:
        """The figures so far."""
        return RunStats(
            total=self.images,
            added=self.added,
            changed=self.changed,
            gone=self.gone,
            rejected=self.rejected,
            list_requests=self.list_requests,
            cost_usd=self.list_requests * self._price,
            duration_seconds=self.elapsed_seconds,
        )

    def events(self) -> list[PhaseProgress]:
        """One event for each phase."""
        elapsed = self._update()
        return [
            PhaseProgress(
                phase,
                done,
                expected,
                share,
                self._paces[phase].now,
                self.list_requests,
                self.list_requests * self._price,
                elapsed,
            )
            for phase, (done, expected, share) in self._standing().items()
        ]

    def phases(self) -> list[PhaseRecord]:
        """One record for each phase, for the run's row."""
        elapsed = self._update()
        records = []
        for phase, (done, expected, share) in self._standing().items():
            pace = self._paces[phase]
            mean = pace.mean(elapsed)
            until = elapsed if pace.ended is None else pace.ended
            records.append(
                PhaseRecord(
                    phase=phase,
                    began=pace.began,
                    ended=pace.ended,
                    elapsed=elapsed,
                    done=done,
                    expected=expected,
                    share=share,
                    per_second=pace.now,
                    mean=mean,
                    peak=max(pace.peak, mean),
                    every=pace.series.every,
                    rates=tuple(pace.series.rates(until)) if pace.began is not None else (),
                )
            )
        return records

    def _update(self) -> float:
        elapsed = self.elapsed_seconds
        counts = {Phase.LIST: self.listed, Phase.DEDUPE: self.compared, Phase.INSERT: self.written}
        for phase, done in counts.items():
            self._paces[phase].update(elapsed, done)
        return elapsed

    def _standing(self) -> dict[Phase, tuple[int, int | None, float]]:
        """Of each phase: how much is done, how much is expected, and the share."""
        listed_share = 1.0 if self.all_listed else self._listed_share()
        compared_share = listed_share * _ratio(self.compared, self.images)
        expected = max(self.images, self.images_before) or None
        return {
            Phase.LIST: (self.listed, self.listed if self.all_listed else expected, listed_share),
            Phase.DEDUPE: (
                self.compared,
                self.images if self.all_listed else expected,
                compared_share,
            ),
            Phase.INSERT: (
                self.written,
                self.wanted if compared_share == 1.0 else None,
                compared_share * _ratio(self.written, self.wanted),
            ),
        }

    def _listed_share(self) -> float:
        return sum(self._range_shares) / len(self._range_shares) if self._range_shares else 0.0


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _position(span: KeyRange, key: str) -> float:
    """About how far into ``span`` ``key`` is, 0 to 1, as if keys were evenly spread."""
    if key >= span.up_to:
        return 1.0
    if key <= span.after:
        return 0.0
    low, high, at = span.after.encode(), span.up_to.encode(), key.encode()
    common = 0
    while common < min(len(low), len(high)) and low[common] == high[common]:
        common += 1

    def number(text: bytes) -> int:
        return int.from_bytes(text[common : common + 8].ljust(8, b"\0"), "big")

    width = number(high) - number(low)
    return min(1.0, max(0.0, (number(at) - number(low)) / width)) if width > 0 else 0.0
