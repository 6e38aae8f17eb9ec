"""All about one run."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from s3sync_tui.model import RunRecord


class RunDetails(ModalScreen[None]):
    """A run's times, figures, faults and samples."""

    DEFAULT_CSS = """
    RunDetails { align: center middle; }
    RunDetails > VerticalScroll {
        width: 90%; max-width: 100; height: auto; max-height: 90%; padding: 1 2;
        border: round $primary; background: $surface;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "Close"),
        Binding("y", "copy", "Copy as JSON"),
    ]

    def __init__(self, run: RunRecord) -> None:
        super().__init__()
        self._run = run

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        with VerticalScroll() as box:
            box.border_title = f"Run {self._run.run_id}"
            box.border_subtitle = "y copy as JSON   esc close"
            yield Static(self._text())

    def action_copy(self) -> None:
        """Copy everything; over SSH too, where the terminal lets programs (OSC 52)."""
        self.app.copy_to_clipboard(json.dumps(asdict(self._run), default=str, indent=2))
        self.notify("Copied as JSON.")

    def _text(self) -> Text:
        run, stats = self._run, self._run.stats
        seconds = stats.duration_seconds
        facts = {
            "Status": run.status.value,
            "Bucket": f"{run.bucket}/{run.prefix}",
            "Mode": run.mode,
            "By": run.holder,
            "Began": _moment(run.started_at),
            "Ended": _moment(run.finished_at) if run.finished_at else "not yet",
            "Took": f"{seconds:,.1f} s",
            "": "",
            "Total": f"{stats.total:,} images ({stats.total / max(seconds, 0.001):,.0f} a second)",
            "Added": f"{stats.added:,}",
            "Skipped": f"{stats.skipped:,}",
            "Changed": f"{stats.changed:,}",
            "Gone": f"{stats.gone:,}{_examples(run.details.get('gone_sample'))}",
            "Rejected": f"{stats.rejected:,}{_examples(run.details.get('rejected_sample'))}",
            "LIST": f"{stats.list_requests:,} requests, ${stats.cost_usd:.4f}",
        }
        text = Text()
        if run.error:
            text.append(f"{run.error}\n", "bold red")
            text.append(f"{run.hint}\n\n")
        for name, value in facts.items():
            text.append(f"{name:<9} ", "dim").append(f"{value}\n")
        for after, up_to in run.details.get("failed_ranges", []):
            text.append("Failed    ", "dim").append(f"keys after {after!r}, up to {up_to[:60]!r}\n")
        return text


def _moment(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"


def _examples(keys: list[str] | None) -> str:
    # repr: a key may hold anything, also what would steer the terminal.
    return f", for example {', '.join(map(repr, keys[:3]))}" if keys else ""
