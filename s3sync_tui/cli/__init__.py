"""The command line: flags become settings, settings open one face."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, and end the process with the exit code of the README's table."""
    from s3sync_tui.tui.memory import hold_collections, settle

    hold_collections()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for them costs 16 ms
    from s3sync_tui.cli.commands import app
    from s3sync_tui.cli.ending import ExitWith, show_error
    from s3sync_tui.errors import S3SyncError
    from s3sync_tui.fault import fault_of_ours
    from s3sync_tui.headless.signals import Stopped

    settle()
    try:
        app(prog_name="s3sync-tui")
    except S3SyncError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except (Stopped, ExitWith) as end:
        sys.exit(end.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone; Python must not write to it on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as fault:  # noqa: BLE001
        show_error(fault_of_ours(fault))
        sys.exit(1)
