"""Listing with no latency: ours and others', on the same stub."""

from __future__ import annotations

from functools import partial

from measuring import Plan, Rounds, our_listing, stub
from peers import LISTERS, SLOW_LISTERS
from report import Section, at_least

_OURS = "s3sync-tui"
_GOALS = {"s5cmd": 5.0, "rclone": 4.0, "boto3's paginator": 24.0, "obstore": 1.2}


def measure(plan: Plan) -> Section:
    """All listers, in turn."""
    rounds, sides = Rounds(plan), {_OURS: _ours, **LISTERS}
    keys = dict.fromkeys(sides, plan.keys) | dict.fromkeys(SLOW_LISTERS, plan.few)
    with stub(plan, plan.keys) as bucket, stub(plan, plan.few) as few:
        before = bucket.counts()
        for _ in range(plan.rounds):
            for side, lister in sides.items():
                rounds.take(side, plan.keys, partial(lister, bucket.endpoint))
            for side, lister in SLOW_LISTERS.items():
                rounds.take(side, plan.few, partial(lister, few.endpoint))
        after = bucket.counts()
    pages = after["lists"] - before["lists"]
    per_second = pages / (after["cpu_seconds"] - before["cpu_seconds"])
    rates = {side: count / rounds.median(side) for side, count in keys.items()}
    return Section(
        "Listing, no latency",
        f"{plan.keys:,} keys of 50 cameras, slow sides {plan.few:,}; each in one process. "
        "Libraries (ours, boto3, obstore) are timed from the making of the client, commands "
        "(s5cmd, rclone, aws) from their start. All have seen all keys. The stub serves "
        f"{per_second:,.0f} pages per second of its own CPU time. rclone with `--fast-list`, s5cmd "
        "with `ls` of `*`, aws with `--query 'Contents[].Key' --output text`, obstore's `list` in "
        "chunks of 1,000.",
        ["lister", "keys", "seconds", "keys/s", "ours is"],
        [
            [side, f"{keys[side]:,}", f"{rounds.median(side):.2f}", f"{rate:,.0f}",
             "" if side == _OURS else f"{rates[_OURS] / rate:.1f} x"]
            for side, rate in rates.items()
        ],
        [
            at_least(f"listing, against {side}", rates[_OURS] / rates[side], goal, "x")
            for side, goal in _GOALS.items()
        ],
    )  # fmt: skip


def _ours(endpoint: str) -> tuple[float, int]:
    found = our_listing(endpoint)
    return found["seconds"], found["keys"]
