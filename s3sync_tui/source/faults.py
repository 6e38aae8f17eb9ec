"""What S3's errors mean for the one who has to mend them.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from s3sync_tui.errors import (
    BucketDenied,
    BucketError,
    BucketMissing,
    BucketUnreachable,
    WrongRegion,
)
from s3sync_tui.secrecy import without_secrets
from s3sync_tui.tls import BROKEN_OFF, describe_tls, tls_hint

SLOW_DOWN = {
    "SlowDown",
    "ServiceUnavailable",
    "TooManyRequests",
    "Throttling",
    "RequestLimitExceeded",
}
_TRANSIENT = SLOW_DOWN | {
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "TemporaryRedirect",
}
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"}
_REGION = {
    "AuthorizationHeaderMalformed",
    "PermanentRedirect",
    "IllegalLocationConstraintException",
}

_DENIED: dict[str, tuple[str, str]] = {
    "InvalidAccessKeyId": (
        "The access key is not known there",
        "Check AWS_ACCESS_KEY_ID or AWS_PROFILE; with another store than AWS, the endpoint too.",
    ),
    "SignatureDoesNotMatch": (
        "The secret key does not belong to the access key",
        "Check AWS_SECRET_ACCESS_KEY: copied in full, without a space or a line break?",
    ),
    "InvalidToken": (
        "The session token is not valid",
        "AWS_SESSION_TOKEN must be of the same login as the keys; unset it for long-lived keys.",
    ),
    "RequestTimeTooSkewed": (
        "This machine's clock and the bucket's are more than 15 minutes apart",
        "Set the clock (for example: timedatectl set-ntp true).",
    ),
    "AccessDenied": (
        "These credentials may not list the bucket",
        "They need s3:ListBucket on the bucket itself (arn:aws:s3:::NAME, without /*).",
    ),
}
_EXPIRED_HINT = "Log in again (aws sso login), or set new AWS_* credentials."

# It goes into signatures and host names, and an endpoint may say whatever it likes.
# Stores other than AWS have capitals in it (OpenStack's RegionOne).
_REGION_NAME = re.compile(r"[A-Za-z0-9-]{1,32}")
_MOST_QUOTED = 2000
# Anything in S3's own words that might be a key, a signature or a signed URL.
_SECRET = re.compile(r"https?://\S+|[A-Z0-9]{16,}|[A-Za-z0-9+/=_%-]{32,}")


class Transient(Exception):
    """Worth another try; the text says what happened."""


class Expired(Exception):
    """The credentials ran out; fetched again they may work."""


class Elsewhere(WrongRegion):
    """The bucket is in another region, which S3 named."""

    def __init__(self, message: str, *, hint: str, region: str) -> None:
        super().__init__(message, hint=hint)
        self.region = region


@dataclass(frozen=True, slots=True)
class Place:
    """Which bucket, and where we look for it: for people, without secrets."""

    bucket: str
    endpoint: str | None
    region: str

    def __str__(self) -> str:
        return self.endpoint or f"AWS S3, {self.region}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    """By names in any case."""
    body: bytes


def fault_of(answer: Answer, place: Place, *, code: str = "") -> Exception:
    """What an answer that is no success stands for: :class:`Transient`,
    :class:`Expired`, :class:`Elsewhere` or another
    :class:`~s3sync_tui.errors.BucketError`.

    ``code`` overrides the one in the body.
    """
    status, said = answer.status, _error_document(answer.body)
    code = code or said.get("Code", "")
    region = answer.headers.get("x-amz-bucket-region") or said.get("Region", "")
    is_region = _REGION_NAME.fullmatch(region) is not None
    if is_region and region != place.region and (status in {301, 307, 400} or code in _REGION):
        return _elsewhere(place, region)
    if code in EXPIRED:
        return Expired(code)
    if code in _TRANSIENT or status in {307, 408, 429} or (status >= 500 and status != 501):
        return Transient(f"it answers {' '.join(filter(None, [str(status), discreet(code, 80)]))}")
    return _lasting(status, code, said.get("Message", ""), place)


def is_slow_down(answer: Answer) -> bool:
    """Whether the bucket asks for fewer requests."""
    return answer.status in {429, 503}


def expired(place: Place) -> BucketDenied:
    """Fresh credentials are refused as the old ones were."""
    return BucketDenied(
        f"The credentials for bucket {place.bucket!r} have expired ({place}).", hint=_EXPIRED_HINT
    )


def unreachable(place: Place, attempts: int, last: BaseException) -> BucketUnreachable:
    """No usable answer came, however often we asked."""
    return BucketUnreachable(
        f"Bucket {place.bucket!r} gives no usable answer at {place}: {last} "
        f"(asked {attempts} time{'s' if attempts != 1 else ''}).",
        hint=_reach_hint(place, str(last)),
    )


def incomplete(place: Place, attempts: int, last: BaseException) -> BucketUnreachable:
    """Answers come, but none that can be a complete listing."""
    return BucketUnreachable(
        f"The listing of bucket {place.bucket!r} is incomplete: {place} sends {last} "
        f"(asked {attempts} time{'s' if attempts != 1 else ''}).",
        hint="Is the endpoint an S3 API (not a console or a proxy's page)? If so, this is a fault "
        "of the store: nothing beyond this point was taken for listed.",
    )


def describe_transport(error: aiohttp.ClientError | TimeoutError) -> str:
    """A connection's failure in a few words; never the URL, which is signed."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no connection within 5 seconds"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientSSLError):
        return f"no connection: {describe_tls(error.__cause__)}"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"no connection: {error.strerror or 'no address'}"
    if isinstance(error, aiohttp.ClientConnectorError):
        if (number := error.errno or 0) > 0:
            return f"no connection: {os.strerror(number)}"
        is_one = isinstance(error.os_error, ConnectionError)  # else each address has its own
        return f"no connection: {BROKEN_OFF if is_one else 'none of its addresses can be reached'}"
    return f"the connection broke ({type(error).__name__})"


def _elsewhere(place: Place, region: str) -> Elsewhere:
    return Elsewhere(
        f"Bucket {place.bucket!r} is in region {region}, but {place.region} is set.",
        hint=f"Set the region to {region} (AWS_REGION={region}), or leave it unset: "
        "it is then found out.",
        region=region,
    )


def _lasting(status: int, code: str, message: str, place: Place) -> BucketError:
    bucket = place.bucket
    if code == "NoSuchBucket" or status == 404:
        return BucketMissing(
            f"There is no bucket {bucket!r} at {place}.",
            hint="Check the bucket's name, and endpoint and account: a bucket of another store or "
            "partition looks like none.",
        )
    if code in _DENIED:
        what, hint = _DENIED[code]
        detail = _quoted(message) if code == "AccessDenied" else ""
        text = f"{what}: bucket {bucket!r}, {place} ({code}). {detail}".strip()
        return BucketDenied(text, hint=hint)
    label = discreet(code, 80) or f"HTTP {status}"
    text = f"{place} refuses to list bucket {bucket!r}: {label}. {_quoted(message)}".strip()
    if status in {401, 403}:
        return BucketDenied(text, hint="Check the credentials, and that they may s3:ListBucket.")
    return BucketError(text, hint="Check bucket name, endpoint, region and addressing style.")


def discreet(text: str, longest: int) -> str:
    """What an endpoint says, on one line, without what might be a secret, and not all of it."""
    if len(text) > _MOST_QUOTED:  # the pattern takes its time, and what is cut may look harmless
        text = text[:_MOST_QUOTED].rpartition(" ")[0]
    text = _SECRET.sub("…", without_secrets(text))  # before half of one is cut off
    said = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(said.split())[:longest]


def _quoted(message: str) -> str:
    text = discreet(message, 300)
    return f"It says: {text}" if text else ""


def _error_document(body: bytes) -> dict[str, str]:
    """The fields of an ``<Error>``; empty for anything else (a proxy's page, nothing)."""
    from lxml import etree  # for most runs no error ever comes

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        return {}
    if root is None or etree.QName(root).localname != "Error":
        return {}
    return {etree.QName(e).localname: e.text or "" for e in root.iterchildren("*")}


def _reach_hint(place: Place, text: str) -> str:
    if hint := tls_hint(text, "AWS_CA_BUNDLE"):
        return hint
    if place.endpoint:
        return "Check the endpoint's host, port and http/https, and that it is up."
    return "Check the network, DNS, and any proxy (HTTPS_PROXY)."
