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
from s3sync_tui.tui.panel_help import RUN_FIGURES, PanelHelp, Term
from s3sync_tui.tui.state import UNDER_WAY, Standing, State
from s3sync_tui.tui.tones import MUTED
from s3sync_tui.tui.widgets.outcome import describe, whose
from s3sync_tui.tui.widgets.panel import Panel
from s3sync_tui.tui.widgets.phase_bars import PhaseBars
from s3sync_tui.tui.widgets.recent_runs import RecentRuns

_ROOMY_LINES = 9
_AIRY_LINES = 12
"""Lines from which on the recent runs are drawn below."""


class SyncPanel(Panel, can_focus=True):
    """Everything about the run under way, or the last one."""

    PANEL_HELP: ClassVar[PanelHelp] = PanelHelp(
        "Sync",
        "The run that is under way, or how the last one went. A run lists the bucket, finds "
        "the images that the table lacks, and inserts them. The bucket is only read.",
        (
            (
                "how things stand (also at the top right)",
                (
                    Term("● ✓", "In sync: the last run succeeded, so long ago.", "success"),
                    Term(
                        "◐",
                        "Behind: no run has succeeded for far longer than the time that "
                        "usually lies between two. Has a timer stopped?",
                        "warning",
                    ),
                    Term("▶", "Syncing.", "primary"),
                    Term(
                        "■",
                        "Cancelling, or cancelled. What is committed stays; the next run goes "
                        "on from there.",
                        "warning",
                    ),
                    Term(
                        "✗",
                        "Failed, or bucket or catalog can't be reached. It says what is wrong, "
                        "and after → what to do. retry in: it tries again by itself.",
                        "error",
                    ),
                    Term(
                        "!",
                        "The schema is missing: f shows the SQL, and applies it.",
                        "warning",
                    ),
                    Term(
                        "◆",
                        "Another host is syncing. Two never work on one table: whoever syncs "
                        "holds a lease, and shows by a heartbeat that it lives. Its progress is "
                        "shown, as it writes it down.",
                        "secondary",
                    ),
                    Term("○", "Connecting, or never synced yet."),
                ),
            ),
            (
                "while a run is under way",
                (
                    Term("List", "Objects listed in the bucket, images or not."),
                    Term(
                        "Dedupe",
                        "Images compared with the table, a page of 1,000 by one digest; only "
                        "where the two sides differ are keys looked at.",
                    ),
                    Term("Insert", "Rows written: new ones and changed ones."),
                    Term(
                        "72 % 412k/s",
                        "The share that is done, how many so far, and how many a second over "
                        "the last 5 seconds. Where there is room, columns below a bar show how "
                        "that speed went.",
                    ),
                    Term("left", "Until the slowest of the three is through, as it goes now."),
                    Term("LIST  $", "LIST requests so far, and what S3 charges for them."),
                    Term(
                        "key space",
                        "On a first sync nobody knows the total. The bars then go by how much "
                        "lies beyond the keys listed, if those to come are as close together. "
                        "Keys are not spread evenly: bars may creep, then jump.",
                    ),
                    Term(
                        "ranges failed",
                        "Parts of the key space that could not be listed, after retries. The "
                        "others are finished; the run ends as failed. Sync again.",
                        "error",
                    ),
                ),
            ),
            ("figures of a run", RUN_FIGURES),
        ),
        (
            Term("s  S", "Sync now; S: a full run, also where a delta would do."),
            Term("c", "Stop the run, after a question."),
            Term(
                "w",
                "Watch: sync by itself, 5 minutes (or --every) after the last run began, until "
                "w is pressed again. The top line counts down.",
            ),
            Term("↑ ↓  k j", "Scroll, where the text is longer than the panel."),
        ),
    )

    DEFAULT_CSS = """
    SyncPanel {
        #outcome { height: 1fr; scrollbar-size-vertical: 1; }
        #outcome > Static { height: auto; }
        #whose, PhaseBars, RecentRuns { display: none; }
        #whose { height: 1; }
        &.-roomy #whose { height: 3; }
        &.-airy RecentRuns { display: block; }
        &.-under-way {
            PhaseBars { display: block; }
            #outcome, RecentRuns { display: none; }
        }
        &.-following {
            #whose, PhaseBars { display: block; }
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
        self._followed: RunRecord | None = None
        """Another host's run whose row tells how far it is."""
        self._heard: datetime | None = None
        """When that told something new."""

    def compose(self) -> ComposeResult:
        """Bars and words; one of them is seen."""
        yield Static("", id="whose", markup=False)
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
        self.set_class(self.size.height >= _ROOMY_LINES, "-roomy")
        self._say(layout=True)

    def show_state(self, state: State, now: datetime) -> None:
        """Show how it stands."""
        was_under_way = self._state.standing in UNDER_WAY
        self._state, self._now = state, now
        bars = self.query_one(PhaseBars)
        if state.standing in UNDER_WAY and not was_under_way:
            bars.clear()
            self._failed_ranges = 0
        elif state.standing not in UNDER_WAY:
            self._say_mode("")
        if state.standing is Standing.CANCELLING:
            bars.cancelling()
        self._follow(state, now)
        self.set_class(state.standing in UNDER_WAY, "-under-way")
        self.set_class(bool(state.error), "-error")
        self._offer_keys()
        self._say(layout=True)

    def tick(self, now: datetime) -> None:
        """Time has passed."""
        self._now = now
        if self._heard is not None:
            self.query_one(PhaseBars).waited((now - self._heard).total_seconds())
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
            case RunStarted():
                self._say_mode(f"{event.mode.value}: {event.mode_reason}")
            case BucketListed():
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

    def _follow(self, state: State, now: datetime) -> None:
        """Move the bars as another host's run does."""
        is_theirs = state.standing is Standing.OTHER_HOST and state.run is not None
        run = state.run if is_theirs and state.run and state.run.phases else None
        bars = self.query_one(PhaseBars)
        if run is None:
            self._heard = None
        else:
            if self._followed is None or self._followed.run_id != run.run_id:
                bars.clear()
                self._heard = now
            if bars.follow(run):
                bars.waited(0)
                self._heard = now
            bars.note(added=run.stats.added, changed=run.stats.changed)
        self._followed = run
        self.set_class(run is not None, "-following")

    def _say_mode(self, words: str) -> None:
        """How the run under way is, and why, in the frame."""
        self.set_title(1, "Sync", *([Content.styled(words, f"not bold {MUTED}")] if words else []))

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
        if self._followed is not None:
            words = whose(self._followed, self._now, self.size.width, is_roomy=is_roomy)
            self.query_one("#whose", Static).update(words, layout=False)
            return
        words = describe(self._state, self._now, is_roomy=is_roomy)
        if self._shown is None or not words.is_same(self._shown):
            self._shown = words
            self.query_one("#outcome > Static", Static).update(words, layout=layout)
