"""The secrets among what was given, made known: from then on no text shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from pydantic import SecretStr

from s3sync_tui.secrecy import keep_secret, keep_url_secret
from s3sync_tui.settings.fields import Settings
from s3sync_tui.settings.proxies import NAMES

_VARIABLES = (
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    *("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK", "PGPASSWORD"),
    "PGSSLPASSWORD",
)
_PARAMETER = re.compile(r"password\s*=\s*(?:'((?:[^'\\]|\\.)*)'|([^\s&]+))", re.ASCII)


def keep_given_secrets(values: Iterable[object], environ: Mapping[str, str]) -> None:
    """Those of settings as they were given, whether they will do or not, and those that
    others' libraries take from the environment."""
    for value in values:
        _keep(str(value))
    for name in _VARIABLES:
        keep_secret(environ.get(name))
    for name in NAMES:
        keep_url_secret(environ.get(name))
        keep_url_secret(environ.get(name.upper()))


def keep_secrets_of(settings: Settings) -> None:
    """Those of ``settings``, which another process may have read."""
    for _, value in settings:
        if isinstance(value, SecretStr):
            _keep(value.get_secret_value())


def _keep(value: str) -> None:
    keep_secret(value)
    keep_url_secret(value)
    for quoted, plain in _PARAMETER.findall(value):
        keep_secret(re.sub(r"\\(.)", r"\1", quoted) or plain)
        keep_secret(unquote(plain))
