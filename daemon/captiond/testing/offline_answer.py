"""Answers for the loopback Gemini with what the offline captioner says of the image received."""

from __future__ import annotations

import hashlib
import tempfile

import anyio

from captiond.captioners.base import Question
from captiond.captioners.offline import OfflineCaptioner
from captiond.errors import PhotoError
from captiond.images.prepare import arm, prepare
from captiond.images.wire import Limits
from captiond.models import Description, Photo, Prepared, Recipe
from captiond.testing import gemini_wire as wire
from captiond.testing.gemini_fault import Refused
from captiond.testing.gemini_faults import bad_image
from captiond.testing.gemini_wire import ReceivedRequest

_LIMITS = Limits(max_edge_px=256, max_megapixels=100, decode_seconds=10, decode_megabytes=1024)
_RECIPE = Recipe(origin="offline", model="", language="en", prompt="")

arm()


async def answer_offline(request: ReceivedRequest) -> Description:
    """Describe the image by its colours and its shape; raises Refused for what is no image."""
    image = await anyio.to_thread.run_sync(_decode, wire.decode_image(request))
    reply = await OfflineCaptioner().caption(Question(Photo("/", ""), image, _RECIPE))
    return reply.description


def _decode(data: bytes) -> Prepared:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            return prepare(file.fileno(), hashlib.sha256(data).hexdigest(), _LIMITS)
        except PhotoError as error:
            raise Refused(bad_image()) from error
