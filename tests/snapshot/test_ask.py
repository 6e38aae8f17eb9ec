"""Questions: what they look like before something is done that cannot be taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from s3sync_tui.tui.screens.ask import Ask
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.themes import DARK, LIGHT
from tests.support.screens import DashboardApp, idle

Compare = Callable[..., bool]

QUIT = ("Quit", "A sync is under way.", {"y": "Stop and quit", "f": "Finish, then quit"})
FIX = ("Shut to the public", "Take the right away.", {"y": "Run it"})
SQL = "\n".join(f"revoke all on public.images_{number} from anon;" for number in range(20))


def asked(ask: Ask, theme: str = DARK.name) -> DashboardApp:
    def fill(screen: Dashboard) -> None:
        idle(screen)
        screen.app.push_screen(ask)

    return DashboardApp(fill, theme=theme)


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (160, 50)])
def test_what_becomes_of_the_run(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(asked(Ask(*QUIT, no="Stay")), terminal_size=size)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
def test_statements_are_shown_before_they_run(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(asked(Ask(*FIX, details=SQL), LIGHT.name), terminal_size=size)


async def test_the_keys_answer_and_enter_gives_the_careful_one() -> None:
    for key, answer in (("y", "y"), ("f", "f"), ("n", "n"), ("escape", "n"), ("enter", "n")):
        heard: list[str | None] = []
        app = DashboardApp(idle)
        async with app.run_test() as pilot:
            await app.push_screen(Ask(*QUIT), heard.append)
            await pilot.press(key)
            await pilot.pause()
        assert heard == [answer]


async def test_arrows_choose_among_the_answers() -> None:
    heard: list[str | None] = []
    app = DashboardApp(idle)
    async with app.run_test() as pilot:
        await app.push_screen(Ask(*QUIT), heard.append)
        await pilot.press("left", "enter")
        await pilot.pause()
    assert heard == ["f"]
