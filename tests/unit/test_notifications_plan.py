"""What is to be set up, whatever there is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync_tui.errors import SettingsError
from s3sync_tui.headless.notifications_plan import EVENTS, Found, Plan, Wanted, plan

WANTED = Wanted("camera-images", "cam-", "aws", "eu-central-1", "123456789012", "images")
NOTHING = Found({}, None, {}, None)
DONE = Found({}, "https://sqs/images", {"RedrivePolicy": "{}"}, "https://sqs/images-dead")


def entry(
    prefix: str = "", suffix: str = "", *, events: list[str] | None = None, **more: str
) -> dict[str, Any]:
    rules = [("Prefix", prefix), ("Suffix", suffix)]
    return {
        "Id": "theirs",
        "Events": events or ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": n, "Value": v} for n, v in rules if v]}},
        **more,
    }


def queues(*entries: dict[str, Any]) -> Found:
    return replace(NOTHING, configuration={"QueueConfigurations": list(entries)})


def applied(found: Found, todo: Plan) -> Found:
    """What is there once it is done."""
    changes = {"RedrivePolicy": todo.redrive, "Policy": todo.policy}
    return Found(
        found.configuration if todo.configuration is None else todo.configuration,
        "https://sqs/images",
        {**found.queue, **{name: text for name, text in changes.items() if text}},
        "https://sqs/images-dead",
    )


def test_where_there_is_nothing_all_is_made_and_then_nothing_is_to_do() -> None:
    todo = plan(NOTHING, WANTED)
    assert len(list(todo.lines(WANTED))) == 5
    assert not plan(applied(NOTHING, todo), WANTED)


def test_what_others_have_stays_to_the_letter() -> None:
    theirs = {
        "QueueConfigurations": [entry("reports/", QueueArn="arn:aws:sqs:eu:1:reports")],
        "TopicConfigurations": [entry("logs/", TopicArn="arn:aws:sns:eu:1:logs")],
        "LambdaFunctionConfigurations": [
            entry(events=["s3:ObjectRestore:*"], LambdaFunctionArn="arn:aws:lambda:eu:1:f")
        ],
        "EventBridgeConfiguration": {},
    }
    todo = plan(replace(NOTHING, configuration=theirs), WANTED)
    assert todo.configuration is not None
    *others, ours = todo.configuration["QueueConfigurations"]
    assert {**todo.configuration, "QueueConfigurations": others} == theirs
    assert (ours["QueueArn"], ours["Events"]) == (WANTED.queue_arn, EVENTS)
    assert todo.kept == 3


@pytest.mark.parametrize(
    "theirs",
    [
        entry(QueueArn="arn:other"),
        entry("cam-07/", QueueArn="arn:other"),
        entry("c", QueueArn="arn:other"),
        entry(suffix=".jpg", QueueArn="arn:other"),
        entry(events=["s3:ObjectRemoved:Delete"], QueueArn="arn:other"),
        entry(events=["s3:ObjectCreated:Put"], QueueArn="arn:other"),
        entry("cam-07/", QueueArn=WANTED.queue_arn),
    ],
)
def test_an_entry_that_s3_would_take_for_the_same_is_named(theirs: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="theirs") as caught:
        plan(queues(theirs), WANTED)
    assert theirs["QueueArn"] in str(caught.value)


@pytest.mark.parametrize(
    "theirs",
    [
        entry("dam-", QueueArn="arn:other"),
        entry(events=["s3:ObjectTagging:*"], QueueArn="arn:other"),
        entry(events=["s3:LifecycleTransition"], QueueArn="arn:other"),
    ],
)
def test_an_entry_that_is_apart_is_not_in_the_way(theirs: dict[str, Any]) -> None:
    todo = plan(queues(theirs), WANTED)
    assert todo.configuration is not None
    assert theirs in todo.configuration["QueueConfigurations"]


def test_an_entry_of_somebody_s_that_does_it_already_is_enough() -> None:
    theirs = entry("c", events=[*EVENTS, "s3:ObjectTagging:*"], QueueArn=WANTED.queue_arn)
    assert plan(queues(theirs), WANTED).configuration is None


def test_our_own_entry_follows_the_settings() -> None:
    first = plan(NOTHING, WANTED).configuration
    assert first is not None
    other = replace(WANTED, prefix="dam-")
    second = plan(replace(NOTHING, configuration=first), other).configuration
    assert second is not None
    [only] = second["QueueConfigurations"]
    assert only["Filter"]["Key"]["FilterRules"] == [{"Name": "prefix", "Value": "dam-"}]


def test_a_prefix_is_written_as_s3_wants_it_in_a_filter() -> None:
    wanted = replace(WANTED, prefix="day=1/a b+/")
    todo = plan(NOTHING, wanted)
    assert todo.configuration is not None
    [ours] = todo.configuration["QueueConfigurations"]
    assert ours["Filter"]["Key"]["FilterRules"][0]["Value"] == "day%3D1/a+b%2B/"
    assert not plan(applied(NOTHING, todo), wanted)
    theirs = entry("day%3D1/", QueueArn="arn:other")
    with pytest.raises(SettingsError, match="under day=1/ to"):
        plan(queues(theirs), wanted)


@pytest.mark.parametrize(
    "policy", ["no json", "[]", "7", '{"Statement": 7}', '{"Statement": ["a"]}']
)
def test_a_policy_that_cannot_be_read_is_not_overwritten(policy: str) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        plan(replace(DONE, queue={"Policy": policy}), WANTED)


def test_one_statement_and_a_name_that_is_taken() -> None:
    theirs = {"Sid": "S3syncTuiNotifications", "Effect": "Deny", "Principal": "*"}
    present = json.dumps({"Version": "2008-10-17", "Id": "theirs", "Statement": theirs})
    todo = plan(replace(DONE, queue={"Policy": present}), WANTED)
    policy = json.loads(todo.policy or "")
    assert policy["Statement"][0] == theirs
    assert policy["Statement"][1]["Sid"] == "S3syncTuiNotifications2"
    assert (policy["Version"], policy["Id"]) == ("2008-10-17", "theirs")
    assert plan(replace(DONE, queue={"Policy": todo.policy or ""}), WANTED).policy is None


def test_a_queue_that_has_dead_letters_elsewhere_keeps_them() -> None:
    todo = plan(replace(DONE, dead_url=None), WANTED)
    assert (todo.creates_dead, todo.redrive) == (False, None)


@given(
    ours=st.text("ab", max_size=3),
    theirs=st.text("ab", max_size=3),
    suffix=st.sampled_from(["", ".jpg"]),
)
def test_prefixes_overlap_where_a_key_can_have_both(ours: str, theirs: str, suffix: str) -> None:
    keys = [f"{longer}x.jpg" for longer in (ours, theirs)]
    both = any(k.startswith(ours) and k.startswith(theirs) and k.endswith(suffix) for k in keys)
    found = queues(entry(theirs, suffix, QueueArn="arn:other"))
    try:
        plan(found, replace(WANTED, prefix=ours))
        is_refused = False
    except SettingsError:
        is_refused = True
    assert is_refused is both
