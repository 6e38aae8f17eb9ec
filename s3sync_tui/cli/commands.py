"""The commands, each a thin way into one face."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from s3sync_tui import __version__
from s3sync_tui.cli import notifications_command, serve_command, timer_command, watch_command
from s3sync_tui.cli.flags import (
    Config,
    LogFile,
    LogFormatOption,
    LogLevelOption,
    load,
    settings_flags,
)
from s3sync_tui.cli.insight_commands import register
from s3sync_tui.cli.logs import LogFormat, LogLevel, set_up_logs
from s3sync_tui.cli.once import IfRunning, OnceOptions, sync_once
from s3sync_tui.cli.usage import Commands
from s3sync_tui.connect import no_bucket, open_catalog, postgres_catalog
from s3sync_tui.demo import IMAGES, PER_HOUR
from s3sync_tui.errors import SettingsError
from s3sync_tui.safe_text import safe
from s3sync_tui.settings import Settings
from s3sync_tui.tui.memory import hold_collections, settle

app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


Once = Annotated[bool, typer.Option("--once", help="Sync once without the dashboard, then exit.")]
Json = Annotated[
    bool, typer.Option("--json", help="With --once: the result as one JSON object on stdout.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="With --once: say what a run would do, write nothing.")
]
IfRunningOption = Annotated[
    IfRunning,
    typer.Option("--if-running", help="With --once: where another run is under way, exit 6 or 0."),
]
Timeout = Annotated[
    str | None,
    typer.Option(
        "--timeout",
        help="With --once: stop the sync, cleanly, where it takes longer than this, like 10m; "
        "exit 124.",
        show_default=False,
    ),
]
MetricsFile = Annotated[
    Path | None,
    typer.Option(
        "--metrics-file",
        help="With --once: write how it ended to this file, for node_exporter's textfile "
        "collector.",
        show_default=False,
    ),
]
Full = Annotated[bool, typer.Option("--full", help="Short for --mode full.")]
Delta = Annotated[bool, typer.Option("--delta", help="Short for --mode delta.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="With --once: nothing but errors (and --json).")
]


@app.callback(invoke_without_command=True)
@settings_flags(without=("sqs", "listen"))
def root(
    context: typer.Context,
    config: Config = None,
    once: Once = False,
    as_json: Json = False,
    dry_run: DryRun = False,
    full: Full = False,
    delta: Delta = False,
    if_running: IfRunningOption = IfRunning.FAIL,
    quiet: Quiet = False,
    timeout: Timeout = None,
    metrics_file: MetricsFile = None,
    log_format: LogFormatOption = LogFormat.TEXT,
    log_level: LogLevelOption = LogLevel.WARNING,
    log_file: LogFile = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    *,
    flags: dict[str, Any],
) -> None:
    """Keep a Supabase / Postgres images table in step with an S3 bucket.

    Without a command: the dashboard.
    """
    if version:
        typer.echo(f"s3sync-tui {__version__}")
        return
    set_up_logs(log_format, log_level, log_file)  # commands without flags for it log, too
    if context.invoked_subcommand is not None:
        return
    flags = _with_mode(flags, full=full, delta=delta)
    settings = load(flags, config).settings
    if once:
        options = OnceOptions(as_json, dry_run, if_running, quiet, timeout, metrics_file)
        sync_once(settings, options)
    elif settings.bucket is None:
        set_up(flags, config)
    else:
        dashboard(settings)


@app.command()
@settings_flags("database_url", "supabase_url", "table", "data_dir")
def schema(
    config: Config = None,
    apply: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Apply it, and say what that changed. Over Supabase's REST API, which cannot: "
            "check it, and say what to do.",
        ),
    ] = False,
    *,
    flags: dict[str, Any],
) -> None:
    """Print the catalog's schema as SQL, or apply it."""
    from s3sync_tui.catalog.schema import schema_sql

    settings = load(flags, config).settings
    if not apply:
        typer.echo(schema_sql(settings.table), nl=False)
        return

    async def apply_it() -> None:
        if settings.catalog_kind == "supabase":
            # PostgREST runs no DDL: look, and where it is missing say what to paste where.
            async with open_catalog(settings) as checked:
                typer.echo(f"{checked.description}: the schema is in place and up to date.")
            return
        async with postgres_catalog(settings) as (catalog, _):
            changes = await catalog.apply_schema()
            for change in changes:
                typer.echo(safe(change))
            typer.echo(f"{catalog.description}: {len(changes) or 'no'} changes.")

    asyncio.run(apply_it())


@app.command()
def init(
    file: Annotated[Path, typer.Option("--file", help="The file to write.")] = Path("s3sync.toml"),
) -> None:
    """Ask for what is needed, try each answer, and write s3sync.toml."""
    from s3sync_tui.headless import init as face

    settle()
    set_up_logs(LogFormat.TEXT, LogLevel.ERROR)
    face.init(file, dict(os.environ))


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Sync once, print, exit.")] = False,
    as_json: Json = False,
    images: Annotated[
        int, typer.Option("--images", min=1, max=500_000, help="Images at the start.")
    ] = IMAGES,
    per_hour: Annotated[
        float, typer.Option("--per-hour", min=0, help="Images that arrive in an hour.")
    ] = PER_HOUR,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """See it work: a bucket that fills itself, and a Postgres, both on this machine.

    Needs nothing configured and leaves nothing behind.
    """
    from s3sync_tui.demo import demo_settings

    set_up_logs(LogFormat.TEXT, log_level)
    once = once or as_json or not sys.stdout.isatty()
    if once:
        typer.echo(f"Filling a demo bucket with {images:,} images…", err=True)
    with demo_settings(images=images, per_hour=per_hour) as settings:
        if once:
            sync_once(settings, OnceOptions(as_json))
        else:
            dashboard(settings, sync_at_start=True)


def dashboard(settings: Settings, *, sync_at_start: bool = False) -> None:
    """Open the dashboard."""
    hold_collections()  # before the next line, which loads much
    from s3sync_tui.tui.app import S3SyncApp

    S3SyncApp(settings, sync_at_start=sync_at_start).run()


def set_up(flags: dict[str, Any], config: Path | None) -> None:
    """Ask for what is missing, and open the dashboard, or the demo, whatever is chosen.

    Raises :class:`~s3sync_tui.errors.SettingsError` where there is no terminal to ask on.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise no_bucket()
    from s3sync_tui.setup.answers import know
    from s3sync_tui.tui.setup_app import SetUpApp

    settle()
    known = know(flags, environ=os.environ, config=config, directory=Path.cwd())
    outcome = SetUpApp(known).run()
    if outcome is None:
        return
    if outcome == "demo":
        demo()
        return
    try:
        dashboard(outcome.settings)
    finally:
        for note in outcome.notes:
            typer.echo(note, err=True)


def _with_mode(flags: dict[str, Any], *, full: bool, delta: bool) -> dict[str, Any]:
    """The flags with the short forms of ``--mode`` written out.

    Raises :class:`~s3sync_tui.errors.SettingsError` where they contradict each other.
    """
    short = {name for name, is_given in (("full", full), ("delta", delta)) if is_given}
    chosen = short | {flags["mode"]} if "mode" in flags else short
    if short and len(chosen) > 1:
        raise SettingsError(
            "Of --full, --delta and --mode only one can hold.",
            hint="Leave them all out, and it is delta where that will do, else full.",
        )
    return {**flags, "mode": short.pop()} if short else flags


register(app)
watch_command.register(app)
notifications_command.register(app)
timer_command.register(app)
serve_command.register(app)
