"""``s3sync.toml``: where a set-up keeps its answers, and how they get there."""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from s3sync_tui.errors import SettingsError
from s3sync_tui.private_files import PRIVATE, create_file, make_private_directory, replace_file
from s3sync_tui.settings import SETTINGS
from s3sync_tui.settings.file import NAME
from s3sync_tui.setup.answers import ASKED, INFO, SECRET_OF, Answers, Known

_HEAD = "# s3sync-tui: settings. Flags and variables outrank this file."


@dataclass(frozen=True, slots=True)
class Place:
    """The file to write."""

    path: Path
    label: str
    """How people call it."""
    text: str | None = field(default=None, repr=False)
    """What is in it; None where there is no such file."""


def place_for(known: Known) -> Place:
    """The file that was read; else a new one in the working directory, or, where that
    is shut, in the user's configuration directory."""
    path = known.loaded.file
    if path is not None:
        return Place(path, _label(path, known), path.read_bytes().decode("utf-8-sig"))
    path = known.directory / NAME
    if not os.access(known.directory, os.W_OK):
        path = platformdirs.user_config_path("s3sync-tui", appauthor=False) / NAME
    return Place(path, _label(path, known))


def values_of(answers: Answers, *, with_secret: bool) -> dict[str, str]:
    """What belongs into the file, by setting."""
    values = {name: text for name in ASKED if (text := answers.texts.get(name))}
    needed = SECRET_OF.get(answers.catalog)
    if with_secret and needed is not None and answers.secret:
        values[needed] = answers.secret
    return values


def file_text(values: Mapping[str, str]) -> str:
    """A commented ``s3sync.toml`` with these values; all other settings stand there with
    their defaults, switched off."""
    lines = [_HEAD, ""]
    for setting in SETTINGS:
        if setting.is_secret and setting.name not in values:
            continue
        lines.append(f"# {setting.description}")
        if setting.name in values:
            lines.append(_line(setting.name, values[setting.name]))
        else:
            lines.append(f"# {setting.file_key}: {setting.default_text or 'not set'}")
        lines.append("")
    return "\n".join(lines)


def completed(place: Place, values: Mapping[str, str], answers: Answers) -> tuple[str, list[str]]:
    """The text of the file that is there, with ``values`` in it and all else as it was;
    and what had to be changed or removed for them, in words.

    Raises :class:`~s3sync_tui.errors.SettingsError` where the file is written in a way
    that does not let lines be changed.
    """
    text = place.text or ""
    end = "\r\n" if "\r\n" in text else "\n"
    old = tomllib.loads(text)
    wanted: dict[str, object] = dict(old)
    changes = []
    unwanted = {"supabase": {"database_url"}, "postgres": set[str]()}.get(
        answers.catalog, {"database_url", "supabase_url", "supabase_key"}
    )
    asked_texts = {name for name in answers.texts if name in ASKED}
    for name in ASKED:
        key = INFO[name].file_key
        line = re.compile(
            rf"""^[ \t]*["']?{re.escape(key)}["']?[ \t]*=[^\r\n]*(?:\r?\n|\Z)""", re.M
        )
        if name in values:
            if old.get(key) == values[name]:
                continue
            wanted[key] = values[name]
            new = _line(name, values[name]) + end
            if key in old:
                changes.append(f"{key} was changed")
                text = line.sub(new.replace("\\", r"\\"), text, count=1)
            else:
                text = text.rstrip() + end + new if text.strip() else new
        elif key in old and (name in unwanted or name in asked_texts):
            del wanted[key]
            changes.append(f"{key} was removed")
            text = line.sub("", text, count=1)
    try:
        is_right = tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        is_right = False
    if not is_right:
        raise SettingsError(
            f"{place.label} is written in a way that can't be added to.",
            hint=f"Write into it yourself: bucket = {_quoted(values.get('bucket', '…'))}",
        )
    return text, changes


def save(place: Place, text: str, *, is_private: bool) -> None:
    """Write all of it or nothing. ``is_private`` makes it its owner's alone, from its first
    moment on.

    Raises :class:`~s3sync_tui.errors.SettingsError`, also where someone else has written
    the file meanwhile.
    """
    path = place.path
    try:
        if place.text is None:
            make_private_directory(path.parent)
            create_file(path, text.encode(), PRIVATE if is_private else 0o666)
        else:
            _replace(place, text, is_private=is_private)
    except FileExistsError as error:
        raise SettingsError(
            f"{place.label} was written by someone else meanwhile.", hint="Start s3sync-tui again."
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{place.label} can't be written: {error.strerror or error}.",
            hint="Make room or rights for it, then start again.",
        ) from error


def _replace(place: Place, text: str, *, is_private: bool) -> None:
    path = place.path.resolve()  # a link stays one
    if path.read_bytes().decode("utf-8-sig", "replace") != place.text:
        raise FileExistsError
    mode = PRIVATE if is_private else stat.S_IMODE(path.stat().st_mode)
    replace_file(path, text.encode(), mode)


def _line(name: str, value: str) -> str:
    return f"{INFO[name].file_key} = {_quoted(value)}"


def _quoted(value: str) -> str:
    # JSON's strings are TOML's, but for characters beyond U+FFFF and for DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _label(path: Path, known: Known) -> str:
    for base, sign in ((known.directory, "."), (Path.home(), "~")):
        if path.is_relative_to(base):
            return f"{sign}/{path.relative_to(base)}"
    return str(path)
