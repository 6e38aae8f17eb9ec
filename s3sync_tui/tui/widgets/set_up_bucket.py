"""The set-up's first part: where the images are."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.message import Message

from s3sync_tui.tui.widgets.panel import Panel
from s3sync_tui.tui.widgets.set_up_field import SetUpField, SetUpProfile
from s3sync_tui.tui.widgets.set_up_status import PartState, SetUpStatus, title


class SetUpBucket(Panel):
    """Bucket, profile, endpoint, prefix; and whether that can be listed."""

    DEFAULT_CSS = """
    SetUpBucket { height: auto; }
    """

    class Changed(Message):
        """An answer has changed."""

    def __init__(self, texts: dict[str, str], *, fixed_profile: str = "") -> None:
        super().__init__()
        self._first = texts
        self._fixed_profile = fixed_profile

    def compose(self) -> ComposeResult:
        """From what everyone needs to what few do."""
        first = self._first.get
        yield SetUpField(
            "bucket", "Bucket", value=first("bucket", ""), placeholder="its name, without s3://"
        )
        yield SetUpProfile(
            "profile", "AWS profile", value=first("profile", ""), fixed=self._fixed_profile
        )
        yield SetUpField(
            "endpoint",
            "Endpoint",
            value=first("endpoint", ""),
            placeholder="AWS; for MinIO, R2 … https://minio.example.com:9000",
        )
        yield SetUpField(
            "prefix", "Prefix", value=first("prefix", ""), placeholder="the whole bucket"
        )
        yield SetUpStatus(id="state")

    def on_mount(self) -> None:
        """Name it."""
        self.border_title = title("Bucket", "where the images are; it is only read")

    @property
    def texts(self) -> dict[str, str]:
        """The answers, by setting."""
        return {field.setting: field.value for field in self.query(SetUpField)}

    @property
    def state(self) -> PartState:
        """How it stands."""
        return self.query_one("#state", SetUpStatus).state

    def show_state(self, state: PartState) -> None:
        """Show how it stands; errors at fields go."""
        for field in self.query(SetUpField):
            field.show_error("")
        self.query_one("#state", SetUpStatus).state = state

    def show_error(self, setting: str, text: str, hint: str) -> None:
        """Show an error beside its field."""
        self.query_one(f"#{setting}", SetUpField).show_error(text, hint)

    def show_profiles(self, profiles: list[str]) -> None:
        """Offer these."""
        self.query_one(SetUpProfile).show_profiles(profiles)

    def on_set_up_field_changed(self, event: SetUpField.Changed) -> None:
        """Pass it on."""
        event.stop()
        self.post_message(self.Changed())
