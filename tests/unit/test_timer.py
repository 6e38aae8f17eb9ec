"""Units and crontab lines: systemd, sh and cron read in them what was meant."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from configparser import ConfigParser
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync_tui.errors import SettingsError
from s3sync_tui.headless.job_environment import environment_file, job_variables
from s3sync_tui.headless.placing import Placed, place
from s3sync_tui.headless.quoting import cron_command, environment_line, exec_line, shell_line
from s3sync_tui.headless.schedule import Schedule
from s3sync_tui.headless.timer import (
    Job,
    crontab_line,
    on_calendar,
    once_service,
    timer,
    watch_service,
)

PLAIN = Job(
    name="s3sync-tui",
    scope="user",
    program=("/usr/bin/env",),
    config=None,
    environment_file=Path("/etc/s3sync-tui/s3sync-tui.env"),
    every_seconds=300,
    about="s3://camera-images/ into the table images",
)
ODD = 'od d/"di\'r" $HOME %h ;\\x ünï=\\%'
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
_LINE = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=40)


def parsed(unit: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None, delimiters="=", comment_prefixes="#", strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(unit)
    return parser


def verify(directory: Path, **units: str) -> None:
    """As systemd judges them, where it is there to ask."""
    for name, text in units.items():
        parsed(text)
        (directory / name.replace("_", ".")).write_text(text)
    if shutil.which("systemd-analyze") is None:
        return
    for name in units:
        done = subprocess.run(
            ["systemd-analyze", "verify", "--user", directory / name.replace("_", ".")],
            env={"XDG_RUNTIME_DIR": str(directory), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
        # What is newer than the systemd here it says and ignores.
        new = re.compile(r".*Unknown key.* 'Restart(Steps|MaxDelaySec)'.*")
        said = [line for line in done.stderr.splitlines() if not new.fullmatch(line)]
        assert (done.returncode, said) == (0, []), text


def words_of(line: str) -> list[str]:
    """A command line as systemd.service(5) says that it is read."""
    text = re.sub(r"\\x([0-9a-f]{2})", lambda hit: f"\0{hit[1]}", line.removeprefix(":"))
    words = [word.replace("%%", "%") for word in shlex.split(text)]
    return [
        re.sub(
            r"(?:\0[0-9a-f]{2})+",
            lambda hit: bytes.fromhex(hit[0].replace("\0", "")).decode(),
            word,
        )
        for word in words
    ]


@pytest.mark.parametrize("scope", ["user", "system"])
@pytest.mark.parametrize("is_embedded", [False, True])
def test_systemd_finds_no_fault_with_the_units(
    scope: str, is_embedded: bool, tmp_path: Path
) -> None:
    job = replace(PLAIN, scope=scope, is_embedded=is_embedded)  # type: ignore[arg-type]
    job = replace(job, run_as="root" if scope == "system" else "")
    verify(
        tmp_path,
        a_service=once_service(job),
        a_timer=timer(job),
        b_service=watch_service(job),
    )
    service = parsed(watch_service(job))["Service"]
    assert service["Type"] == "notify"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    # Else systemd would end the Postgres that others use, or a run's further processes.
    assert service["KillMode"] == ("process" if is_embedded else "mixed")


def test_systemd_takes_odd_paths_as_they_are(tmp_path: Path) -> None:
    directory = tmp_path / ODD
    directory.mkdir(parents=True)
    program = directory / "s3sync-tui"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    job = replace(
        PLAIN,
        program=(str(program),),
        config=directory / "a b.toml",
        environment_file=directory / "x.env",
        about=f"s3://x/{ODD}\n into y",
    )
    units = {"a_service": once_service(job), "b_service": watch_service(job), "a_timer": timer(job)}
    verify(tmp_path, **units)
    service = parsed(units["b_service"])["Service"]
    words = words_of(service["ExecStart"])
    assert words == [
        "/bin/sh", "-c", 'exec "$0" "$@"', str(program), "watch", f"--config={directory}/a b.toml"
    ]  # fmt: skip
    assert service["ExecStart"].startswith(":")
    assert service["EnvironmentFile"].replace("%%", "%") == str(directory / "x.env")


@given(words=st.lists(_TEXT, max_size=4))
def test_any_words_reach_the_program(words: list[str]) -> None:
    line = exec_line(["/bin/true", *words])
    assert "\n" not in line
    assert words_of(line) == ["/bin/true", *words]
    assert line.startswith(":") == any("$" in word for word in words)


@settings(max_examples=15, deadline=None)
@given(values=st.lists(_TEXT, min_size=1, max_size=20))
def test_a_shell_reads_the_environment_file_as_it_was(values: list[str]) -> None:
    file = "\n".join(environment_line(f"V{n}", value) for n, value in enumerate(values))
    names = " ".join(f'"$V{n}"' for n in range(len(values)))
    script = f"set -a\n{file}\nset +a\nprintf '%s\\0' {names}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == values


def as_cron_does(command: str) -> list[str]:
    """What cron gives to the shell, and what it gives to the command's stdin: the first % that
    is not escaped parts them (Vixie's do_command.c)."""
    shell, escaped = "", False
    for at, c in enumerate(command):
        if escaped:
            shell += c if c == "%" else f"\\{c}"
        elif c == "%":
            return [shell, command[at + 1 :]]
        elif c != "\\":
            shell += c
        escaped = not escaped and c == "\\"
    return [shell + "\\" * escaped]


@settings(max_examples=30, deadline=None)
@given(words=st.lists(_LINE | st.text("\\%'!$ x", max_size=8), max_size=8))
def test_cron_and_its_shell_hand_on_any_words(words: list[str]) -> None:
    [shell] = as_cron_does(cron_command(shell_line(["printf", "%s\\0", "x", *words])))
    done = subprocess.run(["sh", "-c", shell], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[1:-1] == words


def test_the_crontab_line_reads_the_environment_and_syncs(tmp_path: Path) -> None:
    directory = tmp_path / ODD
    directory.mkdir(parents=True)
    program = directory / "s3sync-tui"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$DATABASE_URL" "$@"\n')
    program.chmod(0o755)
    job = replace(PLAIN, program=(str(program),), environment_file=directory / "x.env")
    url = "postgresql://u:p%40$x`y`\"'@h/db"
    job.environment_file.write_text(environment_file({"DATABASE_URL": url}, with_values=True))
    times, command = re.fullmatch(r"((?:\S+ ){5})(.*)\n", crontab_line(job)).groups()  # type: ignore[union-attr]
    assert times == "*/5 * * * * "
    [shell] = as_cron_does(command)
    said = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True, env={})
    assert said.stdout.splitlines() == [
        url, "--once", "--quiet", "--if-running=skip", "--timeout=1d"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("every", "times"),
    [
        (60, "*/1 * * * *"),
        (900, "*/15 * * * *"),
        (3600, "0 * * * *"),
        (6 * 3600, "0 */6 * * *"),
        (86_400, "0 0 * * *"),
    ],
)
def test_cron_has_its_own_words_for_intervals(every: int, times: str) -> None:
    assert crontab_line(replace(PLAIN, every_seconds=every)).startswith(f"{times} set -a; ")


@pytest.mark.parametrize("every", [30, 90, 7 * 60, 5 * 3600, 2 * 86_400])
def test_cron_is_not_asked_for_what_it_can_not_do(every: int) -> None:
    with pytest.raises(SettingsError, match="cron knows no such interval"):
        crontab_line(replace(PLAIN, every_seconds=every))


@pytest.mark.parametrize("every", [1, 30, 60, 300, 900, 3600, 6 * 3600, 86_400])
def test_timers_are_due_when_the_worker_is(every: int) -> None:
    calendar = on_calendar(every)
    assert re.fullmatch(r"\*-\*-\* [*0-9/]+:[*0-9/]+:[*0-9/]+ UTC", calendar)
    if shutil.which("systemd-analyze") is None:
        return
    said = subprocess.run(
        ["systemd-analyze", "calendar", calendar],
        env={"TZ": "UTC", "LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    shown = re.search(r"Next elapse: \w+ ([-\d]+ [:\d]+) UTC", said)
    assert shown is not None
    due = datetime.fromisoformat(shown[1]).replace(tzinfo=UTC)
    assert Schedule(every, 0).next_due(due - timedelta(milliseconds=1)) == due


@pytest.mark.parametrize("every", [90, 7 * 60, 36 * 3600])
def test_what_no_calendar_can_say_runs_by_its_own_end(every: int, tmp_path: Path) -> None:
    assert on_calendar(every) == ""
    job = replace(PLAIN, every_seconds=every)
    verify(tmp_path, a_service=once_service(job), a_timer=timer(job))
    assert parsed(timer(job))["Timer"]["OnUnitActiveSec"] == f"{every}s"


SECRETS = {
    "DATABASE_URL": "postgresql://u:canary@h/db",
    "SUPABASE_SECRET_KEY": "sb_secret_canary",
    "AWS_SECRET_ACCESS_KEY": "canary",
    "AWS_SESSION_TOKEN": "canary",
    "S3SYNC_HTTP_TOKEN": "canary",
    "PGPASSWORD": "canary",
    "HTTPS_PROXY": "http://u:canary@proxy:3128",
}


def test_what_is_printed_names_the_secrets_and_holds_none() -> None:
    environ = {**SECRETS, "S3SYNC_BUCKET": "camera-images", "HOME": "/root", "AWS_REGION": ""}
    variables = job_variables({}, environ)
    assert variables == {**SECRETS, "S3SYNC_BUCKET": "camera-images"}
    printed = environment_file(variables, with_values=False)
    assert "canary" not in printed
    assert "SUPABASE_SECRET_KEY=…" in printed.splitlines()
    assert 'S3SYNC_BUCKET="camera-images"' in printed.splitlines()
    written = environment_file(variables, with_values=True)
    assert all(f'{name}="{value}"' in written for name, value in SECRETS.items())


def test_flags_become_variables() -> None:
    environ = {"S3SYNC_BUCKET": "other", "SUPABASE_DB_URL": "postgresql://u:p@h/db"}
    flags = {
        "bucket": "camera-images",
        "every": "5m",
        "include": ["*.jpg", "raw/*"],
        "mark_gone": True,
        "database_url": "postgresql://new",
        "data_dir": "data",
    }
    assert job_variables(flags, environ) == {
        "S3SYNC_BUCKET": "camera-images",
        "S3SYNC_EVERY": "5m",
        "S3SYNC_INCLUDE": "*.jpg,raw/*",
        "S3SYNC_MARK_GONE": "true",
        "DATABASE_URL": "postgresql://new",
        "S3SYNC_DATA_DIR": str(Path.cwd() / "data"),
    }
    project = {"supabase_url": "https://x.supabase.co"}
    assert job_variables(project, environ) == {
        "S3SYNC_BUCKET": "other",
        "SUPABASE_URL": "https://x.supabase.co",
    }
    with pytest.raises(SettingsError, match="a pattern with a comma"):
        job_variables({"include": ["a,b"]}, {})


def test_files_are_placed_once_and_never_over_others(tmp_path: Path) -> None:
    secret = Placed(tmp_path / "new" / "x.env", 'A="canary"\nB="2"\n', is_secret=True)
    unit = Placed(tmp_path / "x.service", "[Service]\nNice=10\n")
    assert place([secret, unit], force=False) == [
        f"Written: {secret.path}",
        f"Written: {unit.path}",
    ]
    assert secret.path.stat().st_mode & 0o777 == 0o600
    assert secret.path.parent.stat().st_mode & 0o777 == 0o700
    assert place([secret, unit], force=False)[0] == f"As it is: {secret.path}"

    other = [
        replace(secret, text='A="canary-2"\nC="3"\n'),
        replace(unit, text="[Service]\nNice=5\n"),
    ]
    with pytest.raises(SettingsError) as refused:
        place(other, force=False)
    assert refused.value.message == (
        f"{secret.path} differs, in A, B, C.\n{unit.path} differs:\n  -Nice=10\n  +Nice=5"
    )
    assert "--force" in refused.value.hint
    assert secret.path.read_text() == secret.text
    place(other, force=True)
    assert [file.path.read_text() for file in other] == [file.text for file in other]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "x.service"]
