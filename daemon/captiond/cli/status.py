"""The verb `status`: what the daemon is doing, how far it is."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from captiond.cli import output
from captiond.cli.jobs import job_rows, job_values
from captiond.cli.limits import pace_rows
from captiond.cli.money import look, money_rows, money_values

if TYPE_CHECKING:  # only named in signatures
    from captiond.index.health_base import Health

QUEUED = {"arrivals": "arrivals", "backlog": "backlog", "jobs": "in batch jobs"}
FRESH_SECONDS = 30.0
"""A daemon says every 5 s that it lives; a laden disk may hold that up."""


@click.command(short_help="Tell what the daemon is doing and how far it is.")
@output.json_option
@click.option("--metrics", "as_metrics", is_flag=True, help="Print it as Prometheus reads it.")
@click.pass_context
def command(ctx: click.Context, *, as_json: bool, as_metrics: bool) -> None:
    """Tell whether the daemon runs, what it waits for, and how many photos are in which state.

    With --json: an object with index, running, daemon (as it described itself last, or null: its
    pace holds the rates, the limits and where they came from), photos (a number for each state),
    queue (how many wait in each lane), downloads (how many photos from the web are queued,
    underway and failed), money (spent today, this month and in all, with the caps) and jobs (the
    open batch jobs).
    """
    from captiond.index.awaited import awaited_counts
    from captiond.index.search import Library
    from captiond.index.waiting import reasons
    from captiond.models import State

    settings = output.settings(ctx)
    with Library(settings.index.path) as library:
        health, counts, jobs = library.health(), library.counts(), library.jobs()
        queue, spent = library.queue(), look(library, now=time.time())
        downloads, broken = awaited_counts(library), reasons(library)
    running = is_running(health, now=time.time())
    photos = {state.value: counts.get(state, 0) for state in State}
    if as_metrics:
        from captiond.cli.metrics import metrics

        click.echo(metrics(health, photos, queue, spent, running=running), nl=False)
        return
    if as_json:
        daemon = dataclasses.asdict(health) if health else None
        index = str(library.path)
        told = {"index": index, "running": running, "daemon": daemon, "photos": photos}
        told |= {"queue": queue, "money": money_values(spent, settings.limits)}
        told["downloads"] = downloads
        told["rules"] = [{"reason": reason, "photos": photos} for reason, photos in broken]
        output.print_json({**told, "jobs": [job_values(job, now=time.time()) for job in jobs]})
        return
    rows: list[tuple[str, Any]] = [("index", library.path), ("daemon", _sentence(health, running))]
    if health and running:
        rows += _daemon_rows(health)
    rows.append(("queue", ", ".join(f"{count:,} {QUEUED[lane]}" for lane, count in queue.items())))
    if any(downloads.values()):
        waiting = (f"{count:,} {state}" for state, count in downloads.items() if count)
        rows.append(("downloads", ", ".join(waiting)))
    rows += [
        ("rules", f"{reason} ({output.count(waiting, 'photo')})") for reason, waiting in broken
    ]
    rows += [*job_rows(jobs, now=time.time()), *money_rows(spent, settings.limits)]
    output.table(("", ""), [*rows, *photos.items()])


def is_running(health: Health | None, *, now: float) -> bool:
    """Tell whether the daemon that described itself so is alive; `now` in unix seconds."""
    if health is None or now - health.beat_at > FRESH_SECONDS:
        return False
    try:
        os.kill(health.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, and is another user's
        return True
    return True


def _daemon_rows(health: Health) -> Iterator[tuple[str, str]]:
    yield "found", _found(health)
    if health.paused:
        yield "paused", _pause(health)
    if health.pace:
        yield from pace_rows(health.pace)


def _sentence(health: Health | None, running: bool) -> str:
    if health is None:
        return "has never run; start it with: captiond run"
    if running:
        since = output.moment(health.started_at)
        return f"runs since {since} (process {health.pid}, version {health.version})"
    return f"does not run; last seen {output.moment(health.beat_at)}"


def _found(health: Health) -> str:
    return f"{health.found_by_event:,} by event, {health.found_by_scan:,} by scan since then"


def _pause(health: Health) -> str:
    from captiond.quota.days import waiting

    if health.paused_until is None:
        return f"{health.paused}; goes on when that is put right"
    return waiting(str(health.paused), health.paused_until, now=time.time())
