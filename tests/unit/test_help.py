"""``?`` explains the panel that has the focus, and leaves no key out."""

from __future__ import annotations

import pytest
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widget import Widget

from s3sync_tui.tui.app import S3SyncApp
from s3sync_tui.tui.keys import help_of, own_bindings
from s3sync_tui.tui.panel_help import PanelHelp
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.screens.help import PANELS, HelpScreen, HelpScroll, HelpText, Sections
from tests.support import screens
from tests.support.screens import DashboardApp

SHOWN = {
    "up": "↑", "down": "↓", "left": "←", "right": "→", "pageup": "pgup", "pagedown": "pgdn",
    "slash": "/", "escape": "esc", "question_mark": "?",
}  # fmt: skip


async def started(pilot: Pilot[None], *keys: str) -> HelpScreen:
    await pilot.pause()
    await pilot.pause()
    await pilot.press(*keys, "question_mark")
    await pilot.pause()
    screen = pilot.app.screen
    assert isinstance(screen, HelpScreen)
    return screen


def shown(screen: HelpScreen) -> PanelHelp:
    section = screen.query_one(HelpText).section
    assert section is not None
    return section


def text(section: PanelHelp) -> str:
    terms = [term for _, terms in section.parts for term in terms] + list(section.keys)
    return "\n".join([section.about, *(f"{term.name}  {term.meaning}" for term in terms)])


def explained(section: PanelHelp) -> set[str]:
    return {key for term in section.keys for key in term.name.split()}


@pytest.mark.parametrize(
    "binding", [*own_bindings(S3SyncApp), *own_bindings(Dashboard)], ids=lambda b: b.key
)
def test_every_key_of_app_and_dashboard_has_its_line(binding: Binding) -> None:
    assert help_of(binding)


@pytest.mark.parametrize("kind", PANELS)
async def test_every_key_of_a_panel_is_in_its_section(kind: type[Widget]) -> None:
    async with DashboardApp(screens.other_host).run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        await pilot.pause()
        panel = pilot.app.screen.query_one(kind)
        section = kind.PANEL_HELP  # type: ignore[attr-defined]
        bound = [
            binding
            for widget in [panel, *panel.query("*")]
            for binding in own_bindings(type(widget))
        ]
        keys = {SHOWN.get(binding.key, binding.key) for binding in bound}
        assert keys <= explained(section)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("1", "Sync"),
        ("2", "Health"),
        ("3", "History"),
        ("4", "Growth"),
        ("5", "Tiles"),
        ("6", "Log"),
    ],
)
async def test_it_opens_at_the_panel_with_the_focus(key: str, name: str) -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        screen = await started(pilot, key)
        assert shown(screen).name == name


async def test_the_keys_are_those_that_are_bound() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        screen = await started(pilot)
        await pilot.press("7")
        lines = text(shown(screen)).splitlines()
        for binding in [*own_bindings(DashboardApp), *own_bindings(Dashboard)]:
            if not binding.action.startswith("jump"):
                key = binding.key_display or binding.key
                assert f"{key}  {help_of(binding)}" in lines
        assert "1 … 6  Go to Sync (1), Health (2)" in text(shown(screen))


async def test_sections_by_number_by_arrow_and_by_mouse() -> None:
    async with DashboardApp(screens.idle).run_test(size=(120, 36)) as pilot:
        screen = await started(pilot, "1")
        names = []
        for number in "1234567":
            await pilot.press(number)
            names.append(shown(screen).name)
        assert names == ["Sync", "Health", "History", "Growth", "Tiles", "Log", "Keys"]
        await pilot.press("right")
        assert shown(screen).name == "Sync"
        await pilot.press("left", "left")
        assert shown(screen).name == "Log"
        await pilot.click(Sections, offset=(3, 2))
        assert shown(screen).name == "History"
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        place = screen.query_one(Sections).render().plain.index("Tiles")
        await pilot.click(Sections, offset=(place, 0))
        await pilot.pause()
        assert shown(screen).name == "Tiles"


async def test_it_scrolls_to_its_end_and_starts_each_section_at_the_top() -> None:
    async with DashboardApp(screens.idle).run_test(size=(80, 24)) as pilot:
        screen = await started(pilot, "1")
        scroll = screen.query_one(HelpScroll)
        await pilot.press("down", "j", "pagedown")
        assert scroll.scroll_offset.y > 2
        await pilot.press("end")
        assert scroll.scroll_offset.y == scroll.max_scroll_y > 0
        await pilot.press("2")
        assert scroll.scroll_offset.y == 0


@pytest.mark.parametrize("key", ["escape", "question_mark", "q"])
async def test_it_closes_and_the_focus_is_where_it_was(key: str) -> None:
    async with DashboardApp(screens.idle).run_test(size=(80, 24)) as pilot:
        await started(pilot, "4")
        await pilot.press(key)
        assert isinstance(pilot.app.screen, Dashboard)
        assert type(pilot.app.screen.focused).__name__ == "GrowthPanel"


@pytest.mark.parametrize("width", [40, 56, 80, 100, 120, 160, 250])
async def test_nothing_is_cut_at_any_width(width: int) -> None:
    async with DashboardApp(screens.idle).run_test(size=(width, 24)) as pilot:
        screen = await started(pilot)
        helped = screen.query_one(HelpText)
        for number in "1234567":
            await pilot.press(number)
            await pilot.pause()
            lines = helped.render().split("\n")
            assert max(line.cell_length for line in lines) <= helped.size.width
            assert len(lines) == helped.size.height
            words = " ".join(helped.render().plain.split())
            assert " ".join(shown(screen).about.split()) in words


@pytest.mark.parametrize(
    ("panel", "word"),
    [
        ("Tiles", "LAG"),
        ("Growth", "band"),
        ("Sync", "skipped"),
        ("Sync", "gone"),
        ("Sync", "rejected"),
        ("Sync", "key space"),
        ("Health", "all-visible"),
        ("History", "skipped"),
    ],
)
def test_the_words_that_need_it_are_explained(panel: str, word: str) -> None:
    [section] = [kind.PANEL_HELP for kind in PANELS if kind.PANEL_HELP.name == panel]
    names = " ".join(term.name for _, terms in section.parts for term in terms)
    assert word in names
