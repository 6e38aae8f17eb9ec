"""What fuzzing begins with: real pages, messages, errors and settings, and their words."""

from __future__ import annotations

import json

from s3sync_tui.settings import SETTINGS
from tests.unit.test_notifications import by_eventbridge, by_s3, by_sns, record

_AWS = "http://s3.amazonaws.com/doc/2006-03-01/"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_TIME = "2026-11-24T12:00:00.000Z"


def _page(*parts: str, namespace: str = _AWS, declaration: str = _DECLARATION) -> bytes:
    xmlns = f' xmlns="{namespace}"' if namespace else ""
    return f"{declaration}<ListBucketResult{xmlns}>{''.join(parts)}</ListBucketResult>".encode()


def _aws(key: str) -> str:
    return (
        f"<Contents><Key>{key}</Key><LastModified>{_TIME}</LastModified>"
        "<ETag>&quot;b1946ac92492d2347c6235b4d2611184&quot;</ETag>"
        "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
        "<Size>5</Size><StorageClass>STANDARD</StorageClass></Contents>"
    )


_LAST = "<IsTruncated>false</IsTruncated>"
_URL = "<EncodingType>url</EncodingType>"
_FOLDERS = (
    "<CommonPrefixes><Prefix>cam-08%2F</Prefix></CommonPrefixes>"
    "<CommonPrefixes><Prefix>cam+09%2F</Prefix></CommonPrefixes>"
)

PAGES = [
    _page(
        "<Name>b</Name><Prefix/><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys>",
        _URL,
        _LAST,
        _aws("cam-07/a.jpg"),
        _aws("cam-07/b+c%25.jpg"),
    ),
    _page(
        "<Name>b</Name><Prefix>cam-</Prefix><StartAfter>cam-06%2F</StartAfter>",
        "<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken>",
        "<KeyCount>1</KeyCount><MaxKeys>1</MaxKeys><Delimiter>%2F</Delimiter>",
        _URL,
        "<IsTruncated>true</IsTruncated>",
        _aws("cam-07%00.jpg"),
        _FOLDERS,
    ),
    _page("<Name>b</Name><Prefix></Prefix>", _URL, _LAST, declaration=""),
    # MinIO: numbered quotes, delimiters before the objects, the prefixes behind.
    _page(
        "<Name>b</Name><Prefix></Prefix><KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys>"
        "<Delimiter></Delimiter><IsTruncated>false</IsTruncated><Contents><Key>a.jpg</Key>"
        f"<LastModified>{_TIME}</LastModified><ETag>&#34;0123-4&#34;</ETag><Size>7</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>",
        _URL,
    ),
    # R2: plain quotes, no namespace of its own for what is nested.
    _page(
        "<Name>b</Name>",
        f'<Contents><Key>a.jpg</Key><LastModified>{_TIME}</LastModified><ETag>"0123"</ETag>'
        "<Size>7</Size></Contents>",
        _LAST,
        "<MaxKeys>1000</MaxKeys>",
        _URL,
    ),
    # Ceph and others: owners, another order, keys as they are.
    _page(
        "<Name>b</Name><IsTruncated>false</IsTruncated><Contents><ETag>&quot;0&quot;</ETag>"
        f"<LastModified>{_TIME}</LastModified><Owner><ID>me</ID></Owner><Size>0</Size>"
        "<Key>cam &amp; 100%.jpg</Key></Contents>",
        namespace="",
    ),
    # Google: indented, a namespace of its own, directories without an ETag.
    _page(
        "\n <Name>b</Name>\n <IsTruncated>false</IsTruncated>\n <EncodingType>url</EncodingType>"
        f"\n <Contents>\n  <Key>dir%2F</Key>\n  <Size>0</Size>\n  <LastModified>{_TIME}"
        "</LastModified>\n </Contents>\n",
        namespace="http://doc.s3.amazonaws.com/2006-03-01",
    ),
    f"{_DECLARATION}<Error><Code>InternalError</Code></Error>".encode(),
    b"<html><body>Sign in</body></html>",
]

PAGE_WORDS = [
    *("<Contents>", "</Contents>", "<Key>", "</Key>", "<Key/>", "<Size>", "</Size>", "<Owner/>"),
    *("<CommonPrefixes>", "</CommonPrefixes>", "<Prefix>", "</Prefix>", "<Prefix/>", "<ETag>"),
    *(
        "<IsTruncated>",
        "</IsTruncated>",
        "<IsTruncated/>",
        "true",
        "false",
        _URL,
        "<EncodingType/>",
    ),
    *("<NextContinuationToken>t</NextContinuationToken>", "<NextContinuationToken/>", _LAST),
    *("<LastModified>", "</LastModified>", "2026-02-30T12:00:00Z", "infinity", "-1", "9" * 18),
    *("&amp;", "&quot;", "&#34;", "&#0;", "&#xD800;", "&lt;", "&x;", "&", "<", ">", "]]>", '"'),
    *("<![CDATA[", "<![CDATA[x]]>", "<!-- -->", "<?x y?>", "<!DOCTYPE x>", "<x/>", "<x:Key/>"),
    *("%", "%2F", "%00", "%FF", "%0A", "+", " ", "\n", "\r\n", "\t", "\x01", "\x1c", "\x7f", "é"),
    *('encoding="ISO-8859-1"', 'encoding="UTF-16"', 'encoding="utf-7"', "\ufeff", "😀", "\u2028"),
    *(' xmlns="x"', ' xmlns=""', ' xmlns:x="y"', "</ListBucketResult>", "<ListBucketResult>"),
    *(_aws("k"), _FOLDERS, "<KeyCount>2</KeyCount>", "<StorageClass>&</StorageClass>"),
]

MESSAGES = [
    by_s3(record()),
    by_s3(record(name="ObjectRemoved:Delete"), record("cam-07/b c+%.jpg", versionId="v1")),
    by_s3(record(name="LifecycleExpiration:DeleteMarkerCreated", sequencer="0055AED6DCD90281E5FF")),
    by_sns(by_s3(record())),
    json.dumps(
        {"Records": [{"EventSource": "aws:sns", "Sns": json.loads(by_sns(by_s3(record())))}]}
    ),
    by_eventbridge(),
    by_eventbridge(kind="Object Deleted", how="Permanently Deleted"),
    '{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "camera-images"}',
]

MESSAGE_WORDS = [
    *('"Records"', '"s3"', '"Sns"', '"Message"', '"detail-type"', '"detail"', '"object"', '"key"'),
    *('"sequencer"', '"eventTime"', '"size"', '"versionId"', "null", "true", "[]", "{}", "1e999"),
    *("NaN", "-1", "9" * 30, "\\u0000", "\\ud800", "%00", "%FF", "0001-01-01T00:00:00+14:00"),
    *('"9999-12-31T23:59:59-14:00"', '"ObjectCreated:*"', '"s3:ObjectRemoved:Delete"', "[" * 50),
]

ERRORS = [
    b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
    b"<Error><Code>PermanentRedirect</Code><Region>eu-west-1</Region></Error>",
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
    b"<Error><Code>ExpiredToken</Code></Error>",
    b"",
]

REST_ERRORS = [
    json.dumps({"code": code, "message": message, "details": None, "hint": hint}).encode()
    for code, message, hint in [
        ("PGRST202", "Could not find the function public.s3sync_version", "Perhaps you meant"),
        ("PGRST301", "JWT expired", None),
        ("42501", "permission denied for table images", None),
        ("57014", "canceling statement due to statement timeout", None),
        ("", "", None),
    ]
] + [b'{"msg": "no"}', b'{"error": {"message": "no"}}', b"[]", b'"text"', b"<html></html>", b""]

SETTINGS_FILES = [
    b'bucket = "camera-images"\nprefix = "cam-"\nbatch_size = 5000\ninclude = ["*.jpg"]\n',
    b'database_url = "postgresql://u:p@localhost:5432/db"\n[section]\nx = 1\n',
    b'supabase_url = "https://abcdefghijklmnopqrst.supabase.co"\n',
]

SETTINGS_WORDS = [
    *(f"{setting.file_key} = " for setting in SETTINGS),
    *("[", "]", "{", "}", '"', '"""', "'", "=", ".", "\n", "1e9999", "nan", "inf", "-1", "true"),
    *("1979-05-27T07:32:00Z", "07:32:00", "\\u0000", "\\U0010FFFF", "9" * 5000, "\ufeff", "\r\n"),
    *("postgresql://", "https://", "~/", "*.jpg", "\x00", "file:///", "[::1]", ":99999"),
]
