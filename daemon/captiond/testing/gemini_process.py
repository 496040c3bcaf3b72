"""Runs the loopback Gemini as a process until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from captiond.testing.gemini_conditions import Answer, answer_fixed
from captiond.testing.gemini_faults import NAMED
from captiond.testing.gemini_limits import Limits
from captiond.testing.gemini_server import GeminiServer


def main() -> None:
    """Serve as the arguments say; the first line of the output is the URL."""
    parser = argparse.ArgumentParser(prog="python -m captiond.testing.gemini_server")
    parser.add_argument("--port", type=int, default=0, help="0 = any free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--answer", choices=("fixed", "offline"), default="fixed")
    parser.add_argument("--standing", choices=NAMED, help="every request meets this fault")
    parser.add_argument("--api-key", help="the only key to accept; any without this")
    parser.add_argument("--requests-per-minute", type=int, help="of each model, the others 429")
    parser.add_argument("--tokens-per-minute", type=int, help="input tokens of each model")
    parser.add_argument("--requests-per-day", type=int, help="of each model, in Pacific time")
    parser.add_argument("--batch-seconds", type=float, default=0.0, help="how long a job takes")
    asyncio.run(_serve(parser.parse_args()))


async def _serve(arguments: argparse.Namespace) -> None:
    server = GeminiServer(
        answer=_answer_named(arguments.answer),
        latency_seconds=arguments.latency,
        standing=NAMED.get(arguments.standing),
        api_key=arguments.api_key,
        batch_seconds=arguments.batch_seconds,
        model_version="offline" if arguments.answer == "offline" else "",
        limits=Limits(
            requests_per_minute=arguments.requests_per_minute,
            input_tokens_per_minute=arguments.tokens_per_minute,
            requests_per_day=arguments.requests_per_day,
        ),
    )
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await server.start(arguments.port)
    sys.stdout.write(f"{server.base_url}\n")
    sys.stdout.flush()
    try:
        await stopping.wait()
    finally:
        await server.aclose()


def _answer_named(name: str) -> Answer:
    if name == "fixed":
        return answer_fixed
    from captiond.testing.offline_answer import answer_offline

    return answer_offline
