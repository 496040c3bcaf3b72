"""Sends a fault over the wire in its manner: whole, byte by byte, broken off, or never."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web

from captiond.testing.gemini_fault import Fault, Manner, Refused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Guard = Callable[[Handler], Handler]
"""Lets in whom the API lets in, and tells refusals."""

DRIPS = 20


def unless(find_fault: Callable[[], Fault | None], handle: Handler) -> Handler:
    """Return a handler that refuses while there is a fault to be met."""

    async def met(request: web.Request) -> web.StreamResponse:
        fault = find_fault()
        if fault is not None:
            raise Refused(fault)
        return await handle(request)

    return met


async def deliver(
    request: web.Request, fault: Fault, *, closing: asyncio.Event
) -> web.StreamResponse:
    """Answer the request with this fault; `closing` ends what would never end."""
    if fault.manner is Manner.SILENCE:
        await closing.wait()
    if fault.manner is Manner.RESET:
        return await break_off(request, fault.body)
    if fault.manner is Manner.DRIP:
        return await _drip(request, fault, closing)
    return web.Response(status=fault.status, body=fault.body, content_type=fault.content_type)


async def break_off(request: web.Request, half: bytes) -> web.StreamResponse:
    """Send the head of an answer and these bytes of its body, then break the connection."""
    response = web.StreamResponse(headers={"Content-Length": str(len(half) + 100_000)})
    await response.prepare(request)
    await response.write(half)
    abort(request)
    return response


def abort(request: web.Request) -> None:
    """Break the connection at once."""
    if request.transport is not None:
        request.transport.abort()


async def _drip(request: web.Request, fault: Fault, closing: asyncio.Event) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(len(fault.body))})
    response.content_type = fault.content_type
    await response.prepare(request)
    size = len(fault.body) // DRIPS + 1
    with suppress(ConnectionResetError):  # the client had no patience
        for start in range(0, len(fault.body), size):
            await response.write(fault.body[start : start + size])
            with suppress(TimeoutError):
                await asyncio.wait_for(closing.wait(), fault.seconds / DRIPS)
    return response
