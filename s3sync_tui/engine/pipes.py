"""Python processes of our own, and what is said to them: pickled messages through pipes."""

from __future__ import annotations

import logging
import pickle
import sys
from asyncio import IncompleteReadError, StreamReader, StreamReaderProtocol, get_running_loop
from copy import copy
from os import dup, fdopen

SIZE_BYTES = 4
"""Before each message, its length."""


def command(module: str) -> list[str]:
    """What starts ``main()`` of ``module``, with the modules that this process sees."""
    code = f"import sys; sys.path[:] = sys.argv[1:]; from {module} import main; main()"
    return [sys.executable, "-P", "-c", code, *sys.path]


def pack(told: object) -> bytes:
    """``told`` as it goes through a pipe."""
    body = pickle.dumps(told, pickle.HIGHEST_PROTOCOL)
    return len(body).to_bytes(SIZE_BYTES) + body


async def stdin() -> StreamReader:
    """This process's stdin, to :func:`receive` from."""
    reader = StreamReader()
    await get_running_loop().connect_read_pipe(
        lambda: StreamReaderProtocol(reader), fdopen(dup(0), "rb", buffering=0)
    )
    return reader


async def receive(reader: StreamReader) -> object:
    """The next message, of our own process at the other end; None once there are no more."""
    try:
        size = int.from_bytes(await reader.readexactly(SIZE_BYTES))
        return pickle.loads(await reader.readexactly(size))  # noqa: S301
    except IncompleteReadError:
        return None


def as_text(record: logging.LogRecord) -> logging.LogRecord:
    """``record`` with all that it says as text, for what it is about may not be picklable."""
    told = copy(record)
    told.msg, told.args = record.getMessage(), None
    if record.exc_info:
        told.exc_text = logging.Formatter().formatException(record.exc_info)
        told.exc_info = None
    return told
