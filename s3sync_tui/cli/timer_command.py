"""``install-timer``: what makes systemd or cron run s3sync-tui by itself."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from s3sync_tui.cli.flags import Config, load, settings_flags
from s3sync_tui.connect import no_bucket
from s3sync_tui.errors import SettingsError
from s3sync_tui.settings import Loaded

if TYPE_CHECKING:
    from s3sync_tui.headless.placing import Placed
    from s3sync_tui.headless.timer import Job

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("install-timer")(install_timer)


@settings_flags()
def install_timer(
    config: Config = None,
    worker: Annotated[
        bool, typer.Option("--worker", help="A service that runs watch, in place of a timer.")
    ] = False,
    cron: Annotated[
        bool, typer.Option("--cron", help="A line for crontab, in place of a timer.")
    ] = False,
    system: Annotated[
        bool | None,
        typer.Option(
            "--system/--user",
            help="For the whole machine, or for this user. Default: this user, unless it is root.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="What the files are called: one for each bucket.")
    ] = "s3sync-tui",
    write: Annotated[
        bool, typer.Option("--write", help="Write the files, in place of printing them.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --write: also over files that differ.")
    ] = False,
    *,
    flags: dict[str, Any],
) -> None:
    """Print, or write, what makes systemd or cron sync by itself.

    The settings as they are now, flags and variables, go into an environment file that only its
    owner can read.
    """
    from s3sync_tui.headless.job_environment import job_variables
    from s3sync_tui.headless.placing import place
    from s3sync_tui.headless.timer import crontab_line

    if worker and cron:
        raise SettingsError(
            "Of --worker and --cron only one can hold.", hint="cron starts no worker: --worker."
        )
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"--name {name!r}: must be lower-case letters, digits, hyphens and underscores.",
            hint="It becomes part of file names, like s3sync-site-4.",
        )
    loaded = load(flags, config)
    job = _job(loaded, name, is_system=os.geteuid() == 0 if system is None else system)
    variables = job_variables(flags, os.environ)
    line = crontab_line(job) if cron else ""  # or why there is none, before anything is written
    if write:
        for done in place(_files(job, variables, worker=worker, cron=cron), force=force):
            typer.echo(done)
    else:
        _print(_files(job, variables, worker=worker, cron=cron, with_values=False))
    if cron:
        typer.echo("\nAdd this line with crontab -e:\n" if write else "# crontab -e", err=write)
        typer.echo(line, nl=False)
    if "AWS_SESSION_TOKEN" in variables:
        note = "AWS_SESSION_TOKEN expires, and then nothing syncs: use a profile, a role or a key."
        typer.echo(f"\n{note}", err=True)
    for step in _next_steps(job, worker=worker, cron=cron, is_written=write):
        typer.echo(step, err=True)


def _job(loaded: Loaded, name: str, *, is_system: bool) -> Job:
    from s3sync_tui.headless.schedule import DEFAULT_EVERY_SECONDS
    from s3sync_tui.headless.timer import Job

    settings = loaded.settings
    if settings.bucket is None:
        raise no_bucket()
    return Job(
        name=name,
        scope="system" if is_system else "user",
        program=_program(),
        config=loaded.file.absolute() if loaded.file is not None else None,
        environment_file=_configuration(is_system=is_system) / "s3sync-tui" / f"{name}.env",
        every_seconds=settings.every or DEFAULT_EVERY_SECONDS,
        about=f"s3://{settings.bucket}/{settings.prefix} into the table {settings.table}",
        is_embedded=settings.catalog_kind == "embedded",
        run_as=os.environ.get("SUDO_USER") or getpass.getuser() if is_system else "",
    )


def _program() -> tuple[str, ...]:
    """How this program is started, from anywhere."""
    script = shutil.which(sys.argv[0]) or sys.argv[0]
    for file in (Path(script).absolute(), Path(sys.executable).with_name("s3sync-tui")):
        if file.name == "s3sync-tui" and os.access(file, os.X_OK):
            return (str(file),)
    return (sys.executable, "-P", "-m", "s3sync_tui")


def _configuration(*, is_system: bool) -> Path:
    if is_system:
        return Path("/etc")
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config").absolute()


def _files(
    job: Job, variables: dict[str, str], *, worker: bool, cron: bool, with_values: bool = True
) -> list[Placed]:
    from s3sync_tui.headless.job_environment import environment_file
    from s3sync_tui.headless.placing import Placed
    from s3sync_tui.headless.timer import once_service, timer, watch_service

    units = _configuration(is_system=job.scope == "system") / "systemd" / job.scope
    text = environment_file(variables, with_values=with_values)
    files = [Placed(job.environment_file, text, is_secret=True)]
    if worker:
        files.append(Placed(units / f"{job.name}-watch.service", watch_service(job)))
    elif not cron:
        files.append(Placed(units / f"{job.name}.service", once_service(job)))
        files.append(Placed(units / f"{job.name}.timer", timer(job)))
    return files


def _print(files: list[Placed]) -> None:
    for file in files:
        note = " (mode 0600; --write puts the values in)" if file.is_secret else ""
        typer.echo(f"# {file.path}{note}\n{file.text}")


def _next_steps(job: Job, *, worker: bool, cron: bool, is_written: bool) -> list[str]:
    """What to type, for people."""
    if cron:
        return [] if is_written else ["", "The same command with --write writes the variables."]
    steps = ["", "Next:" if is_written else "The same command with --write writes them. Then:"]
    unit = f"{job.name}-watch.service" if worker else f"{job.name}.timer"
    control = "systemctl --user" if job.scope == "user" else "systemctl"
    journal = "journalctl --user" if job.scope == "user" else "journalctl"
    service = f"{job.name}-watch" if worker else job.name
    steps.append(f"  {control} daemon-reload && {control} enable --now {unit}")
    if job.scope == "user":
        steps.append("  loginctl enable-linger    # else it runs only while you are logged in")
    return [*steps, f"  {journal} -u {service} -f    # what it does"]
