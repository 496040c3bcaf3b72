"""Words for photos that people wrote about."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon_helpers import Home, wait_until

XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmp:Rating="4"{attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>
"""


def alt(name: str, text: str) -> str:
    """Return a language alternative as other programs write it."""
    default = f'<rdf:li xml:lang="x-default">{text}</rdf:li>'
    return f"<dc:{name}><rdf:Alt>{default}</rdf:Alt></dc:{name}>"


def bag(*words: str) -> str:
    """Return keywords as other programs write them."""
    items = "".join(f"<rdf:li>{word}</rdf:li>" for word in words)
    return f"<dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject>"


def xmp(elements: str = "", attributes: str = "") -> str:
    """Return another program's XMP sidecar."""
    return XMP.format(elements=elements, attributes=attributes)


def exiftool(path: Path, *arguments: str) -> None:
    """Change a file as a person does with exiftool."""
    command = ["exiftool", "-q", "-overwrite_original", *arguments, path]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def tree(folder: Path) -> dict[str, str]:
    """Return every file beneath a folder with a digest of its bytes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    found = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    return {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}


def shown(home: Home, name: str) -> tuple:
    """Return caption, title, keywords and origin of a photo."""
    sql = "select caption, title, keywords, origin from library where name = ?"
    rows = home.rows(sql, name)
    return rows[0] if rows else ()


def found(home: Home, word: str) -> list[str]:
    """Return the names of the photos that a search for a word finds."""
    sql = "select photos.name from photos join photos_fts on photos_fts.rowid = photos.id"
    return sorted(name for (name,) in home.rows(f"{sql} where photos_fts match ?", word))


def at_rest(home: Home, photos: int) -> bool:
    """Tell whether so many photos are captioned and none is in hand."""
    sql = "select count(*) filter (where state = 'captioned'), count(*) from photos"
    return home.rows(sql) == [(photos, photos)]


@contextmanager
def captioned(home: Home, *, photos: int) -> Iterator[None]:
    """Run the daemon until so many photos are captioned, then go on beside it."""
    with home.daemon():
        wait_until(lambda: at_rest(home, photos), seconds=60, what=f"{photos} are captioned")
        yield
