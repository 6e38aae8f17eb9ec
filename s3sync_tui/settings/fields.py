"""The settings: what each is for, what it may be, and where it can be given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr
from pydantic.fields import FieldInfo

from s3sync_tui.model import ModeChoice
from s3sync_tui.settings import rules
from s3sync_tui.settings.database import check_database_url

CatalogKind = Literal["postgres", "supabase", "embedded"]

IMAGES = (
    *("*.jpg", "*.jpeg", "*.png", "*.webp", "*.gif", "*.bmp"),
    *("*.tif", "*.tiff", "*.heic", "*.heif", "*.avif"),
)
"""The usual image suffixes; patterns match in any case."""


class _Sources:
    """Where a setting can be given, besides the flag and the file key of its name."""

    def __init__(
        self,
        *variables: str,
        read: Callable[[str], object] = str.strip,
        file_key: str = "",
        has_flag: bool = True,
        default: str = "",
    ) -> None:
        self.variables = variables
        self.read = read
        self.file_key = file_key
        self.has_flag = has_flag
        self.default = default


_Pattern = Annotated[str, AfterValidator(rules.check_pattern)]


class Settings(BaseModel, frozen=True, strict=True, extra="forbid", hide_input_in_errors=True):
    """Everything that can be set, checked. Secrets are not in its text."""

    bucket: Annotated[
        Annotated[str, AfterValidator(rules.check_bucket)] | None,
        Field(description="The bucket to sync, by its name alone."),
        _Sources("S3SYNC_BUCKET"),
    ] = None
    prefix: Annotated[
        str,
        AfterValidator(rules.check_prefix),
        Field(description="Only keys that start with this."),
        _Sources("S3SYNC_PREFIX", read=str, default="the whole bucket"),
    ] = ""
    endpoint: Annotated[
        Annotated[str, AfterValidator(rules.check_endpoint)] | None,
        Field(description="URL of a store other than AWS: MinIO, R2, Ceph."),
        _Sources("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", default="AWS"),
    ] = None
    region: Annotated[
        Annotated[str, AfterValidator(rules.check_region)] | None,
        Field(description="The bucket's region."),
        _Sources("AWS_REGION", "AWS_DEFAULT_REGION", default="found out"),
    ] = None
    profile: Annotated[
        Annotated[str, AfterValidator(rules.check_profile)] | None,
        Field(
            description="The AWS profile to take credentials from; AWS_ACCESS_KEY_ID, where set, "
            "outranks all but the flag."
        ),
        _Sources("AWS_PROFILE", default="AWS's own order"),
    ] = None
    ca_bundle: Annotated[
        Annotated[Path, AfterValidator(rules.check_certificates)] | None,
        Field(description="Certificates to trust for the endpoint, a PEM file."),
        _Sources("AWS_CA_BUNDLE", read=rules.read_path, default="the usual authorities"),
    ] = None
    addressing_style: Annotated[
        Literal["auto", "virtual", "path"],
        Field(description="Whether the bucket's name goes into the host or the path of URLs."),
        _Sources("S3SYNC_ADDRESSING_STYLE"),
    ] = "auto"
    include: Annotated[
        tuple[_Pattern, ...],
        AfterValidator(rules.check_some),
        Field(
            description="Globs over whole keys, in any case: what counts as an image. Repeat the "
            "flag; put commas between patterns in the variable."
        ),
        _Sources("S3SYNC_INCLUDE", read=rules.read_patterns),
    ] = IMAGES
    exclude: Annotated[
        tuple[_Pattern, ...],
        Field(description="Globs over whole keys, like include: what does not count after all."),
        _Sources("S3SYNC_EXCLUDE", read=rules.read_patterns),
    ] = ()

    database_url: Annotated[
        Annotated[SecretStr, AfterValidator(check_database_url)] | None,
        Field(
            description="Connection string of the Postgres to fill. It holds a password: best "
            "given as a variable; a flag shows in ps, a file gets copied."
        ),
        _Sources("DATABASE_URL", "SUPABASE_DB_URL"),
    ] = None
    supabase_url: Annotated[
        Annotated[str, AfterValidator(rules.check_supabase_url)] | None,
        Field(description="URL of the Supabase project to fill, where no connection string is."),
        _Sources("SUPABASE_URL"),
    ] = None
    supabase_key: Annotated[
        Annotated[SecretStr, AfterValidator(rules.check_supabase_key)] | None,
        Field(
            description="Secret key of the Supabase project (Project Settings > API Keys): "
            "sb_secret_…, or the legacy service_role key."
        ),
        _Sources(
            "SUPABASE_SECRET_KEY",
            "SUPABASE_SERVICE_ROLE_KEY",
            file_key="supabase_secret_key",
            has_flag=False,
        ),
    ] = None
    table: Annotated[
        str,
        AfterValidator(rules.check_table),
        Field(description="The table to fill, in the schema public."),
        _Sources("S3SYNC_TABLE"),
    ] = "images"
    data_dir: Annotated[
        Path,
        Field(description="Where the embedded catalog lives, used where no other is set."),
        _Sources("S3SYNC_DATA_DIR", read=rules.read_path, default="the user's data directory"),
    ] = Field(default_factory=lambda: platformdirs.user_data_path("s3sync-tui", appauthor=False))

    batch_size: Annotated[
        int,
        Field(ge=1, le=10_000, description="Rows in one commit."),
        _Sources("S3SYNC_BATCH_SIZE", read=rules.read_whole_number),
    ] = 5000
    list_concurrency: Annotated[
        int,
        Field(ge=1, le=256, description="LIST requests to have in flight at once."),
        _Sources("S3SYNC_LIST_CONCURRENCY", read=rules.read_whole_number),
    ] = 64
    processes: Annotated[
        int | None,
        Field(
            ge=1,
            le=16,
            description="Processes that share a run.",
        ),
        _Sources(
            "S3SYNC_PROCESSES", read=rules.read_whole_number, default="by size and cores, 4 at most"
        ),
    ] = None
    lease_seconds: Annotated[
        int,
        Field(
            ge=5,
            le=3600,
            description="How long a lease outlives a run that died, in seconds.",
        ),
        _Sources("S3SYNC_LEASE_SECONDS", read=rules.read_whole_number),
    ] = 60
    mark_gone: Annotated[
        bool,
        Field(description="Mark rows whose object is gone from the bucket (missing_since)."),
        _Sources("S3SYNC_MARK_GONE", read=rules.read_switch),
    ] = False
    list_price: Annotated[
        float,
        Field(ge=0, allow_inf_nan=False, description="USD per 1,000 LIST requests."),
        _Sources("S3SYNC_LIST_PRICE", read=rules.read_number),
    ] = 0.005
    mode: Annotated[
        ModeChoice,
        Field(
            description="What a run lists. full: everything. delta: what may have come since the "
            "last run, as far as the order of keys tells. auto: delta where that will do."
        ),
        _Sources("S3SYNC_MODE"),
    ] = "auto"
    lookback: Annotated[
        Annotated[int, BeforeValidator(rules.check_lookback)],
        Field(
            description="How far back a delta run looks: longer than the longest upload takes, "
            "and than keys come late; 7d at most."
        ),
        _Sources("S3SYNC_LOOKBACK", read=rules.read_interval, default="1h"),
    ] = 3600
    full_every: Annotated[
        Annotated[int, BeforeValidator(rules.check_interval)],
        Field(description="How old the last full run may be for auto to run delta."),
        _Sources("S3SYNC_FULL_EVERY", read=rules.read_interval, default="1d"),
    ] = 86_400
    every: Annotated[
        Annotated[int, BeforeValidator(rules.check_interval)] | None,
        Field(
            description="How often a sync is due: 5m, 1h, or a number of seconds. The dashboard's "
            "watch and the worker keep to it, and health complains where runs do not."
        ),
        _Sources(
            "S3SYNC_EVERY", read=rules.read_interval, default="watch: 5m; health: as they came"
        ),
    ] = None
    sqs: Annotated[
        Annotated[str, AfterValidator(rules.check_queue_url)] | None,
        Field(
            description="URL of the SQS queue to which the bucket's notifications go, for watch "
            "and serve."
        ),
        _Sources("S3SYNC_SQS_URL"),
    ] = None
    listen: Annotated[
        str,
        AfterValidator(rules.check_listen),
        Field(
            description="Where serve listens: host:port. Beyond this machine it does so only "
            "with a token."
        ),
        _Sources("S3SYNC_LISTEN"),
    ] = "127.0.0.1:8080"
    token: Annotated[
        SecretStr | None,
        Field(
            description="What clients of serve must send, as Authorization: Bearer …: at least 16 "
            "letters, digits and signs."
        ),
        _Sources("S3SYNC_HTTP_TOKEN", "CRON_SECRET", has_flag=False),
    ] = None
    database_quota: Annotated[
        Annotated[int, BeforeValidator(rules.check_size)] | None,
        Field(
            description="How large the database may grow: 500 MB, 8 GB, or a number of bytes. "
            "Lets growth and health say when it will be full."
        ),
        _Sources("S3SYNC_DATABASE_QUOTA", read=rules.read_size, default="none"),
    ] = None

    @property
    def catalog_kind(self) -> CatalogKind:
        """How the catalog is reached. A connection string outranks a project URL."""
        if self.database_url is not None:
            return "postgres"
        return "embedded" if self.supabase_url is None else "supabase"


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """One setting, for help texts, docs and messages."""

    name: str
    """The field of :class:`Settings`."""
    flag: str | None
    """``None`` where a flag would put a secret on display."""
    variables: tuple[str, ...]
    """The first that is set and not empty counts."""
    file_key: str
    description: str
    """Whole sentences, the permitted range among them."""
    default_text: str
    """The default, or what happens without the setting; empty where it is just unset."""
    range_text: str = ""
    """``from 1 to 10000``; empty where it is no number."""
    is_secret: bool = False
    read: Callable[[str], object] = field(default=str.strip, repr=False)
    """Makes a value of a flag's or a variable's text; text that it can't read, it returns."""


def _info(name: str, model_field: FieldInfo) -> SettingInfo:
    sources = next(item for item in model_field.metadata if isinstance(item, _Sources))
    low = next((item.ge for item in model_field.metadata if hasattr(item, "ge")), None)
    high = next((item.le for item in model_field.metadata if hasattr(item, "le")), None)
    if low is None:
        range_text = ""
    else:
        range_text = f"{low} or more" if high is None else f"from {low} to {high}"
    description = str(model_field.description)
    return SettingInfo(
        name=name,
        flag="--" + name.replace("_", "-") if sources.has_flag else None,
        variables=sources.variables,
        file_key=sources.file_key or name,
        description=f"{description[:-1]}, {range_text}." if range_text else description,
        default_text=sources.default or _default_text(model_field.default),
        range_text=range_text,
        is_secret=SecretStr.__name__ in str(model_field.annotation),
        read=sources.read,
    )


def _default_text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value is None else str(value)


SETTINGS = tuple(_info(name, model_field) for name, model_field in Settings.model_fields.items())
"""Every setting, in the order in which people think of them."""
