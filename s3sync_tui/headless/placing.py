"""Files put where they belong, all or none, and none over another that somebody may have edited."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from s3sync_tui.errors import SettingsError
from s3sync_tui.private_files import PRIVATE, replace_file

_VARIABLE = re.compile(r'^(\w+)="((?:[^"\\]|\\.)*)"$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Placed:
    """A file that is to be there."""

    path: Path
    text: str = field(repr=False)
    is_secret: bool = False
    """Then it is for its owner alone, and no message repeats any of it but names."""


def place(files: Sequence[Placed], *, force: bool) -> list[str]:
    """Write ``files``; returns a sentence for each.

    Raises :class:`~s3sync_tui.errors.SettingsError`, before anything is written, where one is
    there with another text and there is no ``force``; and where one can't be written.
    """
    try:
        differences = [difference for file in files if (difference := _difference(file))]
        if differences and not force:
            raise SettingsError(
                "\n".join(differences),
                hint="Nothing was written. --force replaces what is there.",
            )
        return [_write(file) for file in files]
    except OSError as error:
        raise SettingsError(
            f"{error.filename} cannot be written: {error.strerror}.",
            hint="Without --write, all of it is printed: put it there by hand.",
        ) from error


def _difference(file: Placed) -> str:
    """How what is there differs, for people; empty where nothing is, or the same."""
    there = _there(file)
    if there is None or there == file.text:
        return ""
    if file.is_secret:
        old, new = dict(_VARIABLE.findall(there)), dict(_VARIABLE.findall(file.text))
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        return f"{file.path} differs" + (f", in {', '.join(names)}." if names else ".")
    lines = difflib.unified_diff(
        there.splitlines(), file.text.splitlines(), "there", "new", lineterm="", n=0
    )
    changes = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    return "\n  ".join([f"{file.path} differs:", *changes])


def _there(file: Placed) -> str | None:
    try:
        return file.path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _write(file: Placed) -> str:
    if _there(file) == file.text:
        if file.is_secret:
            file.path.chmod(PRIVATE)
        return f"As it is: {file.path}"
    file.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if file.is_secret else 0o755)
    replace_file(file.path, file.text.encode(), PRIVATE if file.is_secret else 0o644)
    return f"Written: {file.path}"
