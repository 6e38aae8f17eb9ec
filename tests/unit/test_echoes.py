"""A page of another request is not believed; one of a store that repeats little or nothing is."""

from __future__ import annotations

from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3sync_tui.source.document import read_document
from s3sync_tui.source.listing import InvalidAnswer, Listing
from s3sync_tui.source.page import parse_listing
from s3sync_tui.source.pattern import read_pattern

BUCKET = "photos"
PREFIX, AFTER, TOKEN = "cam 1/", "cam 1/ü+&%.jpg", "1/a+b=c=="
FIRST: dict[str, str | int] = {"EncodingType": "url", "Prefix": PREFIX, "StartAfter": AFTER}
NEXT: dict[str, str | int] = {"EncodingType": "url", "Prefix": PREFIX, "ContinuationToken": TOKEN}


def listing(encoding: str = "url", **elements: str) -> Listing:
    said = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in elements.items())
    entry = (
        "<Contents><Key>k</Key><LastModified>2026-11-24T12:00:00.000Z</LastModified>"
        "<ETag>&quot;0123&quot;</ETag><Size>7</Size></Contents>"
    )
    kind = f"<EncodingType>{encoding}</EncodingType>" if encoding else ""
    return parse_listing(
        f"<ListBucketResult>{said}<IsTruncated>false</IsTruncated>{kind}{entry}"
        "</ListBucketResult>".encode()
    )


@pytest.mark.parametrize(
    "said",
    [
        {},  # R2, and whoever leaves it all out
        {"Name": BUCKET, "Prefix": quote_plus(PREFIX), "StartAfter": quote_plus(AFTER)},  # AWS
        {"Name": BUCKET, "Prefix": quote(PREFIX), "StartAfter": AFTER},  # moto
        {"Name": BUCKET, "Prefix": PREFIX, "StartAfter": AFTER},  # encodes keys alone
        {"Name": BUCKET.upper(), "Prefix": "", "StartAfter": "", "ContinuationToken": ""},
        {"Name": BUCKET, "KeyCount": "1", "MaxKeys": "100"},
        {"KeyCount": "0"},  # some count no keys
        {"Name": f"/s3/account/{BUCKET}"},  # Ambry
        {"KeyCount": "50493"},  # those of the whole bucket, at s3ninja
        {"StartAfter": AFTER, "ContinuationToken": AFTER},  # versitygw
        {"KeyCount": "many"},
    ],
)
def test_what_stores_say_of_our_own_request_is_taken(said: dict[str, str]) -> None:
    listing(**said).check_request(FIRST, BUCKET)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"Name": "videos"}, "bucket 'videos'"),
        ({"Prefix": "cam%202/"}, "another request"),
        ({"Prefix": "cam"}, "another request"),
        ({"StartAfter": quote_plus(AFTER + "0")}, "another request"),
        ({"StartAfter": "cam"}, "another request"),
        ({"ContinuationToken": TOKEN}, "another request"),
        ({"Delimiter": "/"}, "another request"),
        ({"KeyCount": "2"}, "1 keys where it says 2"),
    ],
)
def test_a_page_of_another_request_is_refused(said: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidAnswer, match=words):
        listing(**said).check_request(FIRST, BUCKET)


def test_what_nobody_asked_for_is_no_answer_of_ours() -> None:
    for element in ("Prefix", "Delimiter", "StartAfter", "ContinuationToken"):
        with pytest.raises(InvalidAnswer, match=element):
            listing(**{element: "x"}).check_request({"EncodingType": "url"}, BUCKET)


@pytest.mark.parametrize("token", [TOKEN, quote_plus(TOKEN)])
@pytest.mark.parametrize("started", [{}, {"StartAfter": "cam 1/a"}])
def test_the_next_page_may_say_where_all_began(token: str, started: dict[str, str]) -> None:
    listing(ContinuationToken=token, **started).check_request(NEXT, BUCKET)
    with pytest.raises(InvalidAnswer, match="another request"):
        listing(ContinuationToken=token + "x").check_request(NEXT, BUCKET)


@pytest.mark.parametrize("start", ["j", "cam%201%2Fb"])
def test_a_next_page_that_began_further_on_is_refused(start: str) -> None:
    with pytest.raises(InvalidAnswer, match="further on"):
        listing(StartAfter=start).check(after="cam 1/a", prefix="", tokens=())
    # As stores may tell it: where all began, what the last page ended with, what this begins with.
    for known in ("a", "cam 1/a", "cam%201%2Fa", "k"):
        listing(StartAfter=known).check(after="cam 1/a", prefix="", tokens=())


@pytest.mark.parametrize(
    "bucket", ["arn:aws:s3:eu-west-1:123456789012:accesspoint/a", "a-1b2c3d-s3alias"]
)
def test_what_is_behind_an_access_point_has_a_name_of_its_own(bucket: str) -> None:
    listing(Name=BUCKET).check_request(FIRST, bucket)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])), st.sampled_from([quote, str]))
def test_any_prefix_is_known_again_encoded_or_not(prefix: str, write: object) -> None:
    said = write(prefix) if callable(write) else ""
    listing(Prefix=said).check_request({"EncodingType": "url", "Prefix": prefix}, BUCKET)


def test_ends_of_lines_are_all_alike_to_xml() -> None:
    asked = "a\r\nb\rc\n"
    listing(StartAfter=asked).check_request({"StartAfter": asked}, BUCKET)


def test_both_readers_hear_the_same() -> None:
    body = (
        b"<ListBucketResult><Name>photos</Name><Prefix/><KeyCount>0</KeyCount>"
        b"<MaxKeys>9</MaxKeys><StartAfter>a%2Bb</StartAfter><EncodingType>url</EncodingType>"
        b"<IsTruncated>false</IsTruncated></ListBucketResult>"
    )
    fast = read_pattern(body)
    assert fast == read_document(body)
    assert fast is not None
    assert fast.said == {"Name": "photos", "KeyCount": "0", "StartAfter": "a%2Bb"}


@pytest.mark.parametrize("encoding", ["base64", "URL", "none", "url url"])
def test_another_encoding_than_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(InvalidAnswer, match="encoding that nobody asked for"):
        listing(encoding=encoding)


def test_keys_that_only_claim_to_be_encoded_are_refused() -> None:
    for key in ("100%.jpg", "a%zz.jpg", "a+b c.jpg"):
        body = (
            "<ListBucketResult><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>"
            f"<Contents><Key>{key}</Key><LastModified>2026-11-24T12:00:00.000Z</LastModified>"
            "<ETag>0</ETag><Size>7</Size></Contents></ListBucketResult>"
        )
        with pytest.raises(InvalidAnswer, match="not encoded, though it says so"):
            parse_listing(body.encode())
        plain = body.replace("<EncodingType>url</EncodingType>", "")
        assert parse_listing(plain.encode()).keys == [key]
