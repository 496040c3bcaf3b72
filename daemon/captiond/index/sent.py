"""Keeps what went out in a request, and tells it again for a photo."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

from captiond.index.names import plain, to_stored
from captiond.index.search import Library, splits
from captiond.models import Sent

_LAST = """
    SELECT requests.state, requests.error, requests.started_at, requests.ended_at,
        requests.model AS answered_by, requests.tier, requests.answered_tier, requests.input_tokens,
        requests.output_tokens, requests.thinking_tokens, requests.cost_usd, requests.sent,
        recipes.document
    FROM requests JOIN recipes ON recipes.key = requests.recipe
    WHERE requests.name = ? AND requests.folder = ? AND requests.root = ?
    AND recipes.origin <> 'offline'
    ORDER BY requests.started_at DESC, requests.rowid DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRequest:
    """The last request about a photo; times in unix seconds, None for what is not known.

    `recipe` is the recipe's document; `state` is inflight, answered or failed, with an `error`.
    `sent` is None for a request of a captiond that did not keep it; the recipe's prompt was its
    only text.
    """

    state: str
    error: str | None
    started_at: float
    ended_at: float | None
    answered_by: str | None
    tier: str
    answered_tier: str | None
    input_tokens: int | None
    output_tokens: int | None
    thinking_tokens: int | None
    cost_usd: float | None
    recipe: dict[str, Any]
    sent: Sent | None


def sent_column(sent: Sent, *, prompt: str) -> str:
    """Return what went out as JSON; null stands for the recipe's prompt, which `recipes` holds."""
    texts = [None if text == prompt else text for text in sent.texts]
    return plain(json.dumps(asdict(sent) | {"texts": texts}, ensure_ascii=False))


def last_request(library: Library, path: str | os.PathLike[str]) -> LastRequest | None:
    """Return the last request about the photo at this absolute path, None if there was none.

    Raises LibraryUnavailable.
    """
    for root, folder, name in splits(to_stored(os.fspath(path))):
        for row in library.rows(_LAST, (name, folder, root)):
            *values, sent, document = row
            recipe = json.loads(document)
            return LastRequest(
                **dict(zip(_COLUMNS, values, strict=True)),
                recipe=recipe,
                sent=_to_sent(sent, prompt=recipe["prompt"]),
            )
    return None


_COLUMNS = tuple(name for name in LastRequest.__slots__ if name not in {"recipe", "sent"})


def _to_sent(column: str | None, *, prompt: str) -> Sent | None:
    if column is None:
        return None
    document = json.loads(column)
    texts = (prompt if text is None else text for text in document.pop("texts"))
    return Sent(texts=tuple(texts), **document)
