"""The details of a run: every run is a key away, copied whole, and followed while it goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from textual.app import App
from textual.pilot import Pilot

from s3sync_tui.model import RunRecord, RunStats
from s3sync_tui.tui.screens.run_details import RunDetails
from s3sync_tui.tui.widgets.run_facts import RunFacts
from s3sync_tui.tui.widgets.time_line import TimeLine
from tests.support import made_up


class DetailsApp(App[None]):
    """Opens the details of one of some runs."""

    def __init__(self, runs: list[RunRecord], run_id: int) -> None:
        super().__init__()
        self._runs, self._run_id = runs, run_id

    def on_mount(self) -> None:
        self.push_screen(RunDetails(self._runs, self._run_id, now=made_up.now))


def details(pilot: Pilot[None]) -> RunDetails:
    assert isinstance(pilot.app.screen, RunDetails)
    return pilot.app.screen


def text(screen: RunDetails) -> str:
    """All that is shown."""
    lines = screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


async def test_the_other_runs_are_a_key_away_and_there_is_an_end() -> None:
    runs = made_up.runs(4)
    async with DetailsApp(runs, 1203).run_test(size=(120, 36)) as pilot:
        screen = details(pilot)
        await pilot.press("right")
        assert screen.run.run_id == 1202
        await pilot.press("right_square_bracket", "right")
        assert screen.run.run_id == 1201
        assert "Run 1,201  4 of 4" in text(screen)
        await pilot.press("left", "left_square_bracket", "left", "left")
        assert screen.run.run_id == 1204
        assert "Run 1,204  1 of 4" in text(screen)
        await pilot.press("enter")
        assert not isinstance(pilot.app.screen, RunDetails)


async def test_a_run_is_copied_whole_as_json() -> None:
    run = made_up.detailed_runs()["hostile"]
    async with DetailsApp([run], run.run_id).run_test(size=(80, 24)) as pilot:
        await pilot.press("y")
        copied = json.loads(pilot.app.clipboard)
    assert (copied["run_id"], copied["prefix"]) == (run.run_id, run.prefix)
    assert copied["details"] == run.details


async def test_json_and_words_take_turns_and_both_scroll() -> None:
    run = made_up.detailed_runs()["succeeded"]
    async with DetailsApp([run], run.run_id).run_test(size=(80, 24)) as pilot:
        screen = details(pilot)
        assert "images = " in text(screen)
        await pilot.press("j")
        assert '"run_id": 1186' in text(screen)
        await pilot.press("end")
        await pilot.pause()
        assert '"skipped": 46991100' in text(screen)
        await pilot.press("j")
        await pilot.pause()
        assert "Succeeded" in text(screen)
        await pilot.press("pagedown", "pagedown")
        await pilot.pause()
        assert "rejected: Postgres cannot store" in text(screen)
        assert "Succeeded" not in text(screen)


async def test_a_run_that_goes_on_is_followed_where_it_was_scrolled_to() -> None:
    run = made_up.detailed_runs()["running"]
    others = made_up.runs(3)
    async with DetailsApp([run, *others], run.run_id).run_test(size=(120, 36)) as pilot:
        screen = details(pilot)
        assert "69 %" in text(screen)
        later = made_up.with_phases(
            replace(run, stats=replace(run.stats, total=26_000_000)),
            made_up.phases(70.0, at=50.0, images=30_800_000, written=830),
        )
        screen.show(later)
        await pilot.pause()
        assert "89 %" in text(screen)
        assert "26,000,000" in text(screen)
        screen.show(made_up.run(1207, figures=RunStats(total=77)))
        await pilot.pause()
        assert "Run 1,206  2 of 5" in text(screen)
        await pilot.press("left")
        assert screen.run.stats.total == 77


async def test_every_width_and_any_garbage_can_be_drawn() -> None:
    kinds = made_up.detailed_runs()
    for kind, run in kinds.items():
        async with DetailsApp([run], run.run_id).run_test(size=(80, 24)) as pilot:
            for size in [(20, 10), (41, 12), (80, 24), (250, 70)]:
                await pilot.resize_terminal(*size)
                await pilot.pause()
                shown = text(details(pilot))
                assert not set(shown) & set("\x1b\u202e\x07"), kind
                for widget in (
                    *pilot.app.screen.query(TimeLine),
                    *pilot.app.screen.query(RunFacts),
                ):
                    if widget.size.width > 40:
                        lines = widget.render().plain.split("\n")
                        assert len(lines) <= widget.size.height, (kind, size, widget)


async def test_a_long_run_and_one_of_an_instant_have_their_axis() -> None:
    for seconds in (0.0, 0.0004, 0.7, 59, 61, 3_599, 7_300, 90_000, 40 * 86_400):
        figures = RunStats(duration_seconds=seconds)
        run = made_up.with_phases(
            made_up.run(1, figures=figures, started_at=made_up.NOW - timedelta(days=50)),
            made_up.phases(seconds or 0.001, images=10_000),
        )
        async with DetailsApp([run], 1).run_test(size=(120, 36)) as pilot:
            line = pilot.app.screen.query_one(TimeLine)
            axis, bar, *_ = line.render().plain.split("\n")
            assert axis.count("╷") >= 1
            assert axis.split()[0] in {"s", "min", "min:s", "h", "h:min"}
            assert axis.rstrip().endswith("peak")
            assert "━" in bar or "╸" in bar
