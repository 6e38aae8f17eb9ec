"""How the recent runs went, as two lines of bars."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

from s3sync_tui.model import RunRecord, RunStatus
from s3sync_tui.tui.figures import calm, left, right, short, sparkline
from s3sync_tui.tui.tones import MUTED

_NAME_CELLS = 8
_FIGURE_CELLS = 10


class RecentRuns(Widget):
    """What each of them added, and how long it took; the newest at the right."""

    DEFAULT_CSS = "RecentRuns { height: 3; }"

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[RunRecord] = []

    def show(self, runs: Sequence[RunRecord]) -> None:
        """Show these, newest first."""
        self._runs = [run for run in reversed(runs) if run.status is RunStatus.SUCCEEDED]
        self.refresh()

    def render(self) -> Content:
        """A heading and two lines."""
        if len(self._runs) < 2:
            return Content.empty()
        cells = self.size.width - _NAME_CELLS - _FIGURE_CELLS
        shown = self._runs[-cells:]
        added = [float(run.stats.added) for run in shown]
        took = [run.stats.duration_seconds for run in shown]
        head = f"the last {len(shown)} runs that succeeded"
        return Content("\n").join(
            [
                Content.assemble(
                    " " * _NAME_CELLS,
                    (left(head, cells), MUTED),
                    (right("most", _FIGURE_CELLS), MUTED),
                ),
                _line("added", added, cells, short(max(added)), "$success"),
                _line("took", took, cells, f"{max(took):,.1f} s", "$primary"),
            ]
        )


def _line(name: str, values: list[float], cells: int, most: str, colour: str) -> Content:
    return Content.assemble(
        (left(name, _NAME_CELLS), MUTED),
        (sparkline(calm(values), cells), colour),
        (right(most, _FIGURE_CELLS), MUTED),
    )
