"""The dashboard's app: wires settings, engine and screen together, and holds the keys."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.worker import Worker, WorkerError

from s3sync_tui.errors import LeaseHeld, S3SyncError
from s3sync_tui.events import Event, RunStarted
from s3sync_tui.insight.check import span
from s3sync_tui.model import ModeChoice
from s3sync_tui.settings import Settings
from s3sync_tui.tui.figures import local_now
from s3sync_tui.tui.fixes import offer_fix, offer_schema
from s3sync_tui.tui.link import Link
from s3sync_tui.tui.logs import logs_on_screen
from s3sync_tui.tui.memory import settle
from s3sync_tui.tui.readings import Readings
from s3sync_tui.tui.runner import Runner
from s3sync_tui.tui.screens.ask import Ask
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.screens.run_details import RunDetails
from s3sync_tui.tui.state import Standing, State
from s3sync_tui.tui.themes import ansi_color, use_themes
from s3sync_tui.tui.toasts import PlainToasts
from s3sync_tui.tui.verdict import state_of_error
from s3sync_tui.tui.watch import Watch
from s3sync_tui.tui.widgets.history_panel import HistoryPanel

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def _commands() -> type[Provider]:
    # Not needed before the first paint.
    from s3sync_tui.tui.commands import DashboardCommands

    return DashboardCommands


class S3SyncApp(PlainToasts[None]):
    """Syncs at a key's press, shows how it goes, and how things stand between runs."""

    TITLE = "s3sync"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sync", "Sync S3"),
        Binding("S", "sync('full')", "Full sync", show=False),
        Binding("c", "cancel", "Cancel"),
        Binding("w", "watch", "Watch"),
        Binding("e", "export", "Export"),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, settings: Settings, *, sync_at_start: bool = False) -> None:
        super().__init__(ansi_color=ansi_color())
        use_themes(self)
        self._settings = settings
        self._sync_at_start = sync_at_start
        self._dashboard = Dashboard()
        self._link = Link(settings)
        self._runner = Runner(settings)
        self._readings = Readings(
            self._link,
            self._dashboard,
            is_syncing=lambda: self.is_syncing,
            now=local_now,
            on_runs=self._update_details,
        )
        self._watch = Watch(settings.every)
        self._held = ExitStack()
        self._run: Worker[None] | None = None
        self._cancelling = False
        self._leaving = False
        """Once the run that is under way is over."""

    async def on_mount(self) -> None:
        """The screen first; catalog and bucket in the background."""
        await self.push_screen(self._dashboard)
        bucket = self._settings.bucket or "no bucket"
        self._dashboard.show_place(bucket, f"{self._settings.catalog_kind} {self._settings.table}")
        self._held.enter_context(logs_on_screen(self._dashboard))
        for each in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(each, self._stop_and_leave)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """With the screen painted: what loads much, and asks others."""
        settle()
        self.run_worker(self._readings.keep_figures())
        self.run_worker(self._readings.keep_health())
        self.run_worker(self._runner.prepare())
        self.set_interval(1, self._sync_when_due)
        if self._sync_at_start:
            self.action_sync()

    async def on_unmount(self) -> None:
        """Release the catalog."""
        for each in _SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(each)
        self._held.close()
        await self._runner.close()
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

    def action_sync(self, mode: ModeChoice | None = None) -> None:
        """Sync now, unless a sync is under way; as the settings have it, or in ``mode``."""
        if not self.is_syncing:
            self._run = self._sync(mode)
            self.refresh_bindings()

    def action_watch(self) -> None:
        """Sync by itself from now on, or no longer."""
        runs = self._readings.runs
        is_on = self._watch.switch(local_now(), runs[0].started_at if runs else None)
        self._dashboard.show_next_run(self._watch.next_run)
        every = span(self._watch.every.total_seconds())
        words = f"A sync every {every} from now on; w stops that." if is_on else "Off."
        self.notify(words, title="Watch")

    @work
    async def action_cancel(self) -> None:
        """Stop the run that is under way, once confirmed; what is committed stays."""
        question = "Stop this run? What is committed stays, and the next run goes on from there."
        if await self.push_screen_wait(Ask("Cancel", question, {"y": "Stop it"})) == "y":
            self._cancel()

    def action_export(self) -> None:
        """Write what is shown to a file."""
        from s3sync_tui.tui.screens.export import ExportScreen

        read, panel = self._readings, self._dashboard.focused_panel
        self.push_screen(
            ExportScreen(
                runs=read.runs, growth=read.growth, health=read.health, cost=read.cost, chosen=panel
            )
        )

    def action_help(self) -> None:
        """Explain the panel that has the focus, and all else."""
        from s3sync_tui.tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self._dashboard.focused_panel))

    async def action_quit(self) -> None:
        """Quit; what is to become of a run that is under way, is asked."""
        self._ask_and_leave()

    @work
    async def _ask_and_leave(self) -> None:
        if self.is_syncing:
            question = "A sync is under way. Stopped, it keeps what is committed, and the next "
            question += "run goes on from there."
            answers = {"y": "Stop and quit", "f": "Finish, then quit"}
            match await self.push_screen_wait(Ask("Quit", question, answers, no="Stay")):
                case "f" if self.is_syncing:
                    self._leaving = True
                    self.notify("Quits when this run is done.")
                    return
                case "n":
                    self._leaving = False
                    return
        self._stop_and_leave()

    @work
    async def on_dashboard_fix_asked(self, message: Dashboard.FixAsked) -> None:
        """Show the statements, and run them once confirmed."""
        try:
            if message.check is None:
                await offer_schema(self, self._link, self._settings)
            else:
                await offer_fix(self, self._link, message.check)
        except S3SyncError as error:
            self.notify(f"{error.message}\n{error.hint}", title="Not done", severity="error")
        self._readings.refresh()

    def on_history_panel_opened(self, message: HistoryPanel.Opened) -> None:
        """Show all about the run."""
        self.push_screen(RunDetails(self._readings.runs, message.run_id))

    def _update_details(self) -> None:
        if isinstance(self.screen, RunDetails) and self._readings.runs:
            self.screen.show(self._readings.runs[0])

    @work
    async def _sync(self, mode: ModeChoice | None) -> None:
        self._watch.began(local_now())
        self._dashboard.show_state(State(Standing.SYNCING, local_now()))
        self._dashboard.show_next_run(self._watch.next_run)
        try:
            await self._runner.run(self._read, mode)
        except LeaseHeld as held:
            self.notify(f"{held.message}\n{held.hint}", severity="warning")
        except S3SyncError as error:
            if self._dashboard.is_alive:
                self._dashboard.show_state(state_of_error(error, local_now()))
                self.notify(f"{error.message}\n{error.hint}", severity="error")
        finally:
            self._cancelling = False
            self.call_later(self._ran)

    def _ran(self) -> None:
        self.refresh_bindings()
        self._readings.refresh()
        if self._leaving:
            self.exit()

    def _read(self, event: Event) -> None:
        if not self._dashboard.is_alive:  # on the way out
            return
        self._dashboard.read(event)
        if isinstance(event, RunStarted):
            self._dashboard.show_place(event.bucket, event.catalog)

    def _sync_when_due(self) -> None:
        if not self._dashboard.is_alive:
            return
        runs = self._readings.runs
        if runs:  # another host's put ours off, too
            self._watch.began(runs[0].started_at)
        if self._watch.is_due(local_now()):
            self.action_sync()
        self._dashboard.show_next_run(self._watch.next_run)

    def _cancel(self) -> None:
        if self._run is not None and self.is_syncing:
            self._cancelling = True
            self._dashboard.show_state(State(Standing.CANCELLING, local_now()))
            self._run.cancel()

    @work
    async def _stop_and_leave(self) -> None:
        self._cancel()
        if self._run is not None:
            with suppress(WorkerError):
                await self._run.wait()
        self.exit()
