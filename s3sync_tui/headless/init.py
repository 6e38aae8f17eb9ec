"""``init``: asks for what is needed, tries each answer, writes ``s3sync.toml``."""

from __future__ import annotations

import asyncio
import stat
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from getpass import getpass
from pathlib import Path

from s3sync_tui.errors import S3SyncError, SchemaError, SettingsError
from s3sync_tui.headless.report import say
from s3sync_tui.private_files import PRIVATE, replace_file
from s3sync_tui.safe_text import safe, safe_key
from s3sync_tui.settings import CatalogKind, Settings
from s3sync_tui.setup.answers import INFO, SECRET_OF, Answers, Known, blank_slate
from s3sync_tui.setup.attempts import apply_schema, try_bucket, try_catalog
from s3sync_tui.setup.file import file_text, values_of

_CATALOGS = """Where do the rows go?
  1  Supabase, by project URL and secret key
  2  Postgres (Supabase's too), by connection string
  3  a Postgres of its own on this machine"""
_KINDS: dict[str, CatalogKind] = {"1": "supabase", "2": "postgres", "3": "embedded"}


@dataclass
class _Said:
    """What was said so far."""

    known: Known
    texts: dict[str, str] = field(default_factory=dict)
    catalog: CatalogKind = "embedded"
    secret: str = field(default="", repr=False)

    def answers(self) -> Answers:
        return Answers(self.texts, self.catalog, self.secret)

    def settings(self) -> Settings:
        return self.answers().settings(self.known)


def init(target: Path, environ: dict[str, str]) -> None:
    """Ask on the terminal, and write ``target``.

    Raises :class:`~s3sync_tui.errors.SettingsError` where nobody answers.
    """
    if target.exists() and not _yes(f"{target} exists. Replace it in the end?"):
        return
    # What decides where the rows go is asked, not inherited; no file counts but the new one.
    said = _Said(blank_slate(environ, Path.cwd()))
    _until_it_works(lambda: _ask_bucket(said, environ), lambda: _try_bucket(said))
    _until_it_works(lambda: _ask_catalog(said, environ), lambda: _try_catalog(said))
    text = file_text(values_of(said.answers(), with_secret=False))
    old_mode = _write(target, text)
    say(f"\nWritten: {target}")
    if old_mode & 0o077:
        say(f"It is yours alone now; others could read or write it (mode {old_mode:o}).")
    if said.catalog in SECRET_OF:
        say("It holds no secret. Set this variable where s3sync-tui runs (shell, cron, systemd):")
        say(f"  export {_variable(said.catalog)}=…")
    say("Then sync with: s3sync-tui --once   or open the dashboard: s3sync-tui")


def _write(target: Path, text: str) -> int:
    """Its owner's alone, whatever it was: secrets are often added later. Returns the mode that
    it had."""
    path = target.resolve()  # a link stays one
    try:
        old_mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0
        replace_file(path, text.encode(), PRIVATE)
    except OSError as error:
        raise SettingsError(
            f"{target} cannot be written: {error.strerror or error}.",
            hint="Name another file with --file, in a directory that this user may write to.",
        ) from error
    return old_mode


def _variable(catalog: CatalogKind) -> str:
    return INFO[SECRET_OF[catalog]].variables[0]


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


def _ask_bucket(said: _Said, environ: dict[str, str]) -> None:
    texts = said.texts
    _ask(texts, "bucket", "Bucket", environ.get("S3SYNC_BUCKET", ""))
    _ask(
        texts,
        "endpoint",
        "Endpoint, for a store other than AWS (empty: AWS)",
        environ.get("AWS_ENDPOINT_URL_S3", ""),
    )
    _ask(texts, "profile", "AWS profile (empty: AWS's own order)", environ.get("AWS_PROFILE", ""))
    _ask(texts, "prefix", "Only keys that start with (empty: the whole bucket)", "")


async def _try_bucket(said: _Said) -> None:
    found = await try_bucket(said.settings())
    example = f", for example '{safe_key(found.example)}'" if found.images else ""
    say(f"✓ It can be listed: {found.images:,} images on the first page{example}.")


def _ask_catalog(said: _Said, environ: dict[str, str]) -> None:
    for name in ("supabase_url", "table"):
        said.texts.pop(name, None)
    said.secret = ""
    say(f"\n{_CATALOGS}")
    number = _read("Number", "1")
    if number not in _KINDS:
        raise SettingsError(f"There is no {number!r} to choose.", hint="Answer 1, 2 or 3.")
    said.catalog = _KINDS[number]
    if said.catalog == "supabase":
        _ask(said.texts, "supabase_url", "Project URL", environ.get("SUPABASE_URL", ""))
        said.secret = _ask_secret(said.catalog, "Secret key (sb_secret_…)", environ)
    elif said.catalog == "postgres":
        said.secret = _ask_secret(said.catalog, "Connection string (postgresql://…)", environ)
    _ask(said.texts, "table", "Table", "images")


async def _try_catalog(said: _Said) -> None:
    settings = said.settings()
    try:
        await _look_into(settings)
    except SchemaError as error:
        if settings.catalog_kind != "postgres":
            raise
        say(f"✗ {error.message}")
        if not _yes("Apply the schema now?"):
            raise
        for change in await apply_schema(settings):
            say(f"  {safe(change)}")
        await _look_into(settings)


async def _look_into(settings: Settings) -> None:
    found = await try_catalog(settings)
    say(f"✓ {found.description}: ready, {found.images:,} images.")


def _ask(texts: dict[str, str], name: str, question: str, default: str) -> None:
    answer = _read(question, texts.pop(name, default))
    if answer:
        texts[name] = answer


def _ask_secret(catalog: CatalogKind, question: str, environ: dict[str, str]) -> str:
    variable = _variable(catalog)
    shown = f"{question} [{f'${variable}, as set' if environ.get(variable) else 'hidden'}]: "
    try:
        # Without a terminal, getpass would warn of an echo that nobody sees.
        answer = getpass(shown) if sys.stdin.isatty() else input(shown)
    except EOFError as end:
        raise _NobodyAnswers from end
    return answer.strip() or environ.get(variable, "")


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
