"""``notifications``: what of the bucket's notifications is set up, and setting them up."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from s3sync_tui.cli.ending import ExitWith
from s3sync_tui.cli.flags import Config, load, settings_flags
from s3sync_tui.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(notifications)


@settings_flags("bucket", "prefix", "endpoint", "region", "profile", "ca_bundle", "table", "sqs")
def notifications(
    config: Config = None,
    setup: Annotated[
        bool,
        typer.Option("--setup", help="Make all that is missing; shows the plan first."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --setup: do not ask.")] = False,
    queue: Annotated[
        str | None,
        typer.Option(
            "--queue",
            help="The queue's name. Default: that of --sqs, or else s3sync- and the bucket's name.",
            show_default=False,
        ),
    ] = None,
    *,
    flags: dict[str, Any],
) -> None:
    """Show how the bucket's notifications are set up, or set them up.

    What others have set up for the bucket or the queue stays as it is.
    """
    from s3sync_tui.headless.notifications_setup import carry_out, describe, look

    loaded = load(flags, config)
    place = look(loaded.settings, queue)
    if not setup:
        for line in describe(place):
            typer.echo(line)
        return
    todo = place.plan
    if not todo:
        typer.echo("Nothing to do: all is set up.")
        typer.echo(f"  export S3SYNC_SQS_URL={place.found.queue_url}")
        return
    typer.echo(f"In {place.wanted.region}, account {place.wanted.account}:")
    for line in todo.lines(place.wanted):
        typer.echo(f"  {line}")
    if not yes:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            typer.echo("Nothing was changed: give --yes to do it.", err=True)
            raise ExitWith(SettingsError.exit_code)
        if not typer.confirm("Do this?"):
            typer.echo("Nothing was changed.")
            return
    url = carry_out(place, todo, lambda line: typer.echo(f"✓ {line}"))
    typer.echo("Receive with: s3sync-tui watch, and this in its environment:")
    typer.echo(f"  export S3SYNC_SQS_URL={url}")
