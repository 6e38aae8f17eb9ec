"""Usage errors that repeat no secret: a connection string may stand where nothing should."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer import BadParameter
from typer.core import TyperGroup

from s3sync_tui.secrecy import keep_url_secret, without_secrets

_UsageError: type[Any] = BadParameter.__mro__[1]  # typer has no public name for it


class Commands(TyperGroup):
    """The commands."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        with _without_secrets():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        with _without_secrets():
            return super().invoke(ctx)


@contextmanager
def _without_secrets() -> Iterator[None]:
    try:
        yield
    except _UsageError as error:
        for argument in sys.argv[1:]:
            if "://" in argument:
                keep_url_secret(argument)
        error.message = without_secrets(error.message)
        raise
