"""How far a run is: cumulative counts, and the events made from them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass

from s3sync_tui.engine.pace import Pace
from s3sync_tui.events import PhaseProgress
from s3sync_tui.model import RunStats
from s3sync_tui.phases import Phase, PhaseRecord


@dataclass(slots=True)
class Counts:
    """What has been done so far, by one process or by all."""

    list_requests: int = 0
    pages: int = 0
    pages_left: float = 0.0
    """About."""
    listed: int = 0
    """Objects, images or not."""
    images: int = 0
    compared: int = 0
    wanted: int = 0
    """Rows to insert or update, as far as found."""
    written: int = 0
    added: int = 0
    changed: int = 0
    gone: int = 0
    rejected: int = 0

    @classmethod
    def total(cls, counts: Iterable[Counts]) -> Counts:
        """All of them together."""
        rows = zip(*(astuple(each) for each in counts), strict=True)
        return cls(*map(sum, rows))


class Progress:
    """How far one run is. The stages add to the counts, :meth:`events` reads them."""

    def __init__(self, *, price_per_request: float, clock: Callable[[], float] = time.monotonic):
        self.own = Counts()
        """Of this process."""
        self.others: list[Counts] = []
        """Of each further process."""
        self.images_before = 0
        """In the catalog when the run began."""
        self.all_listed = False
        self._price = price_per_request
        self._clock = clock
        self._began = clock()
        self._listed_share = 0.0
        self._paces = {phase: Pace() for phase in Phase}

    @property
    def counts(self) -> Counts:
        """Of all processes."""
        return Counts.total([self.own, *self.others]) if self.others else self.own

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

    def stats(self) -> RunStats:
        """The figures so far."""
        counts = self.counts
        return RunStats(
            total=counts.images,
            added=counts.added,
            changed=counts.changed,
            gone=counts.gone,
            rejected=counts.rejected,
            list_requests=counts.list_requests,
            cost_usd=counts.list_requests * self._price,
            duration_seconds=self.elapsed_seconds,
        )

    def events(self) -> list[PhaseProgress]:
        """One event for each phase."""
        counts = self.counts
        elapsed = self._update(counts)
        return [
            PhaseProgress(
                phase,
                done,
                expected,
                share,
                self._paces[phase].now,
                counts.list_requests,
                counts.list_requests * self._price,
                elapsed,
            )
            for phase, (done, expected, share) in self._standing(counts).items()
        ]

    def phases(self) -> list[PhaseRecord]:
        """One record for each phase, for the run's row."""
        counts = self.counts
        elapsed = self._update(counts)
        records = []
        for phase, (done, expected, share) in self._standing(counts).items():
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

    def _update(self, counts: Counts) -> float:
        elapsed = self.elapsed_seconds
        done = {
            Phase.LIST: counts.listed,
            Phase.DEDUPE: counts.compared,
            Phase.INSERT: counts.written,
        }
        for phase, amount in done.items():
            self._paces[phase].update(elapsed, amount)
        return elapsed

    def _standing(self, counts: Counts) -> dict[Phase, tuple[int, int | None, float]]:
        """Of each phase: how much is done, how much is expected, and the share."""
        if self.all_listed:
            self._listed_share = 1.0
        elif counts.pages:  # what is thought to be left may grow: a bar does not go back
            share = counts.pages / (counts.pages + max(1.0, counts.pages_left))
            self._listed_share = max(self._listed_share, share)
        listed_share = self._listed_share
        compared_share = listed_share * _ratio(counts.compared, counts.images)
        expected = max(counts.images, self.images_before) or None
        return {
            Phase.LIST: (
                counts.listed,
                counts.listed if self.all_listed else expected,
                listed_share,
            ),
            Phase.DEDUPE: (
                counts.compared,
                counts.images if self.all_listed else expected,
                compared_share,
            ),
            Phase.INSERT: (
                counts.written,
                counts.wanted if compared_share == 1.0 else None,
                compared_share * _ratio(counts.written, counts.wanted),
            ),
        }


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
