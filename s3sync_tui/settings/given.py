"""A value as it was given, and how it may be repeated in a message."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from s3sync_tui.settings.fields import SettingInfo
from s3sync_tui.settings.rules import read_path

_LONGEST = 80
_PLAIN = re.compile(r"[\w./:@%+,=*?-]+", re.ASCII)
# People swap variables: what looks like a secret is one, wherever it was given.
_SECRETS = re.compile(
    r"://.*@"
    r"|\bsb_secret_\S+"
    r"|\beyJ[\w-]+\.\S+"
    r"|\bpassword\s*=\s*(?:'[^']*'?|\S+)",
    re.DOTALL | re.IGNORECASE,
)


class Level(IntEnum):
    """Who gave a value; the lower number outranks the higher."""

    FLAG = 1
    ENVIRONMENT = 2
    FILE = 3


@dataclass(frozen=True, slots=True)
class Given:
    """One setting's value at one level."""

    setting: SettingInfo
    level: Level
    origin: str
    """``--batch-size``, ``$S3SYNC_BATCH_SIZE``, ``s3sync.toml line 4``."""
    value: object = field(repr=False)
    base: Path
    """Where relative paths start."""

    def parsed(self) -> object:
        """The value in its setting's type, or as it was where it has none: the
        model will say so."""
        value = self.value
        if isinstance(value, list):
            return tuple(value)
        # The file has types of its own; of those, only paths come as text.
        if isinstance(value, str) and (self.level < Level.FILE or self.setting.read is read_path):
            value = self.setting.read(value)
        if isinstance(value, Path):
            # Of a user that there is not, ~ is a name like any other.
            with contextlib.suppress(RuntimeError):
                value = value.expanduser()
            return self.base / value
        return value

    def quoted(self) -> str:
        """Origin and value, for a message; a secret's origin alone."""
        if self.setting.is_secret:
            if self.level is Level.FILE:
                return f"{self.origin}: {self.setting.file_key}"
            return self.origin
        if self.level is Level.FILE:
            return f"{self.origin}: {self.setting.file_key} = {shown(self.value)}"
        if self.level is Level.FLAG and _PLAIN.fullmatch(str(self.value)):
            return f"{self.origin} {shown(self.value).strip(chr(34))}"
        return f"{self.origin} {shown(self.value)}"


def shown(value: object) -> str:
    """A value as TOML would have it: printable, of bearable length, and without
    anything that looks like a secret."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(shown(item) for item in value[:10])}{', …' * (len(value) > 10)}]"
    if isinstance(value, dict):
        return "{…}"
    if isinstance(value, int) and value.bit_length() > 64:
        return "a number far out"
    text = _SECRETS.sub("…", str(value))
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return '"' + text.replace('"', '\\"') + '"' if isinstance(value, str | Path) else text
