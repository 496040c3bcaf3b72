"""Writes captions for people: a Markdown document, a gallery of HTML pages."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from html import escape
from itertools import islice
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from captiond.exporting.placing import Places
from captiond.index.browse import Shown
from captiond.visible import on_one_line

A_PAGE = 200
"""Photos on a page of HTML: a browser loads them as they come into view."""

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#|!&~$])|^([-+.=]|\d+(?=[.)]))")
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
main { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)) }
figure { margin: 0 }
img { background: #8883; height: 14rem; object-fit: contain; width: 100% }
h2 { grid-column: 1 / -1; margin: 1rem 0 0; overflow-wrap: anywhere }
figcaption { overflow-wrap: anywhere }
small { display: block; opacity: 0.7 }
@media (prefers-color-scheme: dark) { body { background: #111; color: #eee } a { color: #8cf } }
"""
_POLICY = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'"


def write_markdown(photos: Iterable[Shown], out: TextIO, *, beside: Path | None) -> int:
    """Write a heading for each folder, each photo as a picture with its words; return how many.

    Photos are linked relative to the folder `beside`, or by their absolute paths.
    """
    count, folder = 0, None
    for shown in photos:
        entry = shown.entry
        if entry.folder != folder:
            folder = entry.folder
            out.write(f"# {marked(folder)}\n\n")
        alt = marked(entry.alt_text or entry.caption or entry.name)
        out.write(f"## {marked(entry.title or entry.name)}\n\n")
        out.write(f"![{alt}]({_address(shown, beside)})\n\n")
        for words in (entry.caption, ", ".join(entry.keywords)):
            if words:
                out.write(f"{marked(words)}\n\n")
        count += 1
    return count


def write_html(photos: Iterable[Shown], places: Places, *, copies: bool) -> int:
    """Write `index.html` and further pages; return how many photos.

    With `copies` the photos lie in the export, else the pages show them where they lie. Raises
    OSError.
    """
    ordered, count, number = iter(photos), 0, 1
    part = list(islice(ordered, A_PAGE))
    while part or number == 1:
        following = list(islice(ordered, A_PAGE))
        page = places.target / _page_name(number)
        with page.open("x", encoding="utf-8") as file:
            file.writelines(_page(part, places, number, more=bool(following), copies=copies))
        count, number, part = count + len(part), number + 1, following
    return count


def marked(text: str) -> str:
    """Return text on one line with nothing in it that Markdown or HTML would take for markup."""
    return _MARKUP.sub(r"\\\g<0>", on_one_line(text))


def _page(
    photos: list[Shown], places: Places, number: int, *, more: bool, copies: bool
) -> Iterator[str]:
    yield (
        '<!doctype html>\n<html>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>Photos, page {number}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
    )
    yield (ways := _ways(number, more=more))
    yield "<main>\n"
    folder = None
    for shown in photos:
        if shown.entry.folder != folder:
            folder = shown.entry.folder
            yield f"<h2>{escape(folder)}</h2>\n"
        yield _figure(shown, places, copies=copies)
    yield f"</main>\n{ways}</body>\n</html>\n"


def _figure(shown: Shown, places: Places, *, copies: bool) -> str:
    entry = shown.entry
    placed = places.put(shown) if copies else None
    address = quote(str(placed)) if placed else _address(shown, places.target)
    title = f"<strong>{escape(entry.title)}</strong> " if entry.title else ""
    language = f' lang="{escape(entry.language)}"' if entry.language else ""
    about = (entry.taken_at, entry.place, entry.camera, ", ".join(entry.keywords))
    told = " · ".join(escape(text) for text in about if text)
    return (
        f'<figure><a href="{escape(address)}"><img loading="lazy" src="{escape(address)}" '
        f'alt="{escape(entry.alt_text or entry.caption or "")}"></a>\n'
        f"<figcaption{language}>{title}{escape(entry.caption or '')}"
        f"<small>{escape(entry.name)}</small><small>{told}</small></figcaption></figure>\n"
    )


def _ways(number: int, *, more: bool) -> str:
    back = f'<a rel="prev" href="{_page_name(number - 1)}">back</a> ' if number > 1 else ""
    on = f'<a rel="next" href="{_page_name(number + 1)}">on</a>' if more else ""
    return f"<nav>{back}{on}</nav>\n"


def _page_name(number: int) -> str:
    return "index.html" if number == 1 else f"page-{number}.html"


def _address(shown: Shown, beside: Path | None) -> str:
    path = os.path.join(shown.root, shown.path)  # noqa: PTH118 a text as it lies in the index
    return quote(path if beside is None else os.path.relpath(path, beside))
