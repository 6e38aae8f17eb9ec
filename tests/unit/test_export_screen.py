"""``e`` writes a file, says where it is, and overwrites nothing."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.screens.export import ExportScreen
from s3sync_tui.tui.widgets.choices import Choices
from tests.support import made_up, screens
from tests.support.screens import DashboardApp

NAME = "s3sync-runs-2026-11-24.csv"


def app(directory: Path) -> DashboardApp:
    made = DashboardApp(screens.idle)
    made.export_to = directory
    return made


async def asked(pilot: Pilot[None], *keys: str) -> ExportScreen:
    await pilot.pause()
    await pilot.pause()
    await pilot.press(*keys, "e")
    await pilot.pause()
    screen = pilot.app.screen
    assert isinstance(screen, ExportScreen)
    return screen


async def until_closed(pilot: Pilot[None]) -> None:
    for _ in range(200):
        if isinstance(pilot.app.screen, Dashboard):
            return
        await pilot.pause(0.02)
    raise AssertionError(said(pilot))


async def until_said(pilot: Pilot[None], words: str) -> None:
    for _ in range(200):
        if words in said(pilot):
            return
        await pilot.pause(0.02)
    raise AssertionError(said(pilot))


def said(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#where", Static).visual)


def told(pilot: Pilot[None]) -> list[str]:
    return [note.message for note in pilot.app._notifications]


@pytest.mark.parametrize(
    ("panel", "what"),
    [("1", "runs"), ("2", "health"), ("3", "runs"), ("4", "growth"), ("5", "growth")],
)
async def test_the_panel_with_the_focus_is_what_is_asked_for_first(
    panel: str, what: str, tmp_path: Path
) -> None:
    async with app(tmp_path).run_test(size=(120, 36)) as pilot:
        screen = await asked(pilot, panel)
        assert screen.query_one("#what", Choices).chosen == what
        assert screen.query_one(Input).value == f"s3sync-{what}-2026-11-24.csv"


async def test_enter_writes_and_says_where_and_how_many(tmp_path: Path) -> None:
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        await asked(pilot, "3")
        await pilot.press("enter")
        await until_closed(pilot)
        [words] = told(pilot)
        assert words.startswith("40 runs, ")
        assert words.endswith(str(tmp_path / NAME))
    with (tmp_path / NAME).open(encoding="utf-8", newline="") as file:
        assert [int(row["run_id"]) for row in csv.DictReader(file)] == list(range(1204, 1164, -1))


async def test_what_and_form_can_be_chosen_by_key_and_by_mouse(tmp_path: Path) -> None:
    async with app(tmp_path).run_test(size=(120, 36)) as pilot:
        screen = await asked(pilot, "3")
        await pilot.press("down", "down", "tab", "down")
        assert screen.query_one(Input).value == "s3sync-health-2026-11-24.json"
        await pilot.click("#what", offset=(4, 1))
        await pilot.click("#write")
        await until_closed(pilot)
    document = json.loads((tmp_path / "s3sync-growth-2026-11-24.json").read_text())
    assert document["images"] == made_up.growth().images


async def test_a_second_export_of_the_day_gets_a_number(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("mine")
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        screen = await asked(pilot, "3")
        assert screen.query_one(Input).value == "s3sync-runs-2026-11-24-2.csv"
        await pilot.press("enter")
        await until_closed(pilot)
    assert (tmp_path / NAME).read_text() == "mine"
    assert (tmp_path / "s3sync-runs-2026-11-24-2.csv").stat().st_size > 1000


async def test_a_typed_name_that_is_taken_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("mine")
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        screen = await asked(pilot, "3")
        field = screen.query_one(Input)
        field.value = "mine.csv"
        field.focus()
        await pilot.press("enter")
        await until_said(pilot, "mine.csv is there already")
        assert field.value == "mine-2.csv"
        await pilot.press("enter")
        await until_closed(pilot)
    assert (tmp_path / "mine.csv").read_text() == "mine"
    assert (tmp_path / "mine-2.csv").exists()


async def test_a_typed_name_follows_the_form_and_nothing_else(tmp_path: Path) -> None:
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        screen = await asked(pilot, "3")
        field = screen.query_one(Input)
        field.value = "mine.csv"
        screen.query_one("#form", Choices).chosen = "json"
        screen.query_one("#what", Choices).chosen = "growth"
        await pilot.pause()
        assert field.value == "mine.json"


@contextmanager
def nobody() -> Iterator[None]:
    """Root may write anywhere."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


async def test_a_directory_that_is_shut_is_told_with_a_remedy(tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o555)
    async with app(shut).run_test(size=(80, 24)) as pilot:
        await asked(pilot, "3")
        with nobody():
            await pilot.press("enter")
            await until_said(pilot, "You may not write to")
        assert "→" in said(pilot)
    assert list(shut.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("not-there/runs.csv", "There is no directory"),
        ("", "is a directory"),
        (".", "is a directory"),
        ("a-file/runs.csv", "is not a directory"),
        ("x" * 300, "File name too long"),
        ("~no-such-user/runs.csv", "There is no directory"),
        ("a\0b", "no name for a file"),
    ],
)
async def test_names_that_can_not_be_are_told(tmp_path: Path, typed: str, words: str) -> None:
    (tmp_path / "a-file").touch()
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        screen = await asked(pilot, "3")
        screen.query_one(Input).value = typed
        await pilot.pause()
        await pilot.press("enter")
        await until_said(pilot, words)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, Dashboard)
    assert [path.name for path in tmp_path.iterdir()] == ["a-file"]


async def test_what_is_not_known_can_not_be_chosen() -> None:
    async with DashboardApp(screens.empty).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        screen = ExportScreen(
            runs=[], growth=None, health=made_up.health(), chosen="History", now=made_up.now
        )
        await pilot.app.push_screen(screen)
        await pilot.pause()
        what = screen.query_one("#what", Choices)
        assert what.chosen == "health"
        await pilot.press("up")
        await pilot.click("#what", offset=(4, 0))
        assert what.chosen == "health"


async def test_where_nothing_is_known_nothing_is_written() -> None:
    async with DashboardApp(screens.empty).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        screen = ExportScreen(runs=[], growth=None, health=None, now=made_up.now)
        await pilot.app.push_screen(screen)
        await pilot.pause()
        assert screen.query_one("#write", Button).disabled
        assert "nothing to export yet" in said(pilot)
        await pilot.press("enter", "escape")
        assert isinstance(pilot.app.screen, Dashboard)
