"""Everything at once, as in Google's notebooks: one task a photo, the SDK, as_completed.

`python -m benchmarks.notebook URL FOLDER` prints its figures as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from google import genai
from google.genai import types

from benchmarks.measure import StallProbe, high_water_mb
from captiond.captioners.prompts import REPLY_SCHEMA, build

MODEL = "gemini-3.5-flash-lite"


async def main(url: str, folder: Path) -> dict[str, float]:
    """Describe every photo of the folder; return the figures."""
    client = genai.Client(api_key="a-key", http_options=types.HttpOptions(base_url=url))
    prompt = build("", language="en")

    async def describe(path: Path) -> str | None:
        photo = types.Part.from_bytes(data=path.read_bytes(), mime_type="image/jpeg")
        contents: list[Any] = [photo, prompt]
        response = await client.aio.models.generate_content(
            model=MODEL,
            contents=contents,
            config=types.GenerateContentConfig(
                response_mime_type="application/json", response_json_schema=REPLY_SCHEMA
            ),
        )
        return response.text

    probe = StallProbe()
    beating = asyncio.create_task(probe.run())
    began = time.perf_counter()
    tasks = [asyncio.create_task(describe(path)) for path in sorted(folder.glob("*.jpg"))]
    texts = [await done for done in asyncio.as_completed(tasks)]
    took = time.perf_counter() - began
    beating.cancel()
    await client.aio.aclose()
    assert all(texts)
    return {"photos_a_second": len(texts) / took, "peak_mb": high_water_mb(), **probe.report()}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], Path(sys.argv[2])))))
