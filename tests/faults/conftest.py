"""The bucket, credentials and figures of the fault suite.

What a test measured it gives to ``record_property``; the figures are printed at the end, for
docs/PROMISES.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.integration.conftest import bucket, credentials, moto
from tests.support.own_server import OwnServer
from tests.support.pooler import PGBOUNCER

__all__ = ["bucket", "credentials", "moto"]

# .ci/run installs it.
collect_ignore = [] if PGBOUNCER else ["test_database_pooler.py"]
if os.geteuid() != 0:  # it takes the part of another user
    collect_ignore.append("test_strangers.py")


@pytest.fixture(scope="session")
def own_server() -> Iterator[OwnServer]:
    """A Postgres to stop, crash and set up at will; running, and as it was, between tests."""
    with TemporaryDirectory(prefix="s3sync-own-") as directory:
        server = OwnServer(Path(directory))
        yield server
        server.stop()


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
