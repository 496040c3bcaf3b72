"""Finds and changes properties in an XMP packet, wherever and however they were written.

A property may be an attribute or an element of any of several `rdf:Description` blocks. What
captiond adds goes to a block of its own, so that those of others stay as they are.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lxml import etree

from captiond.errors import SidecarForeign
from captiond.sidecars.clean import clean
from captiond.sidecars.xmp_layout import append, lay_out, remove
from captiond.sidecars.xmp_names import (
    CONTAINERS,
    DESCRIPTION,
    LI,
    NAMESPACES,
    VALUE,
    WRITTEN,
    XML_LANG,
    tag,
)

DEFAULT = "x-default"
"""The language of a text that is shown to everybody; it stands first."""

_FORMS = (XML_LANG, tag("rdf:parseType"))
_SUBJECT = {tag("rdf:about"), "about"}
_OWN = tag("captiond:")


@dataclass(frozen=True, slots=True)
class Wording:
    """A text of a property; `item` is its place in a list of them, None for the only one."""

    text: str
    language: str = ""
    item: etree._Element | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a property stands: in `about`, as an attribute if there is no `element`."""

    about: etree._Element
    tag: str
    element: etree._Element | None = None

    @property
    def container(self) -> etree._Element | None:
        """The list in it, None for a simple value."""
        inner = () if self.element is None else self.element.iterchildren(*CONTAINERS)
        return next(iter(inner), None)

    def wordings(self) -> list[Wording]:
        """Return its texts, cleaned; a list may be empty, a simple value has one."""
        if self.element is None:
            return [Wording(clean(str(self.about.attrib[self.tag])))]
        if (container := self.container) is None:
            return [Wording(_text(self.element), self.element.get(XML_LANG, ""))]
        items = container.iterchildren(etree.Element)
        return [Wording(_text(item), item.get(XML_LANG, ""), item) for item in items]

    def remove(self) -> None:
        """Take the property away."""
        if self.element is None:
            del self.about.attrib[self.tag]
        else:
            remove(self.element)

    def drop(self, wordings: Iterable[Wording]) -> None:
        """Take some of its texts away, and the property when none is left."""
        dropped = list(wordings)
        for item in (one.item for one in dropped):
            if item is not None:
                remove(item)
        if len(self.wordings()) == 0 or any(one.item is None for one in dropped):
            self.remove()


class Packet:
    """The properties of a photo. Raises SidecarForeign for XML that holds none."""

    def __init__(self, root: etree._Element) -> None:
        found = list(root.iter(tag("rdf:RDF")))
        if len(found) != 1:
            raise SidecarForeign("it is no XMP" if not found else "it holds several packets")
        self.rdf = found[0]
        self._block: etree._Element | None = None
        self._bound: dict[str, set[str]] = {}
        for _, (prefix, uri) in etree.iterwalk(root, events=("start-ns",)):
            self._bound.setdefault(prefix, set()).add(uri)

    @property
    def blocks(self) -> list[etree._Element]:
        """The blocks of properties."""
        return list(self.rdf.iterchildren(DESCRIPTION))

    def places(self, name: str) -> list[Place]:
        """Return where a property stands."""
        wanted = tag(name)
        found: list[Place] = []
        for about in self.blocks:
            if wanted in about.attrib:
                found.append(Place(about, wanted))
            found.extend(Place(about, wanted, one) for one in about.iterchildren(wanted))
        return found

    def texts(self, name: str) -> list[str]:
        """Return the texts of a property, cleaned, without empty ones."""
        every = (one.text for place in self.places(name) for one in place.wordings())
        return [text for text in every if text]

    def text(self, name: str) -> str:
        """Return the first text of a property, "" for none."""
        return next(iter(self.texts(name)), "")

    def set_text(self, name: str, text: str) -> None:
        """Make a text the only one of a simple property, which goes if it is ""."""
        if self.texts(name) == [text] or not (text or self.places(name)):
            return
        for place in self.places(name):
            place.remove()
        if text:
            self._add(name).text = text

    def set_list(self, name: str, items: Sequence[str]) -> None:
        """Make these the items of an unordered list, which goes if there is none."""
        if self.texts(name) == list(items):
            return
        for place in self.places(name):
            place.remove()
        if items:
            self.extend(name, "rdf:Bag", items)

    def extend(self, name: str, kind: str, items: Sequence[str]) -> None:
        """Add items to the end of a list; it is made if it is not there."""
        container = self._container(name, kind)
        for text in items:
            item = etree.Element(LI)
            item.text = text
            append(container, item)

    def prepend(self, name: str, text: str) -> None:
        """Put a text as the default before what a property says in languages.

        In no language of its own: darktable 4.2 makes one text of two, `A, lang="en" A`.
        """
        item = etree.Element(LI)
        item.set(XML_LANG, DEFAULT)
        item.text = text
        append(self._container(name, "rdf:Alt"), item, at=0)

    def forget(self) -> None:
        """Take away captiond's own properties, and the blocks in which nothing is left then."""
        for about in self.blocks:
            names = [name for name in about.attrib if str(name).startswith(_OWN)]
            elements = [one for one in about.iterchildren(etree.Element) if _is_own(one)]
            for name in names:
                del about.attrib[name]
            for one in elements:
                remove(one)
            says = set(about.attrib) - _SUBJECT or len(about)
            if (names or elements) and not says:
                remove(about)

    def says_nothing(self) -> bool:
        """Tell whether no property is left."""
        return len(self.rdf) == 0

    def _container(self, name: str, kind: str) -> etree._Element:
        lists = (place.container for place in self.places(name))
        found = next((one for one in lists if one is not None), None)
        if found is not None:
            return found
        for place in self.places(name):  # what is left of one that says nothing
            place.remove()
        made = self._add(name)
        container = etree.SubElement(made, tag(kind))
        lay_out(made)
        return container

    def _add(self, name: str) -> etree._Element:
        """Add an element to captiond's own block."""
        if self._block is None:
            self._block = self._own_block()
        prefix = name.partition(":")[0]
        uri = NAMESPACES[prefix]
        known = uri in self._block.nsmap.values()
        names = {} if known else {self._prefix(uri): uri}
        return append(self._block, etree.Element(tag(name), nsmap=names))

    def _own_block(self) -> etree._Element:
        for about in self.blocks:
            if any(map(_is_own, about.iterchildren(etree.Element))):
                return about
        outer = set(self.rdf.nsmap.values())
        inner = {
            self._prefix(uri): uri
            for uri in map(NAMESPACES.__getitem__, WRITTEN)
            if uri not in outer
        }
        block = etree.Element(DESCRIPTION, nsmap=inner)
        block.set(tag("rdf:about"), self._about())
        return append(self.rdf, block)

    def _about(self) -> str:
        """Return what the other blocks are about: a reader refuses a packet with two subjects."""
        named = (one.get(tag("rdf:about")) or one.get("about") for one in self.blocks)
        return next((about for about in named if about), "")

    def _prefix(self, uri: str) -> str:
        """Return the prefix that the file has for a namespace, or one that it does not use yet.

        A second prefix for a namespace makes exiv2 reject the whole packet.
        """
        for prefix, names in self._bound.items():
            if prefix and names == {uri}:
                return prefix
        wanted = next(prefix for prefix, name in NAMESPACES.items() if name == uri)
        numbered = (f"{wanted}{number}" for number in itertools.count(2))
        every = itertools.chain([wanted], numbered)
        chosen = next(prefix for prefix in every if prefix not in self._bound)
        self._bound[chosen] = {uri}
        return chosen


def _is_own(element: etree._Element) -> bool:
    return str(element.tag).startswith(_OWN)


def _text(element: etree._Element) -> str:
    """Return what an element says: its value, where it is qualified; whatever else stands in it."""
    if len(element) == 0 and element.text:
        return clean(element.text)
    inner = next(element.iter(VALUE), element)
    values = (one.get(VALUE) for one in element.iter(etree.Element))
    told = next(filter(None, values), None) or str(inner.xpath("string()"))
    if text := clean(told):
        return text
    every = (one.attrib.items() for one in element.iter(etree.Element))
    return clean(
        " ".join(str(value) for some in every for name, value in some if name not in _FORMS)
    )
