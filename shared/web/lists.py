"""Lists, page by page: `top`, an opaque `continuation`, a complete `nextLink` (docs/design/http.md, "Lists").

A continuation has the place where its page begins, under a digest of that place, the caller and the filters. The digest has no secret: it
finds a mistake, or a link that another caller uses. It need do no more: a continuation that is made up shows no row that the list would
not show from its start. Each page is searched with the caller's own rights.
"""

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from shared.access.principal import Principal
from shared.operations.model.models import JsonObject
from shared.web.answers import absolute
from shared.web.documents import wrong
from shared.web.requests import QueryParameter

CONTINUATION = QueryParameter("continuation", "Where the page begins: only a value that a nextLink has.", max_length=4096)

MOST_ROWS = 1000
"""How many rows of storage one page looks at."""

_DIGEST = 16
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Paging:
    """How many entries a page of a list has: `default` where the query names none, and `most`."""

    default: int = 100
    most: int = 1000

    @property
    def parameters(self) -> tuple[QueryParameter, ...]:
        """The query parameters of the list, beside its filters."""
        top = QueryParameter("top", f"The most entries of a page; {self.default} by default.", minimum=1, maximum=self.most)
        return top, CONTINUATION


PAGING = Paging()


@dataclass(frozen=True, slots=True)
class Page:
    """Which page was asked for: at most `top` rows, after `after` (None: from the start)."""

    top: int
    after: str | None


def read_page(query: Mapping[str, str], principal: Principal, paging: Paging = PAGING) -> Page:
    """Read the page that a query (as `read_query` gives it) asks for; refuses with 400 a continuation changed or made for another list."""
    top = int(query.get("top", paging.default))
    token = query.get("continuation")
    if token is None:
        return Page(top, None)
    try:
        after = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)[_DIGEST:].decode()
    except ValueError:  # other letters, a length that does not fit, no UTF-8
        after = ""
    # written again and compared as text: in base64, several texts can decode to the same bytes
    if not after or token != _continuation(after, query, principal):
        message = "This continuation was changed, or is of another caller or other filters. Use a nextLink as it is, or start over."
        raise wrong("continuation", message)
    return Page(top, after)


def page_body(
    values: Sequence[JsonObject], last: str | None, *, path: str, query: Mapping[str, str], principal: Principal, base_url: str
) -> JsonObject:
    """Return a list's answer: `value`, and `nextLink`, absolute and complete, where more is to come after `last`.

    `path` is the list's own ("/restore-point-copies"), `query` what `read_query` gave for this page.
    """
    body: JsonObject = {"value": list(values)}
    if last:
        following = {**query, "continuation": _continuation(last, query, principal)}
        body["nextLink"] = f"{absolute(base_url, path)}?{urlencode(following)}"
    return body


async def read_rows(
    read: Callable[[int, str | None], Awaitable[tuple[Sequence[T], str | None]]],
    page: Page,
    takes: Callable[[T], bool],
    name: Callable[[T], str],
) -> tuple[list[T], str | None]:
    """Return the rows of a page of a list that storage keeps in order, and the name after which the next page begins, None at the end.

    `read` returns up to so many rows after a name, and the last name where there are more. Rows that `takes` refuses are left out. A page
    may be short, or empty, and still have a next one: it ends after 1,000 rows, so that no request reads a whole table.
    """
    found: list[T] = []
    after, looked_at = page.after, 0
    while True:
        rows, after = await read(min(page.top, MOST_ROWS - looked_at), after)
        looked_at += len(rows)
        for number, row in enumerate(rows):
            if not takes(row):
                continue
            found.append(row)
            if len(found) == page.top:
                return found, name(row) if after is not None or number + 1 < len(rows) else None
        if after is None or looked_at >= MOST_ROWS:
            return found, after


def _continuation(after: str, query: Mapping[str, str], principal: Principal) -> str:
    filters = sorted((name, value) for name, value in query.items() if name not in {"top", "continuation"})
    bound = json.dumps([principal.tenant, principal.actor.kind, principal.actor.id, filters, after])
    return base64.urlsafe_b64encode(hashlib.sha256(bound.encode()).digest()[:_DIGEST] + after.encode()).decode("ascii")
