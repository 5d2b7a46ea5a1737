"""Routes: everything that an entry point declares about itself, once; requests are read and OpenAPI is built from it."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel

from shared.access.roles import Role
from shared.operations.model.kinds import Kind
from shared.web.documents import MAX_BYTES
from shared.web.lists import PAGING, Paging
from shared.web.requests import QueryParameter

Method = Literal["GET", "PUT", "POST", "PATCH", "DELETE"]
PATH_PARAMETER = re.compile(r"\{([A-Za-z]+)\}")


class Owner(StrEnum):
    """What decides whose data a request touches: how one tenant is kept from another's (docs/design/http.md)."""

    OPEN = "open"
    """No tenant's data is shown: the route is open to all."""
    PROVIDER = "provider"
    """Only the provider's `Admin` may call."""
    CALLER = "caller"
    """A list: it holds the caller's own tenant's rows, of every tenant for the provider's `Admin`."""
    OPERATION = "operation"
    """The operation that the path names, found and checked before the handler runs."""
    TENANT = "tenant"
    """The tenant that the path names, found and checked before the handler runs."""
    VAULT = "vault"
    """The vault that `vaultId` names (by default the caller's tenant's), and each thing in it."""
    SERVICE = "service"
    """The service that the handler calls finds what the path names, and checks whose it is."""
    BODY = "body"
    """The ARM ids in the body: each must be the caller's to reach."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, as an entry point serves it.

    `path` is without the prefix `api` ("/restore-point-copies/{id}"). `needed` is a role, a set of which one will do, or None for a
    route that is open to all. `owner` is what decides whose data the route touches; with `kind` the path's `{id}` is an operation of
    that kind. `nothing_left` describes a 204 that is answered beside `status`. `person` refuses tokens of apps. `optional_body` accepts
    a JSON object where no model is declared. `request` and `response` are the models of the bodies; `conditional` reads If-Match and
    If-None-Match; `founding` lets in the caller that may register the provider while there is none; `dry` that of a dry run's 200;
    `is_list` wraps the response in `value` and `nextLink` and adds the parameters of `paging`. `status` is the answer when all is well
    (202 brings the headers of a long-running operation and 200 for one that has ended, unless `is_operation` is false); `largest_body` is
    how many bytes a body may have; `other_request` and `other_response` are the bodies for tenants of another backend; `refusals` are
    statuses beyond those that follow from the rest (400, 401, 403, 404, 413, 415, 500, 503).
    """

    method: Method
    path: str
    summary: str
    needed: Role | frozenset[Role] | None = None
    owner: Owner | None = None
    kind: Kind | None = None
    person: bool = False
    optional_body: bool = False
    conditional: bool = False
    founding: bool = False
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    dry: type[BaseModel] | None = None
    is_list: bool = False
    paging: Paging = PAGING
    query: tuple[QueryParameter, ...] = ()
    status: int = 200
    refusals: tuple[int, ...] = ()
    description: str = ""
    repeatable: bool = False
    is_operation: bool = True
    nothing_left: str = ""
    media_type: str = "application/json"
    largest_body: int = MAX_BYTES
    other_request: type[BaseModel] | None = None
    other_response: type[BaseModel] | None = None

    @property
    def known_query(self) -> tuple[QueryParameter, ...]:
        """The query parameters of the route, those of paging included: what `read_query` takes."""
        return (*self.query, *self.paging.parameters) if self.is_list else self.query

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """The names in the path, in order."""
        return tuple(PATH_PARAMETER.findall(self.path))
