"""The variables that a service or a cron line needs, which the shell has and they would not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from s3sync_tui.errors import SettingsError
from s3sync_tui.headless.quoting import environment_line
from s3sync_tui.settings import SETTINGS, SettingInfo
from s3sync_tui.settings.given import shown
from s3sync_tui.settings.proxies import NAMES

_PREFIXES = ("AWS_", "S3SYNC_", "SUPABASE_", "PG")
_NAMES = {
    *("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("NO_PROXY", "no_proxy"),
}
_PROXIES = {*NAMES, *map(str.upper, NAMES)}
"""They may hold a password."""
_HEAD = """\
# Variables of s3sync-tui, read by systemd or cron. Secrets: for its owner alone.
"""


def job_variables(flags: Mapping[str, object], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that are set and matter, and those that say what the ``flags`` say: a
    command line shows in ps. Paths are absolute: a service starts elsewhere.

    Raises :class:`~s3sync_tui.errors.SettingsError` for what no variable can say.
    """
    names = {name for setting in SETTINGS for name in setting.variables} | _NAMES
    chosen = {
        name: value
        for name, value in sorted(environ.items())
        if value and (name in names | _PROXIES or name.startswith(_PREFIXES))
    }
    for setting in SETTINGS:
        if setting.name in flags:
            for name in setting.variables:
                chosen.pop(name, None)
            chosen[setting.variables[0]] = _as_text(setting, flags[setting.name])
    for setting in SETTINGS:
        if setting.name in {"data_dir", "ca_bundle"}:
            for name in chosen.keys() & set(setting.variables):
                chosen[name] = str(Path.cwd() / Path(chosen[name]).expanduser())
    # A connection string on a flag outranks a project's URL in a variable; as variables they
    # would be taken in another order.
    if "supabase_url" in flags and "database_url" not in flags:
        for name in ("DATABASE_URL", "SUPABASE_DB_URL"):
            chosen.pop(name, None)
    return chosen


def environment_file(variables: Mapping[str, str], *, with_values: bool) -> str:
    """The file's text; without values what may be secret is ``…``, for the screen."""
    lines = [
        environment_line(name, value)
        if with_values
        else f"{name}={shown(value) if _is_harmless(name) else '…'}"
        for name, value in variables.items()
    ]
    return _HEAD + "".join(f"{line}\n" for line in lines)


def _is_harmless(name: str) -> bool:
    """Only of these is that known."""
    return name in _NAMES or any(
        name in setting.variables and not setting.is_secret for setting in SETTINGS
    )


def _as_text(setting: SettingInfo, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        if any("," in str(pattern) for pattern in value):
            raise SettingsError(
                f"{setting.flag} {shown(value)}: a variable can't hold a pattern with a comma.",
                hint=f'Write it to s3sync.toml, as {setting.file_key} = ["…"].',
            )
        return ",".join(map(str, value))
    return str(value)
