"""The command line: flags become settings, settings open one face."""

from __future__ import annotations

import os
import sys

from s3sync_tui.tui.memory import hold_collections, settle

__all__ = ["main"]

_CRON = {"--once", "--json", "--quiet", "-q"}
_CRON_VALUES = {"--config", "--if-running", "--timeout", "--log-file", "--metrics-file"}
"""All that :func:`~s3sync_tui.cli.once.sync_as_cron_does` understands, 40 ms sooner than typer:
flags without a value and, written with =, with one."""


def main() -> None:
    """Run the command line, and end the process with the exit code of the README's table."""
    hold_collections()
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone; Python must not write to it on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001
        from s3sync_tui.cli.ending import say_how_it_ended

        sys.exit(say_how_it_ended(error))
    finally:
        settle()  # else Python, on its way out, looks through everything once more: 120 ms


def _run() -> None:
    if sys.argv[1:] == ["--version"]:  # scripts ask often, and it needs no library
        from s3sync_tui import __version__

        sys.stdout.write(f"s3sync-tui {__version__}\n")
        sys.stdout.flush()
        return
    switches = dict(map(_switch, sys.argv[1:]))
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for them costs 16 ms
    if "--once" in switches and all(
        name in (_CRON if value is None else _CRON_VALUES) for name, value in switches.items()
    ):
        from s3sync_tui.cli.once import sync_as_cron_does

        sync_as_cron_does(switches)
        return
    from s3sync_tui.cli.commands import app

    app(prog_name="s3sync-tui")


def _switch(argument: str) -> tuple[str, str | None]:
    """``--name=value`` as its two halves; None where there is no =."""
    name, equals, value = argument.partition("=")
    return name, value if equals else None
