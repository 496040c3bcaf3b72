"""Writes how things stand as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from captiond.cli.limits import GAUGES
from captiond.index.health_base import Health
from captiond.index.ledger_base import Spent


def metrics(
    health: Health | None,
    photos: Mapping[str, int],
    queue: Mapping[str, int],
    spent: Mapping[str, Spent],
    *,
    running: bool,
) -> str:
    """Return the text format; `photos` is a number for each state, `queue` one for each lane."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Status(health, photos, queue, running=running))
    if "in_all" in spent:
        registry.register(_Money(spent["in_all"]))
    return generate_latest(registry).decode()


class _Status(Collector):
    """What one look at the index showed."""

    def __init__(
        self,
        health: Health | None,
        photos: Mapping[str, int],
        queue: Mapping[str, int],
        *,
        running: bool,
    ) -> None:
        self._health = health
        self._photos = photos
        self._queue = queue
        self._running = running

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("captiond_up", "Whether the daemon runs.", self._running)
        photos = GaugeMetricFamily("captiond_photos", "Photos by state.", labels=["state"])
        for state, count in self._photos.items():
            photos.add_metric([state], count)
        yield photos
        queue = GaugeMetricFamily("captiond_queue", "Photos that wait, by lane.", labels=["lane"])
        for lane, count in self._queue.items():
            queue.add_metric([lane], count)
        yield queue
        if self._health is not None:
            yield from _of_daemon(self._health)


class _Money(Collector):
    """What the ledger holds."""

    def __init__(self, spent: Spent) -> None:
        self._spent = spent

    def collect(self) -> Iterator[Metric]:
        spent = self._spent
        yield CounterMetricFamily("captiond_requests", "Requests made.", spent.requests)
        yield CounterMetricFamily("captiond_spent_usd", "What they cost, in USD.", spent.usd)
        tokens = CounterMetricFamily("captiond_tokens", "Tokens billed.", labels=["kind"])
        tokens.add_metric(["input"], spent.input_tokens)
        tokens.add_metric(["output"], spent.output_tokens)
        yield tokens
        yield GaugeMetricFamily(
            "captiond_unanswered_usd",
            "What requests without an answer may have cost at most, in USD.",
            spent.lost_usd + spent.in_flight_usd,
        )


def _of_daemon(health: Health) -> Iterator[Metric]:
    found = CounterMetricFamily(
        "captiond_photos_found",
        "Finished files found since the daemon's start, by an event or by a scan.",
        labels=["by"],
    )
    found.add_metric(["event"], health.found_by_event)
    found.add_metric(["scan"], health.found_by_scan)
    yield found
    yield GaugeMetricFamily(
        "captiond_paused", "Whether nothing is asked for now.", health.paused is not None
    )
    if health.pace:
        yield from _of_pace(health.pace)
    yield GaugeMetricFamily(
        "captiond_start_time_seconds", "When the daemon started, in unix time.", health.started_at
    )
    yield GaugeMetricFamily(
        "captiond_beat_timestamp_seconds",
        "When the daemon last said that it lives, in unix time.",
        health.beat_at,
    )


def _of_pace(pace: Mapping[str, Any]) -> Iterator[Metric]:
    for key, what in GAUGES.items():
        yield GaugeMetricFamily(f"captiond_{key}", what, pace[key])
    limits = GaugeMetricFamily(
        "captiond_limit",
        "A limit in force, by name and where it came from.",
        labels=["name", "source"],
    )
    for name, limit in pace["limits"].items():
        if limit["value"] is not None:
            limits.add_metric([name, limit["source"]], limit["value"])
    yield limits
