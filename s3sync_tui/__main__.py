"""``python -m s3sync_tui``: the same as ``s3sync-tui``."""

from s3sync_tui.cli import main

main()
