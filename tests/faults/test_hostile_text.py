"""Text of others reaches a terminal as text: it moves no cursor, fills no clipboard, colours,
hides and forges nothing. Machines get it exact.

Planted in keys, prefixes, names, servers' answers and rows of the history; looked for in every
byte that is written to a pipe, a terminal and a file.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.segment import Segment
from textual.pilot import Pilot
from textual.widgets._toast import Toast

from s3sync_tui.cli.logs import LogFormat, LogLevel, set_up_logs
from s3sync_tui.errors import CatalogError
from s3sync_tui.headless.lines import log_error, log_run
from s3sync_tui.headless.report import notes
from s3sync_tui.model import RunStatus
from s3sync_tui.safe_text import safe_key
from s3sync_tui.tui.app import S3SyncApp
from s3sync_tui.tui.screens.ask import Ask
from s3sync_tui.tui.screens.run_details import RunDetails
from s3sync_tui.tui.state import Standing
from s3sync_tui.tui.widgets.runs_table import RunsTable
from tests.contract.runs import result as made_up
from tests.integration.test_app import standing, until
from tests.support.bucket import MotoBucket
from tests.support.command import COMMAND, Command
from tests.support.database import Connection
from tests.support.echoing import echoing
from tests.support.pty_command import typed
from tests.support.settings import settings_of

pytestmark = pytest.mark.usefixtures("credentials")

ATTACKS = {
    "CSI": "\x1b[2J\x1b[31m",
    "title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;b3duZWQ=\x07",
    "link": "\x1b]8;;http://evil.example/\x1b\\click\x1b]8;;\x1b\\",
    "DCS": "\x1bP+q544e\x1b\\",
    "C1": "\x9b2J\x9d0;owned\x9c\x90x\x9c",
    "bell": "\x07\x08\x08\x7f",
    "bidi": "\u202egpj.exe\u2066\u2069",
    "zero width": "a\u200bb\u200d\ufeff\u00ad",
    "lines": "x\r\n2026-01-01 00:00:00 ERROR   forged\n\x85\u2028\u2029\x0b\x0cy",
    "markup": "[red]red[/] [@click=app.quit]x[/] [link=http://evil.example]l[/link] [/]",
}
ALL = " ".join(ATTACKS.values())
OBEYED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
"""What a terminal may obey, but for the end of a line."""


def is_harmless(text: str) -> bool:
    """Our own line ends are all that is in it; and no line was forged."""
    forged = any(line.startswith("2026-01-01") for line in text.split("\n"))
    return not OBEYED.search(text) and not forged


@pytest.fixture
def command(tmp_path: Path, bucket: MotoBucket, catalog_database: str) -> Command:
    return Command(
        tmp_path,
        {
            "S3SYNC_BUCKET": bucket.name,
            "AWS_ENDPOINT_URL_S3": bucket.endpoint,
            "DATABASE_URL": catalog_database,
        },
    )


def poison(behind: Connection) -> None:
    """A history that somebody else has written: each text of it is hostile."""
    details = {
        "mode_reason": ALL,
        "gone_sample": [ALL],
        "rejected_sample": [ALL],
        "failed_ranges": [[ALL, f"{ALL}z"]],
        "phases": [{"phase": ALL}],
    }
    behind.execute(
        "update sync_runs set prefix = %s, holder = %s, error = %s, hint = %s, "
        "status = 'failed', details = details || %s::jsonb",
        [ALL, ALL, ALL, ALL, json.dumps(details)],
    )


def test_commands_print_nothing_that_a_terminal_obeys(
    command: Command,
    bucket: MotoBucket,
    behind: Connection,
    record_property: Callable[[str, object], None],
) -> None:
    """Keys in samples, a history of others', policies by hostile names; JSON has all exact."""
    keys = [f"{attack}.jpg" for attack in ATTACKS.values()]
    bucket.put([*keys, "stays.jpg"])
    said = []
    assert command.run("--once").code == 0
    bucket.delete(keys)
    for arguments in (
        ("--once", "--full", "--log-file", "run.log"),
        ("--once", "--full", "--json"),
    ):
        ended = command.run(*arguments)
        assert ended.code == 0
        said += [ended.err, *([] if "--json" in arguments else [ended.out])]
    assert set(ended.document["gone_sample"]) <= set(keys)
    assert f"'{safe_key(ended.document['gone_sample'][0])}'" in said[0]
    behind.execute("grant select on images to anon")
    policy = ALL.replace('"', '""')[:60]
    behind.execute(f'create policy "{policy}" on images to anon using (true)'.encode())
    poison(behind)
    for name in ("history", "health"):
        ended = command.run(name)
        said += [ended.out, ended.err]
    exact = command.run("history", "--json").document["runs"][0]
    assert (exact["error"], exact["prefix"], exact["holder"]) == (ALL, ALL, ALL)
    said.append((command.directory / "run.log").read_text())
    for text in said:
        assert is_harmless(text), text
    record_property("attacks", len(ATTACKS))


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_servers_say_is_text(command: Command, log_format: str) -> None:
    """An endpoint's code, message and region, in errors, in logs and in the history."""
    # XML has no control characters but these, nor can they be escaped in it.
    hostile = "".join(c if c.isprintable() or c in "\n\r\t" or c > "\x9f" else "" for c in ALL)
    with echoing(403, "xml", besides=hostile) as server:
        ended = command.run(
            *("--once", "--json", "--log-level", "debug", "--log-format", log_format),
            *("--log-file", "run.log"),
            AWS_ENDPOINT_URL_S3=server.url,
        )
        assert server.seen
    assert ended.code == 3
    assert is_harmless(ended.err), ended.err
    log = (command.directory / "run.log").read_text()
    assert is_harmless(log)
    lines = log.splitlines()
    assert lines
    for line in lines:
        if log_format == "json":
            assert json.loads(line)["message"]
        else:
            assert line.startswith("    ") or datetime.fromisoformat(line[:19])


def test_logs_forge_no_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever is logged: messages, arguments, tracebacks, a run's error."""
    kept = logging.getLogger().handlers[:]
    ours = logging.getLogger("s3sync_tui")
    level = ours.level
    log = logging.getLogger("s3sync_tui.test")
    failed = replace(made_up(1, RunStatus.FAILED), error=ALL, hint=ALL)
    try:
        for log_format in LogFormat:
            file = tmp_path / f"{log_format}.log"
            set_up_logs(log_format, LogLevel.DEBUG, str(file))
            log.warning("key %s and %s", ALL, "\ud800")
            log.info(ALL)
            log_run(log, failed)
            log_error(log, CatalogError(ALL, hint=ALL))
            try:
                raise ValueError(ALL)
            except ValueError:
                log.exception("it broke: %s", ALL)
            for text in (capsys.readouterr().err, file.read_text()):
                assert is_harmless(text), text
                lines = text.splitlines()
                if log_format is LogFormat.JSON:
                    documents = [json.loads(line) for line in lines]
                    assert len(documents) == 5
                    assert documents[0]["message"] == f"key {ALL} and \ud800"
                    assert ALL in documents[-1]["traceback"]
                else:
                    heads = [line for line in lines if not line.startswith("    ")]
                    assert len(heads) == 5
                    year = f"{datetime.now(UTC):%Y-%m-}"
                    assert all(line.startswith(year) for line in heads)
    finally:
        for handler in logging.getLogger().handlers[:]:
            handler.close()
        logging.basicConfig(handlers=kept, force=True)
        ours.setLevel(level)


def test_samples_tell_keys_apart() -> None:
    """A key with an escape in it, and one with the character: both are shown, and differ."""
    told = [
        notes(replace(made_up(1, gone=1), gone_sample=[key]))[0]
        for key in ("a\x1b.jpg", "a\\x1b.jpg", "a\\\\x1b.jpg")
    ]
    assert len(set(told)) == 3
    assert all(map(is_harmless, told))


def harmless_screen(pilot: Pilot[None]) -> str:
    """What is on the screen; nothing that a terminal obeys, no link and no action of others'."""
    texts = []
    for strip in pilot.app.screen._compositor.render_strips():
        for segment in strip:
            assert isinstance(segment, Segment)
            assert not OBEYED.search(segment.text), repr(segment.text)
            assert "\n" not in segment.text
            if segment.style is not None:
                assert segment.style.link is None
                assert "app.quit" not in str(segment.style.meta)
        texts.append(strip.text)
    return "\n".join(texts)


async def test_the_dashboard_shows_text(
    command: Command, bucket: MotoBucket, catalog_database: str, behind: Connection
) -> None:
    """Panels, details, JSON, questions, toasts, the log drawer and a picture of the screen."""
    bucket.put(["a.jpg"])
    assert command.run("--once").code == 0
    poison(behind)
    policy = ALL.replace('"', '""')[:60]
    behind.execute(f'create policy "{policy}" on images to anon using (true)'.encode())
    flags = {"bucket": bucket.name, "endpoint": bucket.endpoint, "database_url": catalog_database}
    app = S3SyncApp(settings_of(**flags))
    async with app.run_test(size=(160, 50), notifications=True) as pilot:
        await until(pilot, lambda: standing(pilot) is Standing.FAILED)
        await until(pilot, lambda: app.screen.query_one(RunsTable).row_count == 1)
        await until(
            pilot,
            lambda: (
                any(c.name == "anon_access" and c.sql for c in app._readings.health.checks)
                if app._readings.health
                else False
            ),
        )
        seen = [harmless_screen(pilot)]
        assert r"\x1b]52;c;b3duZWQ=\x07" in "".join(seen)
        await pilot.press("3", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunDetails))
        for key in ("down", "pagedown", "j", "pagedown"):
            await pilot.press(key)
            seen.append(harmless_screen(pilot))
        await pilot.press("escape")
        details = f'drop policy "{policy}" on public."images";'
        app.push_screen(Ask(ALL, ALL, {"y": "Run it"}, details=details))
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await pilot.pause()
        seen.append(harmless_screen(pilot))
        assert "drop policy" in seen[-1]
        await pilot.press("escape")
        logging.getLogger("s3sync_tui.test").warning("%s was logged", ALL)
        await pilot.press("l")
        await until(pilot, lambda: "logged" in harmless_screen(pilot))
        assert "│     2026-01-01 00:00:00 ERROR" in harmless_screen(pilot)
        app.notify(ALL, title=ALL, severity="error")
        await until(pilot, lambda: app.screen.query(Toast))
        await pilot.pause()
        seen.append(harmless_screen(pilot))
        assert "[@click=app.quit]x" in seen[-1]
        picture = app.export_screenshot()
    assert not OBEYED.search(picture.replace("\n", " ").replace("\t", " "))
    assert "evil.example" not in re.findall(r'href="([^"]*)"', picture)


def test_a_real_terminal_gets_no_sequence_of_others(
    command: Command, bucket: MotoBucket, behind: Connection
) -> None:
    """Every byte that --once, with its live bars, and the dashboard write to a terminal."""
    bucket.put([f"{attack}.jpg" for attack in ATTACKS.values()])
    environ = command._environment({}) | {"TERM": "xterm-256color", "COLUMNS": "140"}
    once = typed([*COMMAND, "--once"], environ, [("Sync completed", "")])
    bucket.delete([f"{ATTACKS['clipboard']}.jpg", f"{ATTACKS['bidi']}.jpg"])
    gone = typed([*COMMAND, "--once", "--full"], environ, [("no object in S3", "")])
    poison(behind)
    steps = [("owned", "3\r"), ("newer", "j"), ("run_id", "qq")]
    dashboard = typed([*COMMAND], environ, steps)
    for written in (once, gone, dashboard):
        text = written.decode()
        for forbidden in (
            *("\x1b]52", "\x1b]0;owned", "\x1b]8;;http", "\x1bP+q", "\x9b", "\x9d", "\x90"),
            *("\u202e", "\u2066", "\u200b", "\ufeff", "\u2028", "\x0b"),
        ):
            assert forbidden not in text, (forbidden, text[max(0, text.find(forbidden) - 200) :])
    assert rb"\x1b]52;c;b3duZWQ=\x07.jpg" in gone or rb"\u202egpj.exe" in gone
    assert rb"\x1b[2J" in dashboard
