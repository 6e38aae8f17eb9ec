"""The chart of arrivals: what came, and what is to come, with its band."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor, log10

from rich.color import Color as RichColor
from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual_plotext import PlotextPlot

from s3sync_tui.insight.growth import Growth, Period
from s3sync_tui.tui.figures import axis
from s3sync_tui.tui.outlook import Outlook, outlook

_LABEL_CELLS = 6
_CELLS = {Period.HOUR: 1, Period.DAY: 2, Period.WEEK: 2, Period.MONTH: 3}
"""Of one period, at the least."""
_MOST_CELLS = 6
_AHEAD = {Period.HOUR: 0, Period.DAY: 7, Period.WEEK: 6, Period.MONTH: 3}
"""Periods to come that are drawn."""
_DOTS = 2
"""Columns of quadrants in a cell."""
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


class GrowthChart(PlotextPlot):
    """Arrivals as columns, the last one still growing; then the mean to come within its
    90 % band."""

    DEFAULT_CSS = "GrowthChart { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.theme = "clear"
        self._growth: Growth | None = None
        self._period = Period.DAY
        self._drawn: tuple[object, Text] | None = None

    def show(self, growth: Growth, period: Period) -> None:
        """Draw this; nothing is drawn twice."""
        self._growth, self._period = growth, period
        self.refresh()

    def render(self) -> Text:
        """The drawing, from memory where nothing has changed."""
        if self._growth is None or self.size.width < 24 or self.size.height < 4:
            return Text()
        seen = (self.size, self._growth, self._period, self.app.theme)
        if self._drawn is None or self._drawn[0] != seen:
            self._drawn = (seen, self._draw(self._growth, self._period))
        return self._drawn[1]

    def _draw(self, growth: Growth, period: Period) -> Text:
        width, height = self.size
        plot_cells = width - _LABEL_CELLS - 1
        scene = _scene(growth, period, plot_cells)
        plt = self.plt
        plt.clear_figure()
        plt.plotsize(width, height)
        plt._set_size(width, height)  # as PlotextPlot does; plotsize alone does not resize
        plt.theme("clear")
        plt.canvas_color("default")
        plt.axes_color("default")
        plt.ticks_color(self._paint("foreground", 0.55))
        plt.frame(False)
        plt.xaxes(True, False)
        plt.yaxes(True, False)
        top, ticks = _scale(scene, height)
        plt.ylim(0, top)
        plt.xlim(0, plot_cells * _DOTS - 1)
        plt.yticks(ticks, [f"{axis(tick):>{_LABEL_CELLS}}" for tick in ticks])
        dates = _dates(scene, period)
        plt.xticks([column * _DOTS for column, _ in dates], [" "] * len(dates))
        self._draw_coming(scene, plot_cells)
        self._draw_arrivals(scene)
        lines = Text.from_ansi(plt.build().rstrip("\n")).split("\n")
        # Where plotext puts labels that are close differs from run to run: it keeps them in a
        # set. So it draws the ticks, and the labels are put below them here.
        lines[-1] = Text(_label_line(dates, width), self._ink("foreground", 0.55))
        return Text("\n").join(lines)

    def _draw_arrivals(self, scene: _Scene) -> None:
        dots = scene.cells * _DOTS
        gap = 1 if scene.cells > 1 else 0
        last = len(scene.counts) - 1
        # One call for all of a colour: each costs plotext more than a millisecond.
        for name, places in (("primary", range(last)), ("accent", range(max(0, last), last + 1))):
            columns = [
                (column, scene.counts[place])
                for place in places
                for column in range(place * dots, (place + 1) * dots - gap)
                if scene.counts[place]
            ]
            if columns:
                self.plt.scatter(
                    [column for column, _ in columns],
                    [number for _, number in columns],
                    marker="hd",
                    color=self._paint(name),
                    fillx=True,
                )

    def _draw_coming(self, scene: _Scene, plot_cells: int) -> None:
        if scene.coming is None or not scene.ahead:
            return
        begin = len(scene.counts) * scene.cells * _DOTS
        columns = list(range(begin, plot_cells * _DOTS))
        coming = scene.coming
        if coming.high > coming.low:
            self.plt.plot(
                columns,
                [coming.high] * len(columns),
                marker="░",
                color=self._paint("secondary", 0.6),
                fillx=coming.low,
            )
        self.plt.plot(
            columns, [coming.mean] * len(columns), marker="━", color=self._paint("secondary")
        )

    def _ink(self, name: str, strength: float) -> Style:
        paint = self._paint(name, strength)
        if isinstance(paint, tuple):
            return Style(color=RichColor.from_rgb(*paint))
        return Style(color=f"color({paint})" if isinstance(paint, int) else "default")

    def _paint(self, name: str, strength: float = 1.0) -> tuple[int, int, int] | int | str:
        """A colour of the theme, mixed into the background; by number where the terminal's
        own colours are worn."""
        variables = self.app.theme_variables
        colour = Color.parse(variables[name])
        if colour.ansi is not None:
            return "default" if colour.ansi < 0 else colour.ansi
        ground = Color.parse(variables["background"])
        return ground.blend(colour, strength).rgb


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
