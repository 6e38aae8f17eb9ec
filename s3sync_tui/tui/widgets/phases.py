"""The Sync panel: three bars, and a line on how it goes or went."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.reactive import reactive
from textual.widgets import Label, ProgressBar, Static

from s3sync_tui.events import Phase, PhaseProgress

_NAMES = {Phase.LIST: "List", Phase.DEDUPE: "Dedupe", Phase.INSERT: "Insert"}


class PhaseRow(Horizontal):
    """One phase: its bar, its count, its rate."""

    DEFAULT_CSS = """
    PhaseRow { height: 1; }
    PhaseRow .name { width: 8; color: $text-muted; }
    PhaseRow ProgressBar { width: 1fr; }
    PhaseRow ProgressBar Bar { width: 1fr; }
    PhaseRow .count { width: 14; text-align: right; }
    PhaseRow .rate { width: 13; text-align: right; color: $text-muted; }
    """

    progress: reactive[PhaseProgress | None] = reactive(None)

    def __init__(self, phase: Phase) -> None:
        super().__init__()
        self._phase = phase

    def compose(self) -> ComposeResult:
        """Name, bar, count, rate."""
        yield Label(_NAMES[self._phase], classes="name")
        yield ProgressBar(total=1.0, show_eta=False)
        yield Label("", classes="count")
        yield Label("", classes="rate")

    def watch_progress(self, progress: PhaseProgress | None) -> None:
        """Show where the phase stands."""
        share = progress.share if progress else 0.0
        self.query_one(ProgressBar).update(progress=share)
        self.query_one(".count", Label).update(f"{progress.done:,}" if progress else "–")
        rate = f"{progress.per_second:,.0f}/s" if progress and progress.per_second else ""
        self.query_one(".rate", Label).update(rate)


class Phases(Vertical):
    """The three phases of a run, and a line beneath them."""

    DEFAULT_CSS = """
    Phases { height: auto; padding: 1 2; border: round $primary; }
    Phases #line { margin-top: 1; height: auto; }
    """

    line: reactive[str] = reactive("")

    def compose(self) -> ComposeResult:
        """A row for each phase, then the line."""
        self.border_title = "Sync"
        for phase in Phase:
            yield PhaseRow(phase)
        yield Static("", id="line", markup=False)

    def show(self, progress: PhaseProgress) -> None:
        """Take one phase's progress in."""
        self.query(PhaseRow)[list(Phase).index(progress.phase)].progress = progress

    def clear(self) -> None:
        """As before a run."""
        for row in self.query(PhaseRow):
            row.progress = None

    def watch_line(self, line: str) -> None:
        """Show the line."""
        self.query_one("#line", Static).update(line)
