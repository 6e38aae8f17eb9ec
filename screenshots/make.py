"""Takes the pictures in this folder, of the real dashboard on the demo.

make screenshots
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from s3sync_tui.demo import demo_settings
from s3sync_tui.settings import Settings
from s3sync_tui.tui.app import S3SyncApp
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.state import Standing
from s3sync_tui.tui.themes import LIGHT

HERE = Path(__file__).parent


async def take(settings: Settings) -> None:
    """A first sync, and what follows."""
    app = S3SyncApp(settings)
    async with app.run_test(size=(150, 44)) as pilot:
        await until(pilot, lambda: standing(app) is Standing.NEVER_RUN)
        save(app, "never-run")
        await pilot.press("s")
        await until(pilot, lambda: standing(app) is Standing.SYNCING)
        await pilot.pause(6)
        save(app, "syncing")
        await until(pilot, lambda: standing(app) is Standing.IN_SYNC)
        await pilot.pause(3)
        await pilot.press("s")
        await until(pilot, lambda: standing(app) is Standing.SYNCING)
        await until(pilot, lambda: standing(app) is Standing.IN_SYNC)
        await pilot.pause(3)
        await pilot.press("4", "left")
        await pilot.press("1")
        await pilot.pause(1)
        save(app, "synced")
        app.theme = LIGHT.name
        await pilot.pause(1)
        save(app, "synced-light")
        await pilot.resize_terminal(80, 24)
        await pilot.pause(1)
        save(app, "synced-80x24")


def standing(app: S3SyncApp) -> Standing:
    """How things stand on the screen."""
    dashboard = next(screen for screen in app.screen_stack if isinstance(screen, Dashboard))
    return dashboard.state.standing


async def until(pilot: Pilot[None], what: Callable[[], bool]) -> None:
    """Wait for it."""
    async with asyncio.timeout(120):
        while not what():
            await pilot.pause(0.1)


def save(app: S3SyncApp, name: str) -> None:
    """Write one picture."""
    app.save_screenshot(f"{name}.svg", str(HERE))


def main() -> None:
    """Take them all."""
    with demo_settings() as settings:
        asyncio.run(take(settings))


if __name__ == "__main__":
    main()
