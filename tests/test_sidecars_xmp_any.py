"""Any XMP, however it was written: merging loses nothing, and does so once."""

from __future__ import annotations

import shutil
import subprocess
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sidecars_helpers import subject
from sidecars_rdf_helpers import facts, sequences

from captiond.sidecars.xmp import Xmp

XMP = Xmp()
ABOUT = subject(caption="Two ferries", title="On the water", keywords=("ferry", "sea"))
URIS = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "my": "http://example.org/my/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
}
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
LETTERS = st.characters(codec="utf-8", categories=("L", "N", "P", "Zs"))
TEXT = st.text(LETTERS, min_size=1, max_size=8).map(lambda text: f"t{text}t")
NAMES = st.sampled_from(["a", "b", "c", "Rating"])
TAGS = st.sampled_from(["x-default", "en", "de-CH"])


class Writer:
    """Draws one file: which prefixes, which forms, which order."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        letters = draw(st.permutations([*URIS, "xap", "d", "x1", "captiond"]))
        self.prefixes = dict(zip(URIS, letters, strict=False))
        self.line = draw(st.sampled_from(["", "\n ", "\r\n\t"]))
        self.taken: set[str] = set()

    def name(self) -> str:
        """Return a property that the file does not have yet, "" if there is none."""
        known = st.sampled_from(
            ["dc:description", "dc:title", "tiff:ImageDescription", "xmp:MetadataDate", "dc:source"]
        )
        own = st.tuples(st.sampled_from(["my", "xmp", "lr"]), NAMES).map(":".join)
        found = self.draw(known | own)
        return "" if found in self.taken else self.taken.add(found) or found

    def spell(self, name: str) -> str:
        prefix, _, local = name.partition(":")
        return f"{self.prefixes[prefix]}:{local}"

    def element(self, name: str, inner: str, attributes: str = "") -> str:
        tag = self.spell(name)
        return f"{self.line}<{tag}{attributes}>{inner}</{tag}>"

    def items(self, kind: str, depth: int) -> str:
        """Return a list: of texts, or of structures."""
        if kind == "Alt":
            tags = self.draw(st.lists(TAGS, min_size=1, max_size=3, unique=True))
            inner = "".join(f"<rdf:li xml:lang='{t}'>{self.text()}</rdf:li>" for t in tags)
        elif depth < 3 and self.draw(st.booleans()):
            inner = f"<rdf:li{self.structure(depth + 1)}</rdf:li>"
        else:
            inner = "".join(
                f"{self.line}<rdf:li>{self.text()}</rdf:li>"
                for _ in range(self.draw(st.integers(1, 3)))
            )
        return f"<rdf:{kind}>{inner}</rdf:{kind}>"

    def text(self) -> str:
        text = escape(self.draw(TEXT))
        return f"<![CDATA[{self.draw(TEXT).replace(']]>', '')}]]>" if len(text) == 3 else text

    def structure(self, depth: int) -> str:
        """Return what follows the name of an element with fields in it, in one of two forms."""
        fields = "".join(
            self.element(f"my:f{number}", self.value(depth))
            for number in range(self.draw(st.integers(1, 2)))
        )
        if self.draw(st.booleans()):
            return f" rdf:parseType='Resource'>{fields}"
        return f"><rdf:Description {self.spell('my:x')}='1'>{fields}</rdf:Description>"

    def value(self, depth: int) -> str:
        if depth < 3 and self.draw(st.booleans()):
            return self.items(self.draw(st.sampled_from(["Bag", "Seq", "Alt"])), depth)
        return self.text()

    def property(self) -> str:
        """Return a property in element form."""
        if not (name := self.name()):
            return ""
        worded = name.startswith(("dc:", "tiff:"))
        form = self.draw(st.sampled_from(["value", "qualified", "structure", "empty"]))
        if form == "qualified":
            qualifier = self.element("my:q", self.text())
            inner = f"<rdf:value>{self.text()}</rdf:value>{qualifier}"
            return self.element(name, inner, " rdf:parseType='Resource'")
        if form == "structure" and not worded:
            tag = self.spell(name)
            return f"<{tag}{self.structure(1)}</{tag}>"
        if form == "empty" and not worded:
            return f"<{self.spell(name)} {self.spell('my:x')}={quoteattr(self.draw(TEXT))}/>"
        return self.element(name, self.value(1))

    def keywords(self) -> str:
        lists = [
            ("dc:subject", "Bag"),
            ("lr:hierarchicalSubject", "Bag"),
            ("digiKam:TagsList", "Seq"),
        ]
        name, kind = self.draw(st.sampled_from(lists))
        if name in self.taken:
            return ""
        self.taken.add(name)
        words = self.draw(st.lists(TEXT | st.sampled_from(["Sea", "A|b", "A/b"]), max_size=3))
        inner = "".join(f"<rdf:li>{escape(word)}</rdf:li>" for word in words)
        return self.element(name, f"<rdf:{kind}>{inner}</rdf:{kind}>")

    def block(self) -> str:
        declared = "".join(f' xmlns:{self.prefixes[p]}="{uri}"' for p, uri in URIS.items())
        attributes = ""
        for _ in range(self.draw(st.integers(0, 2))):
            if name := self.name():
                attributes += f" {self.spell(name)}={quoteattr(self.draw(TEXT))}"
        makers = self.draw(st.lists(st.sampled_from([self.property, self.keywords]), max_size=4))
        inner = self.line.join(make() for make in makers)
        comment = self.draw(st.sampled_from(["", "<!-- by hand -->"]))
        return (
            f"{self.line}<rdf:Description rdf:about=''{declared}{attributes}>"
            f"{comment}{inner}</rdf:Description>"
        )


@st.composite
def sidecars(draw: st.DrawFn) -> bytes:
    """Draw a file as some program might have written it."""
    writer = Writer(draw)
    blocks = "".join(writer.block() for _ in range(draw(st.integers(1, 3))))
    head, tail = draw(
        st.sampled_from(
            [
                ("", ""),
                ("<?xpacket begin='' id='x'?>\n", "\n<?xpacket end='w'?>"),
                ("\ufeff", "\n\n"),
            ]
        )
    )
    return (
        f"{head}<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='{RDF}'>"
        f"{blocks}{writer.line}</rdf:RDF></x:xmpmeta>{tail}"
    ).encode()


@given(sidecars())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_merging_loses_nothing_and_happens_once(content):
    """Every fact stays, in order; a second run changes no byte; taking back leaves what was."""
    merged = XMP.merge(content, ABOUT)
    before = set(facts(content))
    assert before <= set(facts(merged))
    for name, items in sequences(content).items():
        assert [one for one in sequences(merged)[name] if one in items] == items
    assert XMP.merge(merged, ABOUT) == merged
    assert XMP.handwriting(merged) == XMP.handwriting(content)
    taken = XMP.withdraw(merged)
    assert set(facts(taken or b"<r:RDF xmlns:r='%s'/>" % RDF.encode())) == before


@pytest.mark.skipif(
    shutil.which("exiv2") is None, reason="NO EXIV2: WHAT IT ACCEPTS WAS NOT TESTED"
)
@given(batch=st.lists(sidecars(), min_size=10, max_size=20))
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_exiv2_accepts_whatever_was_merged(batch, tmp_path_factory):
    """A packet that exiv2 reads, and so darktable and digiKam, it reads after merging."""
    folder = tmp_path_factory.mktemp("merged")
    for number, content in enumerate(batch):
        (folder / f"{number} before.xmp").write_bytes(content)
        (folder / f"{number} after.xmp").write_bytes(XMP.merge(content, ABOUT))
    for number in range(len(batch)):
        told = [_print(folder / f"{number} {when}.xmp") for when in ("before", "after")]
        if told[0]:
            assert "Xmp.dc.description" in told[1] or "ImageDescription" in told[1]
            assert told[1].count("\n") >= told[0].count("\n")


def _print(path):
    command = ["exiv2", "-px", "pr", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout if done.returncode == 0 else ""
