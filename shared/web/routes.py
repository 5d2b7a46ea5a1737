"""Routes as their entry points declare them: what the OpenAPI description is built from."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from shared.access.roles import Role
from shared.web.lists import PAGING
from shared.web.requests import QueryParameter

Method = Literal["GET", "PUT", "POST", "PATCH", "DELETE"]
PATH_PARAMETER = re.compile(r"\{([A-Za-z]+)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, as an entry point serves it; declared in the tuple `ROUTES` beside it.

    `path` is without the prefix `api` ("/restore-point-copies/{id}"). `needed` is a role, a set of which one will do, or None for a route
    that is open to all. `request` and `response` are the models of the bodies, `dry` that of a dry run's 200; `is_list` wraps the response
    in `value` and `nextLink` and adds the paging parameters. `status` is the answer when all is well (202 brings the headers of a
    long-running operation and 200 for one that has ended, unless `is_operation` is false); `refusals` are statuses beyond those that
    follow from the rest (400, 401, 403, 404, 413, 415, 500, 503).
    """

    method: Method
    path: str
    summary: str
    needed: Role | frozenset[Role] | None = None
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    dry: type[BaseModel] | None = None
    is_list: bool = False
    query: tuple[QueryParameter, ...] = ()
    status: int = 200
    refusals: tuple[int, ...] = ()
    description: str = ""
    repeatable: bool = False
    is_operation: bool = True
    media_type: str = "application/json"

    @property
    def known_query(self) -> tuple[QueryParameter, ...]:
        """The query parameters that the route knows, those of paging included: what `read_query` takes."""
        return (*self.query, *PAGING) if self.is_list else self.query

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """The names in the path, in order."""
        return tuple(PATH_PARAMETER.findall(self.path))


def compared(routes: Iterable[Route]) -> frozenset[tuple[str, str]]:
    """Return the routes as (method, path without its leading slash): what a test compares with what the app really serves."""
    return frozenset((route.method, route.path.removeprefix("/")) for route in routes)
