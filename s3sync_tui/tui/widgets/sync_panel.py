"""The Sync panel: bars while a run is under way, else how the last one went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from s3sync_tui.events import (
    BatchInserted,
    BucketListed,
    Event,
    PhaseProgress,
    RangeFailed,
    RunStarted,
)
from s3sync_tui.model import RunRecord
from s3sync_tui.tui.state import UNDER_WAY, Standing, State
from s3sync_tui.tui.widgets.outcome import describe
from s3sync_tui.tui.widgets.panel import Panel
from s3sync_tui.tui.widgets.phase_bars import PhaseBars
from s3sync_tui.tui.widgets.recent_runs import RecentRuns

_ROOMY_LINES = 9
_AIRY_LINES = 12
"""Lines from which on the recent runs are drawn below."""


class SyncPanel(Panel, can_focus=True):
    """Everything about the run under way, or the last one."""

    DEFAULT_CSS = """
    SyncPanel {
        #outcome { height: 1fr; scrollbar-size-vertical: 1; }
        #outcome > Static { height: auto; }
        PhaseBars, RecentRuns { display: none; }
        &.-airy RecentRuns { display: block; }
        &.-under-way {
            PhaseBars { display: block; }
            #outcome, RecentRuns { display: none; }
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("down,j", "scroll_down", "Down", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._state = State(Standing.CONNECTING)
        self._now: datetime | None = None
        self._shown: Content | None = None
        self._failed_ranges = 0

    def compose(self) -> ComposeResult:
        """Bars and words; one of them is seen."""
        yield PhaseBars()
        with VerticalScroll(id="outcome", can_focus=False):
            yield Static("", markup=False)
        yield RecentRuns()

    def on_mount(self) -> None:
        """Name it."""
        self.set_title(1, "Sync")

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002
        """There may be room for more, or less."""
        self.set_class(self.size.height >= _AIRY_LINES, "-airy")
        self._say(layout=True)

    def show_state(self, state: State, now: datetime) -> None:
        """Show how it stands."""
        was_under_way = self._state.standing in UNDER_WAY
        self._state, self._now = state, now
        bars = self.query_one(PhaseBars)
        if state.standing in UNDER_WAY and not was_under_way:
            bars.clear()
            self._failed_ranges = 0
        if state.standing is Standing.CANCELLING:
            bars.cancelling()
        self.set_class(state.standing in UNDER_WAY, "-under-way")
        self.set_class(bool(state.error), "-error")
        self._offer_keys()
        self._say(layout=True)

    def tick(self, now: datetime) -> None:
        """Time has passed."""
        self._now = now
        self._say(layout=False)

    def read(self, event: Event) -> None:
        """Take in what the engine says; cheap enough for every event."""
        bars = self.query_one(PhaseBars)
        match event:
            case PhaseProgress():
                bars.show(event)
            case BatchInserted():
                bars.note(added=event.added_so_far, changed=event.changed_so_far)
            case RangeFailed():
                self._failed_ranges += 1
                bars.note(**{"ranges failed": self._failed_ranges})
            case RunStarted() | BucketListed():
                pass

    def show_history(self, runs: Sequence[RunRecord]) -> None:
        """Show how the recent runs went; ``runs`` newest first."""
        self.query_one(RecentRuns).show(runs)

    @property
    def share(self) -> float:
        """How much of the run under way is done."""
        return self.query_one(PhaseBars).share

    def action_scroll_down(self) -> None:
        """Read on."""
        self.query_one("#outcome").scroll_down(animate=False)

    def action_scroll_up(self) -> None:
        """Read back."""
        self.query_one("#outcome").scroll_up(animate=False)

    def _offer_keys(self) -> None:
        match self._state.standing:
            case Standing.SYNCING:
                self.set_keys(("c", "cancel"))
            case Standing.CANCELLING | Standing.CONNECTING | Standing.OTHER_HOST:
                self.set_keys()
            case Standing.SCHEMA_MISSING:
                self.set_keys(("f", "apply"))
            case _:
                self.set_keys(("s", "sync"))

    def _say(self, *, layout: bool) -> None:
        if self._state.standing in UNDER_WAY or self._now is None:
            return
        is_roomy = self.size.height >= _ROOMY_LINES
        words = describe(self._state, self._now, is_roomy=is_roomy)
        if self._shown is None or not words.is_same(self._shown):
            self._shown = words
            self.query_one("#outcome > Static", Static).update(words, layout=layout)
