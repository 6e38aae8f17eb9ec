"""The six tiles: what one wants to know at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from s3sync_tui.insight.growth import Growth, Period
from s3sync_tui.model import RunRecord, RunStatus
from s3sync_tui.safe_text import safe
from s3sync_tui.tui.figures import (
    calm,
    count,
    duration,
    moment,
    money,
    percent,
    rough,
    short,
    size,
    used_of,
)
from s3sync_tui.tui.panel_help import PanelHelp, Term
from s3sync_tui.tui.widgets.tile import LOADING, UNKNOWN, Figure, Tile

if TYPE_CHECKING:  # insight's own imports are not needed before the first paint
    from s3sync_tui.insight.cost import Cost

_TITLES = {
    "images": ("IMAGES", "Images in the catalog, its archive counted in."),
    "today": ("TODAY", "Images that arrived in the bucket since midnight UTC."),
    "rate": ("RATE", "Arrivals an hour, over the last hour."),
    "lag": ("LAG", "Everything uploaded before this long ago is in the catalog."),
    "database": ("DATABASE", "What the database takes, of its quota if one is set."),
    "cost": ("S3 COST", "What listing costs in 30 days at the present pace."),
}
_TENSE_SHARE, _FULL_SHARE = 0.8, 0.95


class Tiles(Widget, can_focus=True):
    """IMAGES, TODAY, RATE, LAG, DATABASE, S3 COST."""

    PANEL_HELP: ClassVar[PanelHelp] = PanelHelp(
        "Tiles",
        "Six figures, read anew every few seconds. The small columns in a tile are its past, "
        "the newest at the right. A dash: not known yet.",
        (
            (
                "what they mean",
                (
                    Term(
                        "IMAGES",
                        "Images in the table and its archive, and the bytes that their objects "
                        "take in S3. Columns: the total, by day.",
                    ),
                    Term(
                        "TODAY",
                        "Images uploaded since midnight UTC, as far as the table has them. "
                        "Columns: by day.",
                    ),
                    Term(
                        "RATE",
                        "Uploads an hour in the last hour, and on average over 24 hours; both "
                        "end where knowledge ends: when the last run that succeeded began. "
                        "Columns: by hour.",
                    ),
                    Term(
                        "LAG",
                        "How long ago the last run that succeeded began: what was in the bucket "
                        "by then is in the table, what came later may not be. Below: when the "
                        "newest image in the table was uploaded. Columns: the time between runs, "
                        "cut at four times the usual.",
                    ),
                    Term(
                        "DATABASE",
                        "What the whole database takes (only our tables, where we may not ask "
                        "for more), and the bar: how much of the quota. Below: when it is full, "
                        "at the present rate. Set the quota with --database-quota.",
                    ),
                    Term(
                        "S3 COST",
                        "What LIST requests cost in 30 days, if runs go on as the recent ones "
                        "did: as often, as large. The price is --list-price.",
                    ),
                ),
            ),
            (
                "colours",
                (
                    Term("DATABASE", "80 % of the quota is used.", "warning"),
                    Term("DATABASE", "95 % of the quota is used.", "error"),
                ),
            ),
        ),
        (
            Term("← →", "Choose a tile."),
            Term("enter", "Go to the panel that a tile's figure comes from."),
        ),
    )

    DEFAULT_CSS = """
    Tiles { layout: grid; grid-size: 6; grid-rows: 5; height: 5; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "choose(-1)", "Previous", show=False),
        Binding("right", "choose(1)", "Next", show=False),
        Binding("enter", "open", "Open", show=False),
    ]

    chosen: reactive[int] = reactive(0, repaint=False)

    class Opened(Message):
        """Someone wants to see what is behind a tile."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name
            """``images``, ``today``, ``rate``, ``lag``, ``database`` or ``cost``."""

    def compose(self) -> ComposeResult:
        """Six of them."""
        for name, (title, help_text) in _TITLES.items():
            yield Tile(title, help_text=help_text, id=name)

    def show_growth(self, growth: Growth) -> None:
        """IMAGES, TODAY, RATE and DATABASE."""
        self._set("images", _images(growth))
        self._set("today", _today(growth))
        self._set("rate", _rate(growth))
        self._set("database", _database(growth))

    def show_cost(self, cost: Cost, runs: Sequence[RunRecord]) -> None:
        """S3 COST; ``runs`` newest first."""
        self._set("cost", _cost(cost, runs))

    def show_lag(self, runs: Sequence[RunRecord], newest: datetime | None, now: datetime) -> None:
        """LAG; ``runs`` newest first, ``newest`` the newest image's upload."""
        self._set("lag", _lag(runs, newest, now))

    def say_unknown(self) -> None:
        """What is still loading will not come now."""
        for tile in self.query(Tile):
            if tile.figure is LOADING:
                tile.figure = UNKNOWN

    def on_focus(self) -> None:
        """Show which tile is chosen."""
        self.call_later(self._mark)  # has_focus is set after this

    def on_blur(self) -> None:
        """None is chosen any more."""
        self.call_later(self._mark)

    def watch_chosen(self) -> None:
        """Another is chosen."""
        self._mark()

    def on_click(self, event: Click) -> None:
        """Choose the tile that was hit, and open it."""
        for place, tile in enumerate(self.query(Tile)):
            if event.widget is tile:
                self.chosen = place
                self.action_open()

    def action_choose(self, step: int) -> None:
        """Move by ``step`` tiles."""
        self.chosen = (self.chosen + step) % len(_TITLES)

    def action_open(self) -> None:
        """Open what the chosen tile is about."""
        self.post_message(self.Opened(list(_TITLES)[self.chosen]))

    def _mark(self) -> None:
        for place, tile in enumerate(self.query(Tile)):
            tile.set_class(self.has_focus and place == self.chosen, "-chosen")

    def _set(self, name: str, figure: Figure) -> None:
        self.query_one(f"#{name}", Tile).figure = figure


def _counts(growth: Growth, period: Period) -> list[int]:
    arrivals = growth.arrivals.get(period)
    return arrivals.counts if arrivals else []


def _images(growth: Growth) -> Figure:
    if not growth.images:
        return Figure(("0",), ("no images yet", "empty"))
    days = _counts(growth, Period.DAY)
    before = growth.images - sum(days)
    total = [float(before + so_far) for so_far in accumulate(days)]
    in_bucket = size(growth.size_bytes)
    note = (f"{in_bucket} in the bucket", f"{in_bucket} in S3", in_bucket)
    return Figure((count(growth.images), short(growth.images)), note, total, from_zero=False)


def _today(growth: Growth) -> Figure:
    days = _counts(growth, Period.DAY)
    note: tuple[str, ...] = ("since 00:00 UTC", "since 0 h UTC")
    if len(days) > 1:
        note = (f"yesterday +{count(days[-2])}", f"before +{short(days[-2])}")
    value = (f"+{count(growth.today)}", f"+{short(growth.today)}")
    return Figure(value, note, [float(day) for day in days])


def _rate(growth: Growth) -> Figure:
    by_window = {rate.window_hours: rate.per_hour for rate in growth.rates}
    hour, day = by_window.get(1), by_window.get(24)
    hours = [float(n) for n in _counts(growth, Period.HOUR)[:-1]]  # the last is not over
    if hour is None:
        return Figure(("– /h",), ("not known yet",), hours)
    note = ("",) if day is None else (f"24 h: {day:,.0f} /h", f"day {short(day)} /h")
    return Figure((f"{hour:,.0f} /h", f"{short(hour)} /h"), note, hours)


def _lag(runs: Sequence[RunRecord], newest: datetime | None, now: datetime) -> Figure:
    good = [run.started_at for run in runs if run.status is RunStatus.SUCCEEDED]
    if not good:
        return Figure(("–",), ("never synced",))
    seconds = max(0.0, (now - good[0]).total_seconds())
    gaps = [(later - earlier).total_seconds() for later, earlier in pairwise(good)]
    note: tuple[str, ...] = ("",)
    if newest is not None:
        at = moment(newest, now).strip()
        note = (f"newest {at}", at)
    value = (duration(seconds) if seconds >= 10 else f"{seconds:.0f} s", rough(seconds))
    return Figure(value, note, calm(gaps[::-1]))


def _database(growth: Growth) -> Figure:
    used = growth.whole_database_bytes
    used = growth.database_bytes if used is None else used
    if growth.quota_bytes is None:
        before = growth.images - sum(_counts(growth, Period.DAY))
        rows = accumulate(_counts(growth, Period.DAY), initial=before)
        return Figure((size(used),), ("no quota set", "no quota"), [float(n) for n in rows], False)
    share = used / growth.quota_bytes
    note: tuple[str, ...]
    taken = percent(share).strip()
    tone = "error" if share >= _FULL_SHARE else "warning" if share >= _TENSE_SHARE else ""
    if share >= 1:
        note = ("quota reached", "full")
    elif growth.full_in_days is None:
        note = (f"{taken} of the quota", f"{taken} used")
    else:
        note = (f"full in {rough(timedelta(days=growth.full_in_days).total_seconds())}",)
    return Figure((used_of(used, growth.quota_bytes), taken), note, share=share, tone=tone)


def _cost(cost: Cost, runs: Sequence[RunRecord]) -> Figure:
    spent = calm([run.stats.cost_usd for run in reversed(runs)])
    if cost.projected_month_usd is None:
        if cost.last_run_usd is None:
            return Figure(("$0.00",), ("no runs yet",))
        return Figure((money(cost.month_usd),), ("in 30 days", "30 d"), spent)
    month = money(cost.projected_month_usd)
    value = (f"{month} /month", f"{month} /mo", month)
    if cost.seconds_between_runs is None:
        return Figure(value, ("",), spent)
    every = f"every {rough(cost.seconds_between_runs)}"
    mode = safe(runs[0].mode) if runs else ""
    note = (f"{mode}, {every}" if mode else every, every)
    return Figure(value, note, spent)
