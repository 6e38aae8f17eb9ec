"""``/metrics``: what Prometheus is told.

Counters are of the runs of this process; all else is what the catalog says, whoever synced.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from s3sync_tui import __version__
from s3sync_tui.engine.received import Received
from s3sync_tui.errors import S3SyncError
from s3sync_tui.events import Event, RunFinished
from s3sync_tui.headless.server.parameters import read_query
from s3sync_tui.headless.server.readings import Kept, Readings
from s3sync_tui.headless.syncs import Syncs
from s3sync_tui.insight.check import CheckStatus
from s3sync_tui.insight.growth import grow
from s3sync_tui.model import RunMode, RunStatus

if TYPE_CHECKING:
    from s3sync_tui.catalog.facts import GrowthFacts, RunHistory
    from s3sync_tui.insight.health import Health

FRESH_SECONDS = 10.0
HEALTH_SECONDS = 300.0
"""Health asks S3: at most so often for the sake of figures."""
PATIENCE_SECONDS = 4.0
"""A scrape waits 10 s by default."""
_BUCKETS = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)
_ENDED = [status for status in RunStatus if status is not RunStatus.RUNNING]


class Metrics:
    """The figures of one server, in a registry of their own."""

    def __init__(self, syncs: Syncs, readings: Readings) -> None:
        # Twice the lines, for nothing that anybody reads. (The client is typed but in part.)
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._readings = readings
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._runs = Counter(
            "s3sync_runs", "Runs of this process that ended.", ["status", "mode"], registry=registry
        )
        self._rows = Counter(
            "s3sync_rows", "Rows that runs of this process wrote.", ["change"], registry=registry
        )
        self._lists = Counter(
            "s3sync_list_requests", "LIST requests of this process's runs.", registry=registry
        )
        self._cost = Counter(
            "s3sync_list_cost_usd", "What these LIST requests cost, in USD.", registry=registry
        )
        self._seconds = Histogram(
            "s3sync_run_duration_seconds",
            "How long runs of this process took that succeeded.",
            ["mode"],
            registry=registry,
            buckets=_BUCKETS,
        )
        self._requests = Counter(
            "s3sync_http_requests", "HTTP requests answered.", ["status"], registry=registry
        )
        for mode in RunMode:  # a rate needs a first value
            self._seconds.labels(mode.value)
            for status in _ENDED:
                self._runs.labels(status.value, mode.value)
        for change in ("added", "changed", "gone"):
            self._rows.labels(change)
        self._figures = _Figures(syncs, readings)
        registry.register(self._figures)
        syncs.subscribe(self._hear)

    async def metrics(self, request: Request) -> Response:
        """In whichever of Prometheus's forms it asks for."""
        read_query(request)
        readings = self._readings
        answers = await asyncio.gather(
            _tried(readings.history, FRESH_SECONDS),
            _tried(readings.growth_facts, FRESH_SECONDS),
            _tried(readings.kept_health, HEALTH_SECONDS),
        )
        self._figures.catalog_is_up = answers[0] and answers[1]
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._registry), media_type=kind)

    def take(self, received: Received) -> None:
        """What the receiver has done so far."""
        self._figures.received = received

    def count_request(self, status: int) -> None:
        """A request has been answered."""
        self._requests.labels(str(status)).inc()

    def _hear(self, event: Event) -> None:
        if not isinstance(event, RunFinished) or event.result.dry_run:
            return
        result, stats = event.result, event.result.stats
        self._runs.labels(result.status.value, result.mode.value).inc()
        for change in ("added", "changed", "gone"):
            self._rows.labels(change).inc(getattr(stats, change))
        self._lists.inc(stats.list_requests)
        self._cost.inc(stats.cost_usd)
        if result.status is RunStatus.SUCCEEDED:
            self._seconds.labels(result.mode.value).observe(stats.duration_seconds)


async def _tried(kept: Kept[Any], seconds: float) -> bool:
    """Whether there is an answer that is new enough."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await kept.get(seconds)
    except (S3SyncError, TimeoutError):
        return False
    return True


@dataclass(eq=False)
class _Figures(Collector):
    """What the newest answers say."""

    syncs: Syncs
    readings: Readings
    received: Received | None = None
    catalog_is_up: bool = False

    def collect(self) -> Iterator[Metric]:
        yield _gauge("build_info", "The version that serves.", {"version": __version__}, 1)
        yield _gauge("catalog_up", "Whether the catalog answers.", {}, self.catalog_is_up)
        under_way = self.syncs.under_way is not None
        yield _gauge("run_under_way", "Whether a run is under way here.", {}, under_way)
        history, facts = self.readings.history, self.readings.growth_facts
        if facts.last is not None:
            yield from _growth(facts.last)
        if history.last is not None:
            now = history.last.at + timedelta(seconds=history.age_seconds)
            yield from _times(history.last, facts.last, now)
        if (health := self.readings.kept_health.last) is not None:
            yield from _health(health)
        if self.received is not None:
            yield from _received(self.received)


def _growth(facts: GrowthFacts) -> Iterator[Metric]:
    growth = grow(facts)
    yield _gauge("images", "Images in the catalog, archived ones too.", {}, growth.images)
    yield _gauge("images_bytes", "Bytes of these images in S3.", {}, growth.size_bytes)
    yield _gauge("tables_bytes", "Bytes of our tables and indexes.", {}, growth.database_bytes)
    if growth.whole_database_bytes is not None:
        whole = growth.whole_database_bytes
        yield _gauge("database_bytes", "Bytes of the whole database.", {}, whole)
    rates = GaugeMetricFamily(
        "s3sync_arrivals_per_hour", "Images that arrived an hour, by window.", labels=["window"]
    )
    for rate in growth.rates:
        if rate.per_hour is not None:
            rates.add_metric([f"{rate.window_hours}h"], rate.per_hour)
    yield rates


def _times(history: RunHistory, facts: GrowthFacts | None, now: datetime) -> Iterator[Metric]:
    """All by the database's clock."""
    good = [run for run in history.runs if run.status is RunStatus.SUCCEEDED]
    known = None if facts is None else facts.synced_at
    began = good[0].started_at if good else known
    if began is not None:
        ended = (good[0].finished_at if good else None) or began
        yield _gauge(
            "last_success_timestamp_seconds",
            "When the last run that succeeded ended, in seconds since 1970.",
            {},
            ended.timestamp(),
        )
        yield _gauge("seconds_since_last_success", "Since then.", {}, (now - ended).total_seconds())
        yield _gauge(
            "lag_seconds",
            "All that was uploaded this long ago is in the catalog.",
            {},
            (now - began).total_seconds(),
        )
    yield _gauge(
        "list_cost_month_usd",
        "What all runs of the last 30 days have cost.",
        {},
        history.month_cost_usd,
    )


def _health(health: Health) -> Iterator[Metric]:
    checks = GaugeMetricFamily("s3sync_health_checks", "Health checks.", labels=["status"])
    tally = Tally(check.status for check in health.checks)
    for status in CheckStatus:
        checks.add_metric([status.value], tally[status])
    yield checks


def _received(received: Received) -> Iterator[Metric]:
    for name in (field.name for field in fields(received)):
        value = getattr(received, name)
        if name.endswith("_seconds"):
            if value is not None:
                yield _gauge(f"receiver_{name}", f"The receiver's {name}.", {}, value)
        else:
            yield CounterMetricFamily(
                f"s3sync_receiver_{name}", f"The receiver's {name.replace('_', ' ')}.", value
            )


def _gauge(name: str, said: str, labels: dict[str, str], value: float) -> Metric:
    gauge = GaugeMetricFamily(f"s3sync_{name}", said, labels=list(labels))
    gauge.add_metric(list(labels.values()), float(value))
    return gauge
