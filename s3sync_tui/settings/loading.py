"""The four levels, brought together; and what is wrong, all of it at once."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from s3sync_tui.errors import SettingsError
from s3sync_tui.settings.fields import SETTINGS, Settings
from s3sync_tui.settings.file import SettingsFile, is_open_to_others, read_settings_file
from s3sync_tui.settings.given import Given, Level, shown
from s3sync_tui.settings.proxies import check_proxies
from s3sync_tui.settings.rules import Unfit
from s3sync_tui.settings.secrets import keep_given_secrets

log = logging.getLogger(__name__)

_DEFAULT = "default"
_MOST_NAMED = 10
"""Each takes a look through the file, and nobody reads more."""
_KEY_HINT = (
    "Set SUPABASE_SECRET_KEY to a secret key of the project (sb_secret_…), from the Supabase "
    "dashboard: Project Settings > API Keys."
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and where each came from."""

    settings: Settings
    origins: Mapping[str, str]
    """By field: ``--batch-size``, ``$S3SYNC_BATCH_SIZE``, ``s3sync.toml line 4``,
    ``default``; and, say, ``$DATABASE_URL, outranked by --supabase-url``."""
    file: Path | None
    """The settings file that was read."""


def load_settings(
    flags: Mapping[str, object],
    *,
    environ: Mapping[str, str],
    config: Path | None,
    directory: Path,
) -> Loaded:
    """Flags over environment over file over defaults.

    ``flags`` holds values by field; ``None`` and an empty list mean that the flag was
    not given. An empty variable counts as unset. ``config`` is the file of
    ``--config``; without it, ``s3sync.toml`` in ``directory`` or else in the user's
    configuration directory. Relative paths start at ``directory``, those in the file
    at the file.

    Raises :class:`~s3sync_tui.errors.SettingsError` with a line for each fault.
    """
    faults: list[SettingsError] = []
    file, file_is_known = None, True
    try:
        file = read_settings_file(config, directory)
    except SettingsError as error:
        faults.append(error)
        file_is_known = False
    given: dict[str, Given] = {}
    levels = (_given_by_flags(flags, directory), _given_by_variables(environ, directory))
    for lower in (*levels, _given_by_file(file)):
        # Before anything is said of them; also those that are outranked.
        keep_given_secrets((it.value for it in lower.values() if it.setting.is_secret), environ)
        given = lower | given
    if file is not None:
        faults += _unknown_keys(file)
        _warn_of_readers(file)
    faults += check_proxies(environ)
    outranked = _set_aside(given, environ)
    values = {name: it.parsed() for name, it in given.items() if name not in outranked}
    settings, misfits = _validated(values, given)
    faults += misfits
    if file_is_known:  # else what is missing may be in it
        faults += _missing_half(values, given)
    if faults or settings is None:
        raise _together(faults)
    origins = {setting.name: _DEFAULT for setting in SETTINGS}
    origins |= {name: it.origin for name, it in given.items()}
    origins |= {name: f"{given[name].origin}, outranked by {by}" for name, by in outranked.items()}
    return Loaded(settings, origins, file.path if file is not None else None)


def _given_by_flags(flags: Mapping[str, object], directory: Path) -> dict[str, Given]:
    unknown = flags.keys() - {setting.name for setting in SETTINGS if setting.flag}
    if unknown:
        raise TypeError(f"There are no such flags: {', '.join(sorted(unknown))}.")
    given = {}
    for setting in SETTINGS:
        value = flags.get(setting.name)
        if setting.flag and value is not None and value != [] and value != ():
            flag = f"--no-{setting.flag[2:]}" if value is False else setting.flag
            given[setting.name] = Given(setting, Level.FLAG, flag, value, directory)
    return given


def _given_by_variables(environ: Mapping[str, str], directory: Path) -> dict[str, Given]:
    given = {}
    for setting in SETTINGS:
        variable = next((name for name in setting.variables if environ.get(name)), None)
        if variable is not None:
            given[setting.name] = Given(
                setting, Level.ENVIRONMENT, f"${variable}", environ[variable], directory
            )
    return given


def _given_by_file(file: SettingsFile | None) -> dict[str, Given]:
    if file is None:
        return {}
    return {
        setting.name: Given(
            setting,
            Level.FILE,
            file.where(setting.file_key),
            file.values[setting.file_key],
            file.path.parent,
        )
        for setting in SETTINGS
        if setting.file_key in file.values
    }


def _set_aside(given: Mapping[str, Given], environ: Mapping[str, str]) -> dict[str, str]:
    """Fields whose value does not count, and the origin of what outranks it."""
    outranked = {}
    database, project = given.get("database_url"), given.get("supabase_url")
    if database and project:
        if project.level < database.level:
            outranked["database_url"] = project.origin
        else:
            outranked["supabase_url"] = database.origin
    if database and "database_url" not in outranked and "supabase_key" in given:
        outranked["supabase_key"] = database.origin
    # Given a profile by name, boto3 no longer looks at the environment's keys, while
    # every AWS tool lets these go before AWS_PROFILE.
    profile = given.get("profile")
    if profile and profile.level > Level.FLAG and environ.get("AWS_ACCESS_KEY_ID"):
        outranked["profile"] = "$AWS_ACCESS_KEY_ID"
    # A default for all of AWS (Lambda always sets it), and no word on this bucket, whose
    # region AWS tells. Other stores tell nothing: there it counts.
    region = given.get("region")
    if region and region.level is Level.ENVIRONMENT and "endpoint" not in given:
        outranked["region"] = "the bucket's own"
    return outranked


def _validated(
    values: Mapping[str, object], given: Mapping[str, Given]
) -> tuple[Settings | None, list[SettingsError]]:
    try:
        return Settings.model_validate(values), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    # Raised from here, no fault drags along pydantic's error, which knows the values.
    return None, [_misfit(detail, given[str(detail["loc"][0])]) for detail in details]


def _misfit(detail: ErrorDetails, given: Given) -> SettingsError:
    unfit = detail.get("ctx", {}).get("error")
    if isinstance(unfit, Unfit):
        return SettingsError(f"{given.quoted()}: {unfit.must}.", hint=unfit.hint)
    key, default = given.setting.file_key, given.setting.default_text
    return SettingsError(
        f"{given.quoted()}: {_must(detail, given)}.",
        hint=f"Left out, {key} is {default}." if default else "",
    )


def _must(detail: ErrorDetails, given: Given) -> str:
    bounds = given.setting.range_text
    in_file = given.level is Level.FILE
    match detail["type"]:
        case "greater_than_equal" | "less_than_equal":
            return f"must be {bounds}"
        case "int_type":
            must = f"must be a whole number {bounds}"
        case "float_type" | "finite_number":
            must = f"must be a number, {bounds}"
        case "bool_type":
            must = "must be true or false"
        case "tuple_type":
            return 'must be a list of patterns, like ["*.jpg", "*.png"]'
        case "is_instance_of":
            return "must be a path" + (", in double quotes" if in_file else "")
        case "literal_error":
            return f"must be {detail['ctx']['expected'].replace(chr(39), '')}"
        case _ if len(detail["loc"]) > 1:
            return "must hold nothing but texts in double quotes"
        case _:
            return "must be text in double quotes"
    return f"{must}, without quotes" if in_file and isinstance(given.value, str) else must


def _missing_half(
    values: Mapping[str, object], given: Mapping[str, Given]
) -> Iterator[SettingsError]:
    if "database_url" in values:
        return
    if "supabase_url" in values and "supabase_key" not in values:
        yield SettingsError(
            f"{given['supabase_url'].origin}: the Supabase project needs a key, and none is set.",
            hint=_KEY_HINT,
        )
    if "supabase_key" in values and "supabase_url" not in values:
        yield SettingsError(
            f"{given['supabase_key'].origin}: the key needs its Supabase project, and none is set.",
            hint="Set SUPABASE_URL to the project's URL, or DATABASE_URL to a connection string.",
        )


def _warn_of_readers(file: SettingsFile) -> None:
    secrets = [it.file_key for it in SETTINGS if it.is_secret and it.file_key in file.values]
    if secrets and is_open_to_others(file.path):
        log.warning(
            "%s holds %s, and other users of this machine can read it: chmod 600 %s",
            file.label,
            " and ".join(secrets),
            quote(str(file.path)),
        )


def _unknown_keys(file: SettingsFile) -> Iterator[SettingsError]:
    spellings: dict[str, str] = {}
    for setting in SETTINGS:
        names = (setting.name, setting.file_key, *setting.variables)
        spellings |= {name.lower(): setting.file_key for name in names}
    known = {setting.file_key for setting in SETTINGS}
    unknown = [key for key in file.values if key not in known]
    for key in unknown[:_MOST_NAMED]:
        where = file.where(key)
        if isinstance(file.values[key], dict):
            yield SettingsError(
                f"{where}: [{shown(key).strip(chr(34))}]: the file has no sections.",
                hint="Write all settings at the top of the file, without [ ] lines.",
            )
            continue
        near = difflib.get_close_matches(key.lower().replace("-", "_"), spellings, n=1)
        message = f"{where}: there is no setting {shown(key).strip(chr(34))}"
        if near:
            yield SettingsError(f"{message}; did you mean {spellings[near[0]]}?")
        else:
            keys = ", ".join(setting.file_key for setting in SETTINGS)
            yield SettingsError(f"{message}.", hint=f"The settings are {keys}.")
    if len(unknown) > _MOST_NAMED:
        yield SettingsError(
            f"{file.label}: {len(unknown) - _MOST_NAMED} more are no settings.",
            hint="Is it the right file?",
        )


def _together(faults: list[SettingsError]) -> SettingsError:
    lines = dict.fromkeys(fault.message for fault in faults)
    hints = dict.fromkeys(fault.hint for fault in faults if fault.hint)
    return SettingsError("\n".join(lines), hint=" ".join(hints))
