"""Looks at a bucket's notifications and their queue, and sets them up."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore import exceptions as boto

from s3sync_tui.connect import no_bucket
from s3sync_tui.errors import (
    BucketDenied,
    BucketError,
    BucketMissing,
    BucketUnreachable,
    QueueMissing,
    SettingsError,
)
from s3sync_tui.headless.notifications_plan import (
    DEAD_ATTRIBUTES,
    QUEUE_ATTRIBUTES,
    Document,
    Found,
    Plan,
    Wanted,
    entries,
    filters,
    plan,
)
from s3sync_tui.settings import Settings
from s3sync_tui.source.aws import FIRST_REGION, aws_client
from s3sync_tui.source.faults import discreet
from s3sync_tui.source.login import LOGIN_HINT, NO_LOGIN, login_trouble
from s3sync_tui.source.notifications import shown
from s3sync_tui.source.queue_faults import queue_fault

_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_S3_PATIENCE_SECONDS = 30
"""S3 checks that it may send to the queue, and a new policy takes a while to be everywhere."""
_RIGHTS = (
    "Reading takes s3:GetBucketNotification, sqs:GetQueueUrl and sqs:GetQueueAttributes; setting "
    "up s3:PutBucketNotification, sqs:CreateQueue and sqs:SetQueueAttributes, too."
)


@dataclass(frozen=True, slots=True)
class Place:
    """The clients, what is wanted, and what was found."""

    s3: Any
    sqs: Any
    wanted: Wanted
    found: Found

    @property
    def plan(self) -> Plan:
        """What is to be done.

        Raises :class:`~s3sync_tui.errors.SettingsError`.
        """
        return plan(self.found, self.wanted)


def look(settings: Settings, queue: str | None) -> Place:
    """What there is, for the bucket and the queue that the settings or ``queue`` name.

    Raises :class:`~s3sync_tui.errors.S3SyncError`.
    """
    bucket = settings.bucket
    if bucket is None:
        raise no_bucket()
    name = queue or _queue_name(settings, bucket)
    if not _QUEUE_NAME.fullmatch(name):
        raise SettingsError(
            f"{shown(name)} cannot be the name of a queue for notifications.",
            hint="Letters, digits, - and _, at most 80; S3 sends to no FIFO queue.",
        )
    if settings.endpoint and "AWS_ENDPOINT_URL_SQS" not in os.environ:
        raise SettingsError(
            f"The bucket is at {settings.endpoint}, which is not AWS.",
            hint="Where SQS is to be had there, too (LocalStack), set AWS_ENDPOINT_URL_SQS. Else "
            "set notifications up by the store's tools, and give the queue's URL with --sqs.",
        )
    access: dict[str, Any] = {"profile": settings.profile, "ca_bundle": settings.ca_bundle}
    with _bucket_faults(bucket):
        region = settings.region or _region_of(bucket, settings.endpoint, access)
        s3 = aws_client("s3", region=region, endpoint=settings.endpoint, **access)
        caller = aws_client("sts", region=region, **access).get_caller_identity()
        sqs = aws_client("sqs", region=region, **access)
    wanted = Wanted(
        bucket,
        settings.prefix,
        caller["Arn"].split(":")[1],
        region,
        caller["Account"],
        name,
    )
    return Place(s3, sqs, wanted, _found(s3, sqs, wanted))


def describe(place: Place) -> Iterator[str]:
    """What is set up, a line each."""
    wanted, found = place.wanted, place.found
    yield f"Bucket {wanted.bucket} ({wanted.region}, account {wanted.account})"
    sends = False
    for destination, entry in entries(found.configuration):
        sends = True
        prefix, suffix = filters(entry)
        only = f" under {shown(prefix)}" if prefix else ""
        only += f" ending in {shown(suffix)}" if suffix else ""
        yield f"  {', '.join(map(shown, entry['Events']))}{only} to {shown(destination)}"
    if "EventBridgeConfiguration" in found.configuration:
        sends = True
        yield "  everything to EventBridge"
    if not sends:
        yield "  sends no notifications"
    yield f"Queue {wanted.queue}"
    if found.queue_url is None:
        yield "  there is none"
        return
    yield f"  {found.queue_url}"
    yield f"  about {found.queue.get('ApproximateNumberOfMessages', '0')} messages wait"
    if "RedrivePolicy" not in found.queue:
        yield "  no dead-letter queue: what cannot be understood stays"
    elif found.dead_letters is None:
        yield f"  dead letters: {shown(found.queue['RedrivePolicy'])}"
    else:
        yield f"  dead letters: about {found.dead_letters} in {wanted.dead}"
    if "KmsMasterKeyId" in found.queue:
        yield "  encrypted with a key of KMS: its policy must let s3.amazonaws.com use it"


def carry_out(place: Place, todo: Plan, say: Callable[[str], None]) -> str:
    """Do all of ``todo``, a line each; returns the queue's URL. To repeat it is harmless.

    Raises :class:`~s3sync_tui.errors.S3SyncError`.
    """
    wanted, sqs = place.wanted, place.sqs
    # Somebody may have thought for long about the plan, and the configuration is put as a whole.
    if plan(_found(place.s3, sqs, wanted), wanted) != todo:
        raise SettingsError(
            "Somebody else has changed the bucket's notifications or the queue meanwhile.",
            hint="Look at the plan once more. Nothing was changed.",
        )
    url = place.found.queue_url
    with _queue_faults(wanted.queue):
        if todo.creates_dead:
            sqs.create_queue(QueueName=wanted.dead, Attributes=DEAD_ATTRIBUTES)
            say(f"created {wanted.dead}")
        if url is None:
            made = sqs.create_queue(QueueName=wanted.queue, Attributes=QUEUE_ATTRIBUTES)
            url = str(made["QueueUrl"])
            say(f"created {wanted.queue}")
        changed = {"RedrivePolicy": todo.redrive, "Policy": todo.policy}
        attributes = {name: value for name, value in changed.items() if value is not None}
        if attributes:
            sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
            say(f"set {' and '.join(attributes)} of {wanted.queue}")
    if todo.configuration is not None:
        with _bucket_faults(wanted.bucket):
            _configure(place, todo.configuration)
        say(f"bucket {wanted.bucket} sends to {wanted.queue}")
    return url


def _found(s3: Any, sqs: Any, wanted: Wanted) -> Found:
    with _bucket_faults(wanted.bucket):
        answer = s3.get_bucket_notification_configuration(Bucket=wanted.bucket)
    configuration = {k: v for k, v in answer.items() if k != "ResponseMetadata"}
    url, dead_url = _url(sqs, wanted.queue), _url(sqs, wanted.dead)
    dead = _attributes(sqs, dead_url, wanted.dead)
    count = dead.get("ApproximateNumberOfMessages")
    return Found(
        configuration,
        url,
        _attributes(sqs, url, wanted.queue),
        dead_url,
        None if count is None else int(count),
    )


def _configure(place: Place, configuration: Document) -> None:
    deadline = time.monotonic() + _S3_PATIENCE_SECONDS
    while True:
        try:
            place.s3.put_bucket_notification_configuration(
                Bucket=place.wanted.bucket, NotificationConfiguration=configuration
            )
        except boto.ClientError as error:
            if _code(error) != "InvalidArgument" or time.monotonic() > deadline:
                raise
            time.sleep(2)
        else:
            return


def _queue_name(settings: Settings, bucket: str) -> str:
    if settings.sqs is not None:
        return settings.sqs.rpartition("/")[2]
    table = "" if settings.table == "images" else f"-{settings.table}"
    return re.sub(r"[^A-Za-z0-9_-]", "-", f"s3sync-{bucket}{table}")[:75]


def _region_of(bucket: str, endpoint: str | None, access: Mapping[str, Any]) -> str:
    s3 = aws_client("s3", region=FIRST_REGION, endpoint=endpoint, **access)
    try:
        answer = s3.head_bucket(Bucket=bucket)
    except boto.ClientError as error:
        answer = error.response  # of a bucket that is elsewhere, it tells where
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        region = headers.get("x-amz-bucket-region")
        if not region:
            raise
        return str(region)
    return str(answer.get("BucketRegion") or FIRST_REGION)


def _url(sqs: Any, name: str) -> str | None:
    try:
        with _queue_faults(name):
            return str(sqs.get_queue_url(QueueName=name)["QueueUrl"])
    except QueueMissing:
        return None


def _attributes(sqs: Any, url: str | None, name: str) -> Mapping[str, str]:
    if url is None:
        return {}
    with _queue_faults(name):
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    found: Mapping[str, str] = answer.get("Attributes", {})
    return found


@contextmanager
def _queue_faults(name: str) -> Iterator[None]:
    try:
        yield
    except (boto.BotoCoreError, boto.ClientError) as error:
        raise queue_fault(error, f"queue {name!r}") from error


@contextmanager
def _bucket_faults(bucket: str) -> Iterator[None]:
    try:
        yield
    except (boto.BotoCoreError, boto.ClientError) as error:
        raise _bucket_fault(error, bucket) from error


def _bucket_fault(error: Exception, bucket: str) -> BucketError:
    if isinstance(error, boto.ClientError) and not error.operation_name.startswith("Assume"):
        code, asked = _code(error), error.operation_name
        if code in {"NoSuchBucket", "404"}:
            return BucketMissing(
                f"There is no bucket {bucket!r}.", hint="Check the bucket's name and the account."
            )
        if code in {"AccessDenied", "AllAccessDisabled", "403"}:
            return BucketDenied(
                f"These credentials may not do this for bucket {bucket!r}: {asked} says {code}.",
                hint=_RIGHTS,
            )
        said = discreet(str(error.response.get("Error", {}).get("Message", "")), 300)
        return BucketError(f"Bucket {bucket!r}: {asked} says {code}: {said}", hint=_RIGHTS)
    if isinstance(error, NO_LOGIN):
        return BucketDenied(
            f"No credentials for bucket {bucket!r}: {login_trouble(error)}", hint=LOGIN_HINT
        )
    if isinstance(error, boto.ConnectionError | boto.HTTPClientError):
        return BucketUnreachable(
            f"AWS does not answer ({type(error).__name__}).",
            hint="Check the network, and any proxy (HTTPS_PROXY).",
        )
    return BucketError(f"Bucket {bucket!r} cannot be asked: {error}", hint="Check ~/.aws/config.")


def _code(error: boto.ClientError) -> str:
    return discreet(str(error.response.get("Error", {}).get("Code", "")), 80)
