"""``serve``: HTTP for schedulers, programs and Prometheus."""

from __future__ import annotations

import asyncio
from typing import Any

import typer

from s3sync_tui.cli.flags import (
    Config,
    LogFile,
    LogFormatOption,
    LogLevelOption,
    load,
    settings_flags,
)
from s3sync_tui.cli.logs import LogFormat, LogLevel, set_up_logs
from s3sync_tui.errors import SettingsError
from s3sync_tui.tui.memory import settle

_EXTRA = {"starlette", "uvicorn", "prometheus_client", "h11", "anyio", "click"}


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(serve)


@settings_flags()
def serve(
    config: Config = None,
    log_format: LogFormatOption = LogFormat.TEXT,
    log_level: LogLevelOption = LogLevel.INFO,
    log_file: LogFile = None,
    *,
    flags: dict[str, Any],
) -> None:
    """Sync on request over HTTP, and tell how it goes: see docs/http.md.

    With --every it also syncs by itself; with --sqs it takes the bucket's notifications.
    """
    set_up_logs(log_format, log_level, log_file)
    settings = load(flags, config).settings
    try:
        from s3sync_tui.headless.server import serve as face
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        if missing not in _EXTRA:
            raise
        raise SettingsError(
            f"serve needs packages that are not installed: {missing} is missing.",
            hint="Install them: pip install 's3sync-tui[serve]'",
        ) from None
    from s3sync_tui.headless.signals import until_signalled

    settle()
    asyncio.run(until_signalled(face.serve(settings)))
