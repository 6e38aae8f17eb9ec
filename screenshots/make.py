"""Takes the pictures in this folder, of the real dashboard on the demo.

make screenshots
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from cable import Cable
from png import write_png
from textual.app import App
from textual.pilot import Pilot

from s3sync_tui.demo import demo_settings
from s3sync_tui.settings import Settings
from s3sync_tui.setup.answers import know
from s3sync_tui.tui.app import S3SyncApp
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.setup_app import SetUpApp
from s3sync_tui.tui.state import Standing
from s3sync_tui.tui.themes import DARK, LIGHT
from s3sync_tui.tui.widgets.checks import Checks
from s3sync_tui.tui.widgets.runs_table import RunsTable
from s3sync_tui.tui.widgets.state_header import StateHeader

HERE = Path(__file__).parent
SIZE, SMALL = (150, 44), (80, 24)
RUNS = 5
PATIENCE_SECONDS = 120
INDEX = "images_filename_s3sync_idx"


class Studio:
    """One app, and what is wanted of it for its pictures."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        self.press = pilot.press
        self._pilot = pilot
        self._app: App[Any] = pilot.app

    async def take(self, name: str) -> None:
        """Take it as it is now, dark and light."""
        for theme in (DARK, LIGHT):
            self._app.theme = theme.name
            await self._pilot.pause(0.4)
            where = HERE / f"{name}-{'dark' if theme is DARK else 'light'}"
            self._app.save_screenshot(f"{where.name}.svg", str(HERE))
            write_png(self._app, where.with_suffix(".png"))
        self._app.theme = DARK.name

    async def resize(self, size: tuple[int, int]) -> None:
        """Make the terminal this large."""
        await self._pilot.resize_terminal(*size)
        await self._pilot.pause(0.5)

    async def until(self, what: Callable[[], object]) -> None:
        """Wait for it."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not what():
                await self._pilot.pause(0.1)

    async def until_it_stands(self, *standings: Standing) -> None:
        """Wait until things stand so."""
        await self.until(lambda: self.dashboard.state.standing in standings)

    async def until_clear(self) -> None:
        """Wait until no notification is in the picture."""
        await self.until(lambda: not self._app._notifications)

    @property
    def dashboard(self) -> Dashboard:
        """The dashboard, also while a dialog is before it."""
        return next(screen for screen in self._app.screen_stack if isinstance(screen, Dashboard))

    def share(self) -> float:
        """How much of the run under way is done."""
        return self.dashboard.query_one(StateHeader).share or 0.0

    async def until_a_dialog(self) -> None:
        """Wait until one is before the dashboard."""
        await self.until(lambda: self._app.screen is not self.dashboard)


async def take_set_up(settings: Settings) -> None:
    """What one is asked who has nothing set."""
    flags = {"bucket": settings.bucket, "endpoint": settings.endpoint}
    known = know(flags, environ={}, config=None, directory=HERE.parent.parent)
    async with SetUpApp(known).run_test(size=SIZE) as pilot:
        await pilot.pause(3)
        await Studio(pilot).take("set-up")


async def take_all(settings: Settings) -> None:
    """A first sync, and what follows."""
    async with Cable(settings.endpoint or "") as cable:
        plugged = settings.model_copy(update={"endpoint": cable.endpoint})
        async with S3SyncApp(plugged).run_test(size=SIZE, notifications=True) as pilot:
            studio = Studio(pilot)
            await take_syncs(studio)
            await take_panels(studio)
            await take_a_fault(studio, settings)
            await take_a_failure(studio, settings, cable)


async def take_syncs(studio: Studio) -> None:
    """Never synced, the first sync half done, and all well."""
    await studio.until_it_stands(Standing.NEVER_RUN)
    await studio.press("s")
    await studio.until(lambda: studio.share() > 0.4)
    await studio.take("syncing")
    for _ in range(RUNS):
        await studio.until_it_stands(Standing.IN_SYNC)
        await asyncio.sleep(5)
        await studio.press("s")
        await studio.until_it_stands(Standing.SYNCING)
    await studio.until_it_stands(Standing.IN_SYNC)
    await studio.until(lambda: len(studio.dashboard.query_one(RunsTable).rows) > RUNS)
    await studio.until_clear()
    await studio.take("idle")
    await studio.resize(SMALL)
    await studio.take("idle-80x24")
    await studio.resize(SIZE)


async def take_panels(studio: Studio) -> None:
    """Growth by the hour, all about a run, help, and what can be exported."""
    await studio.press("4", "left")
    await studio.take("growth")
    await studio.press("right", "3", "down", "enter")
    await studio.until_a_dialog()
    await studio.take("run-details")
    await studio.press("escape", "home", "?")
    await studio.until_a_dialog()
    await studio.take("help")
    await studio.press("escape", "e")
    await studio.until_a_dialog()
    await studio.take("export")
    await studio.press("escape", "1")


async def take_a_fault(studio: Studio, settings: Settings) -> None:
    """An index is dropped: what Health says, and the fix that it offers."""
    with catalog(settings) as connection:
        connection.execute(f"drop index {INDEX}")
    checks = studio.dashboard.query_one(Checks)
    await studio.press("2")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (checks.chosen and checks.chosen.sql):
            await asyncio.sleep(1)
            await studio.press("home", "down")  # on top is the schema as a whole
    await studio.take("health")
    await studio.press("f")
    await studio.until_a_dialog()
    await studio.take("fix")
    await studio.press("y")
    await studio.until(lambda: checks.chosen and not checks.chosen.sql)
    await studio.press("1")
    await studio.until_clear()


async def take_a_failure(studio: Studio, settings: Settings, cable: Cable) -> None:
    """The bucket is cut off as soon as a run has begun."""
    running = "select 1 from sync_runs where status = 'running'"
    with catalog(settings) as connection:
        await studio.press("s")
        await studio.until(lambda: connection.execute(running).fetchone())
    cable.pull()
    await studio.until_it_stands(Standing.FAILED, Standing.BUCKET_UNREACHABLE)
    await studio.press("3", "home", "1")
    await studio.until_clear()
    await studio.take("failed")


def catalog(settings: Settings) -> psycopg.Connection:
    """A way behind the dashboard's back."""
    assert settings.database_url is not None
    return psycopg.connect(settings.database_url.get_secret_value(), autocommit=True)


def main() -> None:
    """Take them all."""
    with demo_settings() as settings:
        asyncio.run(take_set_up(settings))
        asyncio.run(take_all(settings))


if __name__ == "__main__":
    main()
