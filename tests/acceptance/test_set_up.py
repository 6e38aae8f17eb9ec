"""The command with nothing configured: the set-up on a terminal, an error without one."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.command import COMMAND, Command

DEADLINE_SECONDS = 90


def test_without_a_terminal_nothing_configured_is_an_error(tmp_path: Path) -> None:
    ended = Command(tmp_path).run()
    assert ended.code == 2
    assert "No bucket is set." in ended.err
    assert ended.err == Command(tmp_path).run("--once").err


@pytest.mark.parametrize("key", [b"\x1b", b"\x11"], ids=["escape", "ctrl+q"])
def test_on_a_terminal_the_set_up_opens_and_can_be_left(tmp_path: Path, key: bytes) -> None:
    mine, theirs = pty.openpty()
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "TERM": "xterm-256color"}
    environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    command = subprocess.Popen(
        COMMAND, cwd=tmp_path, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    try:
        while b"Name the bucket" not in seen:
            seen += _read(mine)
        os.write(mine, key)
        while command.poll() is None:
            seen += _read(mine)
    finally:
        command.kill()
        code = command.wait()
        os.close(mine)
    assert code == 0
    assert b"Traceback" not in seen
    assert not (tmp_path / "s3sync.toml").exists()


def _read(terminal: int) -> bytes:
    """What comes within a moment; the program's end closes the terminal."""
    if not select.select([terminal], [], [], DEADLINE_SECONDS)[0]:
        raise AssertionError("the screen stays silent")
    try:
        return os.read(terminal, 65536)
    except OSError:
        time.sleep(0.1)
        return b""
