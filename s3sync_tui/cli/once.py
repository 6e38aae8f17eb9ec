"""``--once``: one sync, and the exit code of its result."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from enum import StrEnum
from pathlib import Path

from s3sync_tui.cli.ending import ExitWith, show_error
from s3sync_tui.cli.logs import LogFormat, LogLevel, set_up_logs
from s3sync_tui.connect import Opener, make_source, open_catalog, sync_options
from s3sync_tui.errors import LeaseHeld, S3SyncError
from s3sync_tui.model import RunResult
from s3sync_tui.settings import Settings, load_settings
from s3sync_tui.tui.memory import settle


class IfRunning(StrEnum):
    """What to do where another run holds the lease."""

    FAIL = "fail"
    SKIP = "skip"


def sync_as_cron_does(switches: set[str]) -> None:
    """Sync once by nothing but ``--once``, ``--json`` and ``--quiet``; everything else is in
    the environment and the settings file. To read such a line takes no library."""
    set_up_logs(LogFormat.TEXT, LogLevel.WARNING)
    loaded = load_settings({}, environ=os.environ, config=None, directory=Path.cwd())
    sync_once(
        loaded.settings, as_json="--json" in switches, quiet=bool(switches & {"--quiet", "-q"})
    )


def sync_once(
    settings: Settings,
    *,
    as_json: bool = False,
    dry_run: bool = False,
    if_running: IfRunning = IfRunning.FAIL,
    quiet: bool = False,
) -> None:
    """Sync once, and end with the exit code of the result."""
    from s3sync_tui.headless.once import run_once
    from s3sync_tui.headless.report import error_as_json, say
    from s3sync_tui.headless.signals import until_signalled

    async def run() -> RunResult:
        async with make_source(settings) as source, open_catalog(settings) as catalog:
            settle()
            return await run_once(
                source,
                catalog,
                sync_options(settings, dry_run=dry_run),
                opener=Opener(settings),
                as_json_object=as_json,
                quiet=quiet,
            )

    try:
        result = asyncio.run(until_signalled(run()))
    except S3SyncError as error:
        skipped = isinstance(error, LeaseHeld) and if_running is IfRunning.SKIP
        if as_json:
            say(json.dumps(error_as_json(error, skipped=skipped)))
        if not skipped:
            raise
        if not quiet:
            say(f"Skipped: {error.message}", sys.stderr)
        return
    if result.error:
        show_error(S3SyncError(result.error, hint=result.hint))
    if result.exit_code:
        raise ExitWith(result.exit_code)
