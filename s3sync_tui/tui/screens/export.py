"""Export: asks what to write and in which form, writes it, and says where it is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from s3sync_tui.insight.check import several
from s3sync_tui.insight.export import (
    Export,
    Form,
    default_name,
    export_growth,
    export_health,
    export_runs,
    free_path,
    write_new,
)
from s3sync_tui.model import RunRecord
from s3sync_tui.safe_text import safe
from s3sync_tui.tui.figures import local_now, size
from s3sync_tui.tui.keys import hints
from s3sync_tui.tui.tones import MUTED
from s3sync_tui.tui.widgets.choices import Choice, Choices

if TYPE_CHECKING:  # insight's own imports are not needed before the first paint
    from s3sync_tui.insight.cost import Cost
    from s3sync_tui.insight.growth import Growth
    from s3sync_tui.insight.health import Health

_SUBJECTS = {
    "Sync": "runs",
    "History": "runs",
    "Health": "health",
    "Growth": "growth",
    "Tiles": "growth",
}
"""What one probably wants to export, by the panel that has the focus."""
_UNKNOWN = "not known yet"


class ExportScreen(ModalScreen[Path | None]):
    """Gives the file that was written, or None.

    ``chosen`` is the name of the panel that has the focus, or of what is to be exported
    (``runs``, ``growth``, ``health``). Files go to ``directory``, by default the current one.
    """

    DEFAULT_CSS = """
    ExportScreen { align: center middle; }
    ExportScreen > VerticalScroll {
        width: 90%; max-width: 84; height: auto; max-height: 100%; padding: 1 2;
        border: round $primary; border-title-style: bold; border-title-color: $primary;
        border-subtitle-color: $text-muted; background: $surface;
    }
    ExportScreen .label { color: $text-muted; text-style: bold; padding-left: 1; }
    ExportScreen Choices { margin-bottom: 1; }
    ExportScreen #file {
        height: 1; border: none; padding: 0 1; border-left: outer transparent; background: $panel;
    }
    ExportScreen #file:focus { border-left: outer $primary; }
    ExportScreen #file:focus:nocolor, ExportScreen #file:focus:ansi {
        border-left: heavy $primary;
    }
    ExportScreen #where { height: auto; min-height: 2; padding: 0 1; margin-left: 1; }
    ExportScreen Horizontal { height: auto; margin-top: 1; align-horizontal: right; }
    ExportScreen Button { margin-left: 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close"),
        Binding("enter", "write", "Write"),
    ]

    def __init__(
        self,
        *,
        runs: Sequence[RunRecord],
        growth: Growth | None,
        health: Health | None,
        cost: Cost | None = None,
        chosen: str | None = None,
        directory: Path | None = None,
        now: Callable[[], datetime] = local_now,
    ) -> None:
        super().__init__()
        self._exports: dict[str, Export] = {}
        if runs:
            self._exports["runs"] = export_runs(runs, cost)
        if growth is not None:
            self._exports["growth"] = export_growth(growth)
        if health is not None:
            self._exports["health"] = export_health(health)
        self._asked_for = _SUBJECTS.get(chosen or "", chosen or "runs")
        self._directory = directory or Path.cwd()
        self._now = now
        self._proposed = ""
        self._is_writing = False

    def compose(self) -> ComposeResult:
        """What, in which form, where to."""
        with VerticalScroll(can_focus=False) as box:
            box.border_title = "Export"
            box.border_subtitle = hints(("↑↓", "choose"), ("tab", "next"))
            yield Static("WHAT", classes="label")
            yield Choices(self._subjects(), self._asked_for, id="what")
            yield Static("FORM", classes="label")
            yield Choices(
                [
                    Choice("csv", "CSV", "a table, for spreadsheets"),
                    Choice("json", "JSON", "everything, as with --json"),
                ],
                "csv",
                id="form",
            )
            yield Static("FILE", classes="label")
            yield Input(id="file", compact=True, select_on_focus=False)
            yield Static(id="where")
            with Horizontal():
                yield Button("Write (enter)", id="write", variant="primary", compact=True)
                yield Button("Close (esc)", id="close", compact=True)

    def on_mount(self) -> None:
        """Enter would write what is proposed."""
        self.query_one("#write", Button).disabled = not self._exports
        self.query_one("#what", Choices).focus()
        self._propose()

    def on_choices_changed(self) -> None:
        """Another file's name."""
        self._propose()

    def on_input_changed(self) -> None:
        """What was wrong with the last name is no longer so."""
        self._say_where()

    def on_input_submitted(self) -> None:
        """As with enter elsewhere."""
        self.action_write()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """As with the keys."""
        if event.button.id == "write":
            self.action_write()
        else:
            self.dismiss(None)

    @work
    async def action_write(self) -> None:
        """Write the file, and close; stay, and say why, where that can't be done."""
        export = self._exports.get(self.query_one("#what", Choices).chosen)
        if export is None or self._is_writing:
            return
        path = self._path
        self._is_writing = True
        try:
            written = await asyncio.to_thread(_write, export, self._form, path)
        except FileExistsError:
            free = await asyncio.to_thread(free_path, path)
            field = self.query_one("#file", Input)
            with field.prevent(Input.Changed):
                field.value = self._told(free)
            self._complain(
                f"{path.name} is there already, and nothing is overwritten.",
                "Enter writes to the name above; or type another.",
            )
        except (OSError, ValueError) as error:
            self._complain(*_reason(error, path))
        else:
            told = f"{_rows(export)}, {size(written)}, in\n{safe(str(path))}"
            self.notify(told, title="Exported", timeout=12)
            self.dismiss(path)
        finally:
            self._is_writing = False

    def _subjects(self) -> list[Choice]:
        notes = {
            "runs": "the newest first, with figures and errors",
            "growth": "arrivals by hour, day, week and month",
            "health": "the worst first, with what mends them",
        }
        names = {"runs": "Runs", "growth": "Growth", "health": "Health"}
        return [
            Choice(
                value,
                name,
                f"{_rows(self._exports[value])}, {notes[value]}"
                if value in self._exports
                else _UNKNOWN,
                value in self._exports,
            )
            for value, name in names.items()
        ]

    @property
    def _form(self) -> Form:
        return Form(self.query_one("#form", Choices).chosen)

    @property
    def _path(self) -> Path:
        typed = self.query_one("#file", Input).value.strip()
        return self._directory / os.path.expanduser(typed)  # noqa: PTH111  (Path's raises)

    def _propose(self) -> None:
        """The usual name for what is chosen; a name that was typed keeps all but its form."""
        field = self.query_one("#file", Input)
        typed = field.value
        what = self.query_one("#what", Choices).chosen
        if typed == self._proposed:
            usual = default_name(what, self._form, self._now()) if what else ""
            self._proposed = free_path(self._directory / usual).name if usual else ""
            field.value = self._proposed
        elif Path(typed).suffix in {f".{form.value}" for form in Form}:
            field.value = str(Path(typed).with_suffix(f".{self._form.value}"))
        self._say_where()

    def _say_where(self) -> None:
        if not self._exports:
            self._complain("There is nothing to export yet.", "Wait for the first figures.")
            return
        where = self.query_one("#where", Static)
        form, what = self._form, self.query_one("#what", Choices).chosen
        more = {
            "runs": "JSON also has phases, sample keys, failed ranges and the cost.",
            "growth": "JSON also has rates, projections and the quota.",
        }.get(what, "")
        words = f"in {safe(str(self._path.parent))}"
        if form is Form.CSV and more:
            words += f"\n{more}"
        where.update(Content.styled(words, MUTED))

    def _complain(self, what: str, remedy: str) -> None:
        self.query_one("#where", Static).update(
            Content.assemble(
                ("✗ ", "bold $text-error"),
                (safe(what), "bold $text-error"),
                "\n",
                ("→ ", "bold $text-accent"),
                safe(remedy),
            )
        )

    def _told(self, path: Path) -> str:
        """As one would type it."""
        return str(
            path.relative_to(self._directory) if path.is_relative_to(self._directory) else path
        )


def _write(export: Export, form: Form, path: Path) -> int:
    if path.is_dir():
        raise IsADirectoryError
    text = export.text(form)
    write_new(path, text)
    return len(text.encode())


def _rows(export: Export) -> str:
    nouns = {"runs": "run", "growth": "period", "health": "check"}
    return several(len(export.table.rows), nouns[export.name])


def _reason(error: Exception, path: Path) -> tuple[str, str]:
    """What went wrong, and what to do."""
    match error:
        case FileNotFoundError():
            return f"There is no directory {path.parent}.", "Create it, or type another path."
        case IsADirectoryError():
            return f"{path} is a directory.", "Type the name of a file."
        case NotADirectoryError():
            return f"{path.parent} is not a directory.", "Type another path."
        case PermissionError():
            return (
                f"You may not write to {path.parent}.",
                "Type a path where you may, for example ~/.",
            )
        case OSError():
            return f"{path} can't be written: {error.strerror}.", "Type another path."
    return f"That is no name for a file: {error}.", "Type another."
