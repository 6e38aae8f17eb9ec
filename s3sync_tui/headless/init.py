"""``init``: asks for what is needed, tries each answer, writes ``s3sync.toml``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from getpass import getpass
from pathlib import Path

from s3sync_tui.connect import make_source, open_catalog, postgres_catalog
from s3sync_tui.errors import S3SyncError, SchemaError, SettingsError
from s3sync_tui.headless.report import say
from s3sync_tui.model import KeyRange
from s3sync_tui.settings import SETTINGS, Settings, load_settings

FILE = "s3sync.toml"

_CATALOGS = """Where do the rows go?
  1  Supabase, by project URL and secret key
  2  Postgres (Supabase's too), by connection string
  3  a Postgres of its own on this machine"""


@dataclass
class Answers:
    """What was said so far: settings for the file, and secrets, which stay out of it."""

    environ: dict[str, str]
    chosen: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    """By the variable that will hold them."""

    def settings(self) -> Settings:
        """As they would be. Raises :class:`~s3sync_tui.errors.SettingsError`."""
        return load_settings(
            self.chosen,
            environ=self.environ | self.secrets,
            config=Path(os.devnull),  # no file counts but the one to be written
            directory=Path.cwd(),
        ).settings


def init(target: Path, environ: dict[str, str]) -> None:
    """Ask on the terminal, and write ``target``.

    Raises :class:`~s3sync_tui.errors.SettingsError` where nobody answers.
    """
    if target.exists() and not _yes(f"{target} exists. Replace it in the end?"):
        return
    # What decides where the rows go is asked, not inherited.
    ours = {"DATABASE_URL", "SUPABASE_DB_URL", "SUPABASE_URL"}
    kept = {k: v for k, v in environ.items() if k not in ours and not k.startswith("S3SYNC_")}
    answers = Answers(kept)
    _until_it_works(lambda: _ask_bucket(answers, environ), lambda: _try_bucket(answers))
    _until_it_works(lambda: _ask_catalog(answers, environ), lambda: _try_catalog(answers))
    target.write_text(file_text(answers.chosen), encoding="utf-8")
    say(f"\nWritten: {target}")
    if answers.secrets:
        say("It holds no secret. Set these variables where s3sync-tui runs (shell, cron, systemd):")
        for name in answers.secrets:
            say(f"  export {name}=…")
    say("Then sync with: s3sync-tui --once   or open the dashboard: s3sync-tui")


def file_text(chosen: dict[str, str]) -> str:
    """A commented ``s3sync.toml`` with these settings; all others stand there with
    their defaults, switched off."""
    lines = ["# s3sync-tui: settings. Flags and variables outrank this file.", ""]
    for setting in SETTINGS:
        if setting.is_secret:
            continue
        lines.append(f"# {setting.description}")
        if setting.name in chosen:
            lines.append(f"{setting.file_key} = {json.dumps(chosen[setting.name])}")
        else:
            lines.append(f"# {setting.file_key}: {setting.default_text or 'not set'}")
        lines.append("")
    return "\n".join(lines)


def _until_it_works(
    ask: Callable[[], None], attempt: Callable[[], Coroutine[None, None, None]]
) -> None:
    while True:
        try:
            ask()
            asyncio.run(attempt())
        except S3SyncError as error:
            if isinstance(error, _NobodyAnswers):
                raise
            say(f"✗ {error.message}\n  {error.hint}")
            if not _yes("Answer again? (No keeps the answers as they are.)"):
                return
        else:
            return


def _ask_bucket(answers: Answers, environ: dict[str, str]) -> None:
    chosen = answers.chosen
    _ask(chosen, "bucket", "Bucket", environ.get("S3SYNC_BUCKET", ""))
    _ask(
        chosen,
        "endpoint",
        "Endpoint, for a store other than AWS (empty: AWS)",
        environ.get("AWS_ENDPOINT_URL_S3", ""),
    )
    _ask(chosen, "profile", "AWS profile (empty: AWS's own order)", environ.get("AWS_PROFILE", ""))
    _ask(chosen, "prefix", "Only keys that start with (empty: the whole bucket)", "")


async def _try_bucket(answers: Answers) -> None:
    async with make_source(answers.settings()) as source:
        await source.open()
        async for page in source.pages(KeyRange.of_prefix(source.prefix)):
            example = f", for example {page.images.keys[0]!r}" if len(page.images) else ""
            say(f"✓ It can be listed: {len(page.images):,} images on the first page{example}.")
            break


def _ask_catalog(answers: Answers, environ: dict[str, str]) -> None:
    chosen, secrets = answers.chosen, answers.secrets
    for name in ("supabase_url", "table"):
        chosen.pop(name, None)
    secrets.clear()
    say(f"\n{_CATALOGS}")
    kind = _read("Number", "1")
    if kind == "1":
        _ask(chosen, "supabase_url", "Project URL", environ.get("SUPABASE_URL", ""))
        _ask_secret(secrets, "SUPABASE_SECRET_KEY", "Secret key (sb_secret_…)", environ)
    elif kind == "2":
        _ask_secret(secrets, "DATABASE_URL", "Connection string (postgresql://…)", environ)
    elif kind != "3":
        raise SettingsError(f"There is no {kind!r} to choose.", hint="Answer 1, 2 or 3.")
    _ask(chosen, "table", "Table", "images")


async def _try_catalog(answers: Answers) -> None:
    settings = answers.settings()
    try:
        await _look_into(settings)
    except SchemaError as error:
        if settings.catalog_kind != "postgres":
            raise
        say(f"✗ {error.message}")
        if not _yes("Apply the schema now?"):
            raise
        async with postgres_catalog(settings) as (catalog, _):
            for change in await catalog.apply_schema():
                say(f"  {change}")
        await _look_into(settings)


async def _look_into(settings: Settings) -> None:
    async with open_catalog(settings) as catalog:
        summary = await catalog.summary()
        say(f"✓ {catalog.description}: ready, {summary.images:,} images.")


def _ask(chosen: dict[str, str], name: str, question: str, default: str) -> None:
    answer = _read(question, chosen.pop(name, default))
    if answer:
        chosen[name] = answer


def _ask_secret(
    secrets: dict[str, str], variable: str, question: str, environ: dict[str, str]
) -> None:
    shown = f"{question} [{f'${variable}, as set' if environ.get(variable) else 'hidden'}]: "
    try:
        # Without a terminal, getpass would warn of an echo that nobody sees.
        answer = getpass(shown) if sys.stdin.isatty() else input(shown)
    except EOFError as end:
        raise _NobodyAnswers from end
    secrets[variable] = answer.strip() or environ.get(variable, "")


def _yes(question: str) -> bool:
    return _read(f"{question} y/n", "y").lower().startswith("y")


def _read(question: str, default: str) -> str:
    try:
        return input(f"{question}{f' [{default}]' if default else ''}: ").strip() or default
    except EOFError as end:
        raise _NobodyAnswers from end


class _NobodyAnswers(SettingsError):
    def __init__(self) -> None:
        super().__init__(
            "Nobody answers.", hint="s3sync-tui init asks questions: run it in a terminal."
        )
