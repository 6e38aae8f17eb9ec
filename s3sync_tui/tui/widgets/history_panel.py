"""The History panel: runs, and a line to filter them by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Key
from textual.message import Message
from textual.widgets import DataTable, Input, Static

from s3sync_tui.model import RunRecord
from s3sync_tui.safe_text import safe_lines
from s3sync_tui.tui.figures import moment
from s3sync_tui.tui.panel_help import RUN_FIGURES, PanelHelp, Term
from s3sync_tui.tui.widgets.panel import Panel
from s3sync_tui.tui.widgets.runs_table import RunsTable

_EMPTY = "No runs yet. The first one will be here."


class HistoryPanel(Panel):
    """What was synced when, and how it went."""

    PANEL_HELP: ClassVar[PanelHelp] = PanelHelp(
        "History",
        "The newest 50 runs of all hosts, read anew every few seconds. Click a column's head "
        "to sort by it, again to turn the order around; a click on the row under the cursor "
        "opens it. Narrow screens show fewer columns, and rounded figures.",
        (
            (
                "signs",
                (
                    Term("✓", "succeeded: bucket and table are in step.", "success"),
                    Term("▶", "running, here or on another host.", "primary"),
                    Term(
                        "✗",
                        "failed: something could not be done. What was committed stays; its "
                        "details say what to do.",
                        "error",
                    ),
                    Term("■", "cancelled by someone; what was committed stays.", "warning"),
                    Term(
                        "!",
                        "interrupted: its process died, or lost its lease. The next run "
                        "completes its work.",
                        "error",
                    ),
                ),
            ),
            (
                "columns",
                (
                    Term("when", "When it began: today by the clock, else by the day."),
                    Term("took", "From its beginning to its end."),
                    *RUN_FIGURES,
                ),
            ),
        ),
        (
            Term(
                "/",
                "Filter: only runs in which all the words occur, in number, status, mode, "
                "host, error or time (failed, 24 Nov).",
            ),
            Term("esc", "Take the filter away."),
            Term("↑ ↓  k j", "Choose a run."),
            Term("enter", "All about the chosen run: phases in time, host, error, sample keys."),
            Term("o", "Sort by the next column."),
            Term("O", "Turn the order around."),
        ),
    )

    DEFAULT_CSS = """
    HistoryPanel {
        padding: 0;
        RunsTable { display: none; }
        #empty { height: 1fr; padding: 0 1; content-align: center middle; color: $text-muted; }
        #filter {
            display: none; height: 1; border: none; padding: 0 1; background: $panel;
        }
        #filter:focus { border: none; }
        &.-filled { RunsTable { display: block; } #empty { display: none; } }
        &.-filtering #filter { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "unfilter", "All runs"),
    ]

    class Opened(Message):
        """Someone wants to see all about a run."""

        def __init__(self, run_id: int) -> None:
            super().__init__()
            self.run_id = run_id

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._runs: list[RunRecord] = []
        self._now: datetime | None = None

    def compose(self) -> ComposeResult:
        """The table, or why there is none; the filter below."""
        yield Static(_EMPTY, id="empty")
        yield RunsTable()
        yield Input(placeholder="filter: failed, 24 Nov, host …", id="filter", compact=True)

    def on_mount(self) -> None:
        """Name it."""
        self.set_title(3, "History")
        self._offer_keys()

    def show(self, runs: Sequence[RunRecord], now: datetime) -> None:
        """Show these runs; only what changed is painted anew."""
        self._runs, self._now = list(runs), now
        self._refill()

    def say(self, words: str) -> None:
        """Say why there is nothing."""
        self._runs = []
        self.remove_class("-filled")
        self.query_one("#empty", Static).update(Content(safe_lines(words)))

    def action_filter(self) -> None:
        """Open the filter line."""
        self.add_class("-filtering")
        self.query_one("#filter", Input).focus()
        self.refresh_bindings()

    def action_unfilter(self) -> None:
        """Take the filter away."""
        self.remove_class("-filtering")
        self.query_one("#filter", Input).value = ""
        self.query_one(RunsTable).focus()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """There must be a filter to take away."""
        return action != "unfilter" or self.has_class("-filtering")

    def on_descendant_focus(self) -> None:
        """Other keys apply in the filter line than in the table."""
        self._offer_keys()

    def on_input_changed(self) -> None:
        """Filter while typing."""
        self._refill()

    def on_input_submitted(self) -> None:
        """Back to the table, filtered."""
        self.query_one(RunsTable).focus()

    def on_key(self, event: Key) -> None:
        """Down leaves the filter line for the table."""
        if event.key == "down" and self.query_one("#filter").has_focus:
            event.stop()
            self.query_one(RunsTable).focus()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter, or a click on the row under the cursor."""
        event.stop()
        if event.row_key.value is not None:
            self.post_message(self.Opened(int(event.row_key.value)))

    def _offer_keys(self) -> None:
        if self.query_one("#filter").has_focus:
            self.set_keys(("enter", "to the runs"), ("esc", "all runs"))
        else:
            self.set_keys(("/", "filter"), ("o", "order"), ("enter", "details"))

    def _refill(self) -> None:
        if self._now is None:
            return
        words = self.query_one("#filter", Input).value.casefold().split()
        shown = [run for run in self._runs if self._matches(run, words)]
        if not shown:
            self.remove_class("-filled")
            self.query_one("#empty", Static).update("No run matches." if words else _EMPTY)
        else:
            self.add_class("-filled")
        self.query_one(RunsTable).show(shown, self._now)
        tally = [Content.styled(f"{len(shown)} of {len(self._runs)}", "$text-accent")]
        self.set_title(3, "History", *(tally if words else []))

    def _matches(self, run: RunRecord, words: list[str]) -> bool:
        if not words or self._now is None:
            return True
        at = moment(run.started_at, self._now)
        known = f"{run.run_id} {run.status} {run.mode} {run.holder} {run.error} {at}".casefold()
        return all(word in known for word in words)
