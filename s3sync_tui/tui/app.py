"""The dashboard: wires settings, engine and panels together, and holds the keys."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Header
from textual.worker import Worker

from s3sync_tui.catalog.base import Catalog
from s3sync_tui.connect import make_source, open_catalog, sync_options
from s3sync_tui.engine.sync import sync
from s3sync_tui.errors import S3SyncError
from s3sync_tui.events import Event, PhaseProgress, RunFinished, RunStarted
from s3sync_tui.model import RunResult, RunStatus
from s3sync_tui.settings import Settings
from s3sync_tui.tui.widgets.phases import Phases


class S3SyncApp(App[None]):
    """Syncs at a key's press and shows how it goes."""

    TITLE = "s3sync"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sync", "Sync S3"),
        Binding("c", "cancel", "Cancel"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, settings: Settings, *, sync_at_start: bool = False) -> None:
        super().__init__()
        self._settings = settings
        self._sync_at_start = sync_at_start
        self._opened = AsyncExitStack()
        self._catalog: Catalog | None = None
        self._run: Worker[None] | None = None

    def compose(self) -> ComposeResult:
        """Header, the Sync panel, the keys."""
        yield Header()
        yield Phases()
        yield Footer()

    def on_mount(self) -> None:
        """Connect in the background: the screen is there first."""
        self.sub_title = self._settings.bucket or "no bucket"
        self.run_worker(self._begin(), exclusive=True)

    async def on_unmount(self) -> None:
        """Release the catalog."""
        await self._opened.aclose()

    def action_sync(self) -> None:
        """Sync now, unless a sync is under way."""
        if self._run is None or self._run.is_finished:
            self._run = self.run_worker(self._sync())

    def action_cancel(self) -> None:
        """Stop the sync that is under way; what is committed stays."""
        if self._run is not None:
            self._run.cancel()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Grey out what does not apply now."""
        running = self._run is not None and not self._run.is_finished
        if action == "sync":
            return None if running else True
        if action == "cancel":
            return True if running else None
        return True

    def on_worker_state_changed(self) -> None:
        """A run began or ended: other keys apply."""
        self.refresh_bindings()

    async def _begin(self) -> None:
        if self._sync_at_start:
            self.action_sync()
        else:
            self._say("Press s to sync.")

    async def _sync(self) -> None:
        phases = self.query_one(Phases)
        phases.clear()
        try:
            async with make_source(self._settings) as source:
                self._say("Connecting…")
                catalog = await self._connected()
                await sync(source, catalog, sync_options(self._settings, dry_run=False), self._read)
        except S3SyncError as error:
            self._say(f"✗ {error.message} {error.hint}")

    async def _connected(self) -> Catalog:
        if self._catalog is None:
            self._catalog = await self._opened.enter_async_context(open_catalog(self._settings))
        return self._catalog

    def _read(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._say(f"Run {event.run_id}: {event.bucket} ▸ {event.catalog}")
            case PhaseProgress():
                self.query_one(Phases).show(event)
            case RunFinished():
                self._say(_outcome(event.result))

    def _say(self, line: str) -> None:
        self.query_one(Phases).line = line


def _outcome(result: RunResult) -> str:
    stats = result.stats
    figures = (
        f"{stats.total:,} images · {stats.added:,} added · {stats.skipped:,} skipped · "
        f"{stats.changed:,} changed · {stats.gone:,} gone · {stats.duration_seconds:.1f} s · "
        f"{stats.list_requests:,} LIST · ${stats.cost_usd:.4f}"
    )
    if result.status is RunStatus.SUCCEEDED:
        return f"✓ In sync: {figures}"
    return f"✗ {result.error} {result.hint}\n{figures}"
