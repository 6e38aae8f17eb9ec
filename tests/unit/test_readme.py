"""The README is true."""

from __future__ import annotations

import tomllib
from pathlib import Path

from s3sync_tui.settings import SETTINGS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def settings_table() -> str:
    """The table of settings as the README must have it."""
    lines = ["| setting | flag | variable | meaning | default |", "| --- | --- | --- | --- | --- |"]
    for setting in SETTINGS:
        flag = f"`{setting.flag}`" if setting.flag else "none: it is a secret"
        variables = ", ".join(f"`{name}`" for name in setting.variables)
        lines.append(
            f"| `{setting.file_key}` | {flag} | {variables} | {setting.description} "
            f"| {setting.default_text} |".replace("*.", "\\*.")
        )
    return "\n".join(lines)


def test_every_setting_is_in_the_readme() -> None:
    assert settings_table() in README


def test_the_exit_codes_are_those_of_the_errors() -> None:
    from s3sync_tui import errors

    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.S3SyncError):
            assert f"\n| {error.exit_code} | " in README


def test_the_file_example_is_valid() -> None:
    example = README.partition("```toml\n")[2].partition("```")[0]
    assert set(tomllib.loads(example)) <= {setting.file_key for setting in SETTINGS}


def test_what_the_readme_links_to_is_there() -> None:
    for target in ("screenshots/idle-dark.png", "supabase-schema.sql", "LICENSE"):
        assert f"({target})" in README
        assert (ROOT / target).exists()
