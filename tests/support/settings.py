"""Settings of a test's own, whatever the machine's user has set."""

from __future__ import annotations

import os
from pathlib import Path

from s3sync_tui.settings import Settings, load_settings


def settings_of(**flags: str) -> Settings:
    """What these flags say, and the defaults."""
    return load_settings(flags, environ={}, config=Path(os.devnull), directory=Path.cwd()).settings
