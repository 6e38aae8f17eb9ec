"""The dashboard: lays the panels out, and hands them what the app hands in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

from s3sync_tui.events import Event, PhaseProgress
from s3sync_tui.insight.check import Check
from s3sync_tui.model import RunRecord
from s3sync_tui.tui.figures import local_now
from s3sync_tui.tui.panel_help import panel_of
from s3sync_tui.tui.state import UNDER_WAY, Standing, State
from s3sync_tui.tui.widgets.checks import Checks
from s3sync_tui.tui.widgets.growth_panel import GrowthPanel
from s3sync_tui.tui.widgets.health_panel import HealthPanel
from s3sync_tui.tui.widgets.history_panel import HistoryPanel
from s3sync_tui.tui.widgets.key_bar import KeyBar
from s3sync_tui.tui.widgets.log_drawer import LogDrawer
from s3sync_tui.tui.widgets.runs_table import RunsTable
from s3sync_tui.tui.widgets.state_header import StateHeader
from s3sync_tui.tui.widgets.sync_panel import SyncPanel
from s3sync_tui.tui.widgets.tiles import Tiles

if TYPE_CHECKING:  # insight's own imports are not needed before the first paint
    from s3sync_tui.insight.cost import Cost
    from s3sync_tui.insight.growth import Growth
    from s3sync_tui.insight.health import Health


class Dashboard(Screen[None]):
    """All panels. It knows nothing of catalog, bucket or engine: the app calls ``show_*``
    and :meth:`read`, and answers the messages."""

    CSS_PATH = "../dashboard.tcss"
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-tiny"),
        (60, "-narrow"),
        (100, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "fix", "Fix"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("l", "log", "Log"),
        Binding("1", "jump(1)", "Sync", show=False),
        Binding("2", "jump(2)", "Health", show=False),
        Binding("3", "jump(3)", "History", show=False),
        Binding("4", "jump(4)", "Growth", show=False),
        Binding("5", "jump(5)", "Tiles", show=False),
        Binding("6", "jump(6)", "Log", show=False),
    ]

    # Textual would paint the whole screen at each change of focus; the panels paint themselves.
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)

    class FixAsked(Message):
        """Someone wants the chosen check's fix; where the schema is missing, the schema."""

        def __init__(self, check: Check | None) -> None:
            super().__init__()
            self.check = check
            """None for the schema as a whole."""

    def __init__(self, *, now: Callable[[], datetime] = local_now) -> None:
        super().__init__()
        self._now = now
        self._state = State(Standing.CONNECTING)
        self._runs: list[RunRecord] = []
        self._growth: Growth | None = None
        self._cost: Cost | None = None

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield StateHeader()
        with VerticalScroll(id="body", can_focus=False):
            yield Tiles()
            yield SyncPanel()
            yield HealthPanel()
            yield HistoryPanel()
            yield GrowthPanel()
        yield LogDrawer(time_zone=self._now().tzinfo)
        yield KeyBar()

    def on_mount(self) -> None:
        """Time goes on."""
        self.query_one(SyncPanel).focus(scroll_visible=False)
        self.set_interval(1.0, self.tick)
        self.show_state(self._state)

    def show_place(self, bucket: str, catalog: str) -> None:
        """What is synced into what."""
        header = self.query_one(StateHeader)
        header.bucket, header.catalog = bucket, catalog

    def show_catalog(self, catalog: str) -> None:
        """Into which catalog, once it has said what it is."""
        self.query_one(StateHeader).catalog = catalog

    def show_state(self, state: State) -> None:
        """How it stands now."""
        now = self._now()
        self._state = state
        header = self.query_one(StateHeader)
        header.now, header.state = now, state
        self.query_one(SyncPanel).show_state(state, now)
        if state.standing in UNDER_WAY:
            header.share = self.query_one(SyncPanel).share
        self.refresh_bindings()

    def show_next_run(self, at: datetime | None) -> None:
        """When the next run begins by itself; None when not watching."""
        self.query_one(StateHeader).next_run = at

    def read(self, event: Event) -> None:
        """Take in what the engine says, as often as it likes."""
        panel = self.query_one(SyncPanel)
        panel.read(event)
        if isinstance(event, PhaseProgress):
            self.query_one(StateHeader).share = int(panel.share * 100) / 100

    def show_growth(self, growth: Growth) -> None:
        """IMAGES, TODAY, RATE, LAG, DATABASE, and the Growth panel."""
        self._growth = growth
        self.query_one(Tiles).show_growth(growth)
        self.query_one(GrowthPanel).show(growth)
        self._show_lag()

    def show_health(self, health: Health) -> None:
        """The Health panel."""
        self.query_one(HealthPanel).show(health)
        self.refresh_bindings()

    def show_history(self, runs: Sequence[RunRecord]) -> None:
        """The History panel and LAG; ``runs`` newest first."""
        self._runs = list(runs)
        self.query_one(HistoryPanel).show(self._runs, self._now())
        self.query_one(SyncPanel).show_history(self._runs)
        self._show_lag()
        self._show_cost()

    def show_cost(self, cost: Cost) -> None:
        """S3 COST."""
        self._cost = cost
        self._show_cost()

    def say_unknown(self, words: str) -> None:
        """Say in Health, History and Growth why there is nothing; not over what is shown."""
        self.query_one(Tiles).say_unknown()
        if self._growth is None:
            self.query_one(GrowthPanel).say(words)
        if not self._runs:
            self.query_one(HistoryPanel).say(words)
        if self.chosen_check is None:
            self.query_one(HealthPanel).say(words)

    def write_log(self, record: logging.LogRecord) -> None:
        """A line for the log drawer."""
        self.query_one(LogDrawer).write(record)

    def tick(self) -> None:
        """Once a second: what is told relative to now."""
        now = self._now()
        self.query_one(StateHeader).now = now
        self.query_one(SyncPanel).tick(now)
        self._show_lag()

    @property
    def is_alive(self) -> bool:
        """Whether there is something to show on: not on the way out."""
        return self.is_attached and self.app.is_running

    @property
    def state(self) -> State:
        """How it stands, as shown."""
        return self._state

    @property
    def focused_panel(self) -> str | None:
        """The name of the panel that has the focus, or holds what has it."""
        panel = panel_of(self.focused)
        return None if panel is None else panel.name

    @property
    def chosen_check(self) -> Check | None:
        """The check under the cursor."""
        return self.query_one(HealthPanel).chosen

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Grey out what does not apply now."""
        if action == "fix" and self.is_mounted:
            check = self.chosen_check
            can_fix = self._state.standing is Standing.SCHEMA_MISSING or (check and check.sql)
            return True if can_fix else None
        return True

    def action_fix(self) -> None:
        """Ask for the chosen check's fix."""
        is_schema = self._state.standing is Standing.SCHEMA_MISSING
        self.post_message(self.FixAsked(None if is_schema else self.chosen_check))

    def action_filter(self) -> None:
        """Filter the runs."""
        self.query_one(HistoryPanel).action_filter()

    def action_log(self) -> None:
        """Open the log, or shut it."""
        if not self.query_one(LogDrawer).toggle():
            self.action_jump(1)

    def action_jump(self, number: int) -> None:
        """Go to the panel of this number."""
        panels: dict[int, type[Widget]] = {
            1: SyncPanel,
            2: Checks,
            3: RunsTable,
            4: GrowthPanel,
            5: Tiles,
        }
        if number in panels:
            self.query_one(panels[number]).focus()
        elif not self.query_one(LogDrawer).has_class("-open"):
            self.action_log()

    def on_tiles_opened(self, message: Tiles.Opened) -> None:
        """Go where the tile's figure comes from."""
        places = {"lag": 1, "database": 2, "cost": 3}
        self.action_jump(places.get(message.name, 4))

    def on_checks_chosen(self) -> None:
        """Whether there is a fix depends on the check."""
        self.refresh_bindings()

    def _show_lag(self) -> None:
        newest = self._growth.newest_at if self._growth else None
        if self._runs or self._growth:
            self.query_one(Tiles).show_lag(self._runs, newest, self._now())

    def _show_cost(self) -> None:
        if self._cost is not None:
            self.query_one(Tiles).show_cost(self._cost, self._runs)
