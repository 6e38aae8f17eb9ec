"""Every setting as a flag, added to the commands that need them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from functools import cache
from typing import Annotated, Any

import typer

from s3sync_tui.settings import SETTINGS, SettingInfo

_REPEATABLE = {"include", "exclude"}
_SWITCHES = {"mark_gone"}


def settings_flags(
    *only: str, without: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the settings' flags (all but ``without`` some, or ``only`` some); it gets
    those that were used as ``flags``, a dict for
    :func:`~s3sync_tui.settings.load_settings`."""
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
