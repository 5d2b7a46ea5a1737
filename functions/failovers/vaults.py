"""What the endpoints about a vault's things share: which vault is meant, the name in the path, and lists."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shared.errors import sentence
from shared.failovers.set_up.requests import thing_name
from shared.failovers.vault.listing import Entry, page, vault_id
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.documents import wrong
from shared.web.requests import QueryParameter

if TYPE_CHECKING:
    from shared.failovers.vault.listing import Vault

VAULT = QueryParameter("vaultId", "The ARM id of the vault; by default that of the caller's tenant.", check=vault_id)


async def vault_of(call: Call[Any]) -> "Vault":
    """Return the vault that a request is about; refuses with `NotFound` one that the caller cannot reach."""
    from shared.failovers.vault.inventory import Inventory

    return await call.of(Inventory).vault(call.caller, call.query.get("vaultId"), call.query.get("tenant"))


def name_of(call: Call[Any]) -> str:
    """Return the name of a thing that the path has, empty where it has none; refuses with 400 what cannot be a name."""
    if not call.route.path_parameters:
        return ""
    parameter = call.route.path_parameters[0]
    try:
        return thing_name(call.path[parameter])
    except ValueError as error:
        raise wrong(parameter, sentence(str(error))) from error


def page_of(call: Call[Any], entries: Sequence[Entry], path: str | None = None) -> HttpAnswer:
    """Return the requested page of entries in their order; `path` is the list's own, by default the route's."""
    wanted = call.page
    shown, last = page(entries, wanted.top, wanted.after)
    return call.listed([entry.body for entry in shown], last, path)
