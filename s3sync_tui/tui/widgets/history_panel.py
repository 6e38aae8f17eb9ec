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
from s3sync_tui.tui.figures import moment, safe_lines
from s3sync_tui.tui.widgets.panel import Panel
from s3sync_tui.tui.widgets.runs_table import RunsTable

_EMPTY = "No runs yet. The first one will be here."


class HistoryPanel(Panel):
    """What was synced when, and how it went."""

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
        Binding("slash", "filter", "Filter", key_display="/"),
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
        self.set_keys(("/", "filter"), ("o", "order"), ("enter", "details"))

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

    def on_input_changed(self) -> None:
        """Filter while typing."""
        self._refill()

    def on_input_submitted(self) -> None:
        """Back to the table, filtered."""
        self.query_one(RunsTable).focus()

    def on_key(self, event: Key) -> None:
        """Escape takes the filter away, down goes to the table."""
        if not self.has_class("-filtering"):
            return
        if event.key == "escape":
            event.stop()
            self.remove_class("-filtering")
            self.query_one("#filter", Input).value = ""
            self.query_one(RunsTable).focus()
        elif event.key == "down" and self.query_one("#filter").has_focus:
            event.stop()
            self.query_one(RunsTable).focus()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter, or a click on the row under the cursor."""
        event.stop()
        if event.row_key.value is not None:
            self.post_message(self.Opened(int(event.row_key.value)))

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
