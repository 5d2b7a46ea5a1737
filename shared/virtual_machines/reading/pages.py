"""Pages of lists that Azure holds by subscription: a page has one place's rows, by name, so that one that fails hides no other."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from shared.virtual_machines.reading.asking import reading_azure
from shared.web.lists import Page

T = TypeVar("T")
Order = Callable[[T], tuple[str, str]]
"""The name and the key of a row, in lower case, by which a list is sorted."""


async def page_of_places(
    places: Sequence[str], read: Callable[[str], Awaitable[Sequence[T]]], order: Order[T], page: Page
) -> tuple[list[T], str | None]:
    """Return a page of the rows of the places in their order, and where the next one begins or None."""
    place, after = _read(page.after, places)
    if place is None:
        return [], None
    async with reading_azure():
        rows = sorted(await read(places[place]), key=order)
    later = [row for row in rows if after is None or order(row) > after]
    shown = later[: page.top]
    if len(later) > len(shown):
        name, key = order(shown[-1])
        return shown, f"{places[place]}|{name}|{key}"
    return shown, f"{places[place + 1]}|" if place + 1 < len(places) else None


def _read(after: str | None, places: Sequence[str]) -> tuple[int | None, tuple[str, str] | None]:
    """Return the place that a page reads, by its number, and the row that it begins after."""
    if after is None:
        return (0 if places else None), None
    place, _, rest = after.partition("|")
    if place not in places:
        return None, None
    name, _, key = rest.partition("|")
    return list(places).index(place), (name, key) if key else None
