"""A tile: one figure, how it came about, and a word on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from s3sync_tui.tui.figures import bar, first_that_fits, sparkline
from s3sync_tui.tui.tones import FAINT, MUTED


@dataclass(frozen=True, slots=True)
class Figure:
    """What a tile shows."""

    value: tuple[str, ...]
    """From the fullest form to the shortest."""
    note: tuple[str, ...] = ("",)
    """Likewise."""
    trend: list[float] = field(default_factory=list)
    """Oldest first."""
    from_zero: bool = True
    share: float | None = None
    """Shown as a bar instead of the trend."""
    tone: str = ""
    """``success``, ``warning``, ``error``, or none."""


LOADING = Figure(("···",), ("loading",))
UNKNOWN = Figure(("–",), ("not known",))


class Tile(Widget):
    """One figure in a frame."""

    DEFAULT_CSS = """
    Tile {
        height: 5;
        border: round $border-blurred;
        border-title-color: $text-muted;
        padding: 0 1;
        &.-chosen { border: round $border; border-title-color: $primary; }
        &.-chosen:nocolor, &.-chosen:ansi { border: heavy $border; }
    }
    """

    figure: reactive[Figure] = reactive(LOADING)

    def __init__(self, title: str, *, help_text: str, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.border_title = title
        self.tooltip = help_text

    def render(self) -> Content:
        """Value, trend, note; beside each other where there is no height."""
        cells, figure = self.size.width, self.figure
        value = first_that_fits(figure.value, cells)
        style = f"bold $text-{figure.tone}" if figure.tone else "bold $foreground"
        if figure is LOADING or figure is UNKNOWN:
            style = FAINT
        note = Content.styled(first_that_fits(figure.note, cells), MUTED)
        if self.size.height >= 3:
            return Content("\n").join([Content.styled(value, style), self._trend(cells), note])
        room = cells - cell_len(value) - 1
        trend = self._trend(room) if room >= 4 else Content.empty()
        return Content("\n").join(
            [
                Content.assemble((value, style), " ", trend)
                if trend
                else Content.styled(value, style),
                note,
            ]
        )

    def _trend(self, cells: int) -> Content:
        figure = self.figure
        if figure.share is not None:
            full, rest = bar(figure.share, cells)
            colour = f"$text-{figure.tone}" if figure.tone else "$primary"
            return Content.assemble((full, colour), (rest, FAINT))
        line = sparkline(figure.trend, cells, from_zero=figure.from_zero)
        return Content.styled(line, "$primary") if line else Content.styled("·" * cells, FAINT)
