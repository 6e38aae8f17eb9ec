"""What pops up for a moment: words of servers among them, which are text and no markup."""

from __future__ import annotations

from textual.app import App, ReturnType
from textual.notifications import SeverityLevel

from s3sync_tui.safe_text import safe, safe_lines


class PlainToasts(App[ReturnType]):
    """An app whose toasts show what they are given, character by character."""

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,  # noqa: ARG002  # Textual's own; there is none here
    ) -> None:
        """Show ``message`` for a while."""
        super().notify(
            safe_lines(message),
            title=safe(title),
            severity=severity,
            timeout=timeout,
            markup=False,
        )
