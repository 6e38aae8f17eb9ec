"""The set-up's screen, in its states and sizes, is as it was when someone last looked."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest
from textual.app import App
from textual.binding import BindingType
from textual.widgets import Input

from s3sync_tui.settings import CatalogKind
from s3sync_tui.tui.screens.set_up import SetUp, SetUpStart
from s3sync_tui.tui.setup_app import SetUpApp
from s3sync_tui.tui.themes import DARK, LIGHT, use_themes
from s3sync_tui.tui.widgets.set_up_catalog import CatalogStart
from s3sync_tui.tui.widgets.set_up_status import PartState, Sign

Compare = Callable[..., bool]
Fill = Callable[[SetUp], None]
SIZES = [(80, 24), (120, 36), (160, 50)]

WELL = PartState(
    Sign.WELL, "1,000 images on the first page, for example cam-07/2026/11/24/0001.jpg"
)


class FormApp(App[None]):
    """The form, and the app's keys without anything behind them."""

    BINDINGS: ClassVar[list[BindingType]] = SetUpApp.BINDINGS

    def __init__(self, fill: Fill, *, kind: CatalogKind, origin: str, theme: str) -> None:
        super().__init__()
        use_themes(self, theme)
        self.animation_level = "none"
        self._fill = fill
        self._form = SetUp(
            SetUpStart(
                bucket={},
                catalog=CatalogStart(kind, {"table": "images"}, {"database_url": origin}),
                place="./s3sync.toml",
                is_new=not origin,
            )
        )

    async def on_mount(self) -> None:
        """Show it."""
        await self.push_screen(self._form)
        self.call_after_refresh(self._show)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """As in the real one."""
        if self._form.is_mounted and action == "start":
            return None if self._form.missing else True
        if self._form.is_mounted and action == "apply_schema":
            return self._form.catalog.state.sign is Sign.NO_SCHEMA
        return True

    def _show(self) -> None:
        self._form.query_one("#bucket Input", Input).cursor_blink = False
        self._fill(self._form)


def empty(form: SetUp) -> None:
    """Nothing is typed."""
    form.show_bucket(PartState(Sign.IDLE, "Name the bucket that holds the images."))
    form.show_catalog(PartState(Sign.IDLE, "Paste the project's URL: Project Settings > Data API."))


def checking(form: SetUp) -> None:
    """Both are being tried."""
    name(form, "camera-images")
    form.show_bucket(PartState(Sign.TRYING, "checking"))
    form.show_catalog(PartState(Sign.TRYING, "checking"))


def bucket_failed(form: SetUp) -> None:
    """Hostile words from outside among the rest."""
    empty(form)
    name(form, "camera-images")
    form.show_bucket(
        PartState(
            Sign.WRONG,
            "These credentials may not list the bucket: \x1b[31mcamera-images\u202e, AWS S3, "
            "eu-central-1 (AccessDenied).",
            "They need s3:ListBucket on the bucket itself (arn:aws:s3:::NAME, without /*).",
        )
    )


def misfit(form: SetUp) -> None:
    """An answer cannot be tried."""
    empty(form)
    name(form, "camera images")
    form.show_bucket(PartState(Sign.WRONG, "An answer above will not do."))
    form.bucket.show_error(
        "bucket",
        "It must be a bucket's name: 3 to 63 characters: lower-case letters, digits, hyphens, "
        "dots.",
        "Give the name alone; the bucket's address, where it is not on AWS, goes to Endpoint.",
    )


def all_well(form: SetUp) -> None:
    """It can start."""
    name(form, "camera-images")
    form.query_one("#supabase_url Input", Input).value = "https://abcdefghijkl.supabase.co"
    form.query_one("#supabase_key Input", Input).value = "sb_secret_canary"
    form.show_bucket(WELL)
    form.show_catalog(PartState(Sign.WELL, "supabase abcdefghijkl: ready, 48,210,332 images"))


def schema_missing(form: SetUp) -> None:
    """The schema can be applied."""
    name(form, "camera-images")
    form.show_bucket(WELL)
    form.show_catalog(
        PartState(
            Sign.NO_SCHEMA,
            "The schema is missing or incomplete in db.example.com/postgres.",
            "F3 applies it: it creates tables, and drops none.",
        )
    )


def not_saved(form: SetUp) -> None:
    """All is well but the disk."""
    all_well(form)
    form.show_problem(
        "./s3sync.toml can't be written: No space left on device.",
        "Make room or rights for it, then start again.",
    )


def name(form: SetUp, bucket: str) -> None:
    form.query_one("#bucket Input", Input).value = bucket


def app(fill: Fill, theme: str = DARK.name) -> FormApp:
    is_postgres = fill is schema_missing
    return FormApp(
        fill,
        kind="postgres" if is_postgres else "supabase",
        origin="$DATABASE_URL" if is_postgres else "",
        theme=theme,
    )


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "fill",
    [empty, checking, bucket_failed, misfit, all_well, schema_missing, not_saved],
    ids=lambda fill: fill.__name__,
)
def test_set_up(snap_compare: Compare, fill: Fill, size: tuple[int, int]) -> None:
    assert snap_compare(app(fill), terminal_size=size)


@pytest.mark.parametrize("theme", [LIGHT.name, "ansi-dark"])
def test_set_up_in_other_themes(snap_compare: Compare, theme: str) -> None:
    assert snap_compare(app(all_well, theme), press=["tab", "tab", "tab", "tab"])


def test_set_up_without_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(app(schema_missing), press=["tab", "tab"])


def test_set_up_on_a_tiny_screen(snap_compare: Compare) -> None:
    assert snap_compare(app(bucket_failed), terminal_size=(56, 20))
