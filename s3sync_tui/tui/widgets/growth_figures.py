"""Rates and projections as a table of figures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import zip_longest

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from s3sync_tui.insight.growth import Growth, Rate
from s3sync_tui.tui.figures import count, first_that_fits, left, right, rough, short, size
from s3sync_tui.tui.tones import MUTED

_WIDE_CELLS = 70
_SOON_DAYS = 60


class GrowthFigures(Widget):
    """How fast it grows, where that leads, and when the quota is reached."""

    DEFAULT_CSS = "GrowthFigures { height: 5; }"

    growth: reactive[Growth | None] = reactive(None)

    def render(self) -> Content:
        """Rates at the left, projections at the right, the quota below."""
        growth = self.growth
        if growth is None:
            return Content.empty()
        cells = self.size.width
        write = count if cells >= _WIDE_CELLS else short
        gap = " " * (5 if cells >= _WIDE_CELLS else 3)
        rates = [
            Content.styled(left("over", 5) + right("images/h", 9), MUTED),
            *(_rate(rate) for rate in growth.rates),
        ]
        room = cells - 14 - len(gap)
        ahead = [*_projections(growth, write, room), _quota(growth, room)]
        lines = [
            Content.assemble(rate, " " * (14 - rate.cell_length), gap, other)
            for rate, other in zip_longest(rates, ahead, fillvalue=Content.empty())
        ]
        return Content("\n").join([line.truncate(cells, ellipsis=True) for line in lines])


def _rate(rate: Rate) -> Content:
    hours = rate.window_hours
    window = f"{hours} h" if hours < 48 else f"{hours // 24} d"
    known = "–" if rate.per_hour is None else f"{rate.per_hour:,.0f}"
    return Content.assemble((left(window, 5), MUTED), (right(known, 9), "bold"))


def _projections(growth: Growth, write: Callable[[int], str], room: int) -> list[Content]:
    ahead = growth.projections
    if not ahead:
        return [Content.styled("Too little is known yet to look ahead.", MUTED)]
    number_cells = max(6, *(len(write(each.high)) for each in ahead))
    between_cells = 2 * number_cells + 3
    with_between = room >= 5 + number_cells + 2 + between_cells
    with_database = room >= 5 + number_cells + 2 + between_cells + 11
    head = f"{left('in', 5)}{right('images', number_cells)}"
    head += f"  {left('90 % between', between_cells)}" if with_between else ""
    lines = [Content.styled(head + (right("database", 11) if with_database else ""), MUTED)]
    for each in ahead:
        low, high = right(write(each.low), number_cells), right(write(each.high), number_cells)
        is_over = growth.quota_bytes is not None and each.database_bytes > growth.quota_bytes
        database = right(size(each.database_bytes), 11) if with_database else ""
        lines.append(
            Content.assemble(
                (left(f"{each.days} d", 5), MUTED),
                (right(write(each.images), number_cells), "bold"),
                (f"  {low} – {high}" if with_between else "", MUTED),
                (database, "bold $text-error" if is_over else "$foreground"),
            )
        )
    return lines


def _quota(growth: Growth, room: int) -> Content:
    each_row = f"{growth.bytes_per_row:,.0f} bytes a row"
    if growth.quota_bytes is None:
        return Content.styled(
            first_that_fits((f"{each_row} · no quota set", each_row), room), MUTED
        )
    quota = f"quota {size(growth.quota_bytes)}"
    if growth.full_in_days is None:
        return Content.styled(first_that_fits((f"{quota} · {each_row}", quota), room), MUTED)
    full = f"full in {rough(timedelta(days=growth.full_in_days).total_seconds())}"
    style = "bold $text-warning" if growth.full_in_days < _SOON_DAYS else "bold"
    before, after = f"{quota} · ", f" · {each_row}"
    if len(before) + len(full) + len(after) > room:
        after = ""
    if len(before) + len(full) > room:
        before = ""
    return Content.assemble((before, MUTED), (full, style), (after, MUTED))
