"""``growth``, ``health`` and ``history``: what the catalog's figures say, printed."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from s3sync_tui.cli.ending import ExitWith
from s3sync_tui.cli.flags import Config, load, settings_flags
from s3sync_tui.connect import make_source, open_catalog
from s3sync_tui.errors import SchemaError

if TYPE_CHECKING:
    from rich.console import Console

    from s3sync_tui.insight.cost import Cost
    from s3sync_tui.insight.growth import Growth
    from s3sync_tui.insight.health import Health
    from s3sync_tui.model import RunRecord

_CATALOG = ("database_url", "supabase_url", "table", "data_dir")
_BUCKET = ("bucket", "prefix", "endpoint", "region", "profile", "ca_bundle", "addressing_style")
_WIDTH = 120
"""Of what goes to a file or a pipe: there, no terminal says how wide it is."""

Json = Annotated[bool, typer.Option("--json", help="As one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(growth)
    app.command()(health)
    app.command()(history)


@settings_flags(*_CATALOG, "database_quota")
def growth(config: Config = None, as_json: Json = False, *, flags: dict[str, Any]) -> None:
    """How fast the table grows, and when the database will be full."""
    from s3sync_tui.insight.documents import growth_document
    from s3sync_tui.insight.growth import measure_growth

    settings = load(flags, config).settings

    async def measure() -> Growth:
        async with open_catalog(settings) as catalog:
            return await measure_growth(catalog, quota_bytes=settings.database_quota)

    measured = asyncio.run(measure())
    if as_json:
        typer.echo(json.dumps(growth_document(measured)))
    else:
        from s3sync_tui.headless.tables import print_growth

        print_growth(measured, _console())


@settings_flags(*_BUCKET, "include", "exclude", *_CATALOG, "every", "database_quota")
def health(
    config: Config = None,
    as_json: Json = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Count all rows, too; that reads the whole table.")
    ] = False,
    *,
    flags: dict[str, Any],
) -> None:
    """Whether all is well, and if not, what to do. Exits 5 where a check fails."""
    from s3sync_tui.insight.documents import health_document
    from s3sync_tui.insight.health import CheckStatus, check_health

    settings = load(flags, config).settings

    async def check() -> Health:
        source = nullcontext() if settings.bucket is None else make_source(settings)
        async with source as bucket, open_catalog(settings, verify=False) as catalog:
            return await check_health(
                catalog,
                bucket,
                every_seconds=settings.every,
                quota_bytes=settings.database_quota,
                verify=verify,
            )

    found = asyncio.run(check())
    if as_json:
        typer.echo(json.dumps(health_document(found)))
    else:
        from s3sync_tui.headless.tables import print_health

        print_health(found, _console())
    if found.worst is CheckStatus.FAIL:
        raise ExitWith(SchemaError.exit_code)


@settings_flags(*_CATALOG, "list_price")
def history(
    config: Config = None,
    as_json: Json = False,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=1000, help="Runs to show, the newest first.")
    ] = 20,
    *,
    flags: dict[str, Any],
) -> None:
    """The runs, and what they cost."""
    from s3sync_tui.insight.cost import catalog_cost
    from s3sync_tui.insight.documents import history_document
    from s3sync_tui.insight.history import recent_runs

    settings = load(flags, config).settings

    async def look_back() -> tuple[list[RunRecord], Cost]:
        async with open_catalog(settings) as catalog:
            runs = await recent_runs(catalog, limit)
            return runs, await catalog_cost(catalog, price=settings.list_price)

    runs, cost = asyncio.run(look_back())
    if as_json:
        typer.echo(json.dumps(history_document(runs, cost)))
    else:
        from s3sync_tui.headless.tables import print_history

        print_history(runs, cost, _console())


def _console() -> Console:
    import sys

    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _WIDTH, soft_wrap=True)
