"""Python processes of our own, and what is said to them and by them: pickled messages."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import signal
import sys
import threading
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from copy import copy
from typing import IO

from s3sync_tui.secrecy import without_secrets

_SIZE_BYTES = 4  # before each message, its length


class Child:
    """A process: it is told things through its stdin, and says things on its stdout."""

    def __init__(self, process: Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("the process has no pipes")
        self._process = process
        self._commands = process.stdin
        self._said = Inbox(process.stdout)

    @classmethod
    async def start(cls, module: str, *, errors: IO[bytes] | None = None) -> Child:
        """One that runs ``main()`` of ``module``, with the modules that this process sees.
        Its stderr goes to ``errors``, else to this process's own."""
        code = f"import sys; sys.path[:] = sys.argv[1:]; from {module} import main; main()"
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", code, *sys.path),
                stdin=PIPE,
                stdout=PIPE,
                stderr=errors,
                # The terminal's signals are for us, who pass on what is meant.
                process_group=0,
            )
        )

    @property
    def has_ended(self) -> bool:
        """Whether the process is no more."""
        return self._process.returncode is not None

    def tell(self, message: object) -> None:
        """Tell it something; it waits in its stdin."""
        self._commands.write(_packed(message))

    async def hear(self) -> object:
        """The next thing that it says; None once it says no more."""
        return await self._said.take()

    async def end(self, seconds: float) -> bool:
        """Shut its stdin, by which it ends, and kill it if it does not within so many
        ``seconds``. Whether it ended by itself."""
        self._commands.close()
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            return False
        finally:
            self.kill()
            await self._process.wait()
        return True

    def kill(self) -> None:
        """End it now, unless it has ended."""
        if not self.has_ended:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def fate(self) -> str:
        """How it ended, once it has."""
        code = await self._process.wait()
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


class Inbox:
    """What comes out of a pipe. A wait that is cancelled loses nothing."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._size: int | None = None
        """Of the message whose length is read already."""

    @classmethod
    async def of_stdin(cls) -> Inbox:
        """What this process is told."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(0), "rb", buffering=0)
        )
        return cls(reader)

    async def take(self) -> object:
        """The next message; None once there are no more."""
        try:
            if self._size is None:
                self._size = int.from_bytes(await self._reader.readexactly(_SIZE_BYTES))
            body = await self._reader.readexactly(self._size)
        except asyncio.IncompleteReadError:
            return None
        self._size = None
        # A process of ours wrote it, to a pipe that nobody else has.
        return pickle.loads(body)  # noqa: S301


class Outlet:
    """This process's stdout, for messages alone: whatever else prints, prints to stderr."""

    def __init__(self) -> None:
        self._pipe = os.fdopen(os.dup(1), "wb", buffering=0)
        self._turn = threading.Lock()
        os.dup2(2, 1)

    def say(self, message: object) -> None:
        """From any thread; waits while the other end does not read."""
        rest = memoryview(_packed(message))
        with self._turn:
            while rest:
                rest = rest[self._pipe.write(rest) :]


def as_text(record: logging.LogRecord) -> logging.LogRecord:
    """``record`` with all that it says as text, for what it is about may not be picklable."""
    told = copy(record)
    # It knows secrets that the other process does not: logins that it has fetched.
    told.msg, told.args = without_secrets(record.getMessage()), None
    if record.exc_info:
        told.exc_text = without_secrets(logging.Formatter().formatException(record.exc_info))
        told.exc_info = None
    return told


def log_again(record: logging.LogRecord) -> None:
    """What another process of ours has logged, as if it were this one."""
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


def _packed(message: object) -> bytes:
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(body).to_bytes(_SIZE_BYTES) + body
