"""The pace of one phase: when it began and ended, how fast it is, and how fast it was."""

from __future__ import annotations

from collections import deque

NOW_SECONDS = 5.0
"""What "now" means for a rate."""
PEAK_SECONDS = 1.0
"""What a peak has to last to be one: pages and batches come in bursts."""
POINTS = 60
FINEST_SECONDS = 0.1


class Pace:
    """Of one phase; times are seconds since the run began."""

    def __init__(self) -> None:
        self.began: float | None = None
        self.ended: float | None = None
        self.now = 0.0
        """Per second, over the last few seconds."""
        self.peak = 0.0
        """Per second, over a second at least."""
        self.series = Series()
        self._done = 0
        self._at = 0.0
        self._recent = _Window(NOW_SECONDS)
        self._latest = _Window(PEAK_SECONDS)

    def begin(self, at: float) -> None:
        """Its first work is at hand; later calls change nothing."""
        if self.began is None:
            self.began = at

    def end(self, at: float) -> None:
        """It is through, or is given up; a phase that never began does not end."""
        if self.began is not None and self.ended is None:
            self.ended = at

    def update(self, at: float, done: int) -> None:
        """So much is ``done``, all in all; called some ten times a second."""
        self.now, _ = self._recent.rate(at, done)
        latest, seconds = self._latest.rate(at, done)
        if seconds >= PEAK_SECONDS:
            self.peak = max(self.peak, latest)
        self.series.add(self._at, at, done - self._done)
        self._at, self._done = at, done

    def mean(self, at: float) -> float:
        """Per second from its beginning to its end, or to ``at``."""
        seconds = (at if self.ended is None else self.ended) - (self.began or 0.0)
        return self._done / seconds if seconds > 0 else 0.0


class Series:
    """Amounts over time, in parts of equal length. Where they would be more than
    :data:`POINTS`, two and two become one: a run of days takes no more room than one of
    seconds."""

    def __init__(self) -> None:
        self.every = FINEST_SECONDS
        """The seconds of one part."""
        self.amounts: list[float] = []
        """From second 0 on."""

    def add(self, since: float, until: float, amount: float) -> None:
        """``amount`` was done between two moments, evenly as far as anybody knows."""
        while until >= POINTS * self.every:
            pairs = [*self.amounts, 0.0] if len(self.amounts) % 2 else self.amounts
            self.amounts = [a + b for a, b in zip(pairs[::2], pairs[1::2], strict=True)]
            self.every *= 2
        first, last = int(since / self.every), int(until / self.every)
        self.amounts += [0.0] * (last + 1 - len(self.amounts))
        if not amount:
            return
        if first == last:
            self.amounts[last] += amount
            return
        for place in range(first, last + 1):
            start, end = max(since, place * self.every), min(until, (place + 1) * self.every)
            self.amounts[place] += amount * max(0.0, end - start) / (until - since)

    def rates(self, until: float) -> list[float]:
        """Per second in each part; of the last one as much as is over at ``until``."""
        parts = self.amounts[: int(until / self.every) + 1]
        rates = [amount / self.every for amount in parts]
        begun = until - (len(parts) - 1) * self.every
        if parts and FINEST_SECONDS / 2 < begun < self.every:
            rates[-1] = parts[-1] / begun
        return rates


class _Window:
    """Progress per second over the last ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._samples: deque[tuple[float, int]] = deque([(0.0, 0)])

    def rate(self, at: float, done: int) -> tuple[float, float]:
        """The rate, and the seconds that it is measured over."""
        samples = self._samples
        samples.append((at, done))
        while len(samples) > 2 and samples[1][0] <= at - self._seconds:
            samples.popleft()
        began, before = samples[0]
        return ((done - before) / (at - began) if at > began else 0.0), at - began
