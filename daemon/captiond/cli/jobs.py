"""Tells of the batch jobs that are open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from captiond.cli import output

if TYPE_CHECKING:  # only named in signatures
    from captiond.index.jobs_base import Job


def job_values(job: Job, *, now: float) -> dict[str, Any]:
    """Return a job for JSON; `name` null while it is not known whether the service has it."""
    return {
        "id": job.id,
        "name": job.name,
        "state": _state(job),
        "model": job.model,
        "photos": job.requests,
        "created_at": job.created_at,
        "age_seconds": round(now - job.created_at, 1),
    }


def job_rows(jobs: Sequence[Job], *, now: float) -> list[tuple[str, Any]]:
    """Return a line for each job."""
    return [("batch job", _sentence(job, now)) for job in jobs]


def _sentence(job: Job, now: float) -> str:
    hours = max(now - job.created_at, 0.0) / 3600
    since = output.moment(job.created_at)
    return f"{job.requests:,} photos, {_state(job)}, since {since} ({hours:.1f} h)"


def _state(job: Job) -> str:
    return "making" if job.name is None else "running"
