"""From a key to its paint in the dashboard, while a million keys sync.

    python bench/key_to_paint.py --keys 1000000 --size 160x50 --rounds 2

The real app on a real catalog (embedded Postgres) and the listing stub, each in a process
of its own. A thread presses keys about every 150 ms, at irregular moments, the way a
terminal's driver hands them in; a key counts from the moment it was due, also where the
thread was kept from running, to the end of the paint that shows it: the first update of
the screen that covers the widget concerned once its state is the new one, rendered to the
bytes a terminal would get. Textual itself paints at most every 17 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from layouts import PER_HOUR
from measuring import Plan, stub
from rich.console import RenderableType
from textual import events
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.keys import _character_to_key
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import HelpPanel, Input

from s3sync_tui.catalog.embedded import EmbeddedPostgres
from s3sync_tui.connect import make_source, open_catalog, sync_options
from s3sync_tui.engine.sync import sync
from s3sync_tui.events import Event, RunFinished
from s3sync_tui.model import RunResult
from s3sync_tui.settings import Settings, load_settings
from s3sync_tui.tui.app import S3SyncApp
from s3sync_tui.tui.runner import Runner
from s3sync_tui.tui.screens.dashboard import Dashboard
from s3sync_tui.tui.widgets.checks import Checks
from s3sync_tui.tui.widgets.growth_panel import GrowthPanel
from s3sync_tui.tui.widgets.health_panel import HealthPanel
from s3sync_tui.tui.widgets.history_panel import HistoryPanel
from s3sync_tui.tui.widgets.runs_table import RunsTable
from s3sync_tui.tui.widgets.sync_panel import SyncPanel

LOST_SECONDS = 3.0
"""A key that shows nothing for so long counts as this long."""


class MeasuredApp(S3SyncApp):
    """Renders what a headless app would not, and tells when it has."""

    def __init__(self, settings: Settings, runner: Runner) -> None:
        super().__init__(settings)
        self._runner = runner
        self.painted: Callable[[list[Region]], None] = lambda _: None
        self.result: RunResult | None = None
        self.began = asyncio.Event()

    @property
    def dashboard(self) -> Dashboard:
        """The screen with the panels."""
        return next(screen for screen in self.screen_stack if isinstance(screen, Dashboard))

    @property
    def shows_all(self) -> bool:
        """Whether history, health and growth are there."""
        if not any(isinstance(screen, Dashboard) for screen in self.screen_stack):
            return False
        dashboard = self.dashboard
        runs = dashboard.query_one(RunsTable).row_count
        return bool(runs and dashboard.chosen_check and dashboard.query("GrowthChart"))

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if isinstance(renderable, CompositorUpdate) and not self._batch_count:
            renderable.render_segments(self.console).encode()
            self.painted(_regions(renderable))
        super()._display(screen, renderable)

    def _read(self, event: Event) -> None:
        super()._read(event)
        self.began.set()
        if isinstance(event, RunFinished):
            self.result = event.result


def _regions(update: CompositorUpdate) -> list[Region]:
    if isinstance(update, LayoutUpdate):
        return [update.region]
    assert isinstance(update, ChopsUpdate)
    return [Region(x1, y, x2 - x1, 1) for y, x1, x2 in update.spans]


@dataclass(frozen=True)
class Key:
    """A key, what it changes, and where that shows."""

    name: str
    state: Callable[[], object]
    place: Callable[[], Region]


class Fingers(threading.Thread):
    """Presses keys, one after the other has shown, and notes how long each took."""

    def __init__(self, app: MeasuredApp, loop: asyncio.AbstractEventLoop, seed: int) -> None:
        super().__init__(daemon=True)
        self._app, self._loop, self._random = app, loop, random.Random(seed)
        self._waiting: tuple[Key, object] | None = None
        self._shown = threading.Event()
        self._shown_at = 0.0
        self.enough = threading.Event()
        self.took: list[tuple[float, str]] = []
        app.painted = self._painted

    def run(self) -> None:
        """Until there is enough."""
        for key in self._keys():
            self._shown.clear()
            due = time.perf_counter() + self._random.uniform(0.05, 0.25)
            time.sleep(due - time.perf_counter())
            if self.enough.is_set():
                break
            asyncio.run_coroutine_threadsafe(self._press(key), self._loop)
            shown = self._shown.wait(LOST_SECONDS)
            self._waiting = None
            self.took.append((self._shown_at - due if shown else LOST_SECONDS, key.name))

    async def _press(self, key: Key) -> None:
        self._waiting = (key, key.state())
        character = key.name if len(key.name) == 1 else None
        event = events.Key(_character_to_key(key.name) if character else key.name, character)
        event.set_sender(self._app)
        await self._app._post_message(event)

    def _painted(self, regions: list[Region]) -> None:
        if self._waiting is None:
            return
        key, before = self._waiting
        if key.state() == before:
            return
        place = key.place()
        if any(place.overlaps(region) for region in regions):
            self._waiting = None
            self._shown_at = time.perf_counter()
            self._shown.set()

    def _keys(self) -> Iterator[Key]:
        while True:
            yield self._focus("2", HealthPanel)
            yield from [self._cursor("down", Checks)] * 3 + [self._cursor("up", Checks)] * 2
            yield self._focus("tab", HistoryPanel)
            yield from [self._cursor("down", RunsTable)] * 3 + [self._cursor("up", RunsTable)] * 2
            yield self._focus("/", Input)
            yield from [self._typed(letter) for letter in "succ"]
            yield self._focus("escape", Input)
            yield self._focus("4", GrowthPanel)
            yield from [self._period("right")] * 2 + [self._period("left")] * 3
            yield self._period("right")
            yield Key("?", self._helps, lambda: self._app.screen.region)
            asyncio.run_coroutine_threadsafe(self._without_help(), self._loop).result()
            yield self._focus("1", SyncPanel)
            yield self._focus("tab", HealthPanel)
            yield self._focus("1", SyncPanel)

    def _one(self, kind: type[Widget]) -> Any:
        return self._app.dashboard.query_one(kind)

    def _helps(self) -> int:
        return len(self._app.screen_stack) + len(self._app.screen.query(HelpPanel))

    async def _without_help(self) -> None:
        """Not every version has a key for this."""
        with self._app._context():
            self._app.action_hide_help_panel()
            if self._app.screen is not self._app.dashboard:
                self._app.pop_screen()
        await asyncio.sleep(0.2)

    def _focus(self, name: str, kind: type[Widget]) -> Key:
        """The frame (of an input: the place) of the panel that gains or loses it."""

        def state() -> object:
            widget = self._one(kind)
            return (widget.has_focus, widget.display, widget.styles.border_top)

        return Key(name, state, lambda: self._region(kind))

    def _region(self, kind: type[Widget]) -> Region:
        widget: Widget = self._one(kind)
        region: Region = widget.region
        return region or self._one(HistoryPanel).region

    def _cursor(self, name: str, kind: type[Widget]) -> Key:
        def state() -> object:
            widget = self._one(kind)
            return widget.cursor if isinstance(widget, Checks) else widget.cursor_row

        return Key(name, state, lambda: self._region(kind))

    def _typed(self, letter: str) -> Key:
        return Key(letter, lambda: self._one(Input).value, lambda: self._region(Input))

    def _period(self, name: str) -> Key:
        # The chart is drawn while it is painted.
        return Key(name, lambda: self._one(GrowthPanel).period, lambda: self._region(GrowthPanel))


async def measure(
    settings: Settings, runner: Runner, size: tuple[int, int], seed: int
) -> tuple[list[tuple[float, str]], RunResult]:
    """The keys of one run, and the run."""
    app = MeasuredApp(settings, runner)
    async with app.run_test(size=size) as pilot:
        while not app.shows_all:
            await asyncio.sleep(0.1)
        await runner.prepare()
        await asyncio.sleep(3)
        fingers = Fingers(app, asyncio.get_running_loop(), seed)
        await pilot.press("s")
        await asyncio.wait_for(app.began.wait(), 30)
        fingers.start()
        while app.result is None:
            await asyncio.sleep(0.05)
        fingers.enough.set()
        await asyncio.to_thread(fingers.join)
        await asyncio.sleep(1.5)  # the figures of the run's end
        await runner.close()
        return fingers.took, app.result


def a_setting(data: Path, endpoint: str, table: str, prefix: str = "") -> Settings:
    """The embedded catalog, and the stub."""
    flags = {
        "bucket": "stub-bucket",
        "endpoint": endpoint,
        "mode": "full",
        "data_dir": str(data),
        "table": table,
        "prefix": prefix,
    }
    given = load_settings(flags, environ={}, config=Path(os.devnull), directory=Path.cwd())
    return given.settings


async def fill(data: Path, endpoint: str, table: str, hours: list[str]) -> None:
    """Some history, and a hundredth of the images."""
    for hour in hours:
        settings = a_setting(data, endpoint, table, prefix=f"cam-00/{hour}/")
        async with make_source(settings) as source, open_catalog(settings) as catalog:
            await sync(source, catalog, sync_options(settings, dry_run=False), lambda _: None)


def report(took: list[tuple[float, str]]) -> str:
    """Percentiles in milliseconds."""
    times = sorted(1000 * seconds for seconds, _ in took)
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    slowest = ", ".join(f"{name} {1000 * seconds:.0f}" for seconds, name in sorted(took)[-5:])
    return (
        f"{len(times)} keys  p50 {cuts[49]:.1f}  p95 {cuts[94]:.1f}  p99 {cuts[98]:.1f}  "
        f"max {times[-1]:.1f} ms  (slowest: {slowest})"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--size", default="160x50")
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    width, height = map(int, arguments.size.split("x"))
    took: list[tuple[float, str]] = []
    with tempfile.TemporaryDirectory(prefix="s3sync-bench-") as directory:
        data = Path(directory) / "data"
        plan = Plan(arguments.keys, arguments.keys, arguments.rounds, Path(directory))
        first = plan.end - timedelta(hours=arguments.keys / PER_HOUR)
        hours = [f"{first + timedelta(hours=n):%Y/%m/%d/%H}" for n in range(1, 9)]
        with EmbeddedPostgres(data), stub(plan, plan.keys, cameras=10) as bucket:
            os.setpriority(os.PRIO_PROCESS, bucket.process, 10)  # it stands for another machine
            for number in range(plan.rounds):
                table = f"round_{number}"
                asyncio.run(fill(data, bucket.endpoint, table, hours))
                settings = a_setting(data, bucket.endpoint, table)
                runner = Runner(settings)
                some, result = asyncio.run(measure(settings, runner, (width, height), number))
                took += some
                stats = result.stats
                speed = stats.total / stats.duration_seconds
                print(f"{result.status}: {stats.total:,} keys, {stats.duration_seconds:.1f} s, "
                      f"{speed:,.0f}/s  {report(some)}", flush=True)  # fmt: skip
    print(f"{arguments.size}: {report(took)}")


if __name__ == "__main__":
    main()
