"""The flags that commands have in common; of these, every setting, added where it is needed."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from s3sync_tui.cli.logs import LogFormat, LogLevel
from s3sync_tui.settings import SETTINGS, Loaded, SettingInfo, load_settings

Config = Annotated[
    Path | None, typer.Option("--config", help="The settings file. Default: ./s3sync.toml.")
]
LogFormatOption = Annotated[LogFormat, typer.Option("--log-format", help="How logs are written.")]
LogLevelOption = Annotated[LogLevel, typer.Option("--log-level", help="What is logged.")]
LogFile = Annotated[
    str | None,
    typer.Option(
        "--log-file",
        help="Log to this file, too, whatever goes to stderr; it is rotated at 5 MB. auto: "
        "s3sync-tui.log in the user's log directory.",
        show_default=False,
    ),
]

_REPEATABLE = {"include", "exclude"}
_SWITCHES = {"mark_gone"}


def settings_flags(
    *only: str, without: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the settings' flags (all but ``without`` some, or ``only`` some); it gets
    those that were used as ``flags``, a dict for :func:`load`."""
    wanted = set(only) or {info.name for info in SETTINGS} - set(without)
    offered = [info for info in SETTINGS if info.flag and info.name in wanted]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def with_flags(**values: Any) -> None:
            flags = {info.name: values.pop(info.name) for info in offered}
            command(**values, flags={k: v for k, v in flags.items() if v not in (None, [])})

        signature = inspect.signature(command, eval_str=True)
        own = [p for p in signature.parameters.values() if p.name != "flags"]
        parameters = [*own, *map(_parameter, offered)]
        with_flags.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        with_flags.__annotations__ = {p.name: p.annotation for p in parameters}
        with_flags.__name__ = command.__name__
        with_flags.__doc__ = command.__doc__
        return with_flags

    return decorate


def load(flags: dict[str, Any], config: Path | None) -> Loaded:
    """The settings of a command that was started here, with these.

    Raises :class:`~s3sync_tui.errors.SettingsError` where they will not do.
    """
    return load_settings(flags, environ=os.environ, config=config, directory=Path.cwd())


@cache
def _parameter(info: SettingInfo) -> inspect.Parameter:
    # Values stay text: settings check them, and know how to say what is wrong.
    kind: Any = str | None
    names = [str(info.flag)]
    if info.name in _REPEATABLE:
        kind = list[str] | None
    elif info.name in _SWITCHES:
        kind = bool | None
        names = [f"{info.flag}/--no-{str(info.flag).removeprefix('--')}"]
    variables = ", ".join(f"${variable}" for variable in info.variables)
    default = f" Default: {info.default_text}." if info.default_text else ""
    option = typer.Option(
        *names,
        help=f"{info.description}{default}{f' [{variables}]' if variables else ''}",
        show_default=False,
        rich_help_panel="Settings",
    )
    return inspect.Parameter(
        info.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind, option],
    )
