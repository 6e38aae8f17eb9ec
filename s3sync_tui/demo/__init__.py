"""A bucket that fills itself, and a catalog for it: the whole product with nothing configured."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from s3sync_tui.settings import Settings

BUCKET = "camera-images"
IMAGES = 20_000
PER_HOUR = 9_000

_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo"}


@contextmanager
def demo_settings(*, images: int = IMAGES, per_hour: float = PER_HOUR) -> Iterator[Settings]:
    """Settings that name a bucket and a catalog which exist for as long as this lasts.

    The process's AWS variables are replaced: the demo must not see a real login.
    Raises :class:`~s3sync_tui.errors.S3SyncError` where a part does not start.
    """
    from s3sync_tui.demo.bucket import growing_bucket
    from s3sync_tui.demo.catalog import fresh_catalog
    from s3sync_tui.settings import Settings, load_settings

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(_CREDENTIALS)
    directory = Settings().data_dir / "demo"
    with (
        growing_bucket(images=images, per_hour=per_hour) as endpoint,
        fresh_catalog(directory) as database_url,
    ):
        flags = {"bucket": BUCKET, "endpoint": endpoint, "database_url": database_url}
        yield load_settings(flags, environ={}, config=None, directory=directory).settings
