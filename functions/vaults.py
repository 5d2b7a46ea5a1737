"""The inventory of a vault: fabrics, clouds, providers, items and their recovery points, plans, jobs, policies, mappings."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import azure.functions as func

from functions.vault_routes import VAULT, page_of, vault_of
from shared.access.principal import Principal
from shared.access.roles import Role
from shared.composition import Runtime, runtime
from shared.failovers.vault.answers import Job, ProtectedItem, RecoveryPlan, RecoveryPoint, RecoveryServicesProvider
from shared.failovers.vault.inventory_answers import Cloud, Fabric, NetworkMapping, ProtectableItem, ReplicationPolicy
from shared.failovers.vault.listing import Entry, ItemFilter, JobFilter, Vault, moment, one, visible
from shared.failovers.vault.names import Health, JobState, Provider
from shared.web.answers import HttpAnswer
from shared.web.entry import handle
from shared.web.requests import QueryParameter, read_query
from shared.web.routes import Route

if TYPE_CHECKING:
    from shared.failovers.vault.inventory import Inventory

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it without types

READ = Role.FAILOVERS_READ
_ITEM_FILTERS = (
    QueryParameter("tenant", "Items of this tenant only; another's for the provider's Admin.", max_length=63),
    QueryParameter("provider", "Items that are replicated in this way only.", values=tuple(Provider)),
    QueryParameter("health", "Items of this replication health only.", values=tuple(Health)),
    QueryParameter("state", "Items in this protection state only.", max_length=120),
    QueryParameter("neverTested", "Items that no test failover ever succeeded of, or those of which one did.", values=("true", "false")),
)
_JOB_FILTERS = (
    QueryParameter("state", "Jobs in this state only.", values=tuple(JobState)),
    QueryParameter("target", "Jobs on this item or plan only: its name or ARM id."),
    QueryParameter("since", "Jobs that began at this time or later.", check=moment),
)
Read = Callable[["Inventory", Vault], Awaitable[list[Entry]]]


def _list(path: str, summary: str, response: type, *filters: QueryParameter) -> Route:
    return Route("GET", path, summary, READ, response=response, is_list=True, query=(*filters, VAULT), refusals=(404, 409))


def _one(path: str, summary: str, response: type) -> Route:
    return Route("GET", path, summary, READ, response=response, query=(VAULT,), refusals=(409,))


_FABRICS = _list("/fabrics", "The fabrics of a vault, by name", Fabric)
_FABRIC = _one("/fabrics/{id}", "One fabric", Fabric)
_CLOUDS = _list("/clouds", "The clouds (protection containers) of a vault, by name", Cloud)
_CLOUD = _one("/clouds/{id}", "One cloud", Cloud)
_PROVIDERS = _list("/recovery-services-providers", "The Recovery Services providers, with the version rule", RecoveryServicesProvider)
_PROVIDER = _one("/recovery-services-providers/{id}", "One Recovery Services provider", RecoveryServicesProvider)
_ITEMS = _list("/protected-items", "The protected items of a vault, by name", ProtectedItem, *_ITEM_FILTERS)
_ITEM = _one("/protected-items/{id}", "One protected item", ProtectedItem)
_POINTS = _list("/protected-items/{id}/recovery-points", "The recovery points of an item, newest first", RecoveryPoint)
_PROTECTABLES = _list("/protectable-items", "The machines that can be protected, by name", ProtectableItem)
_PROTECTABLE = _one("/protectable-items/{id}", "One machine that can be protected", ProtectableItem)
_PLANS = _list("/recovery-plans", "The recovery plans of a vault, by name", RecoveryPlan)
_PLAN = _one("/recovery-plans/{name}", "One recovery plan", RecoveryPlan)
_JOBS = _list("/jobs", "The jobs of a vault, newest first", Job, *_JOB_FILTERS)
_JOB = _one("/jobs/{id}", "One job", Job)
_POLICIES = _list("/replication-policies", "The replication policies of a vault, by name", ReplicationPolicy)
_POLICY = _one("/replication-policies/{name}", "One replication policy", ReplicationPolicy)
_MAPPINGS = _list("/network-mappings", "The network mappings of a vault, by name", NetworkMapping)
_MAPPING = _one("/network-mappings/{name}", "One network mapping", NetworkMapping)
ROUTES = (
    _FABRICS, _FABRIC, _CLOUDS, _CLOUD, _PROVIDERS, _PROVIDER, _ITEMS, _ITEM, _POINTS, _PROTECTABLES, _PROTECTABLE,
    _PLANS, _PLAN, _JOBS, _JOB, _POLICIES, _POLICY, _MAPPINGS, _MAPPING,
)  # fmt: skip


@blueprint.route(route="fabrics", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_fabrics(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the fabrics of a vault."""
    return await _answer_list(req, _FABRICS, lambda inventory, vault: inventory.fabrics(vault))


@blueprint.route(route="fabrics/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_fabric(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer one fabric."""
    return await _answer_one(req, _FABRIC, "fabric", lambda inventory, vault: inventory.fabrics(vault))


@blueprint.route(route="clouds", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_clouds(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the clouds of a vault."""
    return await _answer_list(req, _CLOUDS, lambda inventory, vault: inventory.clouds(vault))


@blueprint.route(route="clouds/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_cloud(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer one cloud."""
    return await _answer_one(req, _CLOUD, "cloud", lambda inventory, vault: inventory.clouds(vault))


@blueprint.route(route="recovery-services-providers", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_recovery_services_providers(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the Recovery Services providers of a vault."""
    return await _answer_list(req, _PROVIDERS, lambda inventory, vault: inventory.providers(vault))


@blueprint.route(route="recovery-services-providers/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_recovery_services_provider(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer one Recovery Services provider."""
    return await _answer_one(req, _PROVIDER, "Recovery Services provider", lambda inventory, vault: inventory.providers(vault))


@blueprint.route(route="protected-items", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_protected_items(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the protected items of a vault that fit the filters."""

    async def read(inventory: "Inventory", vault: Vault) -> list[Entry]:
        return await inventory.items(vault, _item_filter(req.params))

    return await _answer_list(req, _ITEMS, read)


@blueprint.route(route="protected-items/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_protected_item(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer one protected item."""
    return await _answer_one(req, _ITEM, "protected item", lambda inventory, vault: inventory.items(vault))


@blueprint.route(route="protected-items/{id}/recovery-points", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_recovery_points(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the recovery points of a protected item."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        async def read(inventory: "Inventory", vault: Vault) -> list[Entry]:
            return await inventory.points(vault, caller, req.route_params["id"])

        path = f"/protected-items/{req.route_params['id']}/recovery-points"
        return await _list_answer(app, caller, req, _POINTS, read, path)

    return await handle(req, runtime, READ, work)


@blueprint.route(route="protectable-items", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_protectable_items(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the machines that can be protected in a vault."""
    return await _answer_list(req, _PROTECTABLES, lambda inventory, vault: inventory.protectable(vault))


@blueprint.route(route="protectable-items/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_protectable_item(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer one machine that can be protected."""
    return await _answer_one(req, _PROTECTABLE, "protectable item", lambda inventory, vault: inventory.protectable(vault))


@blueprint.route(route="recovery-plans", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_recovery_plans(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the recovery plans of a vault."""
    return await _answer_list(req, _PLANS, lambda inventory, vault: inventory.plans(vault))


@blueprint.route(route="recovery-plans/{name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_recovery_plan(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer one recovery plan."""
    return await _answer_one(req, _PLAN, "recovery plan", lambda inventory, vault: inventory.plans(vault))


@blueprint.route(route="jobs", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_jobs(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the jobs of a vault that fit the filters."""

    async def read(inventory: "Inventory", vault: Vault) -> list[Entry]:
        return await inventory.jobs(vault, _job_filter(req.params))

    return await _answer_list(req, _JOBS, read)


@blueprint.route(route="jobs/{id}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_job(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer one job."""
    return await _answer_one(req, _JOB, "job", lambda inventory, vault: inventory.jobs(vault))


@blueprint.route(route="replication-policies", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_replication_policies(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the replication policies of a vault."""
    return await _answer_list(req, _POLICIES, lambda inventory, vault: inventory.policies(vault))


@blueprint.route(route="replication-policies/{name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_replication_policy(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer one replication policy."""
    return await _answer_one(req, _POLICY, "replication policy", lambda inventory, vault: inventory.policies(vault))


@blueprint.route(route="network-mappings", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_network_mappings(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the network mappings of a vault."""
    return await _answer_list(req, _MAPPINGS, lambda inventory, vault: inventory.network_mappings(vault))


@blueprint.route(route="network-mappings/{name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_network_mapping(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer one network mapping."""
    return await _answer_one(req, _MAPPING, "network mapping", lambda inventory, vault: inventory.network_mappings(vault))


async def _answer_list(req: func.HttpRequest, route: Route, read: Read) -> func.HttpResponse:
    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        return await _list_answer(app, caller, req, route, read, route.path)

    return await handle(req, runtime, READ, work)


async def _list_answer(app: Runtime, caller: Principal, req: func.HttpRequest, route: Route, read: Read, path: str) -> HttpAnswer:
    query = read_query(req, route.known_query)
    vault = await app.inventory.vault(caller, query.get("vaultId"), query.get("tenant"))
    return page_of(app, caller, req, route, visible(await read(app.inventory, vault), caller), path)


async def _answer_one(req: func.HttpRequest, route: Route, what: str, read: Read) -> func.HttpResponse:
    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        vault = await vault_of(app, caller, req, route)
        name = req.route_params[route.path_parameters[0]]
        return HttpAnswer(200, one(await read(app.inventory, vault), caller, name, what).body)

    return await handle(req, runtime, READ, work)


def _item_filter(query: Mapping[str, str]) -> ItemFilter:
    tested = query.get("neverTested")
    return ItemFilter(
        query.get("tenant"), query.get("provider"), query.get("health"), query.get("state"), None if tested is None else tested == "true"
    )


def _job_filter(query: Mapping[str, str]) -> JobFilter:
    state, since = query.get("state"), query.get("since")
    return JobFilter(JobState(state) if state else None, query.get("target"), moment(since) if since else None)
