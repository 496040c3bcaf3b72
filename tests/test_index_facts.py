"""What is true of a photo's content stands in the index."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

from index_helpers import OWNER, answer, caption, claim, completed, opened, photo, request, sighting

from captiond.downloads.addresses import wanted
from captiond.index.browse import facts_of
from captiond.index.search import Library
from captiond.models import Facts

ALL = Facts(
    digest="d1",
    format="raw",
    width=6000,
    height=4000,
    taken_at="2024-06-01T12:30:00+02:00",
    camera="Nikon Z 6",
    latitude=59.913,
    longitude=10.752,
    place="Oslo, Norway",
    lens="NIKKOR Z 35mm f/1.8 S",
    pixels="ab" * 32,
    likeness="0f" * 8,
)
URL = "https://example.com/a.nef"


async def test_each_fact_is_shown_where_people_look_for_it(tmp_path):
    """In `library` or `library_facts`, and by the program; the address with the content."""
    async with opened("sqlite", tmp_path) as index:
        await index.downloads.add([wanted(URL, "/photos", "")], now=1.0)
        download = await index.downloads.claim(now=1.0)
        await index.downloads.done(download, name="a.nef", digest="d1", source=URL, now=1.0)
        plain = Facts(digest="d2", format="jpeg", width=4, height=3)
        for path, facts in (("a.nef", ALL), ("b.jpg", plain)):
            await index.offer([sighting(path)], now=1.0)
            await claim(index)
            asked = replace(request(path, number=path), facts=facts)
            assert await index.begin(asked, owner=OWNER)
            shows = caption(digest=facts.digest)
            await index.answer(answer(path, number=path, shows=shows))
            await index.complete([completed(path, digest=facts.digest)], owner=OWNER)
    names = ("format", "width", "height", "taken_at", "camera", "latitude", "longitude", "place")
    with closing(sqlite3.connect(tmp_path / "index.db")) as db:
        rows = db.execute(f"SELECT {', '.join(names)} FROM library ORDER BY path").fetchall()
        more = db.execute("SELECT lens, pixels, source FROM library_facts ORDER BY path").fetchall()
    assert rows[0] == tuple(getattr(ALL, name) for name in names)
    assert rows[1] == ("jpeg", 4, 3, None, None, None, None, None)
    assert more == [(ALL.lens, ALL.pixels, URL), (None, None, None)]
    with closing(Library(tmp_path / "index.db")) as library:
        told = facts_of(library, photo("a.nef").full)
    assert (told["lens"], told["source"]) == (ALL.lens, URL)
