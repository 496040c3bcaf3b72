"""Serves the Batch API: creates jobs, tells of them, lists, cancels and deletes them."""

from __future__ import annotations

import json
import time
from typing import Any

from aiohttp import web

from captiond.testing import gemini_faults as faults
from captiond.testing.gemini_conditions import Conditions
from captiond.testing.gemini_delivery import Guard, Handler, abort, unless
from captiond.testing.gemini_fault import Refused
from captiond.testing.gemini_files import Files
from captiond.testing.gemini_jobs import Job, Jobs, read_lines
from captiond.testing.gemini_models import find_model, page
from captiond.testing.gemini_quota import batches_exhausted

LARGEST_INLINE_BYTES = 20 * 2**20


class Batches:
    """The routes of the Batch API."""

    def __init__(self, conditions: Conditions, jobs: Jobs, *, files: Files) -> None:
        self._conditions = conditions
        self._jobs = jobs
        self._files = files
        self._outcomes = iter(conditions.batch_outcomes)
        self._polls = iter(conditions.poll_script)

    def routes(self, guard: Guard) -> list[web.RouteDef]:
        """Return the routes of the Batch API."""

        def under(handle: Handler) -> Handler:
            return guard(unless(lambda: self._conditions.batch_standing, handle))

        return [
            web.post("/{version}/models/{model}:batchGenerateContent", under(self.create)),
            web.post("/{version}/batches/{id}:cancel", under(self.cancel)),
            web.get("/{version}/batches/{id}", under(self.get)),
            web.delete("/{version}/batches/{id}", under(self.delete)),
            web.get("/{version}/batches", under(self.list)),
        ]

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Make a job; while creations are to be lost, the connection breaks instead of an answer.

        Raises Refused.
        """
        model = find_model(
            request.match_info["model"],
            request.match_info["version"],
            method="batchGenerateContent",
            new_project=self._conditions.new_project,
        )
        body = await request.read()
        if len(body) >= LARGEST_INLINE_BYTES:
            raise Refused(faults.too_large(LARGEST_INLINE_BYTES))
        if self._jobs.unfinished() >= self._conditions.batches_at_once:
            raise Refused(batches_exhausted())
        job = self._read(model, body)
        self._jobs.add(job)
        if self._conditions.lose_creations > 0:
            self._conditions.lose_creations -= 1
            abort(request)
        return web.json_response(job.tell())

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Tell of one job; this is where polls fail as their script says."""
        fault = next(self._polls, None)
        if fault is not None:
            raise Refused(fault)
        job = self._asked(request)
        await self._jobs.settle(job)
        told = job.tell()
        job.late_polls = max(0, job.late_polls - 1)
        return web.json_response(told)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Tell of all jobs, page by page, the newest first."""
        for job in [*self._jobs.all.values()]:
            await self._jobs.settle(job)
        rows = [job.tell() for job in reversed(self._jobs.all.values())]
        if self._conditions.blind_lists > 0:
            self._conditions.blind_lists -= 1
            rows = []
        return web.json_response(page(rows, "operations", request.query))

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """End a job, if it has not ended yet."""
        job = self._asked(request)
        await request.read()
        if not job.finished:
            job.end("CANCELLED")
        return web.json_response({})

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Forget a job; this does not cancel it."""
        del self._jobs.all[self._asked(request).name]
        return web.json_response({})

    async def release(self, _: web.Request) -> web.StreamResponse:
        """Let go of the jobs that are held."""
        self._jobs.release()
        return web.Response()

    def _read(self, model: str, body: bytes) -> Job:
        try:
            batch: dict[str, Any] = json.loads(body)["batch"]
            source = batch["inputConfig"]
            inline = source.get("requests", {}).get("requests", [])
            file_name = source.get("fileName", "")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused(faults.invalid("Invalid JSON payload received.")) from error
        items = read_lines(self._files.find(file_name).data) if file_name else inline
        if not items or not all(isinstance(item, dict) for item in items):
            raise Refused(faults.invalid("The batch has no requests, or not those of a batch."))
        return Job(
            model=model,
            display_name=batch.get("displayName", ""),
            outcome=next(self._outcomes, "succeeded"),
            due_at=time.monotonic() + self._conditions.batch_seconds,
            items=items,
            file_name=file_name,
            count=len(items),
        )

    def _asked(self, request: web.Request) -> Job:
        found = self._jobs.all.get(f"batches/{request.match_info['id']}")
        if found is None:
            raise Refused(faults.not_found())
        return found
