"""Reads an inventory by Azure Resource Graph: a few queries over many subscriptions, and the proof that nothing was left out.

The graph leaves out without a sign what the identity may not read, and is seconds to minutes behind Resource Manager.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.clock import Clock
from shared.copies.gateway import GraphPage, ListedResource, RestorePointGateway
from shared.copies.inventory.facts import Documents, Inventory, inventory_of
from shared.copies.inventory.listing import missing_subscriptions
from shared.copies.inventory.sources import InventorySource
from shared.errors import Problem
from shared.values.reading import Json, same_text, text

_AT_ONCE = 200
"""Subscriptions of one query; Azure allows 1,000, and answers fewer faster."""
_MOST_PAGES = 1000
_COLUMNS = "id, name, type, location, tags, properties, sku, zones, managedBy"
_TYPES = ", ".join(f"'{resource.value.lower()}'" for resource in ListedResource)
QUERY = f"resources | where type in~ ({_TYPES}) | project {_COLUMNS} | order by id asc"


@dataclass(frozen=True, slots=True)
class Graph:
    """Reads inventories; a page that is missing or cut off is a problem of the inventory."""

    gateway: RestorePointGateway
    clock: Clock

    async def read(self, subscriptions: Iterable[str]) -> Inventory:
        """Return the inventory of subscriptions; raises `CallFailure` where the graph does not answer."""
        wanted = sorted(set(subscriptions))
        taken_at = self.clock.now()
        groups = [wanted[start : start + _AT_ONCE] for start in range(0, len(wanted), _AT_ONCE)]
        problems = await missing_subscriptions(self.gateway, wanted)
        rows: list[Json] = []
        queries = 0
        for group in groups:
            pages, cut_off = await self._query(group)
            rows += [row for page in pages for row in page.rows]
            queries += len(pages)
            problems += [cut_off] if cut_off is not None else []
        documents = Documents(*(_of_type(rows, resource) for resource in ListedResource))
        inventory = inventory_of(InventorySource.RESOURCE_GRAPH, taken_at, documents, problems)
        return replace(inventory, graph_queries=queries)

    async def _query(self, subscriptions: Sequence[str]) -> tuple[list[GraphPage], Problem | None]:
        """Return the pages of a query, and the problem where they do not hold all rows."""
        pages: list[GraphPage] = []
        token: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self.gateway.graph_page(QUERY, subscriptions, token)
            pages.append(page)
            token = page.next
            if page.truncated or token is None:
                return pages, _cut_off(page, sum(len(one.rows) for one in pages))
            if page.pause is not None:
                await asyncio.sleep(page.pause)
        return pages, Problem("GraphIncomplete", f"Azure Resource Graph has more than {_MOST_PAGES} pages.")


def _cut_off(last: GraphPage, count: int) -> Problem | None:
    if not last.truncated and count == last.total:
        return None
    message = (
        f"Azure Resource Graph has returned {count} of {last.total} resources, and {'cut the result off' if last.truncated else 'no more'}."
    )
    return Problem("GraphIncomplete", message)


def _of_type(rows: Iterable[Json], resource: ListedResource) -> list[Json]:
    return [row for row in rows if same_text(text(row, "type"), resource.value)]
