"""The real command in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "s3sync_tui"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON object on stdout."""
        return json.loads(self.out)


@dataclass
class Command:
    """``s3sync-tui`` with an environment in which nothing of the machine's shows."""

    directory: Path
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, typed: str = "", timeout: float = 120, **environ: str) -> Ended:
        """Run it to its end; ``typed`` is what it reads."""
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.directory,
            env=self._environment(environ),
            input=typed,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start it, and leave it running."""
        return self._start(arguments, environ, is_apart=False)

    def start_apart(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start it in a session of its own, and leave it running."""
        return self._start(arguments, environ, is_apart=True)

    def _start(
        self, arguments: Sequence[str], environ: Mapping[str, str], *, is_apart: bool
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.directory,
            env=self._environment(environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_hear_of_hang_ups,
            start_new_session=is_apart,
        )

    def _environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "S3SYNC_", "SUPABASE_", "DATABASE_", "PG"))
        }
        return {
            **kept,
            "HOME": str(self.directory),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.environ,
            **environ,
        }


def _hear_of_hang_ups() -> None:
    """Tests that run beneath nohup would hand on that SIGHUP is ignored."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
