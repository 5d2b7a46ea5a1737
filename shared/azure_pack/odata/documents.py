"""A document as VMM and the service write one, in each form: a list of entities, or one. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit
from xml.etree.ElementTree import Element

from shared.azure_pack.errors import unreadable
from shared.azure_pack.wire import xml
from shared.azure_pack.wire.error_bodies import decoded

Entity = dict[str, Any]
"""An entity as Azure Pack wrote it."""
_NEXT: Final = ("odata.nextLink", "@odata.nextLink", "__next")
_QUERY: Final = "%&=$'()/:,*!@;~-._"


@dataclass(frozen=True, slots=True)
class Document:
    """What an answer holds: `entities`, whether they are a list, the query of the next page, and a paged list's `total`."""

    entities: tuple[Entity, ...]
    is_list: bool
    next_query: str | None = None
    total: int | None = None


def read_document(body: bytes) -> Document:
    """Read JSON (`{value}`, `{d: {results}}`, `{d: []}`, `{items}`, an array, an object) or Atom; raises `AzurePackError` UNREADABLE.

    Of a link to the next page only the query is kept: the host in it is an inner one, which must not be called.
    """
    if body[:1] in (b"{", b"["):  # by far the most; without a byte-order mark
        return _from_text(body.decode("utf-8", "replace"))
    text = decoded(body).strip()
    if not text:
        return Document((), is_list=False)
    if text[0] == "<":
        try:
            return _from_atom(xml.parse(text))
        except xml.XmlError as problem:
            raise unreadable(f"The answer is neither JSON nor Atom. {problem}") from None
    return _from_text(text)


def single(document: Document) -> Entity:
    """Return the entity of a document that is one, or a list of one; raises `AzurePackError` UNREADABLE."""
    if len(document.entities) != 1:
        raise unreadable(f"One object was expected; the answer has {len(document.entities)}.")
    return document.entities[0]


def _from_text(text: str) -> Document:
    try:
        return _from_json(json.loads(text))
    except (ValueError, RecursionError):
        raise unreadable("The answer is not JSON.") from None


def _from_json(value: object) -> Document:
    if isinstance(value, list):
        return Document(_entities(value), is_list=True)
    if not isinstance(value, dict):
        return Document((), is_list=False)
    inner = value.get("d", value)
    if isinstance(inner, list):
        return Document(_entities(inner), is_list=True)
    if not isinstance(inner, dict):
        return Document((), is_list=False)
    for name in ("value", "results", "items", "Items"):
        items = inner.get(name)
        if isinstance(items, list):
            link = next((found for member in _NEXT if isinstance(found := inner.get(member, value.get(member)), str)), None)
            return Document(_entities(items), is_list=True, next_query=_query(link), total=_total(inner))
    return Document((inner,), is_list=False)


def _entities(items: list[Any]) -> tuple[Entity, ...]:
    return tuple(item for item in items if isinstance(item, dict))


def _total(inner: Mapping[str, object]) -> int | None:
    value = inner.get("filteredTotalCount", inner.get("FilteredTotalCount"))
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _query(link: str | None) -> str | None:
    if link is None:
        return None
    try:
        query = urlsplit(link).query
    except ValueError:
        return None
    return quote(query, safe=_QUERY) or None


def _from_atom(root: Element) -> Document:
    kind = xml.local(root.tag)
    if kind == "entry":
        return Document((_entry(root),), is_list=False)
    if kind != "feed":
        raise unreadable(f"The answer is XML, but no Atom feed: its root is '{kind[:60]}'.")
    link = next((xml.attribute(each, "href") for each in xml.children(root, "link") if xml.attribute(each, "rel") == "next"), None)
    return Document(tuple(_entry(each) for each in xml.children(root, "entry")), is_list=True, next_query=_query(link))


def _entry(entry: Element) -> Entity:
    holder = xml.child(entry, "content", "properties")
    if holder is None:
        holder = xml.child(entry, "properties")
    values: Entity = {} if holder is None else {xml.local(each.tag): _value(each) for each in holder}
    for link in xml.children(entry, "link"):
        inline, name = xml.child(link, "inline"), xml.attribute(link, "title")
        if inline is None or name is None:
            continue
        feed, single = xml.child(inline, "feed"), xml.child(inline, "entry")
        values[name] = [_entry(each) for each in xml.children(feed, "entry")] if feed is not None else single is not None and _entry(single)
    return values


def _value(element: Element) -> object:
    if (xml.attribute(element, "null") or "").lower() == "true":
        return None
    kind = xml.attribute(element, "type") or ""
    if kind.startswith("Collection(") or any(xml.local(each.tag) == "element" for each in element):
        return [_value(each) for each in element]
    if len(element):
        return {xml.local(each.tag): _value(each) for each in element}
    return element.text or ""
