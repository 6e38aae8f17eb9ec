"""botocore's part of listing: credentials, endpoints and signed URLs.

It is boto3's lower half, and all of boto3 that we need: the upper one (resources,
transfers) takes a quarter as long again to load, and changes nothing in what is signed.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.config import Config
from botocore.session import Session

from s3sync_tui.errors import BucketDenied, BucketError, BucketUnreachable
from s3sync_tui.source.faults import Place
from s3sync_tui.source.login import (
    LOGIN_HINT,
    NO_LOGIN,
    find_credentials,
    login_trouble,
    read_login,
)
from s3sync_tui.source.mould import Mould
from s3sync_tui.source.service_models import read_models_quickly

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VALID_SECONDS = 900
"""How long a signed URL may be used; S3 checks it when the request arrives."""

AddressingStyle = Literal["auto", "virtual", "path"]
Operation = Literal["list_objects_v2", "head_bucket", "head_object"]

_FIRST_REGION = "us-east-1"  # knows of all others, and other stores take it for theirs


@dataclass(slots=True)
class _Client:
    """botocore's, with what it signs with, and the mould of its URLs once there is one."""

    s3: S3Client
    credentials: Any
    mould: Mould | None = None


class Signer:
    """Signs requests for one bucket. Every method may block (a refresh of the
    credentials is a network call) and is safe to call from several threads."""

    def __init__(
        self,
        bucket: str,
        *,
        endpoint: str | None,
        region: str | None,
        profile: str | None,
        addressing_style: AddressingStyle,
    ) -> None:
        self._bucket = bucket
        self._endpoint = endpoint
        self._region = region
        self._profile = profile
        self._addressing_style = addressing_style
        self._client: _Client | None = None
        self._lock = threading.Lock()
        self.generation = 0
        """Counts renewals: who saw credentials fail can tell which ones."""

    @property
    def place(self) -> Place:
        """Where the bucket is looked for now."""
        client = self._client
        if client is None:
            return Place(self._bucket, _address(self._endpoint), self._region or _FIRST_REGION)
        # The endpoint may come from AWS_ENDPOINT_URL_S3 or the profile.
        return Place(
            self._bucket, _address(client.s3.meta.endpoint_url), client.s3.meta.region_name
        )

    @property
    def may_wait(self) -> bool:
        """Whether the next signature may take a network call: before the first, and where
        credentials will expire soon."""
        client = self._client
        if client is None:
            return True
        expires = getattr(client.credentials, "refresh_needed", None)
        return expires is not None and bool(expires())

    def sign(self, operation: Operation, **parameters: str | int) -> str:
        """A URL that makes this request; with fresh credentials each time."""
        try:
            client = self._connected()
            is_list = operation == "list_objects_v2"
            login = read_login(client.credentials) if client.credentials is not None else None
            if is_list and client.mould is not None and login is not None:
                now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
                return client.mould.url(parameters, login, now)
            url = client.s3.generate_presigned_url(
                operation, Params={"Bucket": self._bucket, **parameters}, ExpiresIn=VALID_SECONDS
            )
            if is_list and login is not None:
                client.mould = Mould.of(url, parameters, login)
            return url
        except (boto.BotoCoreError, boto.ClientError, ValueError) as error:
            raise self._explained(error) from error

    def renew(self, generation: int) -> None:
        """Read the credentials anew, unless that was done since ``generation``."""
        with self._lock:
            if self.generation == generation:
                self.generation += 1
                self._client = None

    def move(self, region: str) -> None:
        """From now on sign for ``region``."""
        with self._lock:
            self._region = region
            self._client = None

    def _connected(self) -> _Client:
        with self._lock:
            if self._client is None:
                session = Session(profile=self._profile)
                read_models_quickly(session)
                credentials = find_credentials(session)
                # The session's region is a default for everything. It says nothing
                # about another store, and about a bucket of AWS only until AWS does.
                fallback = None if self._endpoint else session.get_config_variable("region")
                client: Any = session.create_client(
                    "s3",
                    region_name=self._region or fallback or _FIRST_REGION,
                    endpoint_url=self._endpoint,
                    config=Config(
                        signature_version="s3v4",
                        s3={"addressing_style": self._addressing_style},
                    ),
                )
                self._client = _Client(client, credentials)
            return self._client

    def _explained(self, error: Exception) -> BucketError:
        bucket = self._bucket
        if isinstance(error, boto.ParamValidationError | boto.InvalidS3AddressingStyleError):
            return BucketError(
                f"{bucket!r} cannot be the name of a bucket.",
                hint="3 to 63 characters: lower-case letters, digits, hyphens, dots; without s3://.",
            )
        if isinstance(error, NO_LOGIN):
            return BucketDenied(
                f"No credentials for bucket {bucket!r}: {login_trouble(error)}", hint=LOGIN_HINT
            )
        if isinstance(error, boto.HTTPClientError | boto.ConnectionError):
            return BucketUnreachable(
                f"Credentials for bucket {bucket!r} cannot be fetched: {type(error).__name__}.",
                hint="The login service (STS, IAM Identity Center) does not answer.",
            )
        # A ValueError quotes the endpoint, and that may hold a password.
        reason = error if isinstance(error, boto.BotoCoreError) else "the endpoint is no URL"
        return BucketError(
            f"Requests for bucket {bucket!r} cannot be signed: {reason}",
            hint="Check endpoint (https://host), region, and ~/.aws/config.",
        )


def _address(endpoint: str | None) -> str | None:
    """The endpoint without user and password; None for AWS itself."""
    url = urlsplit(endpoint or "")
    host = url.hostname or ""
    if not host or host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return None
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"
