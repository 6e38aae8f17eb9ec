"""``--once``: one sync, and the exit code of its result."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from s3sync_tui.cli.ending import ExitWith, show_error
from s3sync_tui.cli.logs import LogFormat, LogLevel, set_up_logs
from s3sync_tui.connect import Opener, make_source, open_catalog, sync_options
from s3sync_tui.errors import LeaseHeld, S3SyncError, SettingsError, TimedOut
from s3sync_tui.model import RunResult
from s3sync_tui.settings import Settings, load_settings
from s3sync_tui.settings.given import shown
from s3sync_tui.settings.rules import Unfit, check_interval
from s3sync_tui.tui.memory import settle

log = logging.getLogger(__name__)


class IfRunning(StrEnum):
    """What to do where another run holds the lease."""

    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class OnceOptions:
    """How to sync once, besides the settings."""

    as_json: bool = False
    dry_run: bool = False
    if_running: IfRunning = IfRunning.FAIL
    quiet: bool = False
    timeout: str | None = None
    """Like an interval of the settings: ``10m``."""
    metrics_file: Path | None = None


def sync_as_cron_does(switches: dict[str, str | None]) -> None:
    """Sync once by nothing but the flags that cron needs (and their values); everything else
    is in the environment and the settings file. To read such a line takes no library."""
    set_up_logs(LogFormat.TEXT, LogLevel.WARNING, switches.get("--log-file"))
    metrics_file = switches.get("--metrics-file")
    once = OnceOptions(
        as_json="--json" in switches,
        if_running=_if_running(switches.get("--if-running") or IfRunning.FAIL),
        quiet=not switches.keys().isdisjoint({"--quiet", "-q"}),
        timeout=switches.get("--timeout"),
        metrics_file=Path(metrics_file) if metrics_file else None,
    )
    config = switches.get("--config")
    loaded = load_settings(
        {},
        environ=os.environ,
        config=Path(config) if config is not None else None,
        directory=Path.cwd(),
    )
    sync_once(loaded.settings, once)


def sync_once(settings: Settings, once: OnceOptions) -> None:
    """Sync once, and end with the exit code of the result."""
    from s3sync_tui.headless.signals import Stopped

    ended: list[RunResult] = []
    exit_code, is_skipped = 1, False
    try:
        is_skipped = _sync_or_skip(settings, once, ended)
        exit_code = ended[0].exit_code if ended else 0
    except (S3SyncError, Stopped) as stop:
        exit_code = stop.exit_code
        raise
    finally:
        if once.metrics_file is not None and not once.dry_run:
            from s3sync_tui.headless.metrics_file import write_metrics

            result = ended[0] if ended else None
            write_metrics(once.metrics_file, settings, result, exit_code, is_skipped=is_skipped)
    if ended and ended[0].error:
        show_error(S3SyncError(ended[0].error, hint=ended[0].hint))
    if exit_code:
        raise ExitWith(exit_code)


def _sync_or_skip(settings: Settings, once: OnceOptions, ended: list[RunResult]) -> bool:
    """Whether another run was under way, and that is as wished."""
    from s3sync_tui.headless.report import error_as_json, say
    from s3sync_tui.headless.signals import until_signalled

    limit = _limit(once.timeout) if once.timeout is not None else None
    work = _sync(settings, once, ended)
    if limit is not None:
        from s3sync_tui.headless.time_limit import in_time

        work = in_time(work, *limit)
    try:
        asyncio.run(until_signalled(work))
    except S3SyncError as error:
        if isinstance(error, TimedOut) and ended and not ended[0].exit_code:
            return False  # all was done in time, but for closing
        is_skipped = isinstance(error, LeaseHeld) and once.if_running is IfRunning.SKIP
        if log.isEnabledFor(logging.INFO) and not ended:
            from s3sync_tui.headless.lines import log_error

            log_error(log, error, is_said=True)
        if once.as_json and not ended:  # else it is said already
            say(json.dumps(error_as_json(error, skipped=is_skipped)))
        if not is_skipped:
            raise
        if not once.quiet:
            say(f"Skipped: {error.message}", sys.stderr)
        return True
    return False


async def _sync(settings: Settings, once: OnceOptions, ended: list[RunResult]) -> None:
    """How it ended goes to ``ended``, also where this then raises: it was stopped."""
    from s3sync_tui.headless.once import run_once

    async with make_source(settings) as source, open_catalog(settings) as catalog:
        settle()
        await run_once(
            source,
            catalog,
            sync_options(settings, dry_run=once.dry_run),
            opener=Opener(settings),
            as_json_object=once.as_json,
            quiet=once.quiet,
            ended=ended.append,
        )


def _limit(timeout: str) -> tuple[float, str]:
    """In seconds, and for people."""
    try:
        seconds = check_interval(timeout)
    except Unfit as unfit:
        raise SettingsError(f"--timeout {shown(timeout)}: {unfit.must}.", hint=unfit.hint) from None
    return seconds, f"{timeout.strip()} s" if timeout.strip().isdecimal() else timeout.strip()


def _if_running(text: str) -> IfRunning:
    try:
        return IfRunning(text)
    except ValueError:
        raise SettingsError(
            f"--if-running {shown(text)}: must be fail or skip.", hint="Left out, it is fail."
        ) from None
