"""All about one run: how it went, its phases in time, its faults, and its figures as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from s3sync_tui.insight.documents import run_object
from s3sync_tui.model import RunRecord, RunStatus
from s3sync_tui.safe_text import safe_lines
from s3sync_tui.tui.figures import local_now
from s3sync_tui.tui.keys import hints
from s3sync_tui.tui.widgets.run_facts import RunFacts, aftermath, fault
from s3sync_tui.tui.widgets.time_line import TimeLine

_NUMBERS = re.compile(r"\[\s+([-+.\deE]+(?:,\s+[-+.\deE]+)*)\s+\]")
"""A list of nothing but numbers: on one line it can be read."""
_NO_PHASES = "No time line: whoever ran this did not record one."


class RunDetails(ModalScreen[None]):
    """Opens at the run with the number ``run_id`` of ``runs``, newest first; the others are
    a key away. :meth:`show` keeps a run that is under way up to date."""

    DEFAULT_CSS = """
    RunDetails { align: center middle; }
    RunDetails > Vertical {
        width: 100%; max-width: 122; height: auto; max-height: 100%; padding: 0 0 0 1;
        border: round $primary; border-title-style: bold; border-title-color: $primary;
        border-subtitle-color: $text-muted; background: $surface;
    }
    RunDetails > Vertical:ansi { border: heavy $primary; }
    RunDetails.-wide > Vertical { width: 94%; max-height: 94%; padding: 1 0 1 2; }
    RunDetails VerticalScroll {
        height: auto; max-height: 100%; scrollbar-size-vertical: 1; scrollbar-gutter: stable;
    }
    RunDetails VerticalScroll:focus { background-tint: transparent; }
    RunDetails VerticalScroll > * { margin: 1 1 0 0; }
    RunDetails VerticalScroll > RunFacts, RunDetails VerticalScroll > #json { margin: 0 1 0 0; }
    RunDetails Static { height: auto; }
    RunDetails .-absent { display: none; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "Close"),
        Binding("y", "copy", "Copy as JSON"),
        Binding("j", "json", "JSON"),
        Binding("left,left_square_bracket", "step(-1)", "Newer run"),
        Binding("right,right_square_bracket", "step(1)", "Older run"),
        Binding("space", "page_down", "Page down", show=False),
    ]

    def __init__(
        self,
        runs: Sequence[RunRecord],
        run_id: int,
        *,
        now: Callable[[], datetime] = local_now,
    ) -> None:
        super().__init__()
        self._runs = list(runs)
        self._run_id = run_id
        self._now = now
        self._as_json = False

    def compose(self) -> ComposeResult:
        """One scrolling column."""
        with Vertical(), VerticalScroll():
            yield RunFacts()
            yield Static(id="fault", markup=False)
            yield TimeLine()
            yield Static(_NO_PHASES, id="no-phases", markup=False)
            yield Static(id="aftermath", markup=False)
            yield Static(id="json", markup=False)

    def on_mount(self) -> None:
        """Show it; time goes on."""
        self.query_one(VerticalScroll).focus()
        self.set_interval(1.0, self._tick)
        self._fill()

    def show(self, run: RunRecord) -> None:
        """Take in what is new about one of the runs, or a new run."""
        if run in self._runs:
            return
        numbers = [each.run_id for each in self._runs]
        if run.run_id in numbers:
            self._runs[numbers.index(run.run_id)] = run
        else:
            self._runs.insert(0, run)
        if self.is_mounted:
            self._fill()

    @property
    def run(self) -> RunRecord:
        """The run that is shown."""
        return self._runs[self._place]

    def action_step(self, step: int) -> None:
        """Show a newer run, or an older one."""
        place = self._place + step
        if 0 <= place < len(self._runs):
            self._run_id = self._runs[place].run_id
            self.query_one(VerticalScroll).scroll_home(animate=False)
            self._fill()

    def action_json(self) -> None:
        """Show the run as JSON, or in words again."""
        self._as_json = not self._as_json
        self.query_one(VerticalScroll).scroll_home(animate=False)
        self._fill()

    def action_copy(self) -> None:
        """Copy everything; over SSH too, where the terminal lets programs (OSC 52)."""
        self.app.copy_to_clipboard(self._json())
        self.notify(f"Run {self._run_id:,} is copied as JSON.")

    def action_page_down(self) -> None:
        """Read on."""
        self.query_one(VerticalScroll).scroll_page_down(animate=False)

    @property
    def _place(self) -> int:
        return next(n for n, run in enumerate(self._runs) if run.run_id == self._run_id)

    def _fill(self) -> None:
        run, phases = self.run, self.run.phases
        self._label()
        self.query_one(RunFacts).show(run, self._now())
        self.query_one(TimeLine).show(
            phases,
            seconds=run.stats.duration_seconds,
            is_over=run.status is not RunStatus.RUNNING,
        )
        words = {"#fault": fault(run), "#aftermath": aftermath(run)}
        for name, content in words.items():
            self.query_one(name, Static).update(content)
        shown = {
            "RunFacts": True,
            "#fault": bool(words["#fault"].plain),
            "TimeLine": bool(phases),
            "#no-phases": not phases,
            "#aftermath": bool(words["#aftermath"].plain),
        }
        for name, is_shown in shown.items():
            self.query_one(name).set_class(self._as_json or not is_shown, "-absent")
        text = self.query_one("#json", Static)
        text.set_class(not self._as_json, "-absent")
        if self._as_json:
            from textual.highlight import highlight  # brings pygments: only for who asks

            text.update(highlight(safe_lines(self._json()), language="json"))

    def _label(self) -> None:
        box = self.query_one(Vertical)
        box.border_title = Content.assemble(
            f"Run {self._run_id:,}",
            (f"  {self._place + 1} of {len(self._runs)}", "not bold $text-muted"),
        )
        box.border_subtitle = hints(
            ("←", "newer"),
            ("→", "older"),
            ("j", "in words" if self._as_json else "JSON"),
            ("y", "copy"),
            ("esc", "close"),
        )

    def _tick(self) -> None:
        self.query_one(RunFacts).show(self.run, self._now())

    def _json(self) -> str:
        text = json.dumps(run_object(self.run), indent=2)
        return _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text)
