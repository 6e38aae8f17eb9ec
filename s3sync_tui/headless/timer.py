"""Units for systemd and lines for cron that run s3sync-tui by itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from s3sync_tui.errors import SettingsError
from s3sync_tui.headless.quoting import (
    cron_command,
    exec_line,
    shell_line,
    unit_path,
    unit_text,
)

Scope = Literal["user", "system"]

TIMEOUT = "1d"
STOP_SECONDS = 30
"""A run is stopped within 2 s, what is received within 10."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Job:
    """What is to run, where, and how often."""

    name: str
    scope: Scope
    program: tuple[str, ...]
    """By its absolute path."""
    config: Path | None
    """The settings file, where there is one."""
    environment_file: Path
    every_seconds: int
    about: str
    """For people: from where to where."""
    is_embedded: bool = False
    """Whether the catalog is a Postgres of our own, which other programs may use, too."""
    run_as: str = ""
    """The user of a system service; empty: root."""
    timeout: str = TIMEOUT


def once_command(job: Job) -> list[str]:
    """One sync that neither waits nor complains where another one is under way."""
    how = ["--once", "--quiet", "--if-running=skip", f"--timeout={job.timeout}"]
    return [*job.program, *how, *_config(job)]


def watch_command(job: Job) -> list[str]:
    """The worker. How often it syncs, the settings say, which it can read anew."""
    return [*job.program, "watch", *_config(job)]


def once_service(job: Job) -> str:
    """The service that a timer starts: one sync."""
    return _unit(
        [
            ("Description", f"Sync {unit_text(job.about)} once"),
            *_after_network(job),
        ],
        [
            ("Type", "oneshot"),
            ("ExecStart", exec_line(once_command(job))),
            *_process(job),
        ],
    )


def timer(job: Job) -> str:
    """The timer of :func:`once_service`."""
    delay = min(job.every_seconds / 10, 30)
    when = (
        [("OnCalendar", calendar), ("Persistent", "true")]
        if (calendar := on_calendar(job.every_seconds))
        else [("OnActiveSec", "1s"), ("OnUnitActiveSec", f"{job.every_seconds}s")]
    )
    return _sections(
        Unit=[("Description", f"Sync {unit_text(job.about)} by the clock")],
        Timer=[
            *when,
            ("AccuracySec", "1s"),
            ("RandomizedDelaySec", f"{delay:g}s"),
            ("FixedRandomDelay", "true"),
        ],
        Install=[("WantedBy", "timers.target")],
    )


def watch_service(job: Job) -> str:
    """The service that keeps the worker running."""
    return _unit(
        [
            ("Description", f"Keep {unit_text(job.about)} in step"),
            *_after_network(job),
            ("StartLimitIntervalSec", "0"),
        ],
        [
            ("Type", "notify"),
            ("ExecStart", exec_line(watch_command(job))),
            ("ExecReload", "/bin/kill -HUP $MAINPID"),
            ("Restart", "on-failure"),
            ("RestartSec", "5s"),
            ("RestartSteps", "6"),
            ("RestartMaxDelaySec", "5min"),
            ("RestartPreventExitStatus", "2"),
            ("TimeoutStartSec", "3min"),
            ("WatchdogSec", "2min"),
            *_process(job),
        ],
        [("WantedBy", "default.target" if job.scope == "user" else "multi-user.target")],
    )


def crontab_line(job: Job) -> str:
    """A line for ``crontab -e``.

    Raises :class:`~s3sync_tui.errors.SettingsError` where cron knows no such interval.
    """
    file = shell_line([str(job.environment_file)])
    command = f"set -a; . {file}; set +a; exec {shell_line(once_command(job))}"
    return f"{_cron_times(job.every_seconds)} {cron_command(command)}\n"


def on_calendar(every_seconds: int) -> str:
    """The interval as systemd.time(7) has it, aligned as the worker's schedule is; empty where
    its calendar can't say it."""
    if every_seconds < _MINUTE and _MINUTE % every_seconds == 0:
        return f"*-*-* *:*:0/{every_seconds} UTC"
    if every_seconds < _HOUR and every_seconds % _MINUTE == 0 == _HOUR % every_seconds:
        return f"*-*-* *:0/{every_seconds // _MINUTE}:00 UTC"
    if every_seconds < _DAY and every_seconds % _HOUR == 0 == _DAY % every_seconds:
        return f"*-*-* 0/{every_seconds // _HOUR}:00:00 UTC"
    return "*-*-* 00:00:00 UTC" if every_seconds == _DAY else ""


def _config(job: Job) -> list[str]:
    return [f"--config={job.config}"] if job.config is not None else []


def _cron_times(every_seconds: int) -> str:
    if every_seconds % _MINUTE == 0 == _HOUR % every_seconds:
        minutes = every_seconds // _MINUTE
        return "0 * * * *" if minutes == 60 else f"*/{minutes} * * * *"
    if every_seconds % _HOUR == 0 == _DAY % every_seconds:
        return "0 0 * * *" if every_seconds == _DAY else f"0 */{every_seconds // _HOUR} * * *"
    raise SettingsError(
        f"--every {every_seconds}: cron knows no such interval.",
        hint="Choose minutes that divide an hour or hours that divide a day, like 5m, 15m or 6h; "
        "a timer and the worker take any.",
    )


def _after_network(job: Job) -> list[tuple[str, str]]:
    """Users' own systemd does not know the target."""
    if job.scope == "user":
        return []
    return [("Wants", "network-online.target"), ("After", "network-online.target")]


def _process(job: Job) -> list[tuple[str, str]]:
    """How either service runs. Not hardened by what would forbid the embedded catalog, a
    Postgres, its work, or what users' own systemd may not do everywhere."""
    lines = [
        ("EnvironmentFile", unit_path(str(job.environment_file))),
        ("Nice", "10"),
        ("SuccessExitStatus", "130 143"),
        ("TimeoutStopSec", f"{STOP_SECONDS}s"),
        # The further processes of a run are told to stop by the first one.
        ("KillMode", "process" if job.is_embedded else "mixed"),
        ("UMask", "0077"),
        ("NoNewPrivileges", "true"),
        ("LockPersonality", "true"),
        ("RestrictRealtime", "true"),
        ("RestrictSUIDSGID", "true"),
        ("SystemCallArchitectures", "native"),
    ]
    if job.scope == "system":
        lines += [("User", job.run_as)] * bool(job.run_as)
        lines += [("ProtectSystem", "full"), ("ProtectKernelTunables", "true")]
        lines += [("ProtectKernelModules", "true"), ("ProtectControlGroups", "true")]
    return lines


def _unit(
    unit: list[tuple[str, str]],
    service: list[tuple[str, str]],
    install: list[tuple[str, str]] | None = None,
) -> str:
    sections = {"Unit": unit, "Service": service}
    if install:
        sections["Install"] = install
    return _sections(**sections)


def _sections(**sections: list[tuple[str, str]]) -> str:
    texts = []
    for name, lines in sections.items():
        texts.append("\n".join([f"[{name}]", *(f"{key}={value}" for key, value in lines)]))
    return "\n\n".join(texts) + "\n"
