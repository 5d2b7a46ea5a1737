"""What a request about restores means: the tenant that it is for, the values by which lists are filtered."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from shared.copies.copying.models import normal_region
from shared.copies.requests import vm_key
from shared.operations.model.kinds import Kind
from shared.operations.model.models import Operation, Status
from shared.values.sent import SentBody
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.requests import QueryParameter

if TYPE_CHECKING:
    from shared.copies.restores.accepting.service import StartRestore
    from shared.copies.restores.answers import RestoreBody
    from shared.copies.restores.request import RestoreRequest

DRY_RUN = QueryParameter("dryRun", "Only plan: answer 200 with the plan and every check, and make nothing.", values=("true", "false"))
FILTERS = (
    QueryParameter("status", "Restores in this state only.", values=tuple(str(status) for status in Status)),
    QueryParameter("drill", "Only drills, or only real restores.", values=("true", "false")),
    QueryParameter("policy", "Drills of the policy of this name.", max_length=63),
    QueryParameter("virtualMachineId", "Restores of this VM's copies, among others or alone.", check=vm_key),
    QueryParameter("region", "Restores in this region only.", check=normal_region),
)


def _filters_of(query: Mapping[str, str]) -> dict[str, str]:
    """Return the filters of a query as list rows store their values."""
    stored: Mapping[str, Callable[[str], str]] = {"drill": str, "policy": str.lower, "virtualMachineId": vm_key, "region": normal_region}
    return {name: change(query[name]) for name, change in stored.items() if name in query}


async def page_of(call: Call[Any], kind: Kind, view: "Callable[[Operation], RestoreBody]") -> HttpAnswer:
    """Return a page of the restores that the caller may see, an administrator those of every tenant."""
    from shared.copies.restores.accepting.listing import restores_of
    from shared.operations.model.lists import Query

    filters = _filters_of(call.query)
    vm = filters.pop("virtualMachineId", None)
    if vm is None:
        return await call.list_operations(kind, filters, view)
    query = Query(None if call.caller.is_admin else call.caller.tenant, (kind.name,), call.query.get("status"), filters)
    found = await restores_of(call.app.lists, query, vm, call.page.top, call.page.after)
    return call.listed([view(operation) for operation in found.operations], found.last)


async def start_of(call: "Call[RestoreRequest]") -> "StartRestore":
    """Return the restore that a request asks for; refuses with `InvalidRequest` and `NotFound`."""
    from shared.copies.restores.accepting.service import Restores, StartRestore

    tenant = await call.of(Restores).owner(call.body, call.caller.reaches)
    return StartRestore(call.body, SentBody(call.document), tenant, call.caller.actor, call.key, call.trace, call.first_sent)


def is_dry_run(call: Call[Any]) -> bool:
    """Return whether a request is for a plan only."""
    return call.query.get(DRY_RUN.name) == "true"
