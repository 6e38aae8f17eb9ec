"""What the user configured: flags over environment over ``s3sync.toml`` over defaults."""

from s3sync_tui.settings.database import describe_database
from s3sync_tui.settings.fields import SETTINGS, CatalogKind, SettingInfo, Settings
from s3sync_tui.settings.loading import Loaded, load_settings
from s3sync_tui.settings.secrets import keep_secrets_of

__all__ = [
    "SETTINGS",
    "CatalogKind",
    "Loaded",
    "SettingInfo",
    "Settings",
    "describe_database",
    "keep_secrets_of",
    "load_settings",
]
