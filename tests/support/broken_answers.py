"""The ways in which an answer goes wrong on its way, whatever it says."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace

from tests.support.fault_proxy import Exchange, Fault, Reply

DRIP_SECONDS = 0.02
HTML = b"<!DOCTYPE html><html><body><h1>Sign in to the network</h1></body></html>"


def answering(status: int, body: bytes | str = b"", **headers: str) -> Fault:
    """This answer, without asking the server; underscores in headers stand for hyphens."""
    data = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(exchange: Exchange) -> None:
        await exchange.send(Reply(status, data, named))

    return answer


def sending(reply: Reply) -> Fault:
    """The same, for an answer that is made already."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(reply)

    return answer


async def reset_before(exchange: Exchange) -> None:
    """RST before the request has gone on."""
    exchange.reset()


async def closed_before(exchange: Exchange) -> None:
    """The end of the connection in place of an answer."""
    exchange.close()


async def lost_answer(exchange: Exchange) -> None:
    """RST when the server has done all of it and answered."""
    await exchange.ask()
    exchange.reset()


async def reset_after_headers(exchange: Exchange) -> None:
    reply = await exchange.ask()
    await exchange.write(reply.head(max(1, len(reply.body))))
    exchange.reset()


async def reset_half_way(exchange: Exchange) -> None:
    reply = await exchange.ask()
    await exchange.write(reply.head(max(2, len(reply.body))) + reply.body[: len(reply.body) // 2])
    await asyncio.sleep(0.01)  # else RST may overtake what was sent
    exchange.reset()


async def closed_half_way(exchange: Exchange) -> None:
    reply = await exchange.ask()
    await exchange.write(reply.head(max(2, len(reply.body))) + reply.body[: len(reply.body) // 2])
    exchange.close()


async def length_too_large(exchange: Exchange) -> None:
    reply = await exchange.ask()
    await exchange.write(reply.head(len(reply.body) + 100) + reply.body)
    exchange.close()


async def length_too_small(exchange: Exchange) -> None:
    reply = await exchange.ask()
    await exchange.write(reply.head(len(reply.body) // 2) + reply.body)
    exchange.close()


async def chunks_without_end(exchange: Exchange) -> None:
    reply = await exchange.ask()
    half = reply.body[: len(reply.body) // 2 + 1]
    chunked = replace(reply, headers={**reply.headers, "Transfer-Encoding": "chunked"})
    await exchange.write(chunked.head(None) + b"%x\r\n%b\r\n" % (len(half), half))
    exchange.close()


async def cut_with_its_length(exchange: Exchange) -> None:
    """Half of it, as if that were all."""
    reply = await exchange.ask()
    await exchange.send(replace(reply, body=reply.body[: len(reply.body) // 2]))


async def empty(exchange: Exchange) -> None:
    reply = await exchange.ask()
    await exchange.send(replace(reply, body=b""))


async def silent(exchange: Exchange) -> None:
    """The connection stands, and nothing comes."""
    await exchange.wait_for_the_client_to_go()


async def dripping(exchange: Exchange) -> None:
    """A byte now and then: no single wait is long, and all together have no end."""
    reply = await exchange.ask()
    await exchange.write(reply.head(100_000))
    for _ in range(100_000):
        if exchange.is_gone:
            break
        await exchange.write(b" ")
        await asyncio.sleep(DRIP_SECONDS)
    exchange.close()


async def no_http(exchange: Exchange) -> None:
    await exchange.write(b"\x15\x03\x03\x00\x02\x02\x16")  # a TLS alert
    exchange.close()


def _packed(reply: Reply, body: bytes) -> Reply:
    return replace(reply, body=body, headers={**reply.headers, "Content-Encoding": "gzip"})


async def packed(exchange: Exchange) -> None:
    """Nobody asked for it, but it is all there."""
    reply = await exchange.ask()
    await exchange.send(_packed(reply, gzip.compress(reply.body)))


async def packed_and_cut(exchange: Exchange) -> None:
    reply = await exchange.ask()
    body = gzip.compress(reply.body)
    await exchange.send(_packed(reply, body[: len(body) // 2]))


async def packed_garbage(exchange: Exchange) -> None:
    reply = await exchange.ask()
    await exchange.send(_packed(reply, b"\x1f\x8b" + bytes(range(200))))


async def packed_and_wrong(exchange: Exchange) -> None:
    """Its checksum tells."""
    reply = await exchange.ask()
    body = bytearray(gzip.compress(reply.body))
    body[-8] ^= 0xFF
    await exchange.send(_packed(reply, bytes(body)))


ON_THE_WAY: dict[str, Fault] = {
    "reset before": reset_before,
    "closed before": closed_before,
    "reset after headers": reset_after_headers,
    "reset half way": reset_half_way,
    "closed half way": closed_half_way,
    "lost answer": lost_answer,
    "length too large": length_too_large,
    "length too small": length_too_small,
    "chunks without end": chunks_without_end,
    "cut with its length": cut_with_its_length,
    "empty": empty,
    "no HTTP": no_http,
    "packed and cut": packed_and_cut,
    "packed garbage": packed_garbage,
    "packed and wrong": packed_and_wrong,
    "a page of HTML": answering(200, HTML, Content_Type="text/html"),
    "500 without words": answering(500),
    "502 in HTML": answering(502, HTML, Content_Type="text/html"),
    "503 without words": answering(503),
    "504": answering(504, "upstream timed out"),
    "429": answering(429, "slow down"),
}
"""What passes, or stays, without a word of the server's own."""
