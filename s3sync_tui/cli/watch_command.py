"""``watch``: the worker, on the command line."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import typer

from s3sync_tui.cli.flags import (
    Config,
    LogFile,
    LogFormatOption,
    LogLevelOption,
    settings_flags,
)
from s3sync_tui.cli.logs import LogFormat, LogLevel, set_up_logs
from s3sync_tui.settings import Settings, load_settings
from s3sync_tui.tui.memory import settle


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(watch)


@settings_flags(without=("listen",))
def watch(
    config: Config = None,
    log_format: LogFormatOption = LogFormat.TEXT,
    log_level: LogLevelOption = LogLevel.INFO,
    log_file: LogFile = None,
    *,
    flags: dict[str, Any],
) -> None:
    """Keep syncing, every five minutes or as --every says, until SIGTERM or Ctrl-C.

    One line of the log a run. SIGHUP reads the settings anew.
    """
    from s3sync_tui.headless.signals import until_signalled
    from s3sync_tui.headless.worker import work

    set_up_logs(log_format, log_level, log_file)
    directory = Path.cwd()  # which may be gone when settings are read anew

    def load() -> Settings:
        return load_settings(flags, environ=os.environ, config=config, directory=directory).settings

    settle()
    asyncio.run(until_signalled(work(load)))
