"""What S3 tells of objects that came or went: from S3 itself, through SNS, by EventBridge.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from s3sync_tui.changes import ChangeKind, ObjectChange
from s3sync_tui.source.listing import is_storable
from s3sync_tui.source.selection import Selection

_DEEPEST = 5  # S3 through SNS through Lambda, each a level or two
_LONGEST_KEY_BYTES = 1024
_LARGEST_BYTES = 2**50  # S3's limit is 50 TB; the sum of an hour must stay below 2**63
_LONGEST_SHOWN = 80
_SEQUENCER = re.compile(r"[0-9A-Fa-f]{1,64}")
_ETAG = re.compile(r"[!-~]{1,128}")
_EVENT_NAME = re.compile(r"(?:s3:)?([A-Za-z]{1,64}):?([A-Za-z*]{0,64})")


class NotUnderstood(Exception):
    """A message that is no notification of S3's; the text says why, on one short line."""


@dataclass(frozen=True, slots=True)
class Ours:
    """Which objects count."""

    bucket: str
    prefix: str
    selection: Selection


@dataclass(frozen=True, slots=True)
class Notice:
    """What one message says."""

    changes: list[ObjectChange] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    """Keys of which it does not tell whether there is an object now: look at the bucket."""
    ignored_buckets: int = 0
    """Records about other buckets."""
    ignored_objects: int = 0
    """Records about what is no image of ours, and about anything but coming and going."""
    rejected: list[str] = field(default_factory=list)
    """Keys of ours that Postgres cannot store, made printable."""
    faults: list[str] = field(default_factory=list)
    """Why records beside good ones were not understood."""


def read_notification(body: str, ours: Ours) -> Notice:
    """What the message ``body`` of a queue says.

    Raises :class:`NotUnderstood` where that is nothing at all; a message that is understood
    in part has ``faults``.
    """
    return read_document(_parsed(body), ours)


def read_document(document: object, ours: Ours) -> Notice:
    """The same for a message that is no text any more, as Lambda has it."""
    reader = _Reader(ours)
    reader.read(document, _DEEPEST)
    notice = reader.notice()
    if notice.faults and not reader.understood:
        raise NotUnderstood(notice.faults[0])
    return notice


def shown(value: object) -> str:
    """Any text of others', short and on one line, for a log."""
    text = value[:_LONGEST_SHOWN] if isinstance(value, str) else type(value).__name__
    text = text.encode("utf-8", "backslashreplace").decode()
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


class _Reader:
    """Gathers what the records of one message say."""

    def __init__(self, ours: Ours) -> None:
        self._ours = ours
        self._changes: list[ObjectChange] = []
        self._looks: list[str] = []
        self._rejected: list[str] = []
        self._faults: list[str] = []
        self._ignored_buckets = 0
        self._ignored_objects = 0
        self.understood = 0
        """Records and empty messages."""

    def notice(self) -> Notice:
        return Notice(
            self._changes,
            self._looks,
            self._ignored_buckets,
            self._ignored_objects,
            self._rejected,
            self._faults,
        )

    def read(self, document: object, depth: int) -> None:
        try:
            self._read(document, depth)
        except NotUnderstood as fault:
            self._faults.append(str(fault))
        else:
            self.understood += 1

    def _read(self, document: object, depth: int) -> None:
        if not isinstance(document, dict):
            raise NotUnderstood("no JSON object")
        if not depth:
            raise NotUnderstood("too many envelopes around it")
        records = document.get("Records")
        if records is not None:
            self._read_records(records, depth)
        elif document.get("Event") == "s3:TestEvent":
            pass  # S3 sends it when notifications are set up, and it has no records
        elif isinstance(document.get("s3"), dict):
            self._read_record(document)
        elif isinstance(document.get("Sns"), dict):  # a record of Lambda's
            self._read(document["Sns"], depth - 1)
        elif isinstance(document.get("Message"), str):
            self._read_sns(document, depth)
        elif "detail-type" in document:
            self._read_event(document)
        else:
            raise NotUnderstood("no notification of S3: it has neither Records nor detail-type")

    def _read_records(self, records: object, depth: int) -> None:
        if not isinstance(records, list):
            raise NotUnderstood("its Records are no list")
        before, faults = self.understood, len(self._faults)
        for record in records:
            self.read(record, depth - 1)
        if self.understood == before and len(self._faults) > faults:
            raise NotUnderstood(self._faults.pop())

    def _read_sns(self, envelope: Mapping[str, Any], depth: int) -> None:
        """https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html"""
        kind = envelope.get("Type", "Notification")
        if kind != "Notification":
            raise NotUnderstood(f"SNS sends a {shown(kind)}: confirm the subscription")
        self._read(_parsed(envelope["Message"]), depth - 1)

    def _read_record(self, record: Mapping[str, Any]) -> None:
        match = _EVENT_NAME.fullmatch(_text(record, "eventName"))
        if match is None:
            raise NotUnderstood(f"no event name: {shown(record['eventName'])}")
        kind, how = match.groups()
        s3 = record["s3"]
        encoded = _text(_mapping(s3, "object"), "key")
        # Form encoding: a space is a plus. Once, for keys may hold what looks encoded.
        key = unquote_plus(encoded, errors="surrogateescape")
        if not self._concerns_us(_text(_mapping(s3, "bucket"), "name"), key):
            return
        if kind == "ObjectCreated":
            self._created(key, s3["object"], "eTag", _time(record.get("eventTime")))
        elif kind in {"ObjectRemoved", "LifecycleExpiration"}:
            # Of a version that is deleted the message has the id; there may be others.
            certain = how == "DeleteMarkerCreated" or (
                how == "Delete" and not s3["object"].get("versionId")
            )
            self._removed(key, s3["object"], _time(record.get("eventTime")), certain=certain)
        else:
            self._ignored_objects += 1

    def _read_event(self, event: Mapping[str, Any]) -> None:
        if event.get("source") != "aws.s3":
            raise NotUnderstood(f"an event of {shown(event.get('source'))}, not of S3")
        kind = event["detail-type"]
        if kind not in ("Object Created", "Object Deleted"):
            self._ignored_objects += 1
            return
        detail = _mapping(event, "detail")
        described = _mapping(detail, "object")
        key = _text(described, "key")  # not encoded here
        if not self._concerns_us(_text(_mapping(detail, "bucket"), "name"), key):
            return
        at = _time(event.get("time"))
        if kind == "Object Created":
            self._created(key, described, "etag", at)
            return
        certain = detail.get("deletion-type") == "Delete Marker Created" or (
            detail.get("deletion-type") == "Permanently Deleted" and not described.get("version-id")
        )
        self._removed(key, described, at, certain=certain)

    def _concerns_us(self, bucket: str, key: str) -> bool:
        """Whether the object is one of ours, and can be; counted where it is not."""
        if bucket != self._ours.bucket:
            self._ignored_buckets += 1
            return False
        if not key:
            raise NotUnderstood("an empty key")
        if not key.startswith(self._ours.prefix) or not self._ours.selection.matches(key):
            self._ignored_objects += 1
            return False
        if not is_storable(key):
            self._rejected.append(shown(key))
            return False
        if len(key.encode()) > _LONGEST_KEY_BYTES:
            raise NotUnderstood(f"a key longer than S3's: {shown(key)}")
        return True

    def _created(
        self, key: str, described: Mapping[str, Any], etag_name: str, at: datetime
    ) -> None:
        etag, size = described.get(etag_name), described.get("size")
        etag = etag.strip('"') if isinstance(etag, str) else ""
        size = size if type(size) is int else -1  # true is one, too
        if 0 <= size <= _LARGEST_BYTES and _ETAG.fullmatch(etag):
            sequencer = _sequencer(described)
            self._add(ObjectChange(key, ChangeKind.CREATED, sequencer, at, etag, size))
        else:
            self._looks.append(key)

    def _removed(
        self, key: str, described: Mapping[str, Any], at: datetime, *, certain: bool
    ) -> None:
        if certain:
            self._add(ObjectChange(key, ChangeKind.REMOVED, _sequencer(described), at))
        else:
            self._looks.append(key)

    def _add(self, change: ObjectChange) -> None:
        if change.sequencer:
            self._changes.append(change)
        else:  # nobody can tell whether it is older than what the table has
            self._looks.append(change.key)


def _parsed(text: str) -> object:
    # Deep nesting ends in the one, numbers of thousands of digits in the other.
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood(f"no JSON: {shown(text)}") from error


def _mapping(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _of_type(document, name, dict)
    return found


def _text(document: Mapping[str, Any], name: str) -> str:
    text: str = _of_type(document, name, str)
    return text


def _of_type(document: Mapping[str, Any], name: str, kind: type) -> Any:
    value = document.get(name)
    if not isinstance(value, kind):
        raise NotUnderstood(f"it has no {name}")
    return value


def _time(value: object) -> datetime:
    try:
        at = datetime.fromisoformat(value if isinstance(value, str) else "")
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotUnderstood(f"no time: {shown(value)}") from error


def _sequencer(described: Mapping[str, Any]) -> str:
    """In capitals, as S3 sends it; EventBridge sends small letters. Empty where there is none."""
    value = described.get("sequencer")
    is_usable = isinstance(value, str) and _SEQUENCER.fullmatch(value)
    return str(value).upper() if is_usable else ""
