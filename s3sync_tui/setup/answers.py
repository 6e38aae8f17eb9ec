"""What a set-up asks: each answer checked by itself, and all of them as settings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from s3sync_tui.errors import SettingsError
from s3sync_tui.settings import SETTINGS, CatalogKind, Loaded, Settings, load_settings
from s3sync_tui.settings.database import check_database_url
from s3sync_tui.settings.rules import (
    Unfit,
    check_bucket,
    check_endpoint,
    check_prefix,
    check_profile,
    check_supabase_key,
    check_supabase_url,
    check_table,
)

INFO = {setting.name: setting for setting in SETTINGS}

SECRET_OF: Mapping[CatalogKind, str] = {"supabase": "supabase_key", "postgres": "database_url"}
"""The setting that holds the secret of each kind of catalog that has one."""

_CHECKS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "bucket": ("Bucket", check_bucket),
    "profile": ("Profile", check_profile),
    "endpoint": ("Endpoint", check_endpoint),
    "prefix": ("Prefix", check_prefix),
    "supabase_url": ("Project URL", check_supabase_url),
    "supabase_key": ("Secret key", check_supabase_key),
    "database_url": ("Connection", check_database_url),
    "table": ("Table", check_table),
}
ASKED = tuple(_CHECKS)
"""The settings that a set-up asks for."""
LABELS = {name: label for name, (label, _) in _CHECKS.items()}
"""How questions and messages call them."""

# Flags that would outrank what is chosen instead.
_SET_ASIDE: Mapping[CatalogKind, set[str]] = {
    "supabase": {"database_url"},
    "postgres": {"database_url", "supabase_url"},
    "embedded": set(),
}
_FLAG = re.compile(r"--(bucket|prefix|endpoint)\b")


@dataclass(frozen=True, slots=True)
class Known:
    """What flags, variables and a file say before anybody is asked."""

    loaded: Loaded
    flags: Mapping[str, object] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    config: Path | None
    directory: Path

    def text(self, setting: str) -> str:
        """The value to begin with; empty where there is none, and for secrets."""
        if INFO[setting].is_secret:
            return ""
        value = getattr(self.loaded.settings, setting) or self._variable(setting)[1]
        return str(value)

    def secret(self, setting: str) -> str:
        """The secret that is set, if one is."""
        value: SecretStr | None = getattr(self.loaded.settings, setting)
        return value.get_secret_value() if value is not None else self._variable(setting)[1]

    def origin(self, setting: str) -> str:
        """Who says so: ``$DATABASE_URL``; empty where nobody does."""
        if getattr(self.loaded.settings, setting):
            origin = self.loaded.origins[setting]
            return "" if origin == "default" else origin
        return self._variable(setting)[0]

    def _variable(self, setting: str) -> tuple[str, str]:
        """Also of a setting that another outranks: it may be chosen yet."""
        for name in INFO[setting].variables:
            if self.environ.get(name):
                return f"${name}", self.environ[name]
        return "", ""


def know(
    flags: Mapping[str, object],
    *,
    environ: Mapping[str, str],
    config: Path | None,
    directory: Path,
) -> Known:
    """As :func:`~s3sync_tui.settings.load_settings`, which it calls."""
    loaded = load_settings(flags, environ=environ, config=config, directory=directory)
    given = {name: value for name, value in flags.items() if value not in (None, [], ())}
    return Known(loaded, given, dict(environ), config, directory)


class Misfit(SettingsError):
    """The answer to one question will not do: it ``must`` be something else."""

    def __init__(self, setting: str, must: str, *, hint: str = "") -> None:
        super().__init__(f"{LABELS[setting]}: {must}.", hint=hint)
        self.setting = setting
        self.must = must


@dataclass(frozen=True, slots=True)
class Answers:
    """What was said, as it was typed."""

    texts: Mapping[str, str]
    """By setting; an empty one is as good as none."""
    catalog: CatalogKind = "embedded"
    secret: str = field(default="", repr=False)
    """What the catalog asks for; empty takes what is set already."""

    def check(self) -> None:
        """Raise :class:`Misfit` for the first answer that will not do."""
        for name in ASKED:
            if self.texts.get(name):
                _check(name, self.texts[name])
        if self.secret and self.catalog in SECRET_OF:
            _check(SECRET_OF[self.catalog], self.secret)

    def settings(self, known: Known) -> Settings:
        """The settings that these answers and what is known make together.

        Raises :class:`Misfit`, and another :class:`~s3sync_tui.errors.SettingsError`
        where the rest does not fit together.
        """
        self.check()
        said = {name: text for name in ASKED if (text := self.texts.get(name))}
        flags = {k: v for k, v in known.flags.items() if k not in _SET_ASIDE[self.catalog]}
        flags |= {name: text for name, text in said.items() if name != "profile"}
        environ = dict(known.environ)
        if "profile" in said:  # as a variable: $AWS_ACCESS_KEY_ID outranks it, as in the file
            environ["AWS_PROFILE"] = said["profile"]
        if self.catalog == "supabase" and "supabase_url" not in said:
            raise _needed("supabase_url")
        needed = SECRET_OF.get(self.catalog)
        if needed is not None:
            secret = self.secret or known.secret(needed)
            if not secret:
                raise _needed(needed)
            _check(needed, secret)
            environ[INFO[needed].variables[0]] = secret
        loaded = load_settings(
            flags, environ=environ, config=known.config, directory=known.directory
        )
        unsaid = {name for name in ASKED if name not in said and name != needed}
        if "profile" in known.flags:
            unsaid -= {"profile"}
        nothing = {name: Settings.model_fields[name].default for name in unsaid}
        return loaded.settings.model_copy(update=nothing)


def blank_slate(environ: Mapping[str, str], directory: Path) -> Known:
    """What is known where answers replace everything: AWS's variables, and no file."""
    ours = {name for setting in ASKED for name in INFO[setting].variables}
    kept = {
        name: value
        for name, value in environ.items()
        if name.startswith("AWS_") or (name not in ours and not name.startswith("S3SYNC_"))
    }
    return know({}, environ=kept, config=Path(os.devnull), directory=directory)


def _check(name: str, text: str) -> None:
    setting, (_, check) = INFO[name], _CHECKS[name]
    value = setting.read(text)
    try:
        check(SecretStr(str(value)) if setting.is_secret else value)
        return
    except Unfit as unfit:
        fault = Misfit(name, unfit.must, hint=_in_words(unfit.hint))
    raise fault  # from here: an error's context may know the value


def _needed(name: str) -> Misfit:
    return Misfit(name, "must be given")


def _in_words(hint: str) -> str:
    return _FLAG.sub(lambda flag: LABELS[flag[1]], hint)
