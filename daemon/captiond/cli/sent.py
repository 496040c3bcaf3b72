"""The verb `sent`: what went out in the last request about a photo."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from captiond.cli import output

if TYPE_CHECKING:  # loading it takes time that a usage error does without
    from captiond.index.sent import LastRequest

_SETTINGS = ("model", "language", "thinking", "media_resolution", "max_edge_px", "context")


@click.command(short_help="Show what was sent about a photo.")
@click.argument("file")
@output.json_option
@click.pass_context
def command(ctx: click.Context, file: str, *, as_json: bool) -> int:
    """Show what went out in the last request about a photo: every text, the image, the settings.

    With --json: an object with texts, image, settings, tier, tokens, cost_usd and outcome. Exits
    with 1 when nothing was ever sent about the photo.
    """
    from captiond.index.search import Library
    from captiond.index.sent import last_request

    absolute = os.path.abspath(file)  # noqa: PTH100 - Path.absolute keeps ".."
    with Library(output.settings(ctx).index.path) as library:
        real = os.path.realpath(absolute)
        request = last_request(library, absolute) or last_request(library, real)
    if request is None:
        output.note(f"captiond: nothing was ever sent about {absolute}")
        return 1
    told = document(request)
    if as_json:
        output.print_json(told)
        return 0
    output.table(("", ""), rows(told))
    for text in told["texts"]:
        click.echo()
        for line in text.splitlines():
            click.echo(output.clean(line))
    return 0


def document(request: LastRequest) -> dict[str, Any]:
    """Return the request as plain data for JSON; what was not kept is null."""
    sent = request.sent
    image = sent and {name: getattr(sent, name) for name in ("mime", "width", "height", "bytes")}
    return {
        "texts": list(sent.texts) if sent else [request.recipe["prompt"]],
        "image": image,
        "settings": {name: request.recipe.get(name, "") for name in _SETTINGS},
        "tier": request.tier,
        "answered_tier": request.answered_tier,
        "answered_by": request.answered_by,
        "started_at": request.started_at,
        "ended_at": request.ended_at,
        "input_tokens": request.input_tokens,
        "output_tokens": request.output_tokens,
        "thinking_tokens": request.thinking_tokens,
        "cost_usd": request.cost_usd,
        "outcome": request.error or request.state,
    }


def rows(told: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield what is known of the request, but its texts, for people."""
    yield "sent", output.moment(told["started_at"])
    yield "outcome", told["outcome"]
    if image := told["image"]:
        size = f"{image['width']} x {image['height']} pixels, {image['bytes']:,} bytes"
        yield "image", f"{size}, {image['mime']}"
    settings = {name.replace("_", " "): value for name, value in told["settings"].items() if value}
    yield from settings.items()
    keys = ("tier", "answered_tier", "answered_by", "input_tokens", "output_tokens", "cost_usd")
    for key in (*keys, "thinking_tokens"):
        if told[key] not in {None, ""}:
            yield key.replace("_", " "), told[key]
