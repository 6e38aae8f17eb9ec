"""``watch``: the worker, on the command line."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from s3sync_tui.cli.flags import settings_flags
from s3sync_tui.cli.logs import LogFormat, LogLevel, set_up_logs
from s3sync_tui.settings import Settings, load_settings
from s3sync_tui.tui.memory import settle

LogFile = Annotated[
    str | None,
    typer.Option(
        "--log-file",
        help="Log to this file, too, whatever goes to stderr; it is rotated at 5 MB. auto: "
        "s3sync-tui.log in the user's log directory.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(watch)


@settings_flags(without=("listen",))
def watch(
    config: Annotated[
        Path | None, typer.Option("--config", help="The settings file. Default: ./s3sync.toml.")
    ] = None,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="How logs are written.")
    ] = LogFormat.TEXT,
    log_level: Annotated[
        LogLevel, typer.Option("--log-level", help="What is logged.")
    ] = LogLevel.INFO,
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
    directory = Path.cwd()

    def load() -> Settings:
        return load_settings(flags, environ=os.environ, config=config, directory=directory).settings

    settle()
    asyncio.run(until_signalled(work(load)))
