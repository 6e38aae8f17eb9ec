"""What the bench says: goals and whether they are reached, and tables, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Goal:
    """One line of the issue's table."""

    what: str
    goal: str
    measured: str
    reached: bool


@dataclass(frozen=True)
class Section:
    """What one module has measured."""

    title: str
    how: str
    """In a few sentences: sides, what the clock covers, what differs."""
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    goals: Sequence[Goal] = field(default_factory=tuple)


def at_least(what: str, measured: float, goal: float, unit: str) -> Goal:
    """A ratio that must not be smaller."""
    return Goal(what, f"{goal:g} {unit}", f"{_short(measured)} {unit}", measured >= goal)


def at_most(what: str, measured: float, goal: float, unit: str) -> Goal:
    """A figure that must not be larger."""
    return Goal(what, f"at most {goal:g} {unit}", f"{_short(measured)} {unit}", measured <= goal)


def _short(number: float) -> str:
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"


def document(facts: Sequence[str], sections: Sequence[Section]) -> str:
    """The whole of RESULTS.md."""
    goals = [goal for section in sections for goal in section.goals]
    lines = ["# Measured", "", *[f"- {fact}" for fact in facts], "", "## Goals", ""]
    lines += _table(
        ["what", "goal", "measured", "reached"],
        [[g.what, g.goal, g.measured, "yes" if g.reached else "**no**"] for g in goals],
    )
    for section in sections:
        lines += ["", f"## {section.title}", "", section.how]
        lines += ["", *_table(section.columns, section.rows)] if section.rows else []
    return "\n".join(lines) + "\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    _, *others = zip(*rows, strict=True)
    sides = ["---", *["---:" if any(c[:1].isdigit() for c in cells) else "---" for cells in others]]
    return [f"| {' | '.join(row)} |" for row in (columns, sides, *rows)]
