"""URLs are signed as boto3 signs them, whatever we leave out of it to start sooner."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.session import Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s3sync_tui.source.mould import Mould
from s3sync_tui.source.signing import VALID_SECONDS, AddressingStyle, Operation, Signer

REQUESTS: list[tuple[Operation, dict[str, str | int]]] = [
    ("head_bucket", {}),
    ("list_objects_v2", {"EncodingType": "url", "MaxKeys": 1000, "Prefix": "a b/é+%"}),
    ("list_objects_v2", {"EncodingType": "url", "ContinuationToken": "1/abc=="}),
    (
        "list_objects_v2",
        {"EncodingType": "url", "StartAfter": "a+b%20c d\n\t\x01~*'\"&=?#;/日本😀"},
    ),
    ("list_objects_v2", {"Prefix": "//../a//b/", "Delimiter": "/", "EncodingType": "url"}),
    ("list_objects_v2", {"EncodingType": "url"}),
    ("head_bucket", {}),
]
CONFIG = """
[default]
region = ap-south-1

[profile other]
aws_access_key_id = AKIDPROFILE
aws_secret_access_key = of-the-profile
region = eu-central-1
services = elsewhere

[services elsewhere]
s3 =
  endpoint_url = https://s3.elsewhere.example.com
"""


@pytest.fixture(autouse=True)
def _login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(CONFIG)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-environment")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")


@pytest.mark.parametrize(
    ("bucket", "endpoint", "region", "profile", "style"),
    [
        ("camera-images", None, None, None, "auto"),
        ("camera.images", None, None, None, "auto"),
        ("camera-images", None, "us-gov-west-1", None, "virtual"),
        ("camera-images", None, "cn-north-1", None, "path"),
        ("camera-images", None, None, "other", "auto"),
        ("camera-images", None, "eu-west-3", "other", "path"),
        ("camera-images", "http://127.0.0.1:9000", None, None, "auto"),
        ("camera-images", "https://minio.example.com/x", None, None, "virtual"),
        ("camera-images", "https://Minio.example.com:443/a%20b/", None, None, "path"),
        ("camera-images", "http://[::1]:9000", None, None, "path"),
        ("camera.images", "https://minio.example.com", "auto", "other", "path"),
    ],
)
def test_urls_are_those_of_boto3(
    bucket: str,
    endpoint: str | None,
    region: str | None,
    profile: str | None,
    style: AddressingStyle,
) -> None:
    session = boto3.Session(profile_name=profile)
    theirs = session.client(
        "s3",
        region_name=region or (None if endpoint else session.region_name) or "us-east-1",
        endpoint_url=endpoint,
        config=Config(signature_version="s3v4", s3={"addressing_style": style}),
    )
    ours = Signer(bucket, endpoint=endpoint, region=region, profile=profile, addressing_style=style)
    for operation, parameters in REQUESTS:
        of_boto3 = partial(
            theirs.generate_presigned_url,
            operation,
            Params={"Bucket": bucket, **parameters},
            ExpiresIn=VALID_SECONDS,
        )
        of_ours = partial(ours.sign, operation, **parameters)
        first, second = in_one_second(of_boto3, of_ours)
        assert second == first


ASKED: dict[str, str | int] = {"EncodingType": "url", "Prefix": "a"}
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.fixed_dictionaries(
        {"EncodingType": st.just("url")},
        optional={
            "Prefix": TEXTS,
            "StartAfter": TEXTS,
            "ContinuationToken": TEXTS,
            "Delimiter": TEXTS,
            "MaxKeys": st.integers(1, 1000),
        },
    )
)
def test_whatever_is_asked_the_mould_gives_the_url_that_botocore_signs(
    parameters: dict[str, str | int],
) -> None:
    url = client_url(**parameters)
    first = client_url(EncodingType="url")
    login = CREDENTIALS.get_frozen_credentials()
    mould = Mould.of(first, {"EncodingType": "url"}, login)
    assert mould is not None
    moment = parse_qs(urlsplit(url).query)["X-Amz-Date"][0]
    assert mould.url(parameters, login, moment) == url


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("list-type=2", "list-type=1"),
        ("SignedHeaders=host", "SignedHeaders=host%3Bx"),
        ("X-Amz-Date", "Date"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("&X-Amz-Expires", "&More=1&X-Amz-Expires"),
    ],
)
def test_a_url_that_is_signed_in_another_way_gives_no_mould(was: str, now: str) -> None:
    url = client_url(**ASKED)
    login = CREDENTIALS.get_frozen_credentials()
    assert Mould.of(url, ASKED, login) is not None
    assert Mould.of(url.replace(was, now), ASKED, login) is None
    assert Mould.of(url, ASKED | {"Prefix": "b"}, login) is None
    assert Mould.of(url, ASKED, login._replace(secret_key="another")) is None


def test_credentials_that_expire_are_renewed_for_the_next_url(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    login = tmp_path / "login.py"
    login.write_text(LOGIN)
    with (tmp_path / "config").open("a") as config:
        config.write(f"[profile short]\ncredential_process = {sys.executable} {login}\n")
    signer = Signer(
        "camera-images", endpoint=None, region=None, profile="short", addressing_style="auto"
    )
    urls = [signer.sign("list_objects_v2", **ASKED) for _ in range(4)]
    asked = [parse_qs(urlsplit(url).query) for url in urls]
    keys = [query["X-Amz-Credential"][0].partition("/")[0] for query in asked]
    tokens = [query["X-Amz-Security-Token"][0] for query in asked]
    assert len(set(keys)) == len(set(tokens)) == 4
    assert [key.removeprefix("AKID") for key in keys] == [
        token.removeprefix("token") for token in tokens
    ]
    signer.renew(signer.generation)
    assert signer.sign("list_objects_v2", **ASKED) not in urls


def test_after_a_move_urls_are_signed_for_the_new_region() -> None:
    signer = Signer(
        "camera-images", endpoint=None, region="eu-west-3", profile=None, addressing_style="auto"
    )
    for region in ("eu-west-3", "eu-north-1"):
        signer.move(region)
        urls = [signer.sign("list_objects_v2", **ASKED) for _ in range(2)]
        assert all(f"%2F{region}%2Fs3%2F" in url for url in urls)


LOGIN = """
import datetime, json, pathlib
count = pathlib.Path(__file__).with_suffix(".count")
number = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(number))
soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=60)
print(json.dumps({"Version": 1, "AccessKeyId": f"AKID{number}", "SecretAccessKey": f"s{number}",
    "SessionToken": f"token{number}", "Expiration": soon.isoformat()}))
"""

SESSION = Session()
SESSION.set_credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "tok/en+=")
CREDENTIALS: Any = SESSION.get_credentials()
CLIENT: Any = SESSION.create_client(
    "s3", region_name="eu-north-1", config=Config(signature_version="s3v4")
)


def client_url(**parameters: str | int) -> str:
    """As botocore signs it."""
    url: str = CLIENT.generate_presigned_url(
        "list_objects_v2",
        Params={"Bucket": "camera-images", **parameters},
        ExpiresIn=VALID_SECONDS,
    )
    return url


def in_one_second(first: Callable[[], str], second: Callable[[], str]) -> tuple[str, str]:
    """Two URLs that are dated alike: a signature holds for its second only."""
    while True:
        urls = first(), second()
        dates = [parse_qs(urlsplit(url).query)["X-Amz-Date"] for url in urls]
        if dates[0] == dates[1]:
            return urls
