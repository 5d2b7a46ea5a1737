"""Pages of lists that Azure holds by subscription: a page has one place's rows, by name, so that one that fails hides no other.

Lists that are read whole, such as the sizes of a region, are cut into pages by `page_of_rows`.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import groupby
from typing import TypeVar

from shared.virtual_machines.reading.asking import reading_azure
from shared.web.lists import Page

T = TypeVar("T")
_NUMBERED = "\0"
"""The character between a key and a number: no key has it, and it sorts before any other."""
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
        rows = await read(places[place])
    shown, last = _cut(rows, order, page.top, after)
    if last is not None:
        return shown, f"{places[place]}|{'|'.join(last)}"
    return shown, f"{places[place + 1]}|" if place + 1 < len(places) else None


def page_of_rows(rows: Sequence[T], order: Order[T], page: Page) -> tuple[list[T], str | None]:
    """Return a page of rows that were read all, in their order, and where the next one begins or None."""
    name, _, key = (page.after or "").rpartition("|")
    shown, last = _cut(rows, order, page.top, None if page.after is None else (name, key))
    return shown, "|".join(last) if last is not None else None


def _cut(rows: Sequence[T], order: Order[T], top: int, after: tuple[str, str] | None) -> tuple[list[T], tuple[str, str] | None]:
    """Return the first `top` rows that come after a place in the order, and the place of the last one where more follow."""
    later = [(place, row) for place, row in _placed(rows, order) if after is None or place > after]
    shown = later[:top]
    return [row for _, row in shown], shown[-1][0] if len(later) > len(shown) else None


def _placed(rows: Sequence[T], order: Order[T]) -> Iterator[tuple[tuple[str, str], T]]:
    """Yield the rows in their order, each with a place that no other has: those of one name and key are numbered as they were read."""
    for (name, key), equal in groupby(sorted(rows, key=order), key=order):
        for number, row in enumerate(equal):
            yield (name, f"{key}{_NUMBERED}{number:06}" if number else key), row


def _read(after: str | None, places: Sequence[str]) -> tuple[int | None, tuple[str, str] | None]:
    """Return the place that a page reads, by its number, and the row that it begins after."""
    if after is None:
        return (0 if places else None), None
    place, _, rest = after.partition("|")
    if place not in places:
        return None, None
    name, _, key = rest.partition("|")
    return list(places).index(place), (name, key) if key else None
