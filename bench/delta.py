"""A delta run: a few new keys in very many."""

from __future__ import annotations

from statistics import median

from measuring import Plan, command, stub
from report import Section, at_most
from tables import Tables, our_sync, vacuum

_NEW = 750
_CAMERAS = 50


def measure(plan: Plan, tables: Tables) -> Section:
    """The command, on a copy of the same filled database in each round."""
    deltas, starts = [], []
    with (
        stub(plan, 1000) as little,
        stub(plan, plan.many, new=_NEW, cameras=_CAMERAS) as bucket,
        tables.empty() as small,
        tables.empty() as held,
    ):
        at_little = {"AWS_ENDPOINT_URL_S3": little.endpoint, "DATABASE_URL": small}
        command("--once", "--quiet", **at_little)
        tables.fill(held, plan.many, without=_NEW)
        plan.say(f"(a full run before: {our_sync(bucket.endpoint, held)})")
        vacuum(held)
        bucket.grow()
        for _ in range(plan.rounds):
            starts.append(command("--once", "--quiet", **at_little).wall_seconds)
            with tables.copy_of(held) as database:
                at_bucket = {"AWS_ENDPOINT_URL_S3": bucket.endpoint, "DATABASE_URL": database}
                run = command("--once", "--json", **at_bucket)
            said = run.document
            if said["added"] != _NEW:
                raise SystemExit(f"{said['added']} added, not {_NEW}: {said}")
            deltas.append((run.wall_seconds, int(said["list_requests"]), str(said.get("mode"))))
            plan.say(f"delta {deltas[-1]}, start-up {starts[-1]:.2f} s")
    seconds, requests = median(d[0] for d in deltas), median(d[1] for d in deltas)
    modes = ", ".join(sorted({mode for _, _, mode in deltas}))
    return Section(
        "Delta run",
        f"`s3sync-tui --once`, {_NEW} new keys of {_CAMERAS} cameras in a bucket of {plan.many:,}; "
        "the table holds the others, after one full run. Start-up: the same command where 1,000 "
        "keys bring nothing new.",
        ["side", "mode", "LIST requests", "seconds"],
        [
            ["s3sync-tui", modes, f"{requests:,.0f}", f"{seconds:.2f}"],
            ["start-up", "", "", f"{median(starts):.2f}"],
        ],
        [
            at_most(f"delta run, {_NEW} new in {plan.many:,}, {_CAMERAS} lanes", requests, 60,
                    "LIST requests"),
            at_most("delta run, longer than start-up", seconds - median(starts), 2, "s"),
        ],
    )  # fmt: skip
