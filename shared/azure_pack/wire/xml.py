"""XML that another system wrote: parsed without DTD, entities and external references, and read by local names."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError  # types and the parser's error; defusedxml parses

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring


class XmlError(ValueError):
    """Text that is not XML, or (`forbidden`) XML with a DTD, an entity or an external reference."""

    def __init__(self, message: str, *, forbidden: bool) -> None:
        super().__init__(message)
        self.forbidden = forbidden


def parse(text: str) -> Element:
    """Return the root of a document, whatever encoding its declaration names; raises `XmlError`."""
    try:
        return fromstring(text.lstrip("\ufeff").strip(), forbid_dtd=True)
    except DefusedXmlException as problem:
        raise XmlError(f"It contains what is not allowed: {type(problem).__name__}.", forbidden=True) from None
    except (ParseError, ValueError, LookupError) as problem:
        # ValueError: lone surrogates, null characters; LookupError: an encoding that Python does not have
        position = f" at line {problem.position[0]}, column {problem.position[1]}" if isinstance(problem, ParseError) else ""
        raise XmlError(f"It is not well-formed XML{position}.", forbidden=False) from None


def local(name: str) -> str:
    """Return a tag or attribute name without its namespace."""
    return name.rpartition("}")[2]


def children(element: Element, name: str) -> list[Element]:
    """Return the children of a local name."""
    return [each for each in element if local(each.tag) == name]


def child(element: Element, *path: str) -> Element | None:
    """Return the first element along a path of local names."""
    found: Element | None = element
    for name in path:
        found = next((each for each in found if local(each.tag) == name), None) if found is not None else None
    return found


def descendants(element: Element, name: str) -> Iterator[Element]:
    """Return each element of a local name, the element itself included."""
    return (each for each in element.iter() if local(each.tag) == name)


def text_of(element: Element | None) -> str | None:
    """Return all text of an element, stripped; None where there is none."""
    if element is None:
        return None
    return "".join(element.itertext()).strip() or None


def attribute(element: Element, name: str) -> str | None:
    """Return the attribute of a local name."""
    return next((value for key, value in element.attrib.items() if local(key) == name), None)
