"""Set-up of protection over HTTP: replication policies, network mappings, protected items, recovery plans. Reads are in `inventory`."""

from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from functions.failovers.vaults import VAULT, name_of, vault_of
from functions.serve import serve
from shared.access.roles import Role
from shared.failovers.kinds import SetUpKind
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
from shared.operations.model.models import JsonObject
from shared.operations.outside.events import as_json
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.documents import parse
from shared.web.operations import OperationBody
from shared.web.requests import QueryParameter
from shared.web.routes import Method, Owner, Route

_CONFIRM = QueryParameter("confirm", "The item's name, to confirm what cannot be undone; it may be in a body as well.", max_length=260)
_LEGACY = '299 farshore "A copy frequency of 900 seconds is legacy: Azure offers 30 and 300."'


def _write(
    method: Method, path: str, summary: str, request: type[BaseModel] | None = None, *query: QueryParameter, optional_body: bool = False
) -> Route:
    return Route(
        method, path, summary, Role.FAILOVERS_EXECUTE, owner=Owner.VAULT, optional_body=optional_body,
        request=request, response=OperationBody, query=(*query, VAULT), status=202,
        refusals=(404, 409, 413, 415), repeatable=True,
    )  # fmt: skip


PUT_POLICY = _write("PUT", "/replication-policies/{name}", "Make or change a replication policy", PolicyRequest)
DELETE_POLICY = _write("DELETE", "/replication-policies/{name}", "Delete a replication policy, with its associations")
PUT_MAPPING = _write("PUT", "/network-mappings/{name}", "Map a network", NetworkMappingRequest)
DELETE_MAPPING = _write("DELETE", "/network-mappings/{name}", "Delete a network mapping")
PROTECT = _write("POST", "/protected-items", "Protect a machine, or many (`items`)", ProtectManyRequest)
UPDATE = _write("PATCH", "/protected-items/{id}", "Change the name and size of the machine that a failover makes", UpdateItemRequest)
UNPROTECT = _write("DELETE", "/protected-items/{id}", "Disable the protection of an item", None, _CONFIRM, optional_body=True)
PUT_PLAN = _write("PUT", "/recovery-plans/{name}", "Make or change a recovery plan", RecoveryPlanRequest)
DELETE_PLAN = _write("DELETE", "/recovery-plans/{name}", "Delete a recovery plan")


@serve(PUT_POLICY)
async def put_replication_policy(call: Call[PolicyRequest]) -> HttpAnswer:
    """Create or change a replication policy."""
    answer = await _start(call, SetUpKind.POLICY, Change.PUT, call.document)
    return answer.with_headers({"Warning": _LEGACY}) if call.body.copy_frequency_seconds == LEGACY_FREQUENCY else answer


@serve(DELETE_POLICY)
async def delete_replication_policy(call: Call[None]) -> HttpAnswer:
    """Delete a replication policy."""
    return await _start(call, SetUpKind.POLICY, Change.DELETE, None)


@serve(PUT_MAPPING)
async def put_network_mapping(call: Call[NetworkMappingRequest]) -> HttpAnswer:
    """Map a network."""
    return await _start(call, SetUpKind.NETWORK_MAPPING, Change.PUT, call.document)


@serve(DELETE_MAPPING)
async def delete_network_mapping(call: Call[None]) -> HttpAnswer:
    """Delete a network mapping."""
    return await _start(call, SetUpKind.NETWORK_MAPPING, Change.DELETE, None)


@serve(PROTECT)
async def protect_items(call: Call[ProtectManyRequest]) -> HttpAnswer:
    """Protect a machine, or many."""
    return await _start(call, SetUpKind.ITEM, Change.CREATE, call.document)


@serve(UPDATE)
async def update_protected_item(call: Call[UpdateItemRequest]) -> HttpAnswer:
    """Change the name and size of the machine that a failover makes."""
    return await _start(call, SetUpKind.ITEM, Change.UPDATE, call.document)


@serve(UNPROTECT)
async def unprotect_item(call: Call[None]) -> HttpAnswer:
    """Disable the protection of an item, once its name was given as confirmation."""
    document: JsonObject = call.document | {name: call.query[name] for name in ("confirm",) if name in call.query}
    parse(ConfirmRequest, document)
    return await _start(call, SetUpKind.ITEM, Change.DELETE, document)


@serve(PUT_PLAN)
async def put_recovery_plan(call: Call[RecoveryPlanRequest]) -> HttpAnswer:
    """Create or change a recovery plan."""
    return await _start(call, SetUpKind.PLAN, Change.PUT, call.document)


@serve(DELETE_PLAN)
async def delete_recovery_plan(call: Call[None]) -> HttpAnswer:
    """Delete a recovery plan."""
    return await _start(call, SetUpKind.PLAN, Change.DELETE, None)


async def _start(call: Call[Any], kind: SetUpKind, change: Change, body: JsonObject | None) -> HttpAnswer:
    """Accept the change of a vault that the request asks for."""
    from shared.failovers.set_up.planning import SetUpChange
    from shared.failovers.set_up.service import SetUp, StartSetUp

    vault = await vault_of(call)
    wanted = SetUpChange(kind, change, vault.id, name_of(call), body)
    actor, everything = call.caller.actor, vault.everything
    start = StartSetUp(wanted, vault.owner, actor, call.key, call.trace, everything, first_sent=call.first_sent)
    operation = (await call.of(SetUp).start(start)).operation
    suffix = f"?vaultId={quote(str(vault.id), safe='/')}" if "vaultId" in call.query else ""
    return call.accepted(operation, as_json(operation, call.app.kinds, call.base_url), suffix)
