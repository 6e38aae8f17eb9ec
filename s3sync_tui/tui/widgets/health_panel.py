"""The Health panel: the checks, and what the chosen one means."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from s3sync_tui.insight.check import Check, CheckStatus
from s3sync_tui.safe_text import safe, safe_lines
from s3sync_tui.tui.panel_help import PanelHelp, Term
from s3sync_tui.tui.tones import MUTED
from s3sync_tui.tui.widgets.checks import SIGNS, Checks
from s3sync_tui.tui.widgets.panel import Panel

if TYPE_CHECKING:  # insight's own imports are not needed before the first paint
    from s3sync_tui.insight.health import Health

_COLOURS = {
    CheckStatus.OK: "$text-success",
    CheckStatus.WARN: "$text-warning",
    CheckStatus.FAIL: "$text-error",
    CheckStatus.UNKNOWN: "$text-secondary",
}
_WITH_DETAIL = 9
"""Lines from which on the chosen check is explained below the list."""


class HealthPanel(Panel):
    """What is right and wrong, the worst first."""

    PANEL_HELP: ClassVar[PanelHelp] = PanelHelp(
        "Health",
        "What can be wrong with table, bucket and schedule, the worst first. Looked at when "
        "the dashboard opens, then about once a minute and after each run; looking changes "
        "nothing. Below the list: what was found, why it matters, and after → what to do.",
        (
            (
                "signs",
                (
                    Term("✓", "All is well.", "success"),
                    Term("!", "It will hurt, or hurts a little.", "warning"),
                    Term("✗", "Syncs, data or secrecy suffer.", "error"),
                    Term("?", "It can't be told, and why.", "secondary"),
                    Term("f fix", "There are statements that mend it.", "accent"),
                ),
            ),
            (
                "words",
                (
                    Term(
                        "anon",
                        "Whoever has the project's public key, which is in every web page that "
                        "uses it: should get at nothing.",
                    ),
                    Term(
                        "all-visible",
                        "VACUUM marks pages of the table whose rows everybody may see. Only "
                        "there are comparisons answered from the index alone, three times as "
                        "fast. Below 90 %: vacuum, which stops nobody.",
                    ),
                    Term(
                        "dead rows",
                        "Old versions of updated or deleted rows, in the way until VACUUM; a "
                        "warning above 20 %.",
                    ),
                    Term(
                        "schedule",
                        "The time that usually lies between runs. Without a success for 2.5 "
                        "times as long: a warning. For 6 times as long: a failure.",
                    ),
                    Term(
                        "clocks",
                        "Of this machine, the database and S3. 10 s apart: a warning; 5 min: a "
                        "failure. S3 refuses requests that are 15 min off.",
                    ),
                    Term(
                        "room",
                        "A warning at 80 % of the quota or 30 days before it is reached, a "
                        "failure at 95 % or 3 days. Set it with --database-quota.",
                    ),
                    Term(
                        "numbers left",
                        "Row numbers that the id column can still give: at their end every "
                        "insert fails. 64 bits are enough for ever.",
                    ),
                    Term(
                        "kept counts",
                        "Totals and growth are kept, not counted. Whether they are true, "
                        "s3sync-tui health --verify tells: it counts all rows.",
                    ),
                ),
            ),
        ),
        (
            Term("↑ ↓  k j", "Choose a check."),
            Term("pgup pgdn", "Eight checks on or back."),
            Term("home end", "The first check, the last."),
            Term("f", "Show the statements that mend the chosen check; they run after a yes."),
        ),
    )

    DEFAULT_CSS = """
    HealthPanel {
        #detail {
            height: 40%; min-height: 4; max-height: 8;
            border-top: solid $border-blurred;
            display: none;
            scrollbar-size-vertical: 1;
        }
        #detail > Static { height: auto; }
        #empty { height: 1fr; content-align: center middle; color: $text-muted; }
        Checks { display: none; }
        &.-checked { Checks { display: block; } #empty { display: none; } }
        &.-checked.-tall { #detail { display: block; } }
    }
    """

    def compose(self) -> ComposeResult:
        """A list above, the detail below."""
        yield Static("Not checked yet.", id="empty")
        yield Checks()
        with VerticalScroll(id="detail", can_focus=False):
            yield Static("", markup=False)

    def on_mount(self) -> None:
        """Name it."""
        self.set_title(2, "Health")

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002
        """Explain where there is room."""
        self.set_class(self.size.height >= _WITH_DETAIL, "-tall")

    def show(self, health: Health) -> None:
        """Show these checks."""
        self.add_class("-checked")
        self.query_one(Checks).show(health.checks)
        counts = [
            (status, sum(check.status is status for check in health.checks))
            for status in (CheckStatus.FAIL, CheckStatus.WARN, CheckStatus.UNKNOWN, CheckStatus.OK)
        ]
        tally = [
            Content.styled(f"{SIGNS[status]} {number}", _COLOURS[status])
            for status, number in counts
            if number
        ]
        self.set_title(2, "Health", *tally)

    def say(self, words: str) -> None:
        """Say why there are no checks: asking, or the catalog is out of reach."""
        self.remove_class("-checked")
        self.query_one("#empty", Static).update(Content(safe_lines(words)))
        self.set_title(2, "Health")

    @property
    def chosen(self) -> Check | None:
        """The check under the cursor."""
        return self.query_one(Checks).chosen if self.has_class("-checked") else None

    def on_checks_chosen(self, message: Checks.Chosen) -> None:
        """Explain it."""
        check = message.check
        if check is None:
            return
        self.query_one("#detail > Static", Static).update(_explain(check))
        self.query_one("#detail").scroll_home(animate=False)
        if check.sql:
            self.set_keys(("f", "fix"), ("↑↓", "choose"))
        else:
            self.set_keys(("↑↓", "choose"))


def _explain(check: Check) -> Content:
    lines = [
        Content.assemble(
            (f"{SIGNS[check.status]} ", f"bold {_COLOURS[check.status]}"),
            (safe(check.measured), "bold"),
        ),
        Content.styled(safe(check.why), MUTED),
    ]
    if check.fix:
        lines.append(Content.assemble(("→ ", "bold $text-accent"), safe(check.fix)))
    return Content("\n").join(lines)
