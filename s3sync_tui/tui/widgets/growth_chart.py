"""The chart of arrivals: what came, and what is to come, with its band.

Drawn here, cell by cell: plotext takes 17 to 96 ms of the screen's thread for the same
picture, and a key must show within 50.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from math import ceil, floor, log10

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip
from textual.widget import Widget

from s3sync_tui.insight.growth import Growth, Period
from s3sync_tui.tui.figures import axis
from s3sync_tui.tui.outlook import Outlook, outlook

_LABEL_CELLS = 6
_CELLS = {Period.HOUR: 1, Period.DAY: 2, Period.WEEK: 2, Period.MONTH: 3}
"""Of one period, at the least."""
_MOST_CELLS = 6
_AHEAD = {Period.HOUR: 0, Period.DAY: 7, Period.WEEK: 6, Period.MONTH: 3}
"""Periods to come that are drawn."""
_QUADRANTS = (" ▗▐", "▖▄▟", "▌▙█")
"""A cell by the height of its left and of its right half, in halves."""
_DOTTED = 0.25
"""How much of a cell ░ covers."""
_TICK_CELLS = 13
_FORMS = {
    Period.HOUR: "{0.day} {0:%b %H}h",
    Period.DAY: "{0.day} {0:%b}",
    Period.WEEK: "{0.day} {0:%b}",
    Period.MONTH: "{0:%b %Y}",
}
_NOW = {Period.HOUR: "now", Period.DAY: "today", Period.WEEK: "now", Period.MONTH: "now"}


@dataclass(frozen=True, slots=True)
class _Scene:
    starts: list[datetime]
    counts: list[int]
    coming: Outlook | None
    ahead: int
    cells: int
    """Of one period."""


_Rows = list[list[tuple[str, str]]]
"""Characters and what they stand for, the lowest row first."""


class GrowthChart(Widget):
    """Arrivals as columns, the last one still growing; then the mean to come within its
    90 % band."""

    DEFAULT_CSS = "GrowthChart { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self._growth: Growth | None = None
        self._period = Period.DAY
        self._drawn: tuple[object, list[Strip]] | None = None

    def show(self, growth: Growth, period: Period) -> None:
        """Draw this; nothing is drawn twice."""
        self._growth, self._period = growth, period
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A line of the drawing, from memory where nothing has changed."""
        width, height = self.size
        if self._growth is None or width < 24 or height < 4:
            return Strip.blank(width, self.rich_style)
        seen = (self.size, self._growth, self._period, self.app.theme, self.rich_style)
        if self._drawn is None or self._drawn[0] != seen:
            self._drawn = (seen, self._draw(self._growth, self._period))
        return self._drawn[1][y]

    def _draw(self, growth: Growth, period: Period) -> list[Strip]:
        width, height = self.size
        plot_cells, plot_lines = width - _LABEL_CELLS - 1, height - 2
        scene = _scene(growth, period, plot_cells)
        top, ticks = _scale(scene, height)
        rows: _Rows = [[(" ", "")] * plot_cells for _ in range(plot_lines)]
        _draw_coming(rows, scene, top)
        _draw_arrivals(rows, scene, top)
        labels = {_level(tick, top, plot_lines) - 1: axis(tick) for tick in ticks}
        dates = _dates(scene, period)
        plain = self.rich_style
        inks = {
            "": plain,
            "arrived": plain + self._ink("primary"),
            "arriving": plain + self._ink("accent"),
            "band": plain + self._ink("secondary", 0.6),
            "mean": plain + self._ink("secondary"),
            "mean in band": plain + self._ink("secondary") + self._shade("secondary"),
        }
        quiet = plain + self._ink("foreground", 0.55)
        unlabelled = Segment(" " * _LABEL_CELLS, plain)
        lines = []
        for line in range(plot_lines - 1, -1, -1):
            edge = (
                [Segment(f"{labels[line]:>{_LABEL_CELLS}}┤", quiet)]
                if line in labels
                else [unlabelled, Segment("│", quiet)]
            )
            runs = [
                Segment("".join(character for character, _ in run), inks[ink])
                for ink, run in groupby(rows[line], key=lambda cell: cell[1])
            ]
            lines.append(edge + runs)
        marks = {column for column, _ in dates}
        base = "".join("┬" if column in marks else "─" for column in range(plot_cells))
        lines.append([Segment(f"{axis(0):>{_LABEL_CELLS}}└{base}", quiet)])
        lines.append([Segment(_label_line(dates, width), quiet)])
        return [Strip(segments, width) for segments in lines]

    def _shade(self, name: str) -> Style:
        """What the band's dots come to, as the background of what is drawn over them."""
        colour = Color.parse(self.app.theme_variables[name])
        if colour.ansi is not None:
            return Style()
        ground = Color.parse(self.app.theme_variables["background"])
        return Style(bgcolor=RichColor.from_rgb(*ground.blend(colour, 0.6 * _DOTTED).rgb))

    def _ink(self, name: str, strength: float = 1.0) -> Style:
        """A colour of the theme, mixed into the background; by number where the terminal's
        own colours are worn."""
        variables = self.app.theme_variables
        colour = Color.parse(variables[name])
        if colour.ansi is not None:
            return Style(color="default" if colour.ansi < 0 else f"color({colour.ansi})")
        ground = Color.parse(variables["background"])
        return Style(color=RichColor.from_rgb(*ground.blend(colour, strength).rgb))


def _draw_arrivals(rows: _Rows, scene: _Scene, top: float) -> None:
    last = len(scene.counts) - 1
    for place, number in enumerate(scene.counts):
        if not number:
            continue
        height = max(1, _level(number, top, 2 * len(rows)))
        ink = "arriving" if place == last else "arrived"
        begin = place * scene.cells
        for line, row in enumerate(rows[: ceil(height / 2)]):
            half = min(2, height - 2 * line)
            row[begin : begin + scene.cells] = [(_QUADRANTS[half][half], ink)] * scene.cells
            if scene.cells > 1:  # half a cell lies between two periods
                row[begin + scene.cells - 1] = (_QUADRANTS[half][0], ink)


def _draw_coming(rows: _Rows, scene: _Scene, top: float) -> None:
    coming = scene.coming
    if coming is None or not scene.ahead:
        return
    lines = len(rows)
    begin = len(scene.counts) * scene.cells
    cells = len(rows[0]) - begin
    lowest, highest = _level(coming.low, top, lines), _level(coming.high, top, lines)
    for row in rows[lowest:highest]:
        row[begin:] = [("░", "band")] * cells
    mean = min(lines - 1, int(coming.mean / top * lines))
    rows[mean][begin:] = [("━", "mean in band" if lowest <= mean < highest else "mean")] * cells


def _level(number: float, top: float, steps: int) -> int:
    """How many of ``steps`` steps ``number`` fills, where ``top`` fills them all."""
    return floor(round(0.5 + steps * number / top, 8))


def _scene(growth: Growth, period: Period, plot_cells: int) -> _Scene:
    arrivals = growth.arrivals[period]
    coming = outlook(growth, period)
    ahead = _AHEAD[period] if coming else 0
    most = plot_cells // _CELLS[period] - ahead
    starts, counts = arrivals.starts[-most:], arrivals.counts[-most:]
    cells = max(_CELLS[period], min(_MOST_CELLS, plot_cells // (len(counts) + ahead or 1)))
    return _Scene(starts, counts, coming, ahead, cells)


def _scale(scene: _Scene, height: int) -> tuple[float, list[float]]:
    highest = max([*scene.counts, scene.coming.high if scene.coming else 0, 1])
    most_steps = max(2, (height - 1) // 4)
    rough = highest / most_steps
    power = 10.0 ** floor(log10(rough)) if rough > 0 else 1.0
    step = next(power * n for n in (1, 1.5, 2, 2.5, 3, 4, 5, 10) if power * n >= rough)
    step = max(1.0, step)
    steps = ceil(highest / step)
    return steps * step, [step * n for n in range(steps + 1)]


def _dates(scene: _Scene, period: Period) -> list[tuple[int, str]]:
    """Columns of the plot, far enough apart, and what they are called; the last is now."""
    last = len(scene.starts) - 1
    apart = ceil(_TICK_CELLS / scene.cells)
    return [
        (
            place * scene.cells + (scene.cells - 1) // 2,
            _NOW[period] if place == last else _FORMS[period].format(scene.starts[place]),
        )
        for place in range(last, -1, -apart)
    ]


def _label_line(dates: list[tuple[int, str]], width: int) -> str:
    line = [" "] * width
    for column, label in dates:
        begin = _LABEL_CELLS + 1 + column - (len(label) - 1) // 2
        begin = max(0, min(begin, width - len(label)))
        line[begin : begin + len(label)] = label
    return "".join(line)
