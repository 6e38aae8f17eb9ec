"""The phases of a run, and how each of them went: kept in the run's row, read back tolerantly."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

MOST_RATES = 60


class Phase(StrEnum):
    """The three things that go on at once during a run."""

    LIST = "list"
    DEDUPE = "dedupe"
    INSERT = "insert"


@dataclass(frozen=True, slots=True)
class PhaseRecord:
    """How one phase of a run went, or how far it is. Times are seconds since the run
    began, and rates are per second."""

    phase: Phase
    began: float | None
    """None where there was nothing to do yet."""
    ended: float | None
    """None while it goes on."""
    elapsed: float
    """When this was recorded."""
    done: int
    """Objects listed, images compared, rows written."""
    expected: int | None
    """How many there will be, as far as known."""
    share: float
    """0 to 1: by count where ``expected`` is known, else as a guess from the keys listed."""
    per_second: float
    """Over the last five seconds."""
    mean: float
    """From its beginning to its end."""
    peak: float
    """Over one second at least; of a phase that was shorter, its mean."""
    every: float
    """The seconds that each of ``rates`` stands for."""
    rates: tuple[float, ...]
    """From the run's first second on; at most 60, however long the run."""

    def document(self) -> dict[str, Any]:
        """As ``sync_runs.details`` keeps it: short."""
        plain: dict[str, Any] = {}
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            is_rate = name in {"per_second", "mean", "peak"}
            if name == "rates":
                value = [_brief(rate) for rate in value]
            elif isinstance(value, float):
                value = _brief(value) if is_rate else round(value, 4)
            plain[name] = value.value if name == "phase" else value
        return plain

    @classmethod
    def read(cls, document: object) -> PhaseRecord | None:
        """What :meth:`document` wrote. What else there may be is taken as far as it
        makes sense; None where it makes none."""
        phase = document.get("phase") if isinstance(document, dict) else None
        if not isinstance(document, dict) or phase not in list(Phase):
            return None
        rates = document.get("rates")
        elapsed = _amount(document.get("elapsed")) or 0.0
        began, ended = _amount(document.get("began")), _amount(document.get("ended"))
        expected = _amount(document.get("expected"))
        figures = {
            name: _amount(document.get(name)) or 0.0
            for name in ("done", "share", "per_second", "mean", "peak")
        }
        return cls(
            phase=Phase(str(phase)),
            began=None if began is None else min(began, elapsed),
            ended=None if began is None or ended is None else min(max(began, ended), elapsed),
            elapsed=elapsed,
            done=int(figures["done"]),
            expected=None if expected is None else int(expected),
            share=min(1.0, figures["share"]),
            per_second=figures["per_second"],
            mean=figures["mean"],
            peak=figures["peak"],
            every=_amount(document.get("every")) or 1.0,
            rates=tuple(_amount(rate) or 0.0 for rate in rates[:MOST_RATES])
            if isinstance(rates, list)
            else (),
        )


def _brief(number: float) -> float:
    """Three digits that count: nobody reads more of a rate, and each run keeps 180."""
    brief = float(f"{number:.3g}")
    return int(brief) if brief.is_integer() else brief


def _amount(value: object) -> float | None:
    """``value`` where it is a number that can be one of ours."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 1e15 else None
