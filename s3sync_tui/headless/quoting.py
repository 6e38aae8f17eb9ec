"""Text as systemd, environment files and crontabs take it: unchanged, whatever is in it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from s3sync_tui.errors import SettingsError


def exec_line(words: Sequence[str]) -> str:
    """A command for ``ExecStart=``, its first word an absolute path. systemd.service(5)."""
    if not words[0].isprintable() or any(c in words[0] for c in "\"'\\"):
        words = ["/bin/sh", "-c", 'exec "$0" "$@"', *words]  # systemd itself refuses such a path
    quoted = [unit_word(word) for word in words]
    # Without the colon, systemd would put variables in the place of what follows a $.
    return (":" if any("$" in word for word in quoted) else "") + " ".join(quoted)


def unit_word(text: str) -> str:
    """One word of a line of words in a unit: in quotes where it needs them, % doubled."""
    text = text.replace("%", "%%")
    if text and all(c.isalnum() or c in "%$@:=,+._/-" for c in text):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def unit_path(text: str) -> str:
    """A path that is all of its line in a unit; there, quotes would be part of it."""
    return _on_one_line(text).replace("%", "%%")


def unit_text(text: str) -> str:
    """For ``Description=``: no more than people need."""
    return "".join(c if c.isprintable() else "?" for c in text).replace("%", "%%").strip(" \\")


def environment_line(name: str, value: str) -> str:
    """``NAME="value"`` as systemd and a shell read it alike: environment.d(5),
    sh's double quotes."""
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise SettingsError(
            f"${name} is not UTF-8 text.", hint="systemd takes no such value: set it otherwise."
        )
    for special in '\\"`$':
        value = value.replace(special, f"\\{special}")
    return f'{name}="{value}"'


def cron_command(shell: str) -> str:
    """A shell command for a crontab, where % would end it: crontab(5). A backslash right
    before a % would be read together with ours; in single quotes, which is where
    :func:`shlex.quote` puts it, the two can be parted."""
    return _on_one_line(shell).replace("\\%", "\\''%").replace("%", "\\%")


def shell_line(words: Iterable[str]) -> str:
    """A command for a shell."""
    return shlex.join(words)


def _escaped(c: str) -> str:
    if c in '"\\':
        return f"\\{c}"
    return c if c.isprintable() else "".join(f"\\x{byte:02x}" for byte in c.encode())


def _on_one_line(text: str) -> str:
    if any(c in text for c in "\n\r\0"):
        raise SettingsError(
            f"A path must not hold line breaks here: {text!r}.", hint="Move it to another place."
        )
    return text
