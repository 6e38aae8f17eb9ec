"""The phases of a run as bars over one axis of time, each with its pace beneath."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from math import ceil

from textual.content import Content
from textual.widget import Widget

from s3sync_tui.phases import Phase, PhaseRecord
from s3sync_tui.tui.figures import (
    count,
    first_that_fits,
    percent,
    right,
    short,
    sparkline,
    speed,
)
from s3sync_tui.tui.tones import FAINT, MUTED
from s3sync_tui.tui.widgets.phase_bars import PHASE_COLOURS, PHASE_NAMES

_NAME_CELLS = 8
_RATE_CELLS = 8
_COUNT_CELLS = 14
_NARROW_COUNT_CELLS = 11
_ROOMY_CELLS = 90
_GAP = 2
_SPILL_CELLS = 4
"""The last tick's time may reach so far below the figures' heads."""
_TICK_CELLS = 9
"""At least, from one tick to the next."""
_STEPS = (
    *(base * 10.0**power for power in range(-2, 1) for base in (1, 2, 5)),
    *(10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600.0 * hours for hours in (1, 2, 4, 6, 12, 24, 48, 96, 168)),
)

_Cells = list[tuple[str, str]]
"""A character and its style each."""


class TimeLine(Widget):
    """Shows :class:`~s3sync_tui.model.PhaseRecord`; never lays out."""

    DEFAULT_CSS = """
    TimeLine { height: 7; }
    TimeLine.-airy { height: 9; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._phases: dict[Phase, PhaseRecord] = {}
        self._seconds = 0.0
        self._is_over = True

    def show(self, phases: Sequence[PhaseRecord], *, seconds: float, is_over: bool) -> None:
        """Show how ``phases`` went in a run that took ``seconds``, or goes on."""
        self._phases = {record.phase: record for record in phases}
        self._seconds = max([seconds, *(record.elapsed for record in phases)])
        self._is_over = is_over
        self.refresh()

    def on_resize(self) -> None:
        """There may be room for air between the phases."""
        self.set_class(self.size.width >= _ROOMY_CELLS, "-airy")

    def render(self) -> Content:
        """Axis, and two lines for each phase."""
        columns = _Columns(self.size.width)
        # A run that goes on grows into an axis that seldom changes.
        end = self._seconds if self._is_over else _round_up(self._seconds)
        axis = _Axis(max(end, 0.001), columns.axis)
        lines = [
            _assemble(
                [*_words(f"{axis.unit:<{_NAME_CELLS}}", MUTED), *axis.labels(), *columns.heads()]
            )
        ]
        for phase in Phase:
            record = self._phases.get(phase)
            bar, pace = self._lane(phase, record, axis)
            name = _words(f"{PHASE_NAMES[phase]:<{_NAME_CELLS}}", "bold")
            lines.append(_assemble([*name, *bar, *columns.figures(record)]))
            below = self._below(record, columns)
            lines.append(_assemble([*_words(" " * _NAME_CELLS), *pace, *below]))
            if columns.is_roomy and phase is not Phase.INSERT:
                lines.append(_assemble([*_words(" " * _NAME_CELLS), *axis.empty()]))
        return Content("\n").join(lines)

    def _lane(self, phase: Phase, record: PhaseRecord | None, axis: _Axis) -> tuple[_Cells, _Cells]:
        bar, pace = axis.empty(), axis.empty()
        if record is None or record.began is None:
            return bar, pace
        end = record.elapsed if record.ended is None else record.ended
        first, last = axis.halves(record.began, end)
        for cell in range(first // 2, ceil(last / 2)):
            both = first <= 2 * cell, 2 * cell + 1 < last
            character = "━" if all(both) else "╸" if both[0] else "╺"
            bar[cell] = (character, PHASE_COLOURS[phase])
        cells = range(first // 2, ceil(last / 2))
        rates = [_mean_between(record, *axis.span(cell)) for cell in cells]
        for cell, character in zip(cells, sparkline(rates, len(rates)), strict=True):
            pace[cell] = (character, f"{PHASE_COLOURS[phase]} 45%")
        return bar, pace

    def _below(self, record: PhaseRecord | None, columns: _Columns) -> _Cells:
        if record is None:
            return columns.note("not recorded")
        if record.began is None:
            return columns.note("nothing to do" if self._is_over else "not begun")
        if record.share >= 1:
            return columns.note("")
        done = percent(record.share).strip()
        if self._is_over:
            return columns.note(f"stopped at {done}", "$text-warning")
        return columns.note(f"{done}, {speed(record.per_second)} now")


class _Columns:
    """Where the figures stand, right of the axis."""

    def __init__(self, cells: int) -> None:
        self.is_roomy = cells >= _ROOMY_CELLS
        self._count = _COUNT_CELLS if self.is_roomy else _NARROW_COUNT_CELLS
        self._all = self._count + 2 * _RATE_CELLS
        self.axis = max(4, cells - _NAME_CELLS - _GAP - self._all)

    def heads(self) -> _Cells:
        return self._row("done", "mean", "peak", MUTED, MUTED)[_GAP + _SPILL_CELLS :]

    def figures(self, record: PhaseRecord | None) -> _Cells:
        if record is None or record.began is None:
            return self._row("–", "", "", MUTED, MUTED)
        done = first_that_fits((count(record.done), short(record.done)), self._count - 1)
        return self._row(done, speed(record.mean), speed(record.peak), "bold", "$foreground")

    def note(self, words: str, style: str = MUTED) -> _Cells:
        return _words(" " * _GAP + right(words, self._all), style)

    def _row(self, done: str, mean: str, peak: str, style: str, rates: str) -> _Cells:
        return [
            *_words(" " * _GAP + right(done, self._count), style),
            *_words(right(mean, _RATE_CELLS) + right(peak, _RATE_CELLS), rates),
        ]


class _Axis:
    """``seconds`` over ``cells`` cells, with ticks at round times."""

    def __init__(self, seconds: float, cells: int) -> None:
        self._seconds = seconds
        self._cells = cells
        room = max(1, cells // _TICK_CELLS)
        step = next((step for step in _STEPS if seconds / step <= room), seconds)
        times = [place * step for place in range(int(seconds / step) + 1)]
        self._ticks = {min(cells - 1, int(at / seconds * cells)): at for at in times}
        self.unit, self._is_split = _unit(seconds, step)

    def labels(self) -> _Cells:
        """Each tick with its time, also a bit beyond the axis."""
        row = _words(" " * (self._cells + _GAP + _SPILL_CELLS))
        for cell, at in self._ticks.items():
            label = _time(at, self.unit, is_split=self._is_split)
            if cell + 1 + len(label) < len(row):
                row[cell : cell + 1 + len(label)] = [("╷", FAINT), *_words(label, MUTED)]
        return row

    def empty(self) -> _Cells:
        """A lane in which nothing happens."""
        return [("┊" if cell in self._ticks else " ", FAINT) for cell in range(self._cells)]

    def halves(self, began: float, ended: float) -> tuple[int, int]:
        """The half cells of a time; at least two, so that it is seen."""
        scale = 2 * self._cells / self._seconds
        first = min(int(began * scale), 2 * self._cells - 2)
        return first, max(first + 2, min(2 * self._cells, round(ended * scale)))

    def span(self, cell: int) -> tuple[float, float]:
        """The time that a cell stands for."""
        width = self._seconds / self._cells
        return cell * width, (cell + 1) * width


def _mean_between(record: PhaseRecord, since: float, until: float) -> float:
    """The mean rate between two moments; of what lies before or after, nothing counts."""
    amount = covered = 0.0
    for place in range(int(since / record.every), len(record.rates)):
        start, end = place * record.every, (place + 1) * record.every
        if start >= until:
            break
        seconds = min(end, until) - max(start, since)
        amount += record.rates[place] * seconds
        covered += seconds
    return amount / covered if covered > 0 else 0.0


def _round_up(seconds: float) -> float:
    return next((step for step in _STEPS if step >= seconds), seconds)


def _unit(seconds: float, step: float) -> tuple[str, bool]:
    """The unit of an axis, and whether ticks fall between whole ones."""
    if seconds < 60:
        return "s", False
    if seconds < 3600:
        return ("min", False) if step % 60 == 0 else ("min:s", True)
    return ("h", False) if step % 3600 == 0 else ("h:min", True)


def _time(at: float, unit: str, *, is_split: bool) -> str:
    if unit == "s":
        return f"{at:g}" if at < 1 else f"{at:.4g}"
    whole = round(at if unit.startswith("min") else at / 60)
    return f"{whole // 60}:{whole % 60:02d}" if is_split else f"{whole // 60:,}"


def _words(text: str, style: str = "") -> _Cells:
    return [(character, style) for character in text]


def _assemble(cells: _Cells) -> Content:
    runs = groupby(cells, key=lambda cell: cell[1])
    return Content.assemble(*(("".join(c for c, _ in run), style) for style, run in runs))
