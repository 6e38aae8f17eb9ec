"""URLs are signed as boto3 signs them, whatever we leave out of it to start sooner."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config

from s3sync_tui.source.signing import VALID_SECONDS, AddressingStyle, Operation, Signer

REQUESTS: list[tuple[Operation, dict[str, str | int]]] = [
    ("head_bucket", {}),
    ("list_objects_v2", {"EncodingType": "url", "MaxKeys": 1000, "Prefix": "a b/é+%"}),
    ("list_objects_v2", {"EncodingType": "url", "ContinuationToken": "1/abc=="}),
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


def in_one_second(first: Callable[[], str], second: Callable[[], str]) -> tuple[str, str]:
    """Two URLs that are dated alike: a signature holds for its second only."""
    while True:
        urls = first(), second()
        dates = [parse_qs(urlsplit(url).query)["X-Amz-Date"] for url in urls]
        if dates[0] == dates[1]:
            return urls
