"""The Growth panel: arrivals by hour, day, week or month, and the figures."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.reactive import reactive
from textual.widgets import Static

from s3sync_tui.insight.growth import Growth, Period
from s3sync_tui.safe_text import safe_lines
from s3sync_tui.tui.panel_help import PanelHelp, Term
from s3sync_tui.tui.widgets.growth_chart import GrowthChart
from s3sync_tui.tui.widgets.growth_figures import GrowthFigures
from s3sync_tui.tui.widgets.panel import Panel

_WITH_CHART = 12
"""Lines from which on the chart is legible above the figures."""


class GrowthPanel(Panel, can_focus=True):
    """How fast the bucket grows."""

    PANEL_HELP: ClassVar[PanelHelp] = PanelHelp(
        "Growth",
        "How fast images arrive, and where that leads. They are counted by the time of their "
        "upload, in UTC; weeks begin on Monday.",
        (
            (
                "the chart (where there is room)",
                (
                    Term(
                        "columns",
                        "Arrivals in each hour (7 days back), day (92), week (104) or month "
                        "(120). The last one, in another colour, still goes on.",
                        "primary",
                    ),
                    Term("━ line", "What each period to come is expected to bring.", "secondary"),
                    Term(
                        "░ band",
                        "Where the count of one period to come lies 9 times out of 10, if days "
                        "go on to differ as they did. Hours have no forecast: they follow the "
                        "time of day.",
                        "secondary",
                    ),
                ),
            ),
            (
                "the figures",
                (
                    Term(
                        "over",
                        "Images an hour, over the last hour, 24 hours, 7 and 30 days, to where "
                        "the last run that succeeded began. A dash: the table does not reach "
                        "back that far.",
                    ),
                    Term(
                        "in",
                        "The total in 7, 30 and 90 days, learnt from the last 30 days (from "
                        "hours, while there are fewer than 3 days).",
                    ),
                    Term(
                        "90 % between",
                        "The total lies between these 9 times out of 10. That somebody will "
                        "buy more cameras, no past can tell.",
                    ),
                    Term(
                        "database",
                        "What our tables will take then. In red: more than the quota.",
                    ),
                    Term(
                        "full in",
                        "Until the whole database reaches the quota, at the present rate and "
                        "bytes a row (as measured, indexes counted in).",
                    ),
                ),
            ),
        ),
        (Term("← →", "Show a shorter or a longer period; or click its name."),),
    )

    DEFAULT_CSS = """
    GrowthPanel {
        #empty { height: 1fr; content-align: center middle; color: $text-muted; }
        GrowthFigures { display: none; }
        GrowthChart { display: none; }
        &.-known { GrowthFigures { display: block; } #empty { display: none; } }
        &.-known.-tall GrowthChart { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Shorter", show=False),
        Binding("right", "step(1)", "Longer", show=False),
    ]

    period: reactive[Period] = reactive(Period.DAY)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._growth: Growth | None = None

    def compose(self) -> ComposeResult:
        """The chart and the figures; or why there are none."""
        yield Static("Nothing to show yet.", id="empty")
        yield GrowthChart()
        yield GrowthFigures()

    def on_mount(self) -> None:
        """Name it."""
        self.set_keys(("←→", "period"))

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002
        """The chart needs room."""
        self.set_class(self.size.height >= _WITH_CHART, "-tall")

    def show(self, growth: Growth) -> None:
        """Show this growth."""
        self._growth = growth
        is_known = bool(growth.images)
        self.set_class(is_known, "-known")
        if not is_known:
            self.query_one("#empty", Static).update("No images yet: growth shows with the first.")
            return
        self.query_one(GrowthFigures).growth = growth
        self._draw()

    def say(self, words: str) -> None:
        """Say why there is nothing."""
        self.remove_class("-known")
        self.query_one("#empty", Static).update(Content(safe_lines(words)))

    def watch_period(self, period: Period) -> None:
        """Another tab."""
        tabs = [
            f"[reverse] {each} [/]"
            if each is period
            else f"[@click=show_period('{each}')] {each} [/]"
            for each in Period
        ]
        self.set_title(4, "Growth", Content.from_markup("".join(tabs)))
        if self._growth is not None and self._growth.images:
            self._draw()

    def action_show_period(self, period: str) -> None:
        """Show arrivals by ``period``."""
        self.period = Period(period)

    def action_step(self, step: int) -> None:
        """Show the next longer or shorter period."""
        periods = list(Period)
        place = periods.index(self.period) + step
        self.period = periods[max(0, min(len(periods) - 1, place))]

    def _draw(self) -> None:
        if self._growth is not None:
            self.query_one(GrowthChart).show(self._growth, self.period)
