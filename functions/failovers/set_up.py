"""Set-up of protection over HTTP: replication policies, network mappings, protected items, recovery plans. Reads are in `inventory`."""

from functools import partial

from functions.serve import serve
from shared.access.roles import Role
from shared.failovers.kinds import SetUpKind
from shared.failovers.requests import VAULT, start_change
from shared.failovers.set_up.requests import (
    LEGACY_FREQUENCY,
    Change,
    ConfirmRequest,
    NetworkMappingRequest,
    PolicyRequest,
    ProtectManyRequest,
    RecoveryPlanRequest,
    UpdateItemRequest,
)
from shared.values.sent import SentBody
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.documents import parse
from shared.web.operations import OperationBody
from shared.web.requests import QueryParameter
from shared.web.routes import Owner, Route

_CONFIRM = QueryParameter("confirm", "The item's name, to confirm what cannot be undone; it may be in a body as well.", max_length=260)
_LEGACY = '299 farshore "A copy frequency of 900 seconds is legacy: Azure offers 30 and 300."'


_write = partial(
    Route, needed=Role.FAILOVERS_EXECUTE, owner=Owner.VAULT, query=(VAULT,),
    response=OperationBody, status=202, refusals=(404, 409, 413, 415), repeatable=True,
)  # fmt: skip


@serve(_write("PUT", "/replication-policies/{name}", "Create or change a replication policy", request=PolicyRequest))
async def put_replication_policy(call: Call[PolicyRequest]) -> HttpAnswer:
    """Create or change a replication policy; a copy frequency that Azure no longer offers has a warning."""
    answer = await start_change(call, SetUpKind.POLICY, Change.PUT, SentBody(call.document))
    return answer.with_headers({"Warning": _LEGACY}) if call.body.copy_frequency_seconds == LEGACY_FREQUENCY else answer


@serve(_write("DELETE", "/replication-policies/{name}", "Delete a replication policy, with its associations"))
async def delete_replication_policy(call: Call[None]) -> HttpAnswer:
    """Delete a replication policy."""
    return await start_change(call, SetUpKind.POLICY, Change.DELETE, None)


@serve(_write("PUT", "/network-mappings/{name}", "Create or change a network mapping", request=NetworkMappingRequest))
async def put_network_mapping(call: Call[NetworkMappingRequest]) -> HttpAnswer:
    """Create or change a network mapping."""
    return await start_change(call, SetUpKind.NETWORK_MAPPING, Change.PUT, SentBody(call.document))


@serve(_write("DELETE", "/network-mappings/{name}", "Delete a network mapping"))
async def delete_network_mapping(call: Call[None]) -> HttpAnswer:
    """Delete a network mapping."""
    return await start_change(call, SetUpKind.NETWORK_MAPPING, Change.DELETE, None)


@serve(_write("POST", "/protected-items", "Protect a machine, or several (`items`)", request=ProtectManyRequest))
async def protect_items(call: Call[ProtectManyRequest]) -> HttpAnswer:
    """Protect a machine, or several."""
    return await start_change(call, SetUpKind.ITEM, Change.CREATE, SentBody(call.document))


@serve(_write("PATCH", "/protected-items/{id}", "Change the name and size of a failover's target machine", request=UpdateItemRequest))
async def update_protected_item(call: Call[UpdateItemRequest]) -> HttpAnswer:
    """Change the name and size of a failover's target machine."""
    return await start_change(call, SetUpKind.ITEM, Change.UPDATE, SentBody(call.document))


@serve(_write("DELETE", "/protected-items/{id}", "Disable the protection of an item", query=(_CONFIRM, VAULT), optional_body=True))
async def unprotect_item(call: Call[None]) -> HttpAnswer:
    """Disable the protection of an item, once its name was given as confirmation."""
    document = call.document_with("confirm")
    parse(ConfirmRequest, document)
    return await start_change(call, SetUpKind.ITEM, Change.DELETE, SentBody(document))


@serve(_write("PUT", "/recovery-plans/{name}", "Create or change a recovery plan", request=RecoveryPlanRequest))
async def put_recovery_plan(call: Call[RecoveryPlanRequest]) -> HttpAnswer:
    """Create or change a recovery plan."""
    return await start_change(call, SetUpKind.PLAN, Change.PUT, SentBody(call.document))


@serve(_write("DELETE", "/recovery-plans/{name}", "Delete a recovery plan"))
async def delete_recovery_plan(call: Call[None]) -> HttpAnswer:
    """Delete a recovery plan."""
    return await start_change(call, SetUpKind.PLAN, Change.DELETE, None)
