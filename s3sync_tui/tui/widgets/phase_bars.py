"""Three bars for a run under way, and a line on time and money."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from textual.content import Content
from textual.widget import Widget

from s3sync_tui.events import PhaseProgress
from s3sync_tui.model import RunRecord
from s3sync_tui.phases import Phase, PhaseRecord
from s3sync_tui.tui.figures import (
    bar,
    count,
    duration,
    first_that_fits,
    money,
    percent,
    right,
    short,
    sparkline,
    speed,
)
from s3sync_tui.tui.tones import FAINT, MUTED

PHASE_NAMES = {Phase.LIST: "List", Phase.DEDUPE: "Dedupe", Phase.INSERT: "Insert"}
PHASE_COLOURS = {Phase.LIST: "$secondary", Phase.DEDUPE: "$primary", Phase.INSERT: "$success"}
_NAME_CELLS = 8
_PERCENT_CELLS = 6
_SPEED_CELLS = 8
_COUNT_CELLS = 14
_SHORT_COUNT_CELLS = 9
_ROOMY_CELLS = 62
_RATES_KEPT = 600
_RATE_EVERY_SECONDS = 0.5
_WITH_RATES = 8
"""Lines from which on rates are drawn below the bars."""
_AIRY = 12
"""Lines from which on there is air between the phases."""


class PhaseBars(Widget):
    """How far each phase is, how fast, and when it will be over. One cheap repaint for
    any number of updates between two frames; never a layout."""

    DEFAULT_CSS = "PhaseBars { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self._progress: dict[Phase, PhaseProgress] = {}
        self._rates: dict[Phase, deque[float]] = {}
        self._rated_at: dict[Phase, float] = {}
        self._notes: dict[str, int] = {}
        self._waited = 0.0
        self._is_cancelling = False
        self.clear()

    def clear(self) -> None:
        """As before a run."""
        self._progress = {}
        self._rates = {phase: deque(maxlen=_RATES_KEPT) for phase in Phase}
        self._rated_at = {}
        self._notes = {}
        self._waited = 0.0
        self._is_cancelling = False
        self.refresh()

    def show(self, progress: PhaseProgress) -> None:
        """Take one phase's progress in."""
        phase, at = progress.phase, progress.elapsed_seconds
        self._progress[phase] = progress
        # Word of another host's run comes seldom: each column still is half a second.
        rated_at = self._rated_at.setdefault(phase, at - _RATE_EVERY_SECONDS)
        columns = int((at - rated_at) / _RATE_EVERY_SECONDS)
        if columns > 0:
            self._rated_at[phase] = rated_at + columns * _RATE_EVERY_SECONDS
            self._rates[phase].extend([progress.per_second] * min(columns, _RATES_KEPT))
        self.refresh()

    def follow(self, run: RunRecord) -> bool:
        """Take in what the row of a run tells of its progress; whether that was news."""
        is_news = False
        for record in run.phases:
            known = self._progress.get(record.phase)
            if known is not None and record.elapsed <= known.elapsed_seconds:
                continue
            if known is None:
                self._recall(record)
            self.show(
                PhaseProgress(
                    record.phase,
                    record.done,
                    record.expected,
                    record.share,
                    record.per_second,
                    run.stats.list_requests,
                    run.stats.cost_usd,
                    record.elapsed,
                )
            )
            is_news = True
        return is_news

    def waited(self, seconds: float) -> None:
        """So long ago was the last progress; time goes on meanwhile."""
        self._waited = seconds
        self.refresh()

    def note(self, **figures: int) -> None:
        """Show ``figures`` (``added=742``) beside the rest."""
        self._notes.update(figures)
        self.refresh()

    def cancelling(self) -> None:
        """Say that it will stop."""
        self._is_cancelling = True
        self.refresh()

    @property
    def share(self) -> float:
        """Of the whole run: as far as its last phase."""
        return min((p.share for p in self._progress.values()), default=0.0)

    def _recall(self, record: PhaseRecord) -> None:
        """The rates of the time when nobody looked on."""
        columns = min(int(record.elapsed / _RATE_EVERY_SECONDS), _RATES_KEPT)
        if columns and record.rates:
            first = record.elapsed - columns * _RATE_EVERY_SECONDS
            places = (
                int((first + column * _RATE_EVERY_SECONDS) / record.every)
                for column in range(columns)
            )
            self._rates[record.phase].extend(
                record.rates[place] if place < len(record.rates) else 0.0 for place in places
            )
            self._rated_at[record.phase] = record.elapsed

    def render(self) -> Content:
        """All lines that there is room for."""
        height, cells = self.size.height, self.size.width
        rows: list[Content] = []
        for phase in Phase:
            rows.append(self._bar(phase, cells))
            if height >= _WITH_RATES:
                rows.append(self._rate(phase, cells))
            if height >= _AIRY and phase is not Phase.INSERT:
                rows.append(Content.empty())
        tail = [self._words(cells), self._time(cells)]
        if height >= len(rows) + len(tail) + 1:
            tail.insert(0, Content.empty())
        if height < len(rows) + len(tail):
            tail = tail[-1:] if self._can_be_counted else tail
        return Content("\n").join((rows + tail)[: max(height, 1)])

    def _bar(self, phase: Phase, cells: int) -> Content:
        progress = self._progress.get(phase)
        roomy = cells >= _ROOMY_CELLS
        count_cells = _COUNT_CELLS if roomy else _SHORT_COUNT_CELLS
        width = max(4, cells - _NAME_CELLS - _PERCENT_CELLS - count_cells - _SPEED_CELLS)
        full, rest = bar(progress.share if progress else 0.0, width)
        done = (
            count(progress.done)
            if progress and roomy
            else short(progress.done)
            if progress
            else "–"
        )
        per_second = speed(progress.per_second) if progress and progress.per_second else ""
        return Content.assemble(
            (f"{PHASE_NAMES[phase]:<{_NAME_CELLS}}", "bold"),
            (full, PHASE_COLOURS[phase]),
            (rest, FAINT),
            right(percent(progress.share) if progress else "", _PERCENT_CELLS),
            (right(done, count_cells), "bold"),
            (right(per_second, _SPEED_CELLS), MUTED),
        )

    def _rate(self, phase: Phase, cells: int) -> Content:
        rates = list(self._rates[phase])
        width = cells - _NAME_CELLS
        shown = rates[-width:]
        line = sparkline(shown, len(shown))
        return Content.assemble(
            " " * _NAME_CELLS,
            (" " * (width - len(line)), ""),
            (line, f"{PHASE_COLOURS[phase]} 35%"),
        )

    @property
    def _can_be_counted(self) -> bool:
        """Whether the bars go by images, and not by the share of key space."""
        listing = self._progress.get(Phase.LIST)
        if listing is None or listing.share >= 1:
            return True
        return listing.expected is not None and listing.done < listing.expected

    def _words(self, cells: int) -> Content:
        said: tuple[str, ...]
        if self._is_cancelling:
            said = ("Stopping; what is committed stays.", "Stopping…")
        elif not self._progress:
            said = ("Asking the bucket and the catalog…", "Starting…")
        elif not self._can_be_counted:
            said = (
                "First sync: the total is not known yet, the bars run by key space.",
                "Total not known yet: bars by share of key space.",
                "Bars by share of key space.",
            )
        else:
            noted = [f"{count(n)} {name}" for name, n in self._notes.items() if n]
            said = (" · ".join(noted), " · ".join(noted[:2]))
        return Content.styled(first_that_fits(said, cells), MUTED)

    def _time(self, cells: int) -> Content:
        if not self._progress:
            return Content.empty()
        newest = max(self._progress.values(), key=lambda p: p.elapsed_seconds)
        took = duration(newest.elapsed_seconds + self._waited)
        remains = seconds_left(self._progress)
        left = "–" if remains is None else duration(remains - self._waited)
        asked, paid = f"{newest.list_requests:,} LIST", money(newest.cost_usd)
        line = first_that_fits(
            (
                f"{took} elapsed · {left} left · {asked} · {paid}",
                f"{took} · {left} left · {asked} · {paid}",
                f"{took} · {left} left · {asked}",
            ),
            cells,
        )
        return Content.styled(line, "$foreground")


def seconds_left(progress: Mapping[Phase, PhaseProgress]) -> float | None:
    """Until the slowest phase is through: by the rate of its last seconds where the
    count is known, else by the share done so far; None while neither tells."""
    left = [_seconds_left(each) for each in progress.values() if each.share < 1]
    known = [seconds for seconds in left if seconds is not None]
    if not left:
        return 0.0
    return max(known) if known else None


def _seconds_left(progress: PhaseProgress) -> float | None:
    expected = progress.expected
    if expected is not None and expected > progress.done and progress.per_second > 0:
        return (expected - progress.done) / progress.per_second
    if progress.share < 0.01 or progress.elapsed_seconds < 1:
        return None
    return progress.elapsed_seconds * (1 - progress.share) / progress.share
