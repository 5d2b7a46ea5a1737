"""All pages of a list, one after another."""

from collections.abc import AsyncIterator, Mapping
from typing import Final, Protocol

from shared.azure_pack.errors import unreadable
from shared.azure_pack.odata.documents import Document, Entity

_MOST_PAGES: Final = 10_000
TAKE: Final = 100
"""Entities on a page of the service's lists."""


class Reads(Protocol):
    """Reads a document; `query` is encoded already and comes from a link to the next page."""

    async def read(self, path: str, *, params: Mapping[str, str] | None = None, query: str | None = None) -> Document:
        """Read one page."""
        ...


async def pages(source: Reads, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[Entity]:
    """Return the entities of all pages of an OData list; raises `AzurePackError` UNREADABLE where pages go in a circle."""
    document = await source.read(path, params=params)
    seen: set[str] = set()
    while True:
        for entity in document.entities:
            yield entity
        query = document.next_query
        if query is None:
            return
        if query in seen or len(seen) >= _MOST_PAGES:
            raise unreadable("The pages of the list do not end: a page names one that was read before.")
        seen.add(query)
        document = await source.read(path, query=query)


async def counted_pages(source: Reads, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[Entity]:
    """Return the entities of all pages of a list of the service: `skip` and `take` until its count; a bare array is the whole list."""
    skip = 0
    for _ in range(_MOST_PAGES):
        document = await source.read(path, params={**(params or {}), "skip": str(skip), "take": str(TAKE)})
        for entity in document.entities:
            yield entity
        skip += len(document.entities)
        if document.total is None or not document.entities or skip >= document.total:
            return
    raise unreadable("The pages of the list do not end.")
