"""How the screens say whether a run is full or delta, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.widget import Widget

from s3sync_tui.events import RunStarted
from s3sync_tui.model import RunMode, RunRecord, RunStats
from s3sync_tui.tui.screens.run_details import RunDetails
from s3sync_tui.tui.state import Standing
from s3sync_tui.tui.widgets.sync_panel import SyncPanel
from tests.support import made_up
from tests.support.screens import ModalApp, PanelApp

Compare = Callable[..., bool]
REASON = "50 lanes, last full run 3 h ago"


def delta() -> RunRecord:
    figures = RunStats(
        total=9_312, added=742, list_requests=54, cost_usd=0.00027, duration_seconds=1.1
    )
    run = made_up.run(1204, figures=figures)
    return replace(run, mode="delta", details={"mode_reason": REASON})


@pytest.mark.parametrize("size", [(60, 16), (78, 7)], ids=["roomy", "compact"])
def test_sync_panel_after_a_delta_run(snap_compare: Compare, size: tuple[int, int]) -> None:
    def fill(panel: Widget) -> None:
        assert isinstance(panel, SyncPanel)
        panel.show_state(replace(made_up.state(Standing.IN_SYNC), run=delta()), made_up.NOW)

    assert snap_compare(PanelApp(SyncPanel, fill), terminal_size=size)


@pytest.mark.parametrize("size", [(80, 16), (40, 7)], ids=["large", "narrow"])
def test_sync_panel_during_a_delta_run(snap_compare: Compare, size: tuple[int, int]) -> None:
    def fill(panel: Widget) -> None:
        assert isinstance(panel, SyncPanel)
        panel.show_state(made_up.state(Standing.SYNCING), made_up.NOW)
        panel.read(RunStarted(1204, RunMode.DELTA, "b", "c", [], REASON))
        for event in made_up.progress():
            panel.read(event)

    assert snap_compare(PanelApp(SyncPanel, fill), terminal_size=size)


@pytest.mark.parametrize("size", [(80, 24), (120, 30)], ids=["narrow", "wide"])
def test_details_of_a_delta_run(snap_compare: Compare, size: tuple[int, int]) -> None:
    def details() -> RunDetails:
        return RunDetails([delta()], 1204, now=made_up.now)

    assert snap_compare(ModalApp(details), terminal_size=size)
