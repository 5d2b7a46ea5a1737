"""What a request about copies means: the tenant that it is for, and the values by which lists are filtered."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from shared.access.ownership import require_owner
from shared.access.principal import not_found
from shared.copies.copying.models import CopyRequest, normal_region
from shared.operations.model.models import Status
from shared.web.calls import Call
from shared.web.requests import QueryParameter

if TYPE_CHECKING:
    from shared.copies.deletions.service import StartDeletion


def vm_key(text: str) -> str:
    """Return a VM's ARM id in lower case; raises `ValueError` for another text."""
    from shared.arm.reading import id_key  # no cold start needs the rules

    key = id_key(text)
    if key is None or "/virtualmachines/" not in key:
        raise ValueError("This must be the ARM id of a virtual machine.")
    return key


FILTERS = (
    QueryParameter("virtualMachineId", "Copies of this VM only.", check=vm_key),
    QueryParameter("status", "Copies in this state only.", values=tuple(str(status) for status in Status)),
    QueryParameter("region", "Copies to this region only.", check=normal_region),
    QueryParameter("policy", "Copies that runs of policies of this name made.", max_length=63),
    QueryParameter("run", "Copies of this run of a policy only.", max_length=26),
    QueryParameter("usable", "Copies that are usable only, or those that are not.", values=("true", "false")),
)
ACCEPT_LAST = QueryParameter("acceptLast", "Deletes the only usable copy of its VM in the region too.", values=("true", "false"))
ACCEPT_FULL_COPY = QueryParameter(
    "acceptFullCopy", "Deletes the newest copy of its chain too: Azure copies the next one whole.", values=("true", "false")
)
INCLUDE_SOURCE = QueryParameter(
    "includeSource", "Deletes the restore point of the VM that the copy's operation has made too.", values=("true", "false")
)
ABANDON = QueryParameter("abandon", "Ends a copy that Azure is making, by deleting its restore point.", values=("true", "false"))
DELETION_QUERY = (ACCEPT_LAST, ACCEPT_FULL_COPY, INCLUDE_SOURCE, ABANDON)
_STORED: Mapping[str, Callable[[str], str]] = {
    "virtualMachineId": vm_key,
    "region": normal_region,
    "policy": str.lower,
    "run": str,
    "usable": str,
}


def filters_of(query: Mapping[str, str]) -> dict[str, str]:
    """Return the filters of a query as list rows store their values."""
    return {name: stored(query[name]) for name, stored in _STORED.items() if name in query}


async def owner_of_copy(call: Call[CopyRequest]) -> str:
    """Return the tenant that both the source and the target belong to; refuses with `NotFound` where they are not one tenant's."""
    from shared.copies.copying.service import owned_ids

    registry, (source, target) = call.app.registry, owned_ids(call.body)
    owner = await require_owner(registry, call.caller, source, source.type, target="source")
    if await require_owner(registry, call.caller, target, target.type, target="target") != owner:
        raise not_found(f"{target.type} '{target}'", target="target")
    return owner


def deletion_of(call: Call[None]) -> "StartDeletion":
    """Return the deletion that a request asks for."""
    from shared.copies.deletions.service import StartDeletion

    return StartDeletion(
        call.operation,
        call.caller.actor,
        call.key,
        accept_last=call.query.get(ACCEPT_LAST.name) == "true",
        accept_full_copy=call.query.get(ACCEPT_FULL_COPY.name) == "true",
        include_source=call.query.get(INCLUDE_SOURCE.name) == "true",
        abandon=call.query.get(ABANDON.name) == "true",
        trace=call.trace,
        first_sent=call.first_sent,
    )
