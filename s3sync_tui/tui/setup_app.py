"""The set-up's app: tries the answers while they are typed, and keeps them in the end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from textual import work
from textual.binding import Binding, BindingType

from s3sync_tui.errors import S3SyncError, SchemaError, SettingsError
from s3sync_tui.safe_text import safe, safe_key
from s3sync_tui.settings import Settings
from s3sync_tui.setup import attempts
from s3sync_tui.setup.answers import SECRET_OF, Answers, Known, Misfit
from s3sync_tui.setup.file import place_for
from s3sync_tui.setup.keeping import keep
from s3sync_tui.tui.screens.set_up import SetUp, SetUpStart
from s3sync_tui.tui.themes import ansi_color, use_themes
from s3sync_tui.tui.toasts import PlainToasts
from s3sync_tui.tui.widgets.set_up_actions import SetUpActions
from s3sync_tui.tui.widgets.set_up_bucket import SetUpBucket
from s3sync_tui.tui.widgets.set_up_catalog import CatalogStart, SetUpCatalog
from s3sync_tui.tui.widgets.set_up_status import PartState, Sign

PAUSE_SECONDS = 0.6
"""How long answers must stand still before they are tried."""

_TRYING = PartState(Sign.TRYING, "checking")
_SEE_ABOVE = PartState(Sign.WRONG, "An answer above will not do.")


@dataclass(frozen=True, slots=True)
class Ready:
    """All is set up."""

    settings: Settings
    notes: list[str] = field(default_factory=list)
    """What to tell the operator once the screen is theirs again."""


Outcome: TypeAlias = Ready | Literal["demo"]


class SetUpApp(PlainToasts[Outcome]):
    """Gives :class:`Ready`, ``"demo"``, or nothing where the operator leaves."""

    TITLE = "s3sync"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "start", "Start", priority=True),
        Binding("f2", "demo", "Demo"),
        Binding("f3", "apply_schema", "Apply schema"),
        Binding("f5", "again", "Check again"),
        Binding("escape", "leave", "Quit", key_display="esc"),
        Binding("ctrl+q", "leave", "Quit", show=False, priority=True),
    ]

    def __init__(self, known: Known, *, pause_seconds: float = PAUSE_SECONDS) -> None:
        super().__init__(ansi_color=ansi_color())
        use_themes(self)
        self._known = known
        self._pause_seconds = pause_seconds
        self._place = place_for(known)
        self._form = SetUp(_start(known, self._place.label, is_new=self._place.text is None))

    async def on_mount(self) -> None:
        """The form first; profiles and what is set already in the background."""
        await self.push_screen(self._form)
        self._list_profiles()
        self._try_bucket()
        self._try_catalog()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Grey out what does not apply now; hide what seldom does."""
        if not self._form.is_mounted:
            return True
        if action == "start":
            return None if self._form.missing else True
        if action == "apply_schema":
            return self._can_apply
        return True

    @property
    def _can_apply(self) -> bool:
        catalog = self._form.catalog
        return catalog.state.sign is Sign.NO_SCHEMA and catalog.kind == "postgres"

    def on_set_up_bucket_changed(self, message: SetUpBucket.Changed) -> None:
        """Try it anew, once it stands still."""
        message.stop()
        self._try_bucket()

    def on_set_up_catalog_changed(self, message: SetUpCatalog.Changed) -> None:
        """Try it anew, once it stands still."""
        message.stop()
        self._try_catalog()

    def on_set_up_catalog_schema_asked(self, message: SetUpCatalog.SchemaAsked) -> None:
        """As with the key."""
        message.stop()
        self.action_apply_schema()

    async def on_set_up_actions_pressed(self, message: SetUpActions.Pressed) -> None:
        """As with the keys."""
        message.stop()
        await self.run_action(message.action)

    def action_again(self) -> None:
        """Try both anew: something outside may have changed."""
        self._try_bucket()
        self._try_catalog()

    def action_demo(self) -> None:
        """Leave for the demo."""
        self.exit("demo")

    def action_leave(self) -> None:
        """Leave; nothing is written."""
        self.exit()

    def action_apply_schema(self) -> None:
        """Create what the schema needs."""
        if self._can_apply:
            self._apply_schema()

    def action_start(self) -> None:
        """Keep the answers, and go on with them."""
        if not self._form.missing:
            self._begin()

    @work
    async def _list_profiles(self) -> None:
        try:
            profiles = await attempts.aws_profiles()
        except SettingsError as error:
            self.notify(f"{error.message}\n{error.hint}", severity="warning")
        else:
            self._form.bucket.show_profiles(profiles)

    @work(exclusive=True, group="bucket")
    async def _try_bucket(self) -> None:
        texts = self._form.bucket.texts
        if not texts["bucket"].strip():
            self._form.show_bucket(PartState(Sign.IDLE, "Name the bucket that holds the images."))
            return
        self._form.show_bucket(_TRYING)
        await asyncio.sleep(self._pause_seconds)
        try:
            found = await attempts.try_bucket(Answers(texts).settings(self._known))
        except Misfit as misfit:
            self._form.show_bucket(_SEE_ABOVE)
            self._form.bucket.show_error(misfit.setting, f"It {misfit.must}.", misfit.hint)
            return
        except S3SyncError as error:
            state = PartState(Sign.WRONG, error.message, error.hint)
        else:
            state = _bucket_state(found)
        if texts == self._form.bucket.texts:
            self._form.show_bucket(state)

    @work(exclusive=True, group="catalog")
    async def _try_catalog(self) -> None:
        answers = self._catalog_answers()
        missing = self._catalog_lacks(answers)
        if not missing and not self._form.catalog.is_settled:
            missing = "Enter checks it: a secret is not for an address half typed."
        if missing:
            self._form.show_catalog(PartState(Sign.IDLE, missing))
            return
        self._form.show_catalog(_TRYING)
        await asyncio.sleep(self._pause_seconds)
        try:
            state = await _catalog_state(answers.settings(self._known))
        except Misfit as misfit:
            self._form.show_catalog(_SEE_ABOVE)
            self._form.catalog.show_error(misfit.setting, f"It {misfit.must}.", misfit.hint)
            return
        except S3SyncError as error:
            state = PartState(Sign.WRONG, error.message, error.hint)
        if answers == self._catalog_answers():
            self._form.show_catalog(state)

    @work(exclusive=True, group="catalog")
    async def _apply_schema(self) -> None:
        settings = self._catalog_answers().settings(self._known)
        self._form.show_catalog(PartState(Sign.TRYING, "applying the schema"))
        try:
            changes = await attempts.apply_schema(settings)
            state = await _catalog_state(settings)
        except S3SyncError as error:
            state = PartState(Sign.WRONG, error.message, error.hint)
        else:
            self.notify(f"The schema is in place: {len(changes)} changes.")
        self._form.show_catalog(state)

    @work(exclusive=True, group="start")
    async def _begin(self) -> None:
        answers = self._answers()
        self._form.show_problem("", "")
        try:
            settings = answers.settings(self._known)
            if settings.catalog_kind == "embedded":
                # Not made before it is wanted: looking at a choice leaves nothing behind.
                self._form.show_catalog(PartState(Sign.TRYING, "starting Postgres"))
                await attempts.try_catalog(settings)
        except S3SyncError as error:
            self._form.show_catalog(PartState(Sign.WRONG, error.message, error.hint))
            return
        with_secret = self._form.catalog.keeps_secret
        try:
            notes = await asyncio.to_thread(
                keep, answers, self._known, self._place, with_secret=with_secret
            )
        except SettingsError as error:
            self._form.show_problem(error.message, error.hint)
            return
        self.exit(Ready(settings, notes))

    def _catalog_answers(self) -> Answers:
        catalog = self._form.catalog
        return Answers(catalog.texts, catalog.kind, catalog.secret)

    def _answers(self) -> Answers:
        catalog = self._form.catalog
        return Answers(self._form.bucket.texts | catalog.texts, catalog.kind, catalog.secret)

    def _catalog_lacks(self, answers: Answers) -> str:
        """What is not typed yet, which is no error."""
        needed = SECRET_OF.get(answers.catalog)
        has_secret = needed is None or bool(answers.secret or self._known.secret(needed))
        if answers.catalog == "postgres" and not has_secret:
            return "Paste the connection string."
        if answers.catalog == "supabase":
            if not answers.texts.get("supabase_url", "").strip():
                return "Paste the project's URL: Project Settings > Data API."
            if not has_secret:
                return "Paste a secret key: Project Settings > API Keys."
        return ""


def _start(known: Known, place: str, *, is_new: bool) -> SetUpStart:
    kind = known.loaded.settings.catalog_kind
    fixed = ""
    if "profile" in known.flags:
        fixed = f"{known.flags['profile']} (--profile)"
    elif known.environ.get("AWS_ACCESS_KEY_ID"):
        fixed = "the keys in $AWS_ACCESS_KEY_ID"
    return SetUpStart(
        bucket={name: known.text(name) for name in ("bucket", "profile", "endpoint", "prefix")},
        catalog=CatalogStart(
            # Who has set nothing is asked for a project, as most have one.
            kind="supabase" if kind == "embedded" else kind,
            texts={name: known.text(name) for name in ("supabase_url", "table")},
            secret_origins={name: known.origin(name) for name in SECRET_OF.values()},
        ),
        place=place,
        is_new=is_new,
        fixed_profile=safe(fixed),
    )


def _bucket_state(found: attempts.BucketFound) -> PartState:
    if found.images:
        example = f"for example {safe_key(found.example)}"
        return PartState(Sign.WELL, f"{_counted(found.images)} on the first page, {example}")
    if found.others:
        return PartState(
            Sign.WELL,
            f"It can be listed, but none of its first {found.others:,} objects is an image.",
            "Is the prefix right? The setting include says what counts as an image.",
        )
    return PartState(Sign.WELL, "It can be listed; there is nothing in it yet.")


async def _catalog_state(settings: Settings) -> PartState:
    if settings.catalog_kind == "embedded":
        is_there = await attempts.check_embedded(settings)
        words = "is there" if is_there else "is made at the start"
        return PartState(Sign.WELL, f"A Postgres {words}, in {settings.data_dir}")
    try:
        found = await attempts.try_catalog(settings)
    except SchemaError as error:
        if settings.catalog_kind == "postgres":
            return PartState(
                Sign.NO_SCHEMA, error.message, "F3 applies it: it creates tables, and drops none."
            )
        return PartState(Sign.NO_SCHEMA, error.message, f"{error.hint} Then press F5.")
    return PartState(
        Sign.WELL, f"{found.description}: ready, {_counted(found.images)}", found.notice
    )


def _counted(images: int) -> str:
    return f"{images:,} image{'' if images == 1 else 's'}"
