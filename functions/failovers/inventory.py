"""The inventory of a vault over HTTP: fabrics, clouds, providers, items and their recovery points, plans, jobs, policies, mappings."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from functions.failovers.vaults import VAULT, page_of, vault_of
from functions.serve import serve
from shared.access.roles import Role
from shared.failovers.vault.answers import (
    Cloud,
    Fabric,
    Job,
    NetworkMapping,
    ProtectableItem,
    ProtectedItem,
    RecoveryPlan,
    RecoveryPoint,
    RecoveryServicesProvider,
    ReplicationPolicy,
)
from shared.failovers.vault.listing import Entry, ItemFilter, JobFilter, Vault, moment, one, visible
from shared.failovers.vault.names import Health, JobState, Provider
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.requests import QueryParameter
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.failovers.vault.inventory import Inventory

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
    return Route(
        "GET", path, summary, Role.FAILOVERS_READ,
        owner=Owner.VAULT, response=response, is_list=True, query=(*filters, VAULT), refusals=(404, 409),
    )  # fmt: skip


def _one(path: str, summary: str, response: type) -> Route:
    return Route("GET", path, summary, Role.FAILOVERS_READ, owner=Owner.VAULT, response=response, query=(VAULT,), refusals=(409,))


FABRICS = _list("/fabrics", "The fabrics of a vault, by name", Fabric)
FABRIC = _one("/fabrics/{id}", "One fabric", Fabric)
CLOUDS = _list("/clouds", "The clouds (protection containers) of a vault, by name", Cloud)
CLOUD = _one("/clouds/{id}", "One cloud", Cloud)
PROVIDERS = _list("/recovery-services-providers", "The Recovery Services providers, with the version rule", RecoveryServicesProvider)
PROVIDER = _one("/recovery-services-providers/{id}", "One Recovery Services provider", RecoveryServicesProvider)
ITEMS = _list("/protected-items", "The protected items of a vault, by name", ProtectedItem, *_ITEM_FILTERS)
ITEM = _one("/protected-items/{id}", "One protected item", ProtectedItem)
POINTS = _list("/protected-items/{id}/recovery-points", "The recovery points of an item, newest first", RecoveryPoint)
PROTECTABLES = _list("/protectable-items", "The machines that can be protected, by name", ProtectableItem)
PROTECTABLE = _one("/protectable-items/{id}", "One machine that can be protected", ProtectableItem)
PLANS = _list("/recovery-plans", "The recovery plans of a vault, by name", RecoveryPlan)
PLAN = _one("/recovery-plans/{name}", "One recovery plan", RecoveryPlan)
JOBS = _list("/jobs", "The jobs of a vault, newest first", Job, *_JOB_FILTERS)
JOB = _one("/jobs/{id}", "One job", Job)
POLICIES = _list("/replication-policies", "The replication policies of a vault, by name", ReplicationPolicy)
POLICY = _one("/replication-policies/{name}", "One replication policy", ReplicationPolicy)
MAPPINGS = _list("/network-mappings", "The network mappings of a vault, by name", NetworkMapping)
MAPPING = _one("/network-mappings/{name}", "One network mapping", NetworkMapping)


@serve(FABRICS)
async def list_fabrics(call: Call[None]) -> HttpAnswer:
    """List the fabrics of a vault."""
    return await _list_answer(call, lambda inventory, vault: inventory.fabrics(vault))


@serve(FABRIC)
async def get_fabric(call: Call[None]) -> HttpAnswer:
    """Return one fabric."""
    return await _one_answer(call, "fabric", lambda inventory, vault: inventory.fabrics(vault))


@serve(CLOUDS)
async def list_clouds(call: Call[None]) -> HttpAnswer:
    """List the clouds of a vault."""
    return await _list_answer(call, lambda inventory, vault: inventory.clouds(vault))


@serve(CLOUD)
async def get_cloud(call: Call[None]) -> HttpAnswer:
    """Return one cloud."""
    return await _one_answer(call, "cloud", lambda inventory, vault: inventory.clouds(vault))


@serve(PROVIDERS)
async def list_recovery_services_providers(call: Call[None]) -> HttpAnswer:
    """List the Recovery Services providers of a vault."""
    return await _list_answer(call, lambda inventory, vault: inventory.providers(vault))


@serve(PROVIDER)
async def get_recovery_services_provider(call: Call[None]) -> HttpAnswer:
    """Return one Recovery Services provider."""
    return await _one_answer(call, "Recovery Services provider", lambda inventory, vault: inventory.providers(vault))


@serve(ITEM)
async def get_protected_item(call: Call[None]) -> HttpAnswer:
    """Return one protected item."""
    return await _one_answer(call, "protected item", lambda inventory, vault: inventory.items(vault))


@serve(PROTECTABLES)
async def list_protectable_items(call: Call[None]) -> HttpAnswer:
    """List the machines that can be protected in a vault."""
    return await _list_answer(call, lambda inventory, vault: inventory.protectable(vault))


@serve(PROTECTABLE)
async def get_protectable_item(call: Call[None]) -> HttpAnswer:
    """Return one machine that can be protected."""
    return await _one_answer(call, "protectable item", lambda inventory, vault: inventory.protectable(vault))


@serve(PLANS)
async def list_recovery_plans(call: Call[None]) -> HttpAnswer:
    """List the recovery plans of a vault."""
    return await _list_answer(call, lambda inventory, vault: inventory.plans(vault))


@serve(PLAN)
async def get_recovery_plan(call: Call[None]) -> HttpAnswer:
    """Return one recovery plan."""
    return await _one_answer(call, "recovery plan", lambda inventory, vault: inventory.plans(vault))


@serve(JOB)
async def get_job(call: Call[None]) -> HttpAnswer:
    """Return one job."""
    return await _one_answer(call, "job", lambda inventory, vault: inventory.jobs(vault))


@serve(POLICIES)
async def list_replication_policies(call: Call[None]) -> HttpAnswer:
    """List the replication policies of a vault."""
    return await _list_answer(call, lambda inventory, vault: inventory.policies(vault))


@serve(POLICY)
async def get_replication_policy(call: Call[None]) -> HttpAnswer:
    """Return one replication policy."""
    return await _one_answer(call, "replication policy", lambda inventory, vault: inventory.policies(vault))


@serve(MAPPINGS)
async def list_network_mappings(call: Call[None]) -> HttpAnswer:
    """List the network mappings of a vault."""
    return await _list_answer(call, lambda inventory, vault: inventory.network_mappings(vault))


@serve(MAPPING)
async def get_network_mapping(call: Call[None]) -> HttpAnswer:
    """Return one network mapping."""
    return await _one_answer(call, "network mapping", lambda inventory, vault: inventory.network_mappings(vault))


@serve(ITEMS)
async def list_protected_items(call: Call[None]) -> HttpAnswer:
    """List the protected items of a vault that fit the filters."""
    return await _list_answer(call, lambda inventory, vault: inventory.items(vault, _item_filter(call.query)))


@serve(POINTS)
async def list_recovery_points(call: Call[None]) -> HttpAnswer:
    """List the recovery points of a protected item."""
    name = call.path["id"]
    read: Read = lambda inventory, vault: inventory.points(vault, call.caller, name)  # noqa: E731  # typed as the others are
    return await _list_answer(call, read, f"/protected-items/{name}/recovery-points")


@serve(JOBS)
async def list_jobs(call: Call[None]) -> HttpAnswer:
    """List the jobs of a vault that fit the filters."""
    return await _list_answer(call, lambda inventory, vault: inventory.jobs(vault, _job_filter(call.query)))


async def _list_answer(call: Call[None], read: Read, path: str | None = None) -> HttpAnswer:
    from shared.failovers.vault.inventory import Inventory

    vault = await vault_of(call)
    return page_of(call, visible(await read(call.of(Inventory), vault), call.caller), path)


async def _one_answer(call: Call[None], noun: str, read: Read) -> HttpAnswer:
    from shared.failovers.vault.inventory import Inventory

    vault = await vault_of(call)
    return call.ok(one(await read(call.of(Inventory), vault), call.caller, call.path[call.route.path_parameters[0]], noun).body)


def _item_filter(query: Mapping[str, str]) -> ItemFilter:
    tested = query.get("neverTested")
    return ItemFilter(
        query.get("tenant"), query.get("provider"), query.get("health"), query.get("state"), None if tested is None else tested == "true"
    )


def _job_filter(query: Mapping[str, str]) -> JobFilter:
    state, since = query.get("state"), query.get("since")
    return JobFilter(JobState(state) if state else None, query.get("target"), moment(since) if since else None)
