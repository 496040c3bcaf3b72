"""What every room's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import key_hunt
import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio: google-genai and aiohttp need it."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _key_unseen() -> Iterator[None]:
    """After every test, failed or not: the key is in nothing that its daemons and verbs left."""
    yield
    key_hunt.look_everywhere()
