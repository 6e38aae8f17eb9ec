"""The bucket, credentials and figures of the fault suite.

What a test measured it gives to ``record_property``; the figures are printed at the end, for
docs/PROMISES.md.
"""

from __future__ import annotations

import pytest

from tests.integration.conftest import bucket, credentials, moto

__all__ = ["bucket", "credentials", "moto"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    figures = [
        (report.nodeid.removeprefix("tests/faults/"), report.user_properties)
        for report in terminalreporter.getreports("passed")
        if report.when == "call" and report.user_properties
    ]
    if not figures:
        return
    terminalreporter.section("figures")
    for test, measured in sorted(figures, key=lambda figure: figure[0]):
        told = ", ".join(f"{name} {value}" for name, value in measured)
        terminalreporter.line(f"{test}: {told}")
