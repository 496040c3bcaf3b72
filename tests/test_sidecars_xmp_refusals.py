"""Files that captiond does not merge into, each with its reason, and what hostile ones cost."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sidecars_helpers import subject
from sidecars_xmp_helpers import MINE, packet

from captiond.errors import SidecarForeign
from captiond.sidecars.base import MERGE_LIMIT_BYTES
from captiond.sidecars.xmp import Xmp
from captiond.sidecars.xmp_file import MOST_MARKS

LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
TREE_MEGABYTES = 230
"""Of the whole interpreter: some 30 without, 32 for the file itself."""

REFUSED = {
    "it is empty": b"",
    "it is over 32 MB": MINE + b" " * MERGE_LIMIT_BYTES,
    "it has a document type": LAUGHS + packet("<dc:title>&b;</dc:title>"),
    "it has too many tags and attributes": packet("<dc:a/>" * MOST_MARKS),
    "it is no XMP": b"<gpx><trk/></gpx>",
    "it holds several packets": b"<x>" + MINE + MINE + b"</x>",
    "it is not in UTF-16, as it begins": b"\xff\xfe<",
}
UNICODE = "its encoding is not the one that it declares, or not Unicode"
NO_XML = "it is not well-formed XML in Unicode"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        *((content, reason) for reason, content in REFUSED.items()),
        (b"  \n", NO_XML),
        (b"no XML", NO_XML),
        (MINE[:-9], NO_XML),
        (MINE + MINE, NO_XML),
        (packet("<dc:title>&nbsp;</dc:title>"), NO_XML),
        (packet("<dc:title>\x00</dc:title>"), NO_XML),
        (packet("<dc:title>\xe9</dc:title>").decode().encode("latin-1"), NO_XML),
        (packet("<dc:a>" * 500 + "</dc:a>" * 500), NO_XML),
        (packet("<dc:a>" + "x" * 11_000_000 + "</dc:a>"), NO_XML),
        (
            b"<?xml version='1.0'?>\n<!-- a --><!DOCTYPE x SYSTEM 'x'>" + MINE,
            "it has a document type",
        ),
        (b"<?xml version='1.0' encoding='UTF-7'?>" + MINE, UNICODE),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?>" + MINE, UNICODE),
        (b"<?xml version='1.0' encoding='UTF-16'?>" + MINE, UNICODE),
        (MINE + b"<!-- </x:xmpmeta> -->", "where it ends is not plain"),
    ],
)
def test_what_is_no_plain_xmp_is_refused(content, reason):
    """Merging, reading and taking back refuse with the reason alone; nothing is read from it."""
    for method in (
        lambda: Xmp().merge(content, subject()),
        lambda: Xmp().handwriting(content),
        lambda: Xmp().withdraw(content),
    ):
        with pytest.raises(SidecarForeign) as refusal:
            method()
        assert str(refusal.value) == reason
    assert Xmp().read(content) is None


def test_text_that_xml_cannot_hold_is_cleaned():
    """Control characters and lone surrogates of a reply do not reach the file."""
    about = subject(caption="Two\x00 fer\ud800ries\x1b", title="\ufffe", keywords=("a\x07b",))
    merged = Xmp().merge(MINE, about)
    assert "Two ferries" in merged.decode()
    assert "<rdf:li>ab</rdf:li>" in merged.decode()


@pytest.mark.parametrize(
    "body",
    ["<dc:a dc:b=''/>\n" + " " * 300, "<dc:é/>" + "é" * 70],
    ids=["blanks", "letters"],
)
def test_the_worst_that_is_let_in_costs_little_memory(body):
    """A file with as many tags as are let in, at any size, is merged within a bound of memory."""
    marks = body.count("<") + body.count("=")
    count = min((MOST_MARKS - 200) // marks, (MERGE_LIMIT_BYTES - 5000) // len(body.encode()))
    code = (
        "import sys\n"
        "from captiond.sidecars.xmp import Xmp\n"
        "from captiond.sidecars.base import Subject\n"
        "from captiond.models import Caption, Description\n"
        "words = Description(caption='a', keywords=('b',))\n"
        "about = Subject('a', Caption(digest='d', recipe='r', origin='o', language='', model='m',"
        " created_at=1.0, description=words), '1')\n"
        "assert b'Digest' in Xmp().merge(sys.stdin.buffer.read(), about)\n"
        "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=packet(body * count), capture_output=True, check=True
    )
    assert int(done.stdout) >> 10 < TREE_MEGABYTES
