"""One listing answer: what is read from it, and what is not believed."""

from __future__ import annotations

from urllib.parse import quote_plus
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3sync_tui.model import KeyRange
from s3sync_tui.source.document import read_document
from s3sync_tui.source.listing import ErrorInside, InvalidAnswer, Listing, printable
from s3sync_tui.source.page import beyond, build_page, parse_listing
from s3sync_tui.source.pattern import read_pattern
from s3sync_tui.source.selection import Selection

AWS = "http://s3.amazonaws.com/doc/2006-03-01/"
DAY = "2026-11-24T12:00:00.000Z"


def entry(key: str, *, order: str = "KMES") -> str:
    parts = {
        "K": f"<Key>{key}</Key>",
        "M": f"<LastModified>{DAY}</LastModified>",
        "E": "<ETag>&quot;0123-4&quot;</ETag>",
        "S": "<Size>7</Size>",
        "O": "<Owner><ID>me</ID></Owner>",
    }
    return f"<Contents>{''.join(parts[letter] for letter in order)}</Contents>"


def document(
    *entries: str,
    namespace: str = AWS,
    encoded: bool = True,
    more: str = "<IsTruncated>false</IsTruncated>",
    tail: str = "",
) -> bytes:
    xmlns = f' xmlns="{namespace}"' if namespace else ""
    kind = "<EncodingType>url</EncodingType>" if encoded else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult{xmlns}>'
        f"<Name>b</Name><Prefix/>{more}{kind}{''.join(entries)}{tail}</ListBucketResult>"
    ).encode()


def listing_of(*keys: str, token: str | None = None) -> Listing:
    more = (
        f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
        if token
        else "<IsTruncated>false</IsTruncated>"
    )
    encoded = [quote_plus(key.encode("utf-8", "surrogateescape")) for key in keys]
    return parse_listing(document(*map(entry, encoded), more=more))


@pytest.mark.parametrize("namespace", [AWS, "", "http://doc.s3.amazonaws.com/2006-03-01"])
@pytest.mark.parametrize("order", ["KMES", "SEMK", "OKSME", "EKOMS"])
def test_elements_are_found_in_any_order_and_namespace(namespace: str, order: str) -> None:
    tail = "<CommonPrefixes><Prefix>z%2F</Prefix></CommonPrefixes>"
    body = document(
        entry("a", order=order), entry("b", order=order), namespace=namespace, tail=tail
    )
    listing = parse_listing(body)
    assert (listing.keys, listing.etags) == (["a", "b"], ["0123-4", "0123-4"])
    assert (listing.sizes, listing.modified) == ([7, 7], [DAY, DAY])
    assert listing.common_prefixes == ["z/"]
    assert listing.next_token is None
    assert listing.weight_bytes == len(body)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-24T12:00:00+0000", "2026-11-24T12:00:00.000000Z"),
        ("2026-11-24T01:30:00.25+02:00", "2026-11-23T23:30:00.250000Z"),
        ("2026-11-24T12:00:00.123456789-05:30", "2026-11-24T17:30:00.123456Z"),
        (" 2026-11-24T12:00:00Z ", "2026-11-24T12:00:00Z"),
    ],
)
def test_times_of_other_zones_are_read_in_utc(written: str, meant: str) -> None:
    listing = parse_listing(document(entry("a").replace(DAY, written), entry("b")))
    assert listing.modified == [meant, DAY]


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+02:00", "2026-11-24T12:00:00+99:00"])
def test_times_that_no_calendar_has_are_not_believed(written: str) -> None:
    with pytest.raises(InvalidAnswer, match="time"):
        parse_listing(document(entry("a").replace(DAY, written)))


@pytest.mark.parametrize("name", ["utf-8", "utf8", "US-ASCII", "ascii"])
def test_an_encoding_that_is_utf8_is_read_whatever_it_is_called(name: str) -> None:
    body = document(entry("a")).replace(b'"UTF-8"', f'"{name}"'.encode())
    assert parse_listing(body).keys == ["a"]


FOLDERS = "<CommonPrefixes><Prefix>a%2Bb+c%2F</Prefix></CommonPrefixes>" * 2


@pytest.mark.parametrize(
    "body",
    [
        document(),
        document(tail=FOLDERS),
        document(entry("a"), tail=FOLDERS),
        document(
            more="", tail=f"{FOLDERS}<Delimiter>%2F</Delimiter><IsTruncated>false</IsTruncated>"
        ),
        document(
            more="<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
        ),
    ],
)
def test_pages_without_objects_and_with_folders_are_read_by_the_pattern(body: bytes) -> None:
    assert read_pattern(body) == read_document(body)


PIECES = [
    *("<Contents>", "</Contents>", "<Key>", "</Key>", "<Key/>", "<Size>7</Size>", "<Owner/>"),
    *("<CommonPrefixes>", "</CommonPrefixes>", "<Prefix>", "</Prefix>", "<Prefix/>", FOLDERS),
    *(
        "<IsTruncated>",
        "</IsTruncated>",
        "<EncodingType>url</EncodingType>",
        "<Delimiter>/</Delimiter>",
    ),
    *(
        "true",
        "&amp;",
        "&quot;",
        "&",
        "<",
        ">",
        "%2F",
        "%",
        "+",
        " ",
        "\n",
        "\x01",
        "é",
        "<!-- -->",
        "",
    ),
    *("<NextContinuationToken>t</NextContinuationToken>", entry("k"), "</ListBucketResult>", '"'),
]


@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from(
        [
            document(),
            document(tail=FOLDERS),
            document(entry("a"), entry("b"), tail=FOLDERS),
            document(entry("a"), more="<IsTruncated>true</IsTruncated>"),
        ]
    ),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(PIECES)), max_size=3),
)
def test_what_the_pattern_takes_it_reads_as_the_parser_does(
    body: bytes, changes: list[tuple[float, int, str]]
) -> None:
    text = body.decode()
    for place, length, piece in changes:
        # At the edge of an element, mostly: elsewhere next to nothing is left to be taken.
        start = text.find("<", int(place * len(text)))
        text = text[:start] + piece + text[start + length :] if start >= 0 else text + piece
    listing = read_pattern(text.encode())
    if listing is not None:
        assert listing == read_document(text.encode())


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), unique=True))
def test_every_key_survives_url_encoding(keys: list[str]) -> None:
    assert listing_of(*keys).keys == keys


def test_keys_are_decoded_exactly_once() -> None:
    body = document(entry("a%2520b+c%2B"))
    assert parse_listing(body).keys == ["a%20b c+"]


def test_raw_keys_of_a_store_that_does_not_encode_are_left_alone() -> None:
    raw = ["100%25 a+b.jpg", "x & <y>.jpg", "日本.jpg"]
    body = document(*[entry(escape(key)) for key in raw], encoded=False)
    assert parse_listing(body).keys == raw


@pytest.mark.parametrize("odd", ["<Key>a<!-- x -->b</Key>", "<Key><![CDATA[a]]>b</Key>"])
def test_a_key_in_pieces_is_put_together(odd: str) -> None:
    body = document(entry("PLACE").replace("<Key>PLACE</Key>", odd))
    assert parse_listing(body).keys == ["ab"]


def test_an_object_without_an_etag_is_still_an_object() -> None:
    assert parse_listing(document(entry("a"), entry("b", order="KMS"))).etags == ["0123-4", ""]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Sign in</body></html>",
        b"<html><br>Sign in</html>",
        document(entry("a"))[:-30],
        document(entry("a", order="KME")),
        document(entry("")),
        document(entry("a", order="MES"), entry("b", order="KKMES")),
        document(entry("a").replace("<Size>7", "<Size>many")),
        document(more=""),
        document(more="<IsTruncated>true</IsTruncated>"),
        document(more="<IsTruncated>true</IsTruncated><NextContinuationToken/>"),
        b'<!DOCTYPE x [<!ENTITY e "boom">]>' + document(entry("&e;")).partition(b"\n")[2],
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + document(entry("a")).partition(b"\n")[2],
        document(entry("a")).replace(b"<Name>b", b"<Name>\x01"),
    ],
)
def test_what_is_no_complete_listing_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidAnswer):
        parse_listing(body)


def test_an_error_inside_a_200_is_refused_with_its_code() -> None:
    with pytest.raises(ErrorInside, match="InternalError"):
        parse_listing(b"<Error><Code>InternalError</Code></Error>")


@pytest.mark.parametrize(
    ("keys", "after", "prefix"),
    [
        (["b", "a"], "", ""),
        (["a", "a"], "", ""),
        (["a", "b"], "a", ""),
        (["a", "b"], "c", ""),
        (["p/a", "q"], "", "p/"),
        (["o", "p/a"], "", "p/"),
        (["a\udcff", "a\uffff"], "", ""),  # the byte FF sorts after every character
    ],
)
def test_keys_that_do_not_rise_are_refused(keys: list[str], after: str, prefix: str) -> None:
    with pytest.raises(InvalidAnswer):
        listing_of(*keys).check(after=after, prefix=prefix, tokens=())


def test_keys_rise_by_their_bytes() -> None:
    keys = ["a\uffff", "a\U0001f600", "a\udcff"]
    listing_of(*keys).check(after="a", prefix="a", tokens=())


def test_a_repeated_token_is_refused() -> None:
    listing_of("a", token="t1").check(after="", prefix="", tokens={"t0"})
    with pytest.raises(InvalidAnswer, match="token"):
        listing_of("a", token="t1").check(after="", prefix="", tokens={"t0", "t1"})


def test_a_page_ends_at_its_last_key_and_the_last_page_at_the_end_of_the_range() -> None:
    listing = listing_of("a.jpg", "b.txt", "c.jpg", "d.jpg", token="t")
    span, selection = KeyRange("A", "c.jpg"), Selection(["*.jpg"])
    page = build_page(listing, KeyRange("A"), selection, last=False)
    assert page.span == KeyRange("A", "d.jpg")
    assert page.images.keys == ["a.jpg", "c.jpg", "d.jpg"]
    assert page.others == ["b.txt"]
    page = build_page(listing, span, selection, last=True)
    assert page.span == span
    assert page.images.keys == ["a.jpg", "c.jpg"]
    assert [len(c) for c in (page.images.etags, page.images.sizes, page.images.modified)] == [2] * 3


def test_an_empty_listing_covers_its_range() -> None:
    page = build_page(listing_of(), KeyRange("a", "b"), Selection(), last=True)
    assert (page.span, len(page.images)) == (KeyRange("a", "b"), 0)


def test_what_postgres_cannot_store_is_named_but_never_a_boundary() -> None:
    listing = listing_of("a.jpg", "b\0.jpg", "c\udcff.jpg", "c\udcff.txt", token="t")
    page = build_page(listing, KeyRange(), Selection(["*.jpg"]), last=False)
    assert page.images.keys == ["a.jpg"]
    assert (page.rejected, page.others) == ([], [])
    assert page.span == KeyRange("", "a.jpg")
    page = build_page(
        listing_of("d.jpg"),
        KeyRange("a.jpg"),
        Selection(["*.jpg"]),
        last=True,
        held=beyond(listing),
    )
    assert page.rejected == ["b\\x00.jpg", "c\\xff.jpg"]
    assert page.others == ["c\\xff.txt"]
    listing = listing_of("b\0.jpg", token="t")
    assert build_page(listing, KeyRange("a"), Selection(), last=False).span == KeyRange("a", "a")


def test_broken_keys_become_readable() -> None:
    assert printable("日本\0\udcfe\n😀") == "日本\\x00\\xfe\\n😀"
