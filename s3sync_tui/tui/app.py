"""The dashboard's app: wires settings, engine and screen together, and holds the keys."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import datetime
from typing import ClassVar

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.worker import Worker, WorkerError

from s3sync_tui.connect import make_source, postgres_catalog, sync_options
from s3sync_tui.engine.sync import sync
from s3sync_tui.errors import CatalogError, LeaseHeld, S3SyncError
from s3sync_tui.events import Event, RunFinished, RunStarted
from s3sync_tui.model import RunRecord
from s3sync_tui.settings import Settings
from s3sync_tui.tui.link import RETRY_SECONDS, Link, state_of_error
from s3sync_tui.tui.screens.confirm import Confirm
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.screens.run_details import RunDetails
from s3sync_tui.tui.state import Standing, State
from s3sync_tui.tui.themes import use_themes
from s3sync_tui.tui.widgets.history_panel import HistoryPanel

REFRESH_SECONDS = 5
HEALTH_SECONDS = 60


def _now() -> datetime:
    return datetime.now().astimezone()


class S3SyncApp(App[None]):
    """Syncs at a key's press, shows how it goes, and how things stand between runs."""

    TITLE = "s3sync"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sync", "Sync S3"),
        Binding("c", "cancel", "Cancel"),
        Binding("question_mark", "show_help_panel", "Help", key_display="?"),
        Binding("q", "leave", "Quit"),
    ]

    def __init__(self, settings: Settings, *, sync_at_start: bool = False) -> None:
        super().__init__()
        use_themes(self)
        self._settings = settings
        self._sync_at_start = sync_at_start
        self._dashboard = Dashboard()
        self._link = Link(settings, _now)
        self._run: Worker[None] | None = None
        self._cancelling = False
        self._runs: list[RunRecord] = []
        self._refreshed = asyncio.Event()

    async def on_mount(self) -> None:
        """The screen first; catalog and bucket in the background."""
        await self.push_screen(self._dashboard)
        bucket = self._settings.bucket or "no bucket"
        self._dashboard.show_place(bucket, f"{self._settings.catalog_kind} {self._settings.table}")
        self._log_handler = _ToScreen(self._dashboard, asyncio.get_running_loop())
        logging.getLogger().addHandler(self._log_handler)
        self._keep_figures()
        self._keep_health()
        if self._sync_at_start:
            self.action_sync()

    async def on_unmount(self) -> None:
        """Release the catalog."""
        logging.getLogger().removeHandler(self._log_handler)
        await self._link.close()

    @property
    def is_syncing(self) -> bool:
        """Whether a run of ours is under way."""
        return self._run is not None and not self._run.is_finished

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Grey out what does not apply now."""
        if action == "sync":
            return None if self.is_syncing else True
        if action == "cancel":
            return True if self.is_syncing and not self._cancelling else None
        return True

    def action_sync(self) -> None:
        """Sync now, unless a sync is under way."""
        if not self.is_syncing:
            self._run = self._sync()
            self.refresh_bindings()

    @work
    async def action_cancel(self) -> None:
        """Stop the run that is under way, once confirmed; what is committed stays."""
        question = "Stop this run? What is committed stays, and the next run goes on from there."
        asked = Confirm("Cancel", question, yes="Stop it")
        if await self.push_screen_wait(asked) and self._run is not None and self.is_syncing:
            self._cancelling = True
            self._dashboard.show_state(State(Standing.CANCELLING, _now()))
            self._run.cancel()

    @work
    async def action_leave(self) -> None:
        """Quit; a run that is under way is stopped cleanly, once confirmed."""
        if self.is_syncing and self._run is not None:
            question = "A sync is under way. Stop it cleanly, and quit?"
            if not await self.push_screen_wait(Confirm("Quit", question, yes="Stop and quit")):
                return
            self._run.cancel()
            with suppress(WorkerError):
                await self._run.wait()
        self.exit()

    @work
    async def on_dashboard_fix_asked(self, message: Dashboard.FixAsked) -> None:
        """Show the statements, and run them once confirmed."""
        check = message.check
        try:
            if check is None:
                question = "Create what the schema needs? Nothing is dropped."
                if await self.push_screen_wait(Confirm("Schema", question, yes="Apply")):
                    await self._apply_schema()
            else:
                asked = Confirm(check.title, check.fix, details=";\n".join(check.sql), yes="Run it")
                if await self.push_screen_wait(asked):
                    await (await self._link.catalog()).mend(check.sql)
                    self.notify(f"Done: {check.title}")
        except S3SyncError as error:
            self.notify(f"{error.message}\n{error.hint}", title="Not done", severity="error")
        self._keep_health()
        self._refreshed.set()

    def on_history_panel_opened(self, message: HistoryPanel.Opened) -> None:
        """Show all about the run."""
        run = next((run for run in self._runs if run.run_id == message.run_id), None)
        if run is not None:
            self.push_screen(RunDetails(run))

    @work
    async def _sync(self) -> None:
        self._dashboard.show_state(State(Standing.SYNCING, _now()))
        try:
            catalog = await self._link.catalog()
            async with make_source(self._settings) as source:
                await sync(source, catalog, sync_options(self._settings, dry_run=False), self._read)
        except LeaseHeld as held:
            self.notify(f"{held.message}\n{held.hint}", severity="warning")
        except S3SyncError as error:
            self._dashboard.show_state(state_of_error(error))
            return
        finally:
            self._cancelling = False
            self.call_later(self.refresh_bindings)
        self._refreshed.set()
        self._keep_health()

    def _read(self, event: Event) -> None:
        self._dashboard.read(event)
        if isinstance(event, RunStarted):
            self._dashboard.show_place(event.bucket, event.catalog)
        elif isinstance(event, RunFinished):
            self._refreshed.set()

    @work(exclusive=True, group="figures")
    async def _keep_figures(self) -> None:
        """Read the figures now and again, for as long as the app lives."""
        while True:
            wait = REFRESH_SECONDS
            self._refreshed.clear()
            try:
                figures = await self._link.figures()
            except S3SyncError as error:
                if not self.is_syncing:
                    wait = RETRY_SECONDS
                    self._dashboard.show_state(state_of_error(error))
                    self._dashboard.say_unknown("The catalog does not answer.")
            else:
                self._dashboard.show_place(
                    self._settings.bucket or "no bucket", (await self._link.catalog()).description
                )
                self._runs = figures.runs
                self._dashboard.show_history(figures.runs)
                self._dashboard.show_growth(figures.growth)
                self._dashboard.show_cost(figures.cost)
                if not self.is_syncing:
                    self._dashboard.show_state(self._link.state_of(figures.runs))
            await self._pause(wait)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._refreshed.wait()

    @work(exclusive=True, group="health")
    async def _keep_health(self) -> None:
        while True:
            try:
                self._dashboard.show_health(await self._link.health())
            except S3SyncError as error:
                logging.getLogger(__name__).warning("health: %s", error.message)
            await asyncio.sleep(HEALTH_SECONDS)

    async def _apply_schema(self) -> None:
        if self._settings.catalog_kind == "supabase":
            raise CatalogError(
                "The REST API cannot create tables.",
                hint="Paste what `s3sync-tui schema` prints into the project's SQL editor.",
            )
        async with postgres_catalog(self._settings) as (catalog, _):
            changes = await catalog.apply_schema()
        self.notify(f"The schema is in place: {len(changes)} changes.")


class _ToScreen(logging.Handler):
    """Hands log lines to the log drawer, from whatever thread they come."""

    def __init__(self, dashboard: Dashboard, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._dashboard, self._loop = dashboard, loop

    def emit(self, record: logging.LogRecord) -> None:
        self._loop.call_soon_threadsafe(self._write, record)

    def _write(self, record: logging.LogRecord) -> None:
        if self._dashboard.is_mounted:
            self._dashboard.write_log(record)
