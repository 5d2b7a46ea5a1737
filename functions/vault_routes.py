"""What the entry points about a vault's things share: which vault is meant, the name in the path, and lists."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import azure.functions as func

from shared.access.principal import Principal
from shared.composition import Runtime
from shared.errors import sentence
from shared.failovers.set_up.requests import thing_name
from shared.failovers.vault.listing import Entry, page, vault_id
from shared.web.answers import HttpAnswer
from shared.web.documents import wrong
from shared.web.lists import page_body, read_page
from shared.web.requests import QueryParameter, base_url, read_query
from shared.web.routes import Route

if TYPE_CHECKING:
    from shared.failovers.vault.listing import Vault

VAULT = QueryParameter("vaultId", "The ARM id of the vault; by default that of the caller's tenant.", check=vault_id)


async def vault_of(app: Runtime, caller: Principal, req: func.HttpRequest, route: Route) -> "Vault":
    """Return the vault that a request is about; raises `Refused`."""
    return await app.inventory.vault(caller, read_query(req, route.known_query).get("vaultId"))


def name_of(req: func.HttpRequest, route: Route) -> str:
    """Return the name of a thing that stands in the path, empty where none does; refuses with 400 what can be no name."""
    if not route.path_parameters:
        return ""
    parameter = route.path_parameters[0]
    try:
        return thing_name(req.route_params[parameter])
    except ValueError as error:
        raise wrong(parameter, sentence(str(error))) from error


def page_of(app: Runtime, caller: Principal, req: func.HttpRequest, route: Route, entries: Sequence[Entry], path: str = "") -> HttpAnswer:
    """HttpAnswer the page that was asked for of entries in their order; `path` is the list's own, by default the route's."""
    query = read_query(req, route.known_query)
    asked = read_page(query, caller)
    shown, last = page(entries, asked.top, asked.after)
    base = base_url(app.settings, req)
    values = [entry.body for entry in shown]
    return HttpAnswer(200, page_body(values, last, path=path or route.path, query=query, principal=caller, base_url=base))
