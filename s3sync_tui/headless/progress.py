"""Three bars on stderr while a run goes on."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn
from rich.text import Text

from s3sync_tui.events import Event, PhaseProgress
from s3sync_tui.phases import Phase

_NAMES = {Phase.LIST: "List", Phase.DEDUPE: "Dedupe", Phase.INSERT: "Insert"}


class LiveProgress:
    """Shows :class:`~s3sync_tui.events.PhaseProgress` events as bars; as a context
    manager it cleans up after itself."""

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<7}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            _Count(),
            _Rate(),
            console=console or Console(stderr=True),
            transient=True,
        )
        self._tasks = {
            phase: self._progress.add_task(name, total=1.0, rate=0.0, count=0)
            for phase, name in _NAMES.items()
        }

    def __enter__(self) -> LiveProgress:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def show(self, event: Event) -> None:
        """Take an event in; only progress is shown."""
        if isinstance(event, PhaseProgress):
            self._progress.update(
                self._tasks[event.phase],
                completed=event.share,
                count=event.done,
                rate=event.per_second,
            )

    def stop(self) -> None:
        """Take the bars away."""
        self._progress.stop()


class _Count(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.fields['count']:>13,}", style="progress.download")


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.fields['rate']:>11,.0f}/s", style="progress.data.speed")
