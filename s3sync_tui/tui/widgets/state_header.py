"""The header: what is synced into what, and how it stands."""

from __future__ import annotations

from datetime import datetime

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from s3sync_tui.safe_text import safe
from s3sync_tui.tui.figures import ago, countdown, fit, percent
from s3sync_tui.tui.state import UNDER_WAY, Standing, State
from s3sync_tui.tui.tones import MUTED

_NAME = "s3sync"
_ROOMY_CELLS = 100
_LOOKS = {
    Standing.CONNECTING: ("○", "connecting", MUTED),
    Standing.NEVER_RUN: ("○", "never synced", "$text-accent"),
    Standing.IN_SYNC: ("●", "in sync", "$text-success"),
    Standing.BEHIND: ("◐", "behind", "$text-warning"),
    Standing.SYNCING: ("▶", "syncing", "$text-primary"),
    Standing.CANCELLING: ("■", "cancelling", "$text-warning"),
    Standing.CANCELLED: ("■", "cancelled", "$text-warning"),
    Standing.FAILED: ("✗", "failed", "$text-error"),
    Standing.CATALOG_UNREACHABLE: ("✗", "catalog unreachable", "$text-error"),
    Standing.BUCKET_UNREACHABLE: ("✗", "bucket unreachable", "$text-error"),
    Standing.SCHEMA_MISSING: ("!", "schema missing", "$text-warning"),
    Standing.OTHER_HOST: ("◆", "another host syncs", "$text-secondary"),
}
"""Sign, word and colour: any two may fail a reader, and it is still told."""


class StateHeader(Widget):
    """``s3sync  camera-images ▸ catalog          ● in sync · 2 min ago``."""

    DEFAULT_CSS = """
    StateHeader { height: 1; padding: 0 1; background: $panel; color: $foreground; }
    """

    bucket: reactive[str] = reactive("")
    catalog: reactive[str] = reactive("")
    state: reactive[State] = reactive(State(Standing.CONNECTING))
    share: reactive[float | None] = reactive(None)
    """Of the run under way, in whole percents."""
    next_run: reactive[datetime | None] = reactive(None)
    """While watching: when the next run begins."""
    now: reactive[datetime | None] = reactive(None)

    def render(self) -> Content:
        """One line, the state at its right; the state is what must be seen."""
        cells = self.size.width
        state = self._state(cells)
        place = self._place(max(0, cells - state.cell_length - 2))
        gap = cells - place.cell_length - state.cell_length
        return Content.assemble(place, " " * gap, state)

    def _place(self, cells: int) -> Content:
        if cells < len(_NAME):
            return Content.empty()
        rest = cells - len(_NAME) - 2
        bucket, catalog = safe(self.bucket or "no bucket"), safe(self.catalog)
        if catalog and rest > 24:
            catalog = fit(catalog, rest - min(cell_len(bucket), rest // 2) - 3)
            bucket = fit(bucket, rest - cell_len(catalog) - 3)
            where = Content.assemble((bucket, "bold"), (" ▸ ", MUTED), catalog)
        else:
            where = Content.styled(fit(bucket, rest), "bold")
        return Content.assemble((_NAME, "bold $primary"), "  ", where)

    def _state(self, cells: int) -> Content:
        sign, word, colour = _LOOKS[self.state.standing]
        head = Content.styled(f"{sign} {word}", f"bold {colour}")
        parts = self._parts()
        for number in range(len(parts), -1, -1):
            tail = "".join(f" · {part}" for part in parts[:number])
            if head.cell_length + cell_len(tail) <= cells - len(_NAME) - 2 or not number:
                return Content.assemble(head, (tail, MUTED)).truncate(cells, ellipsis=True)
        return head

    def _parts(self) -> list[str]:
        state, now = self.state, self.now
        if state.standing in UNDER_WAY:
            return [] if self.share is None else [percent(self.share).strip()]
        if now is None:
            return []
        if state.retry_at is not None:
            return [f"retry in {countdown(state.retry_at, now)}"]
        parts = [] if state.at is None else [ago(state.at, now)]
        if self.next_run is not None:
            left = countdown(self.next_run, now)
            parts.append(f"next in {left}" if self.size.width >= _ROOMY_CELLS else f"⟳ {left}")
        return parts
