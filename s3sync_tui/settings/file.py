"""``s3sync.toml``: found, read, and each of its keys with its line."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from s3sync_tui.errors import SettingsError

NAME = "s3sync.toml"

# tomllib's words on the left, those of people who do not write parsers on the right.
_PLAIN_WORDS = (
    ("Invalid value", "here should be a number, true, false, or text in double quotes"),
    ("Expected '=' after a key", "after a setting's name, = is missing"),
    ("Cannot overwrite a value", "this setting is set a second time"),
    ("Cannot declare", "this section is there a second time"),
    ("Expected newline", "here the line should end, but something follows"),
    ("Unterminated string", "the quotes at the end of a text are missing"),
    ('Expected "\'"', "the quotes at the end of a text are missing"),
    ("Illegal character '\\n'", "the quotes at the end of a text are missing"),
    ("Found invalid character '\\n'", "the quotes at the end of a text are missing"),
    ("Unescaped '\\'", "in double quotes, \\ must be written twice"),
    ("Unclosed array", "the ] at the end of a list is missing"),
    ("Expected ']' at the end of a table", "the ] at the end of a section's name is missing"),
    ("Invalid initial character", "here a setting's name should start"),
    ("Invalid statement", 'here should be a line like: bucket = "camera-images"'),
)
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A file that was read."""

    path: Path
    label: str
    """How messages call it."""
    values: dict[str, object] = field(repr=False)
    text: str = field(repr=False)

    def where(self, key: str) -> str:
        """``s3sync.toml line 4``; without the line where the key is written in a
        way that nobody writes."""
        name = re.escape(key)
        places = re.finditer(
            rf"""^[ \t]*(?:\[\[?[ \t]*)?(?:{name}|"{name}"|'{name}')[ \t]*[=.\]]""",
            self.text,
            re.MULTILINE,
        )
        import tomllib  # not at the top: most have no file, and it takes 5 ms

        for place in places:
            before = self.text[: place.start()]
            try:
                tomllib.loads(before)
            except tomllib.TOMLDecodeError:  # inside a text or list of several lines
                continue
            return f"{self.label} line {before.count(chr(10)) + 1}"
        return self.label


def is_open_to_others(path: Path) -> bool:
    """Whether other users of the machine may read it. Where it is somebody else's, its group is
    how we read it ourselves."""
    try:
        found = path.stat()
    except OSError:
        return False
    return bool(found.st_mode & (0o044 if found.st_uid == os.geteuid() else 0o004))


def read_settings_file(config: Path | None, directory: Path) -> SettingsFile | None:
    """``config``, which must be there; without it ``s3sync.toml`` in ``directory``,
    else in the user's configuration directory, else ``None``.

    Raises :class:`~s3sync_tui.errors.SettingsError` for a file that can't be read or
    is no TOML.
    """
    if config is not None:
        path = directory / config
        content = _content(path, f"--config {config}")
        if content is None:
            raise SettingsError(
                f"--config {config}: there is no such file.",
                hint="Check the path; s3sync-tui init writes a new file.",
            )
        return _parsed(path, str(config), content)
    users = platformdirs.user_config_path("s3sync-tui", appauthor=False) / NAME
    for path, label in ((directory / NAME, NAME), (users, str(users))):
        content = _content(path, label)
        if content is not None:
            return _parsed(path, label, content)
    return None


def _content(path: Path, label: str) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        # A service may be shut out of its home directory: then there is no file for it.
        if isinstance(error, PermissionError) and not _is_there(path):
            return None
        raise SettingsError(
            f"{label}: cannot be read: {error.strerror or error}.",
            hint="It must be a file that this user may read.",
        ) from error


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except OSError:
        return False
    return True


def _parsed(path: Path, label: str, content: bytes) -> SettingsFile:
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = SettingsError(
            f"{label} line {line}: this is not UTF-8 text.",
            hint="Save the file with the encoding UTF-8.",
        )
    else:
        import tomllib

        try:
            return SettingsFile(path, label, tomllib.loads(text), text)
        except (ValueError, RecursionError) as error:
            fault = SettingsError(
                f"{label}{_malformation(str(error), text)}.",
                hint='The file is TOML, one setting a line, like: bucket = "camera-images"',
            )
    raise fault


def _malformation(reason: str, text: str) -> str:
    position = _POSITION.search(reason)
    if position is None:
        return ": this is not TOML: a number is too long, or lists are nested too deep"
    line, column = position.groups()
    if line is None:
        lines = text.rstrip().split("\n")
        line, column = len(lines), len(lines[-1]) + 1
    reason = reason[: position.start()]
    for start, words in _PLAIN_WORDS:
        if reason.startswith(start):
            reason = words
            break
    else:
        reason = reason[0].lower() + reason[1:]
    return f" line {line}, column {column}: {reason}"
