"""Another host's run is followed from its row: bars move and never jump back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from textual.screen import Screen

from s3sync_tui.events import PhaseProgress
from s3sync_tui.model import RunRecord, RunStatus
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.state import Standing, State
from s3sync_tui.tui.widgets.phase_bars import PhaseBars
from s3sync_tui.tui.widgets.sync_panel import SyncPanel
from tests.support import made_up, screens
from tests.support.screens import DashboardApp


def theirs(at: float, run_id: int = 1206) -> RunRecord:
    """Another host's run, so many seconds after it began."""
    run = replace(made_up.detailed_runs()["running"], run_id=run_id)
    return made_up.with_phases(run, made_up.phases(70.0, at=at, images=30_800_000, written=830))


def state(run: RunRecord) -> State:
    return State(Standing.OTHER_HOST, run.started_at, run)


def listed(bars: PhaseBars) -> str:
    return next(line for line in bars.render().plain.split("\n") if line.startswith("List"))


async def test_bars_move_with_the_row_and_nothing_is_laid_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with DashboardApp(screens.idle).run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        await pilot.pause()
        screen = pilot.app.screen
        assert isinstance(screen, Dashboard)
        screen.show_state(state(theirs(10)))
        await pilot.pause()
        layouts = 0
        original = Screen._refresh_layout

        def counted(self: Screen[object], *args: object, **options: object) -> None:
            nonlocal layouts
            layouts += 1
            original(self, *args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(Screen, "_refresh_layout", counted)
        bars, shares = screen.query_one(PhaseBars), list[float]()
        for second in range(10, 60):
            screen.show_state(state(theirs(second - second % 2)))
            shares.append(bars.share)
            await pilot.pause()
        assert layouts == 0
        assert shares == sorted(shares)
        assert shares[-1] > 0.5
        screen.show_state(state(theirs(12)))  # late, and old
        assert bars.share == shares[-1]
        screen.show_state(state(theirs(4, run_id=1207)))
        assert bars.share < shares[-1]


async def test_time_goes_on_between_two_words_of_the_other_host() -> None:
    async with DashboardApp(screens.idle).run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        await pilot.pause()
        panel = pilot.app.screen.query_one(SyncPanel)
        bars = panel.query_one(PhaseBars)
        panel.show_state(state(theirs(30)), made_up.NOW)
        await pilot.pause()
        assert "30 s elapsed" in bars.render().plain
        before = listed(bars)
        panel.tick(made_up.NOW + timedelta(seconds=1))
        assert "31 s elapsed" in bars.render().plain
        panel.show_state(state(theirs(30)), made_up.NOW + timedelta(seconds=1.5))
        panel.tick(made_up.NOW + timedelta(seconds=2))
        assert "32 s elapsed" in bars.render().plain
        assert listed(bars) == before
        panel.show_state(state(theirs(32)), made_up.NOW + timedelta(seconds=2))
        assert "32 s elapsed" in bars.render().plain
        assert listed(bars) != before


async def test_a_row_without_progress_is_told_in_words_and_our_own_run_has_its_own_bars() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await pilot.pause()
        screen = pilot.app.screen
        assert isinstance(screen, Dashboard)
        bars, words = screen.query_one(PhaseBars), screen.query_one("#outcome")
        screen.show_state(made_up.state(Standing.OTHER_HOST))
        await pilot.pause()
        assert (bars.display, words.display) == (False, True)
        screen.show_state(state(theirs(30)))
        await pilot.pause()
        assert (bars.display, words.display) == (True, False)
        screen.show_state(made_up.state(Standing.SYNCING))
        await pilot.pause()
        assert not screen.query_one("#whose").display
        assert bars.share == 0
        for event in made_up.progress(3.0):
            assert isinstance(event, PhaseProgress)
            screen.read(event)
        screen.tick()
        assert "3.0 s elapsed" in bars.render().plain
        ended = replace(theirs(70), status=RunStatus.SUCCEEDED, finished_at=made_up.NOW)
        screen.show_state(State(Standing.IN_SYNC, made_up.NOW, ended))
        await pilot.pause()
        assert (bars.display, words.display) == (False, True)
