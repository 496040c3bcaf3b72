"""Adds elements to a tree, and takes them away, in the tree's own indentation."""

from __future__ import annotations

from lxml import etree


def append(
    parent: etree._Element, child: etree._Element, *, at: int | None = None
) -> etree._Element:
    """Add a child at the end, or before the child that stands `at` this place; return it."""
    if len(parent) == 0:
        parent.append(child)
        lay_out(parent)
    elif at is not None and at < len(parent):
        parent.insert(at, child)
        child.tail = _blank(parent.text)
    else:
        last = parent[-1]
        parent.append(child)
        child.tail, last.tail = last.tail, _blank(parent.text)
    return child


def lay_out(element: etree._Element) -> None:
    """Put each child of an element on its own line, if the element stands on its own."""
    before = _before(element)
    if "\n" not in before or len(element) == 0:
        return
    parent = element.getparent()
    outer = "" if parent is None else _before(parent)
    unit = before[len(outer) :] if before.startswith(outer) and outer else " "
    element.text = before + unit
    for child in element:
        child.tail = before + unit
    element[-1].tail = before


def remove(element: etree._Element) -> None:
    """Take an element away with the white space that was for it."""
    parent, before = element.getparent(), element.getprevious()
    if parent is None:
        return
    tail = element.tail or ""
    element.tail = None
    is_last = element.getnext() is None
    parent.remove(element)
    if before is not None:
        kept = before.tail or ""
        before.tail = _joined(kept, tail, later=is_last)
    elif len(parent) == 0 and not f"{parent.text or ''}{tail}".strip():
        parent.text = None
    else:
        parent.text = _joined(parent.text or "", tail, later=is_last)


def _joined(first: str, second: str, *, later: bool) -> str:
    """Return both texts that an element stood between; of white space one is enough."""
    if not first.strip() and not second.strip():
        return second if later else first
    return first + second


def _before(element: etree._Element) -> str:
    """Return the white space before an element, from its line feed on."""
    parent, before = element.getparent(), element.getprevious()
    space = before.tail if before is not None else (parent.text if parent is not None else "\n")
    return _blank(space or "")


def _blank(text: str | None) -> str:
    text = text or ""
    return text[text.rfind("\n") :] if not text.strip() and "\n" in text else ""
