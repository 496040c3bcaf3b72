"""Reads XMP as RDF, with another parser than captiond's, to judge what was kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import rdflib
from lxml import etree
from rdflib.namespace import RDF

CORPUS = sorted((Path(__file__).parent / "sidecars").glob("*.xmp"))
CAPTIOND = "urn:captiond:1.0/"
LISTS = (RDF.Bag, RDF.Seq, RDF.Alt)


def parse(content: bytes) -> rdflib.Graph:
    """Return the packet's graph; the photo is <photo:>."""
    root = etree.fromstring(content.removeprefix(b"\xef\xbb\xbf"))
    packet = next(root.iter(f"{{{RDF}}}RDF"))
    for about in packet:  # what XMP lets pass for rdf:about=""
        if isinstance(about.tag, str) and f"{{{RDF}}}about" not in about.attrib:
            about.set(f"{{{RDF}}}about", "")
    graph = rdflib.Graph()
    graph.parse(data=etree.tostring(packet), format="xml", publicID="photo:")
    return graph


def facts(content: bytes) -> Counter[tuple[Any, ...]]:
    """Return what the packet says, a fact a property or an item of a list; order aside."""
    graph = parse(content)
    found: Counter[tuple[Any, ...]] = Counter()
    for subject, predicate, value in graph:
        if isinstance(subject, rdflib.BNode) or not is_list(graph, value):
            if not isinstance(subject, rdflib.BNode):
                found[str(subject), str(predicate), told(graph, value)] += 1
            continue
        found.update((str(subject), str(predicate), "in", one) for one in items(graph, value))
    return found


def sequences(content: bytes) -> dict[str, list[Any]]:
    """Return the items of each list in their order."""
    graph = parse(content)
    return {
        str(predicate): items(graph, value)
        for subject, predicate, value in graph
        if not isinstance(subject, rdflib.BNode) and is_list(graph, value)
    }


def told(graph: rdflib.Graph, value: Any) -> Any:
    """Return a value by all that it says, a nested one without the name of its node."""
    if not isinstance(value, rdflib.BNode):
        return value.n3()
    return tuple(
        sorted((str(p), str(told(graph, one))) for p, one in graph.predicate_objects(value))
    )


def is_list(graph: rdflib.Graph, value: Any) -> bool:
    return graph.value(value, RDF.type) in LISTS if isinstance(value, rdflib.BNode) else False


def items(graph: rdflib.Graph, value: Any) -> list[Any]:
    members = [
        (int(str(predicate).removeprefix(f"{RDF}_")), one)
        for predicate, one in graph.predicate_objects(value)
        if predicate != RDF.type
    ]
    return [told(graph, one) for _, one in sorted(members, key=lambda pair: pair[0])]


def local(fact: tuple[Any, ...]) -> str:
    """Return the local name of a fact's property."""
    return str(fact[1]).replace("#", "/").rpartition("/")[2]


def prefixes(content: bytes) -> dict[str, set[str]]:
    """Return the prefixes that a file binds to each namespace."""
    found: dict[str, set[str]] = {}
    root = etree.fromstring(content)
    for _, (prefix, uri) in etree.iterwalk(root, events=("start-ns",)):
        found.setdefault(uri, set()).add(prefix)
    return found
