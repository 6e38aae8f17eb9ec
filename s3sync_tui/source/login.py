"""What it means where botocore finds no credentials; and nothing of them in logs."""

from __future__ import annotations

import logging
from typing import Any, Protocol

from botocore import exceptions as boto

from s3sync_tui.secrecy import keep_secret
from s3sync_tui.source.faults import discreet

LOGIN_HINT = (
    "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; "
    "with IAM Identity Center: aws sso login."
)
NO_LOGIN = (
    boto.ProfileNotFound,
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.SSOError,  # an expired SSO session among them
    getattr(boto, "LoginError", boto.SSOError),  # `aws login`, in newer versions only
    boto.TokenRetrievalError,
    boto.RefreshWithMFAUnsupportedError,
    boto.MetadataRetrievalError,
    boto.UnknownCredentialError,
    boto.InvalidConfigError,
    boto.ConfigNotFound,
    boto.ConfigParseError,
    boto.ClientError,  # STS refuses the role
)
# Their words are a login service's or a program's, which may repeat what it was sent.
_QUOTING: tuple[type[boto.BotoCoreError], ...] = (
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.MetadataRetrievalError,
)


class Login(Protocol):
    """What botocore signs with, at one moment."""

    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def token(self) -> str | None: ...


def read_login(credentials: Any) -> Login:
    """What to sign with now; from now on no text shows it. May ask a login service.

    Raises botocore's exceptions, one of them also where what comes is no login.
    """
    try:
        login: Login = credentials.get_frozen_credentials()
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise _unreadable(credentials.method, error) from None
    keep_secret(login.secret_key, passes=True)
    keep_secret(login.token, passes=True)
    return login


def find_credentials(session: Any) -> Any:
    """Where logins come from; None where there is none. Otherwise like :func:`read_login`."""
    try:
        return session.get_credentials()
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise _unreadable("credential_process", error) from None


def login_trouble(error: Exception) -> str:
    """Why there are no credentials, without what a login service has answered."""
    if isinstance(error, boto.ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        return f"{error.operation_name} says {discreet(code, 80) or 'no reason'}."
    if isinstance(error, _QUOTING):
        source = error.kwargs.get("provider") or "the metadata service"
        return (
            f"{source} gives none ({type(error).__name__}). Asked without s3sync-tui, it says why."
        )
    return str(error)


def _unreadable(source: str, error: Exception) -> boto.CredentialRetrievalError:
    """botocore lets pass what it meets in an answer that is none."""
    return boto.CredentialRetrievalError(provider=source, error_msg=type(error).__name__)


class _Discreet(logging.Filter):
    """Keeps signed URLs, what they are signed with, and new credentials out of logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.name == "httpx" and "X-Amz-" not in record.getMessage()


class _WithoutTraceback(logging.Filter):
    """What is wrong with a login is raised as well, and said in a sentence: no traceback, and
    no exception, in which a service is quoted."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = record.exc_text = None
        told = record.args if isinstance(record.args, tuple) else ()
        return not any(isinstance(each, Exception) for each in told)


for _name in ("botocore.credentials", "botocore.tokens"):
    logging.getLogger(_name).addFilter(_WithoutTraceback())

# httpx logs each URL at INFO; at DEBUG, botocore logs what it signs and sends,
# and the answers of STS and of metadata services, in which credentials come.
for _name in (
    "httpx",
    *(f"botocore.{_part}" for _part in ("auth", "endpoint", "parsers", "utils")),
):
    logging.getLogger(_name).addFilter(_Discreet())
