"""What a bucket's notifications to a queue need, compared with what there is.

Nothing here asks or changes anything; :mod:`s3sync_tui.headless.notifications_setup` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from s3sync_tui.errors import SettingsError
from s3sync_tui.source.notifications import shown

EVENTS = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*"]
RECEIVES = 5
_DAY_SECONDS = 86_400
QUEUE_ATTRIBUTES = {
    "ReceiveMessageWaitTimeSeconds": "20",
    "VisibilityTimeout": "60",
    "MessageRetentionPeriod": str(4 * _DAY_SECONDS),
}
DEAD_ATTRIBUTES = {"MessageRetentionPeriod": str(14 * _DAY_SECONDS)}
_SID = "S3syncTuiNotifications"
_LISTS = {
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
}

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose notifications are to go where."""

    bucket: str
    prefix: str
    partition: str
    region: str
    account: str
    queue: str
    """The queue's name."""

    @property
    def dead(self) -> str:
        """The name of the dead-letter queue."""
        return f"{self.queue[:75]}-dead"

    @property
    def queue_arn(self) -> str:
        return f"arn:{self.partition}:sqs:{self.region}:{self.account}:{self.queue}"

    @property
    def dead_arn(self) -> str:
        return f"arn:{self.partition}:sqs:{self.region}:{self.account}:{self.dead}"


@dataclass(frozen=True, slots=True)
class Found:
    """What there is."""

    configuration: Document
    """The bucket's, as S3 tells it."""
    queue_url: str | None
    queue: Mapping[str, str]
    """The queue's attributes."""
    dead_url: str | None
    dead_letters: int | None = None
    """About how many messages are in the dead-letter queue."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done; empty where all is well."""

    creates_dead: bool
    creates_queue: bool
    redrive: str | None
    """The queue's redrive policy, where it has none."""
    policy: str | None
    """The queue's policy, where it must change."""
    configuration: Document | None
    """The bucket's configuration, where it must change."""
    kept: int
    """Entries of the bucket's configuration that stay as they are."""

    def __bool__(self) -> bool:
        changes = (self.redrive, self.policy, self.configuration)
        return self.creates_dead or self.creates_queue or any(each is not None for each in changes)

    def lines(self, wanted: Wanted) -> Iterator[str]:
        """For people, a line each."""
        if self.creates_dead:
            yield f"create queue {wanted.dead}: keeps messages for 14 days"
        if self.creates_queue:
            yield f"create queue {wanted.queue}: long polling, hidden for 60 s, kept for 4 days"
        if self.redrive is not None:
            yield f"redrive of {wanted.queue}: after {RECEIVES} receives to {wanted.dead}"
        if self.policy is not None:
            yield (
                f"policy of {wanted.queue}: s3.amazonaws.com may send, for bucket "
                f"{wanted.bucket} of account {wanted.account} alone"
            )
        if self.configuration is not None:
            where = f" under {shown(wanted.prefix)}" if wanted.prefix else ""
            yield (
                f"notifications of bucket {wanted.bucket}{where}: {', '.join(EVENTS)} to "
                f"{wanted.queue}"
            )
            if self.kept:
                yield f"  its {self.kept} other entries stay as they are"


def plan(found: Found, wanted: Wanted) -> Plan:
    """What is missing.

    Raises :class:`~s3sync_tui.errors.SettingsError` where an entry of somebody else's is in
    the way: S3 would refuse ours.
    """
    configuration, kept = _configuration(found.configuration, wanted)
    has_redrive = "RedrivePolicy" in found.queue
    redrive = {"deadLetterTargetArn": wanted.dead_arn, "maxReceiveCount": RECEIVES}
    return Plan(
        creates_dead=found.dead_url is None and not has_redrive,
        creates_queue=found.queue_url is None,
        redrive=None if has_redrive else json.dumps(redrive),
        policy=_policy(found.queue.get("Policy", ""), wanted),
        configuration=configuration,
        kept=kept,
    )


def entries(configuration: Document) -> Iterator[tuple[str, Document]]:
    """Every entry of a bucket's configuration, with where it sends to."""
    for name, destination in _LISTS.items():
        for entry in configuration.get(name, []):
            yield entry[destination], entry


def filters(entry: Document) -> tuple[str, str]:
    """The prefix and the suffix of an entry, decoded."""
    rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    found = {str(r.get("Name", "")).lower(): unquote_plus(str(r.get("Value", ""))) for r in rules}
    return found.get("prefix", ""), found.get("suffix", "")


def _configuration(present: Document, wanted: Wanted) -> tuple[Document | None, int]:
    """The bucket's configuration with our entry, None where it is there; and how many others."""
    ours: Document = {
        "Id": f"s3sync-tui-{wanted.queue}",
        "QueueArn": wanted.queue_arn,
        "Events": EVENTS,
    }
    if wanted.prefix:
        # S3 wants spaces as +, and all other special characters as %XX.
        rule = {"Name": "prefix", "Value": quote_plus(wanted.prefix, safe="/")}
        ours["Filter"] = {"Key": {"FilterRules": [rule]}}
    others = [pair for pair in entries(present) if pair[1].get("Id") != ours["Id"]]
    for destination, entry in others:
        prefix, suffix = filters(entry)
        does_it = destination == wanted.queue_arn and not suffix
        if does_it and wanted.prefix.startswith(prefix) and _covers(entry["Events"]):
            return None, len(others) - 1
        _refuse_overlap(destination, entry, wanted)
    own = None
    for destination, entry in entries(present):
        if entry.get("Id") != ours["Id"]:
            continue
        own = entry
        is_right = destination == wanted.queue_arn and filters(entry) == (wanted.prefix, "")
        if is_right and _covers(entry["Events"]):
            return None, len(others)
    queues = [each for each in present.get("QueueConfigurations", []) if each is not own]
    return {**present, "QueueConfigurations": [*queues, ours]}, len(others)


def _refuse_overlap(destination: str, entry: Document, wanted: Wanted) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html"""
    shared = [event for event in entry["Events"] if any(_overlap(event, ours) for ours in EVENTS)]
    prefix, _ = filters(entry)  # we have no suffix, which overlaps with any
    apart = not prefix.startswith(wanted.prefix) and not wanted.prefix.startswith(prefix)
    if not shared or apart:
        return
    where = f"under {shown(prefix)}" if prefix else "of all keys"
    raise SettingsError(
        f"Bucket {wanted.bucket} sends {', '.join(map(shown, shared))} {where} to "
        f"{shown(destination)} already (entry {shown(entry.get('Id', ''))}), and S3 sends an "
        "event to one destination only.",
        hint="Put an SNS topic or EventBridge in between, which send to both: docs/events.md "
        "says how. Nothing was changed.",
    )


def _overlap(one: str, other: str) -> bool:
    family, _, kind = one.rpartition(":")
    other_family, _, other_kind = other.rpartition(":")
    return family == other_family and (kind == other_kind or "*" in (kind, other_kind))


def _covers(events: list[str]) -> bool:
    return set(EVENTS) <= set(events)


def _policy(present: str, wanted: Wanted) -> str | None:
    """The queue's policy with our statement; None where it is there."""
    ours: Document = {
        "Sid": _SID,
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": wanted.queue_arn,
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:{wanted.partition}:s3:::{wanted.bucket}"},
            "StringEquals": {"aws:SourceAccount": wanted.account},
        },
    }
    try:
        policy = json.loads(present or '{"Version": "2012-10-17", "Statement": []}')
        statements = policy["Statement"]
        others = statements if isinstance(statements, list) else [statements]
        same = [each for each in others if {**each, "Sid": _SID} == ours]
    except (ValueError, TypeError, KeyError) as error:
        raise SettingsError(
            f"The policy of queue {wanted.queue} cannot be read.",
            hint="Mend it in the SQS console. Nothing was changed.",
        ) from error
    if same:
        return None
    taken = {each.get("Sid") for each in others}
    numbers = iter(range(2, len(others) + 3))
    while ours["Sid"] in taken:
        ours["Sid"] = f"{_SID}{next(numbers)}"
    return json.dumps({**policy, "Statement": [*others, ours]})
