"""Figures as people read them: thousands, rates, times, money."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import floor
from statistics import median

from rich.cells import cell_len, set_cell_size

from s3sync_tui.insight.check import size as size

_BARS = "▁▂▃▄▅▆▇█"
_UNKNOWN = "–"


def local_now() -> datetime:
    """Now, with this machine's zone."""
    return datetime.now().astimezone()


def fit(text: str, cells: int) -> str:
    """``text`` in at most ``cells`` cells, cut with an ellipsis; wide characters count two."""
    if cells <= 0:
        return ""
    if cell_len(text) <= cells:
        return text
    return f"{set_cell_size(text, cells - 1).rstrip()}…"


def left(text: str, cells: int) -> str:
    """``text`` in exactly ``cells`` cells, to the left."""
    fitted = fit(text, cells)
    return fitted + " " * (cells - cell_len(fitted))


def right(text: str, cells: int) -> str:
    """``text`` in exactly ``cells`` cells, to the right."""
    fitted = fit(text, cells)
    return " " * (cells - cell_len(fitted)) + fitted


def first_that_fits(candidates: Sequence[str], cells: int) -> str:
    """The first of ``candidates``, from the best to the shortest, that fits."""
    return next(
        (text for text in candidates if cell_len(text) <= cells), fit(candidates[-1], cells)
    )


def count(number: int | None) -> str:
    """``48,210,332``."""
    return _UNKNOWN if number is None else f"{number:,}"


def short(number: float) -> str:
    """``48.2 M``, ``412 k``, ``9,012``: at most seven cells below a billion."""
    for unit, power, begins in (("G", 1e9, 1e9), ("M", 1e6, 1e6), ("k", 1e3, 1e5)):
        if abs(number) >= begins * 0.9995:
            scaled = number / power
            return f"{scaled:,.1f} {unit}" if abs(scaled) < 99.95 else f"{scaled:,.0f} {unit}"
    return f"{number:,.0f}"


def speed(per_second: float) -> str:
    """``412k/s``, ``1.9M/s``: at most six cells."""
    if per_second < 999.5:
        return f"{per_second:.0f}/s"
    for unit, power in (("k", 1e3), ("M", 1e6)):
        scaled = per_second / power
        if scaled < 999.5:
            return f"{scaled:.1f}{unit}/s" if scaled < 9.95 else f"{scaled:.0f}{unit}/s"
    return f"{per_second / 1e9:.1f}G/s"


def percent(share: float) -> str:
    """`` 72 %``, in five cells; 100 only when all is done."""
    return f"{floor(min(1.0, max(0.0, share)) * 100):3d} %"


def duration(seconds: float) -> str:
    """``0.4 s``, ``3.2 s``, ``42 s``, ``1 min 12 s``, ``2 h 05 min``, ``3 d 4 h``."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400:,} d {whole % 86_400 // 3600} h"


def rough(seconds: float) -> str:
    """A length of time in one unit: ``12 s``, ``2 min``, ``3 h``, ``5 d``, ``2 years``."""
    whole = max(0, int(seconds))
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if whole >= length * (2 if unit == "d" else 1):
            amount = whole // length
            if unit == "d" and amount >= 730:
                return f"{amount // 365} years"
            return f"{amount:,} {unit}"
    return f"{whole} s"


def ago(then: datetime, now: datetime) -> str:
    """``just now``, ``12 s ago``, ``2 min ago``, ``5 d ago``."""
    seconds = (now - then).total_seconds()
    return "just now" if seconds < 5 else f"{rough(seconds)} ago"


def countdown(then: datetime, now: datetime) -> str:
    """``0:07``, ``4:59``, ``2:00:00``: what is left, in a width that seldom changes."""
    left_over = max(0, int((then - now).total_seconds() + 0.999))
    hours, rest = divmod(left_over, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def moment(then: datetime, now: datetime) -> str:
    """``14:05:00`` today, ``24 Nov 14:05`` this year, ``2025-11-24`` before; in the time
    zone of ``now``."""
    then = then.astimezone(now.tzinfo)
    if then.date() == now.date():
        return f"{then:%H:%M:%S}"
    if now - then < timedelta(days=300):
        return f"{then.day:2d} {then:%b %H:%M}"
    return f"{then:%Y-%m-%d}"


def money(usd: float) -> str:
    """``$1.94``, ``$0.006``, ``$1,204``: to the precision that matters."""
    if usd >= 999.995:
        return f"${usd:,.0f}"
    if usd >= 0.0995 or usd <= 0:
        return f"${usd:.2f}"
    return f"${usd:.3f}" if usd >= 0.00095 else "<$0.001"


def used_of(used: float, quota: float) -> str:
    """``21.4 / 25 GB``: both in the quota's unit."""
    unit = size(quota).rpartition(" ")[2]
    power = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]
    scaled = used / power
    shown = f"{scaled:,.2f}" if scaled < 1 else f"{scaled:,.1f}"
    return f"{shown} / {quota / power:,.4g} {unit}"


def sparkline(values: Sequence[float], cells: int, *, from_zero: bool = True) -> str:
    """The newest ``values`` in ``cells`` cells, the last at the right; few are stretched."""
    if not values or cells <= 0:
        return ""
    shown = values[-cells:]
    low = 0.0 if from_zero else min(shown)
    reach = max(shown) - low
    levels = [round((value - low) / reach * 7) if reach > 0 else 0 for value in shown]
    if len(levels) < cells:
        levels = [levels[place * len(levels) // cells] for place in range(cells)]
    return "".join(_BARS[min(7, max(0, level))] for level in levels)


def calm(values: Sequence[float]) -> list[float]:
    """``values`` with outliers cut at four times the median: one first sync of millions
    would flatten all that came after it."""
    if not values:
        return []
    usual = median(values)
    return [min(value, 4 * usual) for value in values] if usual > 0 else list(values)


def axis(number: float) -> str:
    """A round number beside a chart: ``50 k``, ``1.5 M``."""
    for unit, power in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= power:
            return f"{number / power:g} {unit}"
    return f"{number:g}"


def bar(share: float, cells: int) -> tuple[str, str]:
    """A bar of ``cells`` cells: its full part, heavy, and the rest, light; so it can be
    read without colour."""
    halves = round(min(1.0, max(0.0, share)) * cells * 2)
    full = "━" * (halves // 2) + "╸" * (halves % 2)
    return full, "─" * (cells - len(full))
