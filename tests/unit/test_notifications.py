"""What is read from a message, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync_tui.changes import ChangeKind, ObjectChange
from s3sync_tui.source.notifications import (
    Notice,
    NotUnderstood,
    Ours,
    read_document,
    read_notification,
)
from s3sync_tui.source.selection import Selection

OURS = Ours("camera-images", "cam-", Selection(["*.jpg"]))
EVERYTHING = Ours("camera-images", "", Selection())
AT = datetime(2026, 11, 24, 13, 0, 0, 123_000, tzinfo=UTC)
ETAG = "b1946ac92492d2347c6235b4d2611184"


def record(key: str = "cam-07/a.jpg", name: str = "ObjectCreated:Put", **described: Any) -> Any:
    """As S3 writes it."""
    return {
        "eventVersion": "2.5",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-11-24T13:00:00.123Z",
        "eventName": name,
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "s3sync-tui",
            "bucket": {"name": "camera-images", "arn": "arn:aws:s3:::camera-images"},
            "object": {
                "key": quote_plus(key, safe="/"),
                "size": 5,
                "eTag": ETAG,
                "sequencer": "0055AED6DCD90281E5",
                **described,
            },
        },
    }


def by_s3(*records: Any) -> str:
    return json.dumps({"Records": records})


def by_sns(message: str) -> str:
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": "8e2a6c0e-1a6f-5c4b-9f7c-3a0b4a6a9a55",
            "TopicArn": "arn:aws:sns:eu-central-1:123456789012:images",
            "Subject": "Amazon S3 Notification",
            "Message": message,
            "Timestamp": "2026-11-24T13:00:01.000Z",
        }
    )


def by_eventbridge(
    key: str = "cam-07/a.jpg",
    *,
    kind: str = "Object Created",
    described: Mapping[str, object] | None = None,
    how: str = "",
) -> str:
    """As in S3's user guide, "EventBridge event message structure"."""
    return json.dumps(
        {
            "version": "0",
            "id": "17793124-05d4-b198-2fde-7ededc63b103",
            "detail-type": kind,
            "source": "aws.s3",
            "account": "111122223333",
            "time": "2026-11-24T13:00:00Z",
            "region": "ca-central-1",
            "resources": ["arn:aws:s3:::camera-images"],
            "detail": {
                "version": "0",
                "bucket": {"name": "camera-images"},
                "object": {
                    "key": key,
                    "size": 5,
                    "etag": ETAG,
                    "sequencer": "617f08299329d189",
                    **(described or {}),
                },
                "request-id": "N4N7GDK58NMKJ12R",
                "requester": "123456789012",
                "reason": "PutObject",
                "deletion-type": how,
            },
        }
    )


CREATED = ObjectChange("cam-07/a.jpg", ChangeKind.CREATED, "0055AED6DCD90281E5", AT, ETAG, 5)


@pytest.mark.parametrize(
    "body",
    [
        by_s3(record()),
        by_sns(by_s3(record())),
        json.dumps(
            {"Records": [{"EventSource": "aws:sns", "Sns": json.loads(by_sns(by_s3(record())))}]}
        ),
        # MinIO: its own fields beside the records, the event's name with a prefix.
        json.dumps(
            {
                "EventName": "s3:ObjectCreated:Put",
                "Key": "camera-images/cam-07/a.jpg",
                "Records": [record(name="s3:ObjectCreated:Put") | {"eventSource": "minio:s3"}],
            }
        ),
    ],
    ids=["s3", "sns", "lambda from sns", "minio"],
)
def test_an_upload_is_told_in_any_envelope(body: str) -> None:
    assert read_notification(body, OURS) == Notice([CREATED])


def test_an_upload_is_told_by_eventbridge_too() -> None:
    at = AT.replace(microsecond=0)
    told = ObjectChange("cam-07/a.jpg", ChangeKind.CREATED, "617F08299329D189", at, ETAG, 5)
    for body in (by_eventbridge(), by_sns(by_eventbridge())):
        assert read_notification(body, OURS) == Notice([told])


def test_a_removal_is_told() -> None:
    removed = ObjectChange("cam-07/a.jpg", ChangeKind.REMOVED, "0055AED6DCD90281E5", AT)
    for name in (
        "ObjectRemoved:Delete",
        "ObjectRemoved:DeleteMarkerCreated",
        "LifecycleExpiration:Delete",
        "LifecycleExpiration:DeleteMarkerCreated",
    ):
        assert read_notification(by_s3(record(name=name)), OURS) == Notice([removed])
    marker = record(name="ObjectRemoved:DeleteMarkerCreated", versionId="v2")
    assert read_notification(by_s3(marker), OURS) == Notice([removed])
    for how in ("Permanently Deleted", "Delete Marker Created"):
        body = by_eventbridge(kind="Object Deleted", how=how)
        [change] = read_notification(body, OURS).changes
        assert (change.kind, change.sequencer) == (ChangeKind.REMOVED, "617F08299329D189")


@pytest.mark.parametrize(
    "body",
    [
        by_s3(record(name="ObjectRemoved:Delete", versionId="v1")),
        by_s3(record(name="LifecycleExpiration:Delete", versionId="v1")),
        by_s3(record(name="ObjectRemoved:DeleteAllVersions")),
        by_eventbridge(
            kind="Object Deleted",
            described={"version-id": "v1"},
            how="Permanently Deleted",
        ),
        by_eventbridge(kind="Object Deleted"),
        by_s3(record(sequencer=None)),
        by_s3(record(sequencer="not hexadecimal")),
        by_s3(record(eTag=None)),
        by_s3(record(eTag="a\0b")),
        by_s3(record(size=None)),
        by_s3(record(size=2**63)),
        by_s3(record(size=2**63 - 1)),
        by_s3(record(size=-1)),
    ],
)
def test_what_does_not_tell_whether_there_is_an_object_is_looked_at(body: str) -> None:
    assert read_notification(body, OURS) == Notice(looks=["cam-07/a.jpg"])


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_test_event_is_understood_and_says_nothing(wrapped: bool) -> None:
    body = json.dumps(
        {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": "2026-11-24T13:00:00.000Z",
            "Bucket": "camera-images",
            "RequestId": "5582815E1AEA5ADF",
            "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
        }
    )
    assert read_notification(by_sns(body) if wrapped else body, OURS) == Notice()


def test_what_is_not_ours_is_counted_apart() -> None:
    other = record()
    other["s3"]["bucket"]["name"] = "somebody-else's"
    notice = read_notification(
        by_s3(
            other,
            record("notes/a.jpg"),
            record("cam-07/a.txt"),
            *(
                record(name=name)
                for name in (
                    "ObjectRestore:Completed",
                    "ObjectTagging:Put",
                    "ObjectAcl:Put",
                    "Replication:OperationFailedReplication",
                    "IntelligentTiering",
                    "LifecycleTransition",
                    "s3:ObjectAccessed:Head",
                    "ReducedRedundancyLostObject",
                )
            ),
            record(),
        ),
        OURS,
    )
    assert notice == Notice([CREATED], ignored_buckets=1, ignored_objects=10)
    for kind in ("Object Tags Added", "Object Storage Class Changed", "Object ACL Updated"):
        assert read_notification(by_eventbridge(kind=kind), OURS) == Notice(ignored_objects=1)


def test_keys_that_postgres_cannot_store_are_named_and_nothing_else_is_lost() -> None:
    bad = record()
    bad["s3"]["object"]["key"] = "cam-%FF.jpg"
    notice = read_notification(by_s3(record("cam-\0.jpg"), bad, record()), OURS)
    assert notice == Notice([CREATED], rejected=["cam-\\x00.jpg", "cam-\\udcff.jpg"])
    for key in ("cam-\0.jpg", "cam-\ud800.jpg"):
        [named] = read_notification(by_eventbridge(key), OURS).rejected
        assert named.isprintable()


def test_one_bad_record_costs_only_itself() -> None:
    bad = record()
    del bad["s3"]["object"]["key"]
    notice = read_notification(by_s3(bad, record(), 7), OURS)
    assert notice == Notice([CREATED], faults=["it has no key", "no JSON object"])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "no JSON"),
        ("not json \x1b[31m\u202e", r"no JSON: not json \\x1b\[31m\\u202e"),
        ("[" * 100_000, "no JSON"),
        ("1" * 10_000, "no JSON"),
        ("[]", "no JSON object"),
        ("null", "no JSON object"),
        ("{}", "no notification of S3"),
        ('{"Records": 7}', "no list"),
        ('{"Records": [7]}', "no JSON object"),
        (by_s3(record("x" * 2000)), "longer than S3's"),
        (by_s3(record("")), "empty key"),
        (by_s3(record(name="💥")), "no event name"),
        (by_s3(record() | {"eventTime": "yesterday"}), "no time: yesterday"),
        (by_s3(record() | {"eventTime": "0001-01-01T00:00:00+23:59"}), "no time"),
        (by_s3(record() | {"s3": []}), "no notification of S3"),
        (by_sns("nothing"), "no JSON: nothing"),
        (json.dumps({"Type": "SubscriptionConfirmation", "Message": "{}"}), "confirm the"),
        (by_eventbridge().replace("aws.s3", "aws.ec2"), "an event of aws.ec2"),
        (by_sns(by_sns(by_sns(by_sns(by_sns("{}"))))), "too many envelopes"),
    ],
)
def test_what_is_no_notification_says_why_on_one_short_line(body: str, words: str) -> None:
    with pytest.raises(NotUnderstood, match=words) as caught:
        read_notification(body, EVERYTHING)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 120


KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=250)


@given(key=KEYS, slash_is_safe=st.booleans())
def test_any_key_survives_s3_s_own_encoding(key: str, slash_is_safe: bool) -> None:
    body = record()
    body["s3"]["object"]["key"] = quote_plus(key, safe="/" if slash_is_safe else "")
    [told] = read_notification(by_s3(body), EVERYTHING).changes
    assert told.key == key
    [told] = read_notification(by_sns(by_s3(body)), EVERYTHING).changes
    assert told.key == key
    [told] = read_notification(by_eventbridge(key), EVERYTHING).changes
    assert told.key == key


@given(key=KEYS)
def test_a_key_that_looks_encoded_is_decoded_once(key: str) -> None:
    looks_encoded = quote(key)[:900] + "+%20"
    [told] = read_notification(by_s3(record(looks_encoded)), EVERYTHING).changes
    assert told.key == looks_encoded


_NAMES = """Records s3 object bucket name key eTag size sequencer eventName eventTime Message Type
Event detail-type source detail time Sns versionId etag deletion-type version-id"""
_VALUES = """camera-images,ObjectCreated:Put,ObjectRemoved:Delete,2026-11-24T13:00:00Z,aws.s3
Object Created,Object Deleted,Notification,s3:TestEvent,%FF%00""".replace("\n", ",")
NAMES = st.sampled_from(_NAMES.split())
VALUES = st.sampled_from(_VALUES.split(","))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=30,
)


def paths(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = document.items() if isinstance(document, dict) else enumerate(document)
    found = [path] if path else []
    if isinstance(document, dict | list):
        for name, value in inside:
            nested = isinstance(value, dict | list)
            found += paths(value, (*path, name)) if nested else [(*path, name)]
    return found


def understood_or_not(body: str) -> None:
    try:
        notice = read_notification(body, EVERYTHING)
    except NotUnderstood as error:
        notice = Notice(faults=[str(error)])
    for text in notice.rejected + notice.faults:
        assert text.isprintable()
    for key in [*notice.looks, *(change.key for change in notice.changes)]:
        assert "\0" not in key
        assert 0 < len(key.encode()) <= 1024
    for change in notice.changes:
        assert change.sequencer
        assert change.at.utcoffset() is not None
        assert 0 <= change.size_bytes < 2**63


@given(body=st.text())
def test_no_text_is_more_than_not_understood(body: str) -> None:
    understood_or_not(body)


@given(document=DOCUMENTS)
def test_no_document_is_more_than_not_understood(document: Any) -> None:
    understood_or_not(json.dumps(document))


def test_no_depth_is_more_than_not_understood() -> None:
    document: dict[str, Any] = {}
    for _ in range(5000):
        document = {"Sns": document}
    with pytest.raises(NotUnderstood, match="too many envelopes"):
        read_document(document, EVERYTHING)


@given(
    body=st.sampled_from([by_s3(record()), by_sns(by_s3(record())), by_eventbridge()]),
    value=DOCUMENTS,
    data=st.data(),
)
def test_no_damage_to_a_good_message_is_more_than_not_understood(
    body: str, value: Any, data: st.DataObject
) -> None:
    document = json.loads(body)
    *way, last = data.draw(st.sampled_from(paths(document)))
    place = document
    for name in way:
        place = place[name]
    place[last] = value
    understood_or_not(json.dumps(document))
