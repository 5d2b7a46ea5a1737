"""Setting up protection: replication policies, network mappings, protected items, recovery plans. Reads are in `functions.vaults`."""

from urllib.parse import quote

import azure.functions as func
from pydantic import BaseModel

from functions.vault_routes import VAULT, name_of
from shared.access.principal import Principal
from shared.access.roles import Role
from shared.composition import Runtime, runtime
from shared.failovers.set_up.requests import (
    LEGACY_FREQUENCY,
    Change,
    ConfirmRequest,
    Kind,
    NetworkMappingRequest,
    PolicyRequest,
    ProtectManyRequest,
    RecoveryPlanRequest,
    UpdateItemRequest,
)
from shared.operations.model.models import JsonObject
from shared.operations.outside.events import as_json
from shared.web.answers import HttpAnswer, accepted
from shared.web.documents import parse
from shared.web.entry import handle
from shared.web.operations import OperationBody
from shared.web.requests import QueryParameter, base_url, read_body, read_json, read_query, refuse_body, repeatability, trace_of
from shared.web.routes import Method, Route

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it without types

WRITE = Role.FAILOVERS_EXECUTE
_CONFIRM = QueryParameter("confirm", "The item's name, to confirm what cannot be undone; it may stand in a body as well.", max_length=260)
_LEGACY = '299 farshore "A copy frequency of 900 seconds is legacy: Azure offers 30 and 300."'


def _write(method: Method, path: str, summary: str, request: type[BaseModel] | None = None, *query: QueryParameter) -> Route:
    return Route(
        method, path, summary, WRITE, request=request, response=OperationBody, query=(*query, VAULT), status=202,
        refusals=(404, 409, 413, 415), repeatable=True,
    )  # fmt: skip


_PUT_POLICY = _write("PUT", "/replication-policies/{name}", "Make or change a replication policy", PolicyRequest)
_DELETE_POLICY = _write("DELETE", "/replication-policies/{name}", "Delete a replication policy, with its associations")
_PUT_MAPPING = _write("PUT", "/network-mappings/{name}", "Map a network", NetworkMappingRequest)
_DELETE_MAPPING = _write("DELETE", "/network-mappings/{name}", "Delete a network mapping")
_PROTECT = _write("POST", "/protected-items", "Protect a machine, or many (`items`)", ProtectManyRequest)
_UPDATE = _write("PATCH", "/protected-items/{id}", "Change the name and size of the machine that a failover makes", UpdateItemRequest)
_UNPROTECT = _write("DELETE", "/protected-items/{id}", "Disable the protection of an item", None, _CONFIRM)
_PUT_PLAN = _write("PUT", "/recovery-plans/{name}", "Make or change a recovery plan", RecoveryPlanRequest)
_DELETE_PLAN = _write("DELETE", "/recovery-plans/{name}", "Delete a recovery plan")
ROUTES = (
    _PUT_POLICY, _DELETE_POLICY, _PUT_MAPPING, _DELETE_MAPPING, _PROTECT, _UPDATE, _UNPROTECT, _PUT_PLAN, _DELETE_PLAN,
)  # fmt: skip


@blueprint.route(route="replication-policies/{name}", methods=["PUT"], auth_level=func.AuthLevel.ANONYMOUS)
async def put_replication_policy(req: func.HttpRequest) -> func.HttpResponse:
    """Make or change a replication policy."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        asked, body = read_body(req, PolicyRequest)
        answer = await _start(app, caller, req, _PUT_POLICY, Kind.POLICY, Change.PUT, body)
        return answer.with_headers({"Warning": _LEGACY}) if asked.copy_frequency_seconds == LEGACY_FREQUENCY else answer

    return await handle(req, runtime, WRITE, work)


@blueprint.route(route="replication-policies/{name}", methods=["DELETE"], auth_level=func.AuthLevel.ANONYMOUS)
async def delete_replication_policy(req: func.HttpRequest) -> func.HttpResponse:
    """Delete a replication policy."""
    return await _changed(req, _DELETE_POLICY, Kind.POLICY, Change.DELETE)


@blueprint.route(route="network-mappings/{name}", methods=["PUT"], auth_level=func.AuthLevel.ANONYMOUS)
async def put_network_mapping(req: func.HttpRequest) -> func.HttpResponse:
    """Map a network."""
    return await _changed(req, _PUT_MAPPING, Kind.NETWORK_MAPPING, Change.PUT)


@blueprint.route(route="network-mappings/{name}", methods=["DELETE"], auth_level=func.AuthLevel.ANONYMOUS)
async def delete_network_mapping(req: func.HttpRequest) -> func.HttpResponse:
    """Delete a network mapping."""
    return await _changed(req, _DELETE_MAPPING, Kind.NETWORK_MAPPING, Change.DELETE)


@blueprint.route(route="protected-items", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def protect_items(req: func.HttpRequest) -> func.HttpResponse:
    """Protect a machine, or many."""
    return await _changed(req, _PROTECT, Kind.ITEM, Change.CREATE)


@blueprint.route(route="protected-items/{id}", methods=["PATCH"], auth_level=func.AuthLevel.ANONYMOUS)
async def update_protected_item(req: func.HttpRequest) -> func.HttpResponse:
    """Change the name and size of the machine that a failover makes."""
    return await _changed(req, _UPDATE, Kind.ITEM, Change.UPDATE)


@blueprint.route(route="protected-items/{id}", methods=["DELETE"], auth_level=func.AuthLevel.ANONYMOUS)
async def unprotect_item(req: func.HttpRequest) -> func.HttpResponse:
    """Disable the protection of an item, once its name was given as confirmation."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        confirm = req.params.get("confirm")
        document: JsonObject = {"confirm": confirm} if confirm is not None else {}
        if (req.get_body() or b"").strip():
            document = {**read_json(req), **document}
        parse(ConfirmRequest, document)
        return await _start(app, caller, req, _UNPROTECT, Kind.ITEM, Change.DELETE, document)

    return await handle(req, runtime, WRITE, work)


@blueprint.route(route="recovery-plans/{name}", methods=["PUT"], auth_level=func.AuthLevel.ANONYMOUS)
async def put_recovery_plan(req: func.HttpRequest) -> func.HttpResponse:
    """Make or change a recovery plan."""
    return await _changed(req, _PUT_PLAN, Kind.PLAN, Change.PUT)


@blueprint.route(route="recovery-plans/{name}", methods=["DELETE"], auth_level=func.AuthLevel.ANONYMOUS)
async def delete_recovery_plan(req: func.HttpRequest) -> func.HttpResponse:
    """Delete a recovery plan."""
    return await _changed(req, _DELETE_PLAN, Kind.PLAN, Change.DELETE)


async def _changed(req: func.HttpRequest, route: Route, kind: Kind, change: Change) -> func.HttpResponse:
    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        body: JsonObject | None = None
        if route.request is not None:
            _, body = read_body(req, route.request)
        else:
            refuse_body(req)
        return await _start(app, caller, req, route, kind, change, body)

    return await handle(req, runtime, WRITE, work)


async def _start(
    app: Runtime, caller: Principal, req: func.HttpRequest, route: Route, kind: Kind, change: Change, body: JsonObject | None
) -> HttpAnswer:
    """Accept a change of the vault that the request means."""
    from shared.failovers.set_up.planning import SetUpChange
    from shared.failovers.set_up.service import StartSetUp

    query = read_query(req, route.known_query)
    repeatable = repeatability(req)
    vault = await app.inventory.vault(caller, query.get("vaultId"))
    name = name_of(req, route)
    wanted = SetUpChange(kind, change, vault.id, name, body)
    asked = StartSetUp(wanted, vault.owner, caller.actor, repeatable.key, trace_of(req), vault.everything, first_sent=repeatable.first_sent)
    operation = (await app.set_up.start(asked)).operation
    base = base_url(app.settings, req)
    where = f"?vaultId={quote(str(vault.id), safe='/')}" if "vaultId" in query else ""
    return accepted(operation, app.workflows.path_of(operation) + where, base, as_json(operation, app.workflows, base))
