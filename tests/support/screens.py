"""Small apps that show the dashboard, or one panel of it, with made-up data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget

from s3sync_tui.events import BatchInserted
from s3sync_tui.tui.commands import DashboardCommands
from s3sync_tui.tui.panel_help import panel_of
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.screens.export import ExportScreen
from s3sync_tui.tui.screens.help import HelpScreen
from s3sync_tui.tui.state import Standing
from s3sync_tui.tui.themes import DARK, use_themes
from tests.support import made_up

Fill = Callable[[Dashboard], None]


class DashboardApp(App[None]):
    """The dashboard, and the app's keys without anything behind them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sync", "Sync S3"),
        Binding("c", "cancel", "Cancel"),
        Binding("w", "watch", "Watch"),
        Binding("e", "export", "Export"),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
    ]

    COMMANDS = {DashboardCommands}  # noqa: RUF012

    def __init__(self, fill: Fill, *, theme: str = DARK.name) -> None:
        super().__init__()
        use_themes(self, theme)
        self.animation_level = "none"
        self._fill = fill
        self.heard: list[Message] = []
        self.export_to = Path("/srv/reports")

    async def on_mount(self) -> None:
        """Show it."""
        screen = Dashboard(now=made_up.now)
        await self.push_screen(screen)
        self.call_after_refresh(self._fill, screen)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing runs that could be cancelled."""
        return None if action == "cancel" else True

    def action_help(self) -> None:
        """Explain the panel that has the focus."""
        panel = panel_of(self.screen.focused)
        self.push_screen(HelpScreen(panel.name if panel else None))

    def action_export(self) -> None:
        """Ask what to write, and where to."""
        panel = panel_of(self.screen.focused)
        self.push_screen(
            ExportScreen(
                runs=made_up.runs(),
                growth=made_up.growth(),
                health=made_up.health(),
                cost=made_up.cost(),
                chosen=panel.name if panel else None,
                directory=self.export_to,
                now=made_up.now,
            )
        )

    def on_dashboard_fix_asked(self, message: Dashboard.FixAsked) -> None:
        """Remember it."""
        self.heard.append(message)

    def on_history_panel_opened(self, message: Message) -> None:
        """Remember it."""
        self.heard.append(message)


class ModalApp(App[None]):
    """A modal screen alone, with the app's keys: what is beneath may change as it likes."""

    BINDINGS = DashboardApp.BINDINGS

    def __init__(self, make: Callable[[], ModalScreen[Any]], *, theme: str = DARK.name) -> None:
        super().__init__()
        use_themes(self, theme)
        self.animation_level = "none"
        self._make = make

    async def on_mount(self) -> None:
        """Show it."""
        await self.push_screen(self._make())


class PanelApp(App[None]):
    """One panel alone."""

    CSS = """
    Screen { background: $background; }
    SyncPanel, HealthPanel, HistoryPanel, GrowthPanel { height: 1fr; }
    """

    def __init__(
        self, make: Callable[[], Widget], fill: Callable[[Widget], None], theme: str = DARK.name
    ) -> None:
        super().__init__()
        use_themes(self, theme)
        self.animation_level = "none"
        self._make, self._fill = make, fill

    def compose(self) -> ComposeResult:
        """The panel."""
        yield self._make()

    def on_mount(self) -> None:
        """Fill it once it has its size."""
        self.call_after_refresh(lambda: self._fill(self.screen.children[0]))


def idle(screen: Dashboard) -> None:
    """All is well, and has been for long."""
    screen.show_place(made_up.BUCKET, made_up.CATALOG)
    screen.show_state(made_up.state(Standing.IN_SYNC))
    screen.show_history(made_up.runs())
    screen.show_growth(made_up.growth())
    screen.show_cost(made_up.cost())
    screen.show_health(made_up.health())


def syncing(screen: Dashboard) -> None:
    """A run is under way."""
    idle(screen)
    screen.show_state(made_up.state(Standing.SYNCING))
    for step in range(60):
        for event in made_up.progress_at(step):
            screen.read(event)
    for event in made_up.progress():
        screen.read(event)
    screen.read(BatchInserted(1, 742, 742, 3))


def failed(screen: Dashboard) -> None:
    """The last run failed."""
    idle(screen)
    state = made_up.state(Standing.FAILED)
    assert state.run is not None
    screen.show_history([state.run, *made_up.runs()])
    screen.show_state(state)


def cancelling(screen: Dashboard) -> None:
    """A run is about to stop."""
    syncing(screen)
    screen.show_state(made_up.state(Standing.CANCELLING))


def cancelled(screen: Dashboard) -> None:
    """The last run was stopped."""
    idle(screen)
    state = made_up.state(Standing.CANCELLED)
    assert state.run is not None
    screen.show_history([state.run, *made_up.runs()])
    screen.show_state(state)


def bucket_unreachable(screen: Dashboard) -> None:
    """The catalog is there, the bucket is not."""
    idle(screen)
    screen.show_state(made_up.state(Standing.BUCKET_UNREACHABLE))


def schema_missing(screen: Dashboard) -> None:
    """A database without our tables."""
    screen.show_place(made_up.BUCKET, made_up.CATALOG)
    screen.show_state(made_up.state(Standing.SCHEMA_MISSING))
    screen.say_unknown("The schema is missing: f applies it.")


def watching(screen: Dashboard) -> None:
    """All is well, and the next run will come by itself."""
    idle(screen)
    screen.show_next_run(made_up.NOW + timedelta(seconds=192))


def never_run(screen: Dashboard) -> None:
    """Catalog and bucket are there; nothing was ever synced."""
    screen.show_place(made_up.BUCKET, made_up.CATALOG)
    screen.show_state(made_up.state(Standing.NEVER_RUN))
    screen.show_history([])
    screen.show_growth(made_up.no_growth())
    screen.show_cost(made_up.no_cost())
    screen.show_health(made_up.all_well())


def unreachable(screen: Dashboard) -> None:
    """No catalog, and so nothing to show."""
    screen.show_place(made_up.BUCKET, made_up.CATALOG)
    screen.show_state(made_up.state(Standing.CATALOG_UNREACHABLE))
    screen.say_unknown("The catalog can't be reached.")


def empty(screen: Dashboard) -> None:
    """The first paint, before any answer."""
    screen.show_place(made_up.BUCKET, "")


def behind(screen: Dashboard) -> None:
    """Names that are wide and hostile, in places where they hurt."""
    idle(screen)
    screen.show_place("カメラ画像-バケット-東京-🎥", "postgres \x1b[31mdb.example.com\u202e/images")
    screen.show_state(made_up.state(Standing.BEHIND))
    screen.show_next_run(made_up.NOW + timedelta(seconds=192))


def other_host(screen: Dashboard) -> None:
    """Another host holds the lease; the log is open."""
    idle(screen)
    screen.show_state(made_up.followed())
    for record in made_up.log_records():
        screen.write_log(record)
    screen.action_log()


def first_sync(screen: Dashboard) -> None:
    """The first sync is under way."""
    never_run(screen)
    screen.show_state(made_up.state(Standing.SYNCING))
    for event in made_up.first_progress():
        screen.read(event)
