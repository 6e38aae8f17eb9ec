"""What it means where botocore finds no credentials; and nothing of them in logs."""

from __future__ import annotations

import logging

from botocore import exceptions as boto

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


class _Discreet(logging.Filter):
    """Keeps signed URLs, what they are signed with, and new credentials out of logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.name == "httpx" and "X-Amz-" not in record.getMessage()


# httpx logs each URL at INFO; at DEBUG, botocore logs what it signs and sends,
# and the answers of STS, in which credentials come.
for _name in ("httpx", "botocore.auth", "botocore.endpoint", "botocore.parsers"):
    logging.getLogger(_name).addFilter(_Discreet())
