"""What every room's tests share."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio: google-genai and aiohttp need it."""
    return "asyncio"
