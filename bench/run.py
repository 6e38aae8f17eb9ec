"""All of the bench in one run, into bench/RESULTS.md.

    python bench/run.py                                     # as `make bench`
    python bench/run.py --only listing,first --keys 100000  # a trial: printed, not written

Every section is a module with ``measure``; sides take turns within each round.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import backlog
import delta
import first
import latency
import listing
import memory
import nothing_new
import peers
import processes
import rest
import startup
from measuring import HERE, Plan
from report import Goal, Section, document
from tables import Tables

SECTIONS: dict[str, Callable[[Plan, Tables], Section]] = {
    "listing": lambda plan, _: listing.measure(plan),
    "processes": processes.measure,
    "latency": latency.measure,
    "first": first.measure,
    "backlog": backlog.measure,
    "nothing-new": nothing_new.measure,
    "rest": rest.measure,
    "delta": delta.measure,
    "memory": memory.measure,
    "startup": startup.measure,
}


def main() -> None:
    """Measure, print, and write what is whole."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help=f"some of: {','.join(SECTIONS)}")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--many", type=int, help="for backlog, delta and memory; default: 10 x")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="default: RESULTS.md, unless --only")
    given = parser.parse_args()
    chosen = given.only.split(",") if given.only else list(SECTIONS)
    if unknown := set(chosen) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    began, load = time.monotonic(), os.getloadavg()[0]
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="s3sync-bench-"))
        plan = Plan(given.keys, given.many or 10 * given.keys, given.rounds, Path(directory))
        tables = Tables(plan)
        stack.callback(tables.stop)
        sections = [_measured(name, plan, tables) for name in chosen]
        facts = _facts(plan, tables, load, time.monotonic() - began)
    text = document(facts, sections)
    print(text)
    if out := given.out or (None if given.only else HERE / "RESULTS.md"):
        out.write_text(text)


def _measured(name: str, plan: Plan, tables: Tables) -> Section:
    """The section; or that it failed, which is no reason to lose the others."""
    began = time.monotonic()
    plan.say(f"{name} …")
    try:
        return SECTIONS[name](plan, tables)
    except (SystemExit, subprocess.CalledProcessError) as fault:
        plan.say(f"{name} failed: {fault}")
        goal = Goal(name, "", "failed", reached=False)
        return Section(name, f"**Failed**: {str(fault)[:500]}", [], [], [goal])
    finally:
        plan.say(f"{name}: {time.monotonic() - began:.0f} s in all")


def _facts(plan: Plan, tables: Tables, load: float, seconds: float) -> list[str]:
    libraries = ["boto3", "httpx", "psycopg", "lxml", "supabase", "obstore"]
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    command = " ".join(["python", "bench/run.py", *sys.argv[1:]])
    sides = f"medians of {plan.rounds} rounds (where not said otherwise), sides in turn"
    system = f"{platform.system()} {platform.release()}, {memory_gb:.0f} GiB"
    loads = f"{load:.1f} before, {os.getloadavg()[0]:.1f} after"
    versions = [f"{name} {version(name)}" for name in libraries]
    advice = (
        "Stub, database and client share the cores: read the ratios, not the seconds. What was "
        "found on the way, and what is measured by hand: [NOTES.md](NOTES.md)."
    )
    return [
        f"`{command}`, {sides} within each; {seconds / 60:.0f} minutes",
        f"{os.cpu_count()} cores ({_processor()}), {system}; load average {loads}",
        ", ".join([f"Python {platform.python_version()}", tables.version(), *versions]),
        ", ".join(peers.versions()),
        advice,
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
