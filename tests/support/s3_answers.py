"""What S3 and its likes answer when something is wrong, or pretend to when nothing is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from tests.support.broken_answers import answering
from tests.support.fault_proxy import Exchange, Fault, Request, asking

_OBJECT = re.compile(rb"<Contents>.*?</Contents>", re.DOTALL)
_TOKEN = re.compile(rb"<NextContinuationToken>(.*?)</NextContinuationToken>")


def is_list(request: Request) -> bool:
    """LIST, not HEAD."""
    return request.method == "GET"


def is_page(request: Request) -> bool:
    """A page of a key range, not a look at the folders."""
    return request.method == "GET" and "delimiter" not in request.query


def error(status: int, code: str, message: str = "a reason", **headers: str) -> Fault:
    """An error as S3 words it."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return answering(status, body, Content_Type="application/xml", **headers)


def changed(change: Callable[[bytes], bytes]) -> Fault:
    """The server's own answer, and what ``change`` makes of it."""

    async def answer(exchange: Exchange) -> None:
        reply = await exchange.ask()
        await exchange.send(replace(reply, body=change(reply.body)))

    return answer


def _objects_changed(change: Callable[[list[bytes]], list[bytes]]) -> Fault:
    def of(body: bytes) -> bytes:
        parts = _OBJECT.split(body)
        return parts[0] + b"".join(change(_OBJECT.findall(body))) + parts[-1]

    return changed(of)


async def further_on(exchange: Exchange) -> None:
    """The page after the one that was asked for, which says so: keys between are left out."""
    reply = await exchange.ask()
    if (token := _TOKEN.search(reply.body)) is None:
        await exchange.send(replace(reply, body=b""))
        return
    asked = asking(exchange.request, continuation_token=token[1].decode(), start_after=None)
    reply = await exchange.ask(asked)
    echo = b"<ContinuationToken>%b</ContinuationToken></ListBucketResult>" % token[1]
    await exchange.send(replace(reply, body=reply.body.replace(b"</ListBucketResult>", echo)))


async def start_moved(exchange: Exchange) -> None:
    """A page that starts after another key than was asked; moto says after which."""
    asked = asking(exchange.request, start_after="zz", continuation_token=None)
    await exchange.send(await exchange.ask(asked))


async def start_ignored(exchange: Exchange) -> None:
    """The bucket's first page, whatever was asked."""
    asked = asking(exchange.request, start_after=None, continuation_token=None)
    reply = await exchange.ask(asked)
    asked_for = exchange.request.query
    if not ("start-after" in asked_for or "continuation-token" in asked_for):
        reply = replace(reply, body=b"")  # it would be the right one
    await exchange.send(reply)


async def other_prefix(exchange: Exchange) -> None:
    asked = asking(exchange.request, prefix="zz/", start_after=None, continuation_token=None)
    await exchange.send(await exchange.ask(asked))


async def token_repeated(exchange: Exchange) -> None:
    """The page has the token that it was asked with."""
    reply = await exchange.ask()
    token = exchange.request.query.get("continuation-token")
    body = reply.body.replace(b"<IsTruncated>false", b"<IsTruncated>true")
    body = _TOKEN.sub(b"", body)
    more = f"<NextContinuationToken>{token}</NextContinuationToken></ListBucketResult>".encode()
    body = body.replace(b"</ListBucketResult>", more) if token else b""
    await exchange.send(replace(reply, body=body))


def _without_some(objects: list[bytes]) -> list[bytes]:
    return objects[: len(objects) // 2]


folder_left_out = changed(
    lambda body: re.sub(rb"<CommonPrefixes>.*?</CommonPrefixes>", b"", body, count=1)
)

SILENT_LOSSES = (
    *("keys left out", "a page from further on", "a start that was moved", "another prefix"),
    *("a start that was ignored", "the token repeated"),
)
"""Of these: whole documents, in order, from which keys are missing."""

S3_PASSING: dict[str, Fault] = {
    "503 SlowDown": error(503, "SlowDown"),
    "500 InternalError": error(500, "InternalError"),
    "400 RequestTimeout": error(400, "RequestTimeout"),
    "307 TemporaryRedirect": error(307, "TemporaryRedirect"),
    "an error inside a 200": error(200, "InternalError"),
    "SlowDown inside a 200": error(200, "SlowDown"),
    "an unknown error inside a 200": error(200, "SomethingNew"),
    "corrupt XML": changed(lambda body: body.replace(b"</Size>", b"</Sized>", 1)),
    "a byte that is no UTF-8": changed(lambda body: body.replace(b"<Size>", b"\xff<Size>", 1)),
    "cut between two elements": changed(
        lambda body: body[: body.rindex(b"</Contents>") + 11] if b"</Contents>" in body else b"<"
    ),
    "JSON": answering(200, '{"message": "ok"}', Content_Type="application/json"),
    "keys left out": _objects_changed(_without_some),
    "keys out of order": _objects_changed(lambda objects: objects[::-1] if objects[1:] else [b"<"]),
    "keys twice": _objects_changed(lambda objects: objects * 2 if objects else [b"<"]),
    "an object without a key": changed(
        lambda body: re.sub(rb"<Key>.*?</Key>", b"", body, count=1) if b"<Key>" in body else b""
    ),
    "no word on whether it goes on": changed(
        lambda body: re.sub(rb"<IsTruncated>.*?</IsTruncated>", b"", body)
    ),
    "no token though it goes on": changed(
        lambda body: _TOKEN.sub(b"", body).replace(b">false</IsT", b">true</IsT")
    ),
    "another encoding": changed(
        lambda body: body.replace(b"<EncodingType>url<", b"<EncodingType>base64<")
    ),
    "a page from further on": further_on,
    "a start that was moved": start_moved,
    "a start that was ignored": start_ignored,
    "the token repeated": token_repeated,
    "another prefix": other_prefix,
    "another bucket": changed(lambda body: body.replace(b"<Name>", b"<Name>not-")),
    "a document of another kind": changed(lambda body: body.replace(b"ListBucketResult", b"Other")),
}
"""What another try may mend."""

S3_LASTING: dict[str, tuple[Fault, str]] = {
    "AccessDenied": (error(403, "AccessDenied", "User x may not"), "s3:ListBucket"),
    "AllAccessDisabled": (error(403, "AllAccessDisabled"), "s3:ListBucket"),
    "403 in HTML": (answering(403, "<html>Forbidden</html>"), "credentials"),
    "401": (answering(401), "credentials"),
    "ExpiredToken": (error(400, "ExpiredToken"), "aws sso login"),
    "SignatureDoesNotMatch": (error(403, "SignatureDoesNotMatch"), "AWS_SECRET_ACCESS_KEY"),
    "InvalidAccessKeyId": (error(403, "InvalidAccessKeyId"), "AWS_ACCESS_KEY_ID"),
    "InvalidToken": (error(400, "InvalidToken"), "AWS_SESSION_TOKEN"),
    "RequestTimeTooSkewed": (error(403, "RequestTimeTooSkewed"), "clock"),
    "NoSuchBucket": (error(404, "NoSuchBucket"), "bucket's name"),
    "404 in HTML": (answering(404, "<html>not here</html>"), "bucket's name"),
    "301 to a region": (
        error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1"),
        "region",
    ),
    "301 to nowhere": (error(301, "PermanentRedirect"), "endpoint"),
    "302 to a page": (answering(302, Location="https://example.com/login"), "endpoint"),
    "400 of a new kind": (error(400, "InvalidRegionName"), "region"),
    "501": (error(501, "NotImplemented"), "endpoint"),
    "405": (answering(405), "endpoint"),
}
"""What no other try mends, and a word of the hint."""
