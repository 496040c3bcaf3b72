"""Runs the jobs of the Batch API: items in, results out, the outcome as the script says."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from captiond.testing.gemini_conditions import Conditions
from captiond.testing.gemini_fault import Fault, Refused
from captiond.testing.gemini_files import Files, rfc3339

RunItem = Callable[[str, Any], Awaitable[dict[str, Any]]]
"""Answers the request (a JSON document) of an item for a model; raises Refused."""

PROTO = "type.googleapis.com/google.ai.generativelanguage.v1main"
RPC_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 500: 13, 503: 14, 504: 4}
SETTLE_SECONDS = 5.0
BROKEN_ITEM = {"code": 13, "message": "Internal error encountered."}
ENDED_BADLY = {
    "FAILED": {"code": 13, "message": "The batch failed. Please retry."},
    "EXPIRED": {"code": 4, "message": "The batch expired before it was finished."},
    "CANCELLED": {"code": 1, "message": "The operation was cancelled."},
}


@dataclass(slots=True, eq=False)
class Job:
    """A batch; `items` are JSON documents with "request" and what names them, until it has run."""

    model: str
    display_name: str
    outcome: str
    due_at: float
    items: Sequence[Any] = ()
    file_name: str = ""
    state: str = "PENDING"
    name: str = field(default_factory=lambda: f"batches/{uuid.uuid4().hex}")
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    count: int = 0
    results: list[dict[str, Any]] = field(default_factory=list)
    responses_file: str = ""
    late_polls: int = 0

    @property
    def finished(self) -> bool:
        """Whether it has ended, well or badly."""
        return self.ended_at is not None

    def end(self, state: str) -> None:
        """Reach a state that is the last one."""
        self.state = state
        self.ended_at = datetime.now(UTC)
        self.items = ()

    def tell(self) -> dict[str, Any]:
        """Return the operation as the API tells it."""
        output = self._output()
        metadata = {
            "@type": f"{PROTO}.GenerateContentBatch",
            "model": f"models/{self.model}",
            "displayName": self.display_name,
            "createTime": rfc3339(self.created_at),
            "updateTime": rfc3339(self.ended_at or self.created_at),
            "batchStats": self._stats(),
            "state": f"BATCH_STATE_{self.state}",
            "name": self.name,
        }
        if self.file_name:
            metadata["inputConfig"] = {"fileName": self.file_name}
        if self.ended_at is not None:
            metadata["endTime"] = rfc3339(self.ended_at)
        told: dict[str, Any] = {"name": self.name, "metadata": metadata}
        if output:
            metadata["output"] = output
            told["response"] = {"@type": f"{PROTO}.GenerateContentBatchOutput", **output}
        if self.state in ENDED_BADLY:
            told["error"] = ENDED_BADLY[self.state]
        return {**told, "done": True} if self.finished else told

    def _output(self) -> dict[str, Any]:
        if self.state != "SUCCEEDED" or self.late_polls > 0:
            return {}
        if self.file_name:
            return {"responsesFile": self.responses_file}
        return {"inlinedResponses": {"inlinedResponses": self.results}}

    def _stats(self) -> dict[str, str]:
        """Return the counts; the API leaves out those that are 0 and writes them as texts."""
        failed = sum("error" in result for result in self.results)
        counts = {
            "requestCount": self.count,
            "successfulRequestCount": len(self.results) - failed,
            "failedRequestCount": failed,
            "pendingRequestCount": 0 if self.finished else self.count - len(self.results),
        }
        return {name: str(count) for name, count in counts.items() if count}


class Jobs:
    """All jobs, the oldest first; each runs by itself, whether or not somebody asks for it."""

    def __init__(self, conditions: Conditions, *, files: Files, run_item: RunItem) -> None:
        self.all: dict[str, Job] = {}
        self._conditions = conditions
        self._files = files
        self._run_item = run_item
        self._released = asyncio.Event()
        self._tasks: dict[Job, asyncio.Task[None]] = {}

    def add(self, job: Job) -> None:
        """Keep a job and start it."""
        self.all[job.name] = job
        self._conditions.counters.batches += 1
        self._start(job)

    def resume(self) -> None:
        """Start what had not finished when the server stopped."""
        for job in self.all.values():
            if not job.finished:
                self._start(job)

    async def stop(self) -> None:
        """Stop running; the jobs stay."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def unfinished(self) -> int:
        """Return how many jobs wait or run."""
        return sum(not job.finished for job in self.all.values())

    def release(self) -> None:
        """Let go of the jobs that are held."""
        self._conditions.batch_hold = False
        self._released.set()
        self._released = asyncio.Event()

    async def settle(self, job: Job) -> None:
        """Return when a job whose time has come has finished, or soon in any case."""
        if job.finished:
            return
        if not self._conditions.batch_hold and time.monotonic() >= job.due_at:
            finished, _ = await asyncio.wait({self._tasks[job]}, timeout=SETTLE_SECONDS)
            for task in finished:
                task.result()  # an answer that broke is a 500 at the poll, not a job that hangs
        elif job.state == "PENDING":
            job.state = "RUNNING"

    def _start(self, job: Job) -> None:
        self._tasks[job] = asyncio.create_task(self._run(job), name=job.name)

    async def _run(self, job: Job) -> None:
        await asyncio.sleep(max(0.0, job.due_at - time.monotonic()))
        while self._conditions.batch_hold:
            await self._released.wait()
        if job.finished:
            return
        job.state = "RUNNING"
        if job.outcome not in {"succeeded", "partly"}:
            job.end(job.outcome.upper())
            return
        while len(job.results) < job.count:  # some are there when the server was stopped amid
            job.results.append(await self._result(job, len(job.results)))
            if job.finished:
                return
        self._write(job)
        job.end("SUCCEEDED")

    async def _result(self, job: Job, index: int) -> dict[str, Any]:
        item = job.items[index]
        names = {name: item[name] for name in ("key", "metadata") if name in item}
        self._conditions.counters.batch_items += 1
        if job.outcome == "partly" and index in self._conditions.batch_broken_items:
            return {**names, "error": BROKEN_ITEM}
        try:
            return {**names, "response": await self._run_item(job.model, item.get("request"))}
        except Refused as refused:
            return {**names, **_told(refused.fault)}

    def _write(self, job: Job) -> None:
        if self._conditions.batch_shuffled:
            job.results.reverse()
        job.late_polls = self._conditions.batch_late_polls
        if job.file_name:
            job.responses_file = f"files/batch-{job.name.rpartition('/')[2]}"
            lines = "".join(f"{json.dumps(result)}\n" for result in job.results)
            self._files.generate(job.responses_file, lines.encode())


def read_lines(data: bytes) -> list[Any]:
    """Return the items of a JSONL file; a line that is none becomes one without a request."""
    return [_read_line(line) for line in data.splitlines() if line.strip()]


def _read_line(line: bytes) -> Any:
    try:
        item = json.loads(line)
    except ValueError:
        return {}
    return item if isinstance(item, dict) else {}


def _told(fault: Fault) -> dict[str, Any]:
    """Return what a fault of a single request is as the result of an item."""
    try:
        body = json.loads(fault.body)
    except ValueError:
        return {"error": BROKEN_ITEM}
    error = body.get("error")
    if error is None:  # a blocked prompt is a response
        return {"response": body}
    return {"error": {"code": RPC_CODES.get(error["code"], 2), "message": error["message"]}}
