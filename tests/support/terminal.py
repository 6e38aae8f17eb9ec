"""A real terminal (tmux), driven: start a command in it, press keys, resize, read the screen."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count

from rich.cells import cell_len

PATIENCE_SECONDS = 60.0
_ESCAPE_SECONDS = 0.5
"""What follows an escape at once makes one key with it: ``alt+…``."""

_names = count(1)
_SGR = re.compile(r"\x1b\[([\d;:]*)m")


class Terminal:
    """One tmux server with one session: nothing of the user's own tmux is touched."""

    def __init__(self, name: str) -> None:
        self._name = name

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names for them: ``s``, ``Enter``, ``Escape``, ``C-p``, ``Left``."""
        for key in keys:
            self._tmux("send-keys", "-t", "0", key)
            if key == "Escape":
                time.sleep(_ESCAPE_SECONDS)

    def type(self, text: str) -> None:
        """Type ``text`` as it is."""
        self._tmux("send-keys", "-t", "0", "-l", text)

    def resize(self, columns: int, lines: int) -> None:
        """Make the window this large."""
        self._tmux("resize-window", "-t", "0", "-x", str(columns), "-y", str(lines))

    def screen(self) -> list[str]:
        """The lines that are seen now, with the spaces at their ends."""
        return self._tmux("capture-pane", "-p", "-N", "-t", "0").split("\n")[:-1]

    def text(self) -> str:
        """What is seen now, as one text."""
        return "\n".join(self.screen())

    def attributes(self) -> list[list[int]]:
        """The parameters of every SGR sequence that draws what is seen now."""
        drawn = self._tmux("capture-pane", "-p", "-e", "-t", "0")
        return [[int(n or 0) for n in re.split("[;:]", found)] for found in _SGR.findall(drawn)]

    def foreground_of(self, text: str) -> list[int]:
        """The SGR parameters of the colour that ``text`` begins in; empty for the default."""
        for line in self._tmux("capture-pane", "-p", "-e", "-t", "0").split("\n"):
            if text not in _SGR.sub("", line):
                continue
            at, plain = 0, ""
            colour: list[int] = []
            for part in re.split(r"(\x1b\[[\d;:]*m)", line):
                if found := _SGR.fullmatch(part):
                    colour = _foreground(colour, [int(n or 0) for n in re.split("[;:]", found[1])])
                    continue
                plain += part
                if text in plain and plain.index(text) >= at:
                    return colour
                at = len(plain)
        raise AssertionError(f"not seen in one colour: {text!r}\n{self.text()}")

    def tell(self, variable: str) -> str:
        """A tmux variable of the pane: ``alternate_on``, ``cursor_flag``, ``pane_pid``…"""
        return self._tmux("display-message", "-p", "-t", "0", f"#{{{variable}}}").strip()

    def until(self, seen: str | Callable[[str], object], seconds: float = PATIENCE_SECONDS) -> str:
        """Wait until the text is seen, or the function says yes of it; gives the screen."""
        is_there = (lambda text: seen in text) if isinstance(seen, str) else seen
        deadline = time.monotonic() + seconds
        while not is_there(text := self.text()):
            assert time.monotonic() < deadline, f"it never came: {seen!r}\n{text}"
            time.sleep(0.05)
        return text

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._name, *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_SECONDS,
        )
        return done.stdout


def _foreground(before: list[int], parameters: list[int]) -> list[int]:
    colour, rest = before, list(parameters)
    while rest:
        first = rest.pop(0)
        if first in (38, 48):
            length = 4 if rest[0] == 2 else 2
            value, rest = rest[:length], rest[length:]
            colour = [first, *value] if first == 38 else colour
        elif 30 <= first <= 37 or 90 <= first <= 97:
            colour = [first]
        elif first in (0, 39):
            colour = []
    return colour


@contextmanager
def terminal(
    command: Sequence[str], *, size: tuple[int, int], environ: Mapping[str, str]
) -> Iterator[Terminal]:
    """Run ``command`` in a terminal of this size, at home, with this environment and no other.

    When it ends, ``ended with STATUS`` is seen.
    """
    name = f"s3sync-test-{next(_names)}-{time.time_ns()}"
    script = f"echo begun; {shlex.join(command)}; echo ended with $?; exec cat"
    columns, lines = map(str, size)
    start = ["tmux", "-L", name, "-f", "/dev/null"]
    start += ["set", "-g", "default-terminal", environ.get("TERM", "tmux-256color"), ";"]
    start += ["set", "-g", "status", "off", ";", "set", "-g", "escape-time", "0", ";"]
    start += ["new-session", "-d", "-x", columns, "-y", lines, "sh", "-c", script]
    subprocess.run(
        start, check=True, env=dict(environ), cwd=environ["HOME"], timeout=PATIENCE_SECONDS
    )
    shown = Terminal(name)
    try:
        yield shown
    finally:
        subprocess.run(["tmux", "-L", name, "kill-server"], check=False, capture_output=True)


def ragged(screen: list[str], columns: int) -> list[str]:
    """The lines that are not ``columns`` wide."""
    return [line for line in screen if cell_len(line) != columns]
