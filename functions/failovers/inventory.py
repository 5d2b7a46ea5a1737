"""The inventory of a vault over HTTP, read-only: fabrics, clouds, providers, items, recovery points, plans, jobs, policies, mappings."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from shared.access.roles import Role
from shared.failovers.requests import ITEM_FILTERS, JOB_FILTERS, VAULT, inventory_of, item_filter, job_filter, page_of, vault_of
from shared.failovers.vault import answers
from shared.failovers.vault.listing import Entry, Vault, one, visible
from shared.values.documents import Document
from shared.web.answers import HttpAnswer
from shared.web.calls import Call, Endpoint
from shared.web.requests import QueryParameter
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.failovers.vault.inventory import Inventory

_Read = Callable[["Inventory", Vault, Call[None]], Awaitable[list[Entry]]]


def _list(path: str, summary: str, response: type[Document], read: _Read, filters: tuple[QueryParameter, ...] = ()) -> Endpoint:
    async def handle(call: Call[None]) -> HttpAnswer:
        return page_of(call, visible(await read(inventory_of(call), await vault_of(call), call), call.caller))

    route = Route(
        "GET", path, summary, Role.FAILOVERS_READ,
        owner=Owner.VAULT, response=response, is_list=True, query=(*filters, VAULT), refusals=(404, 409),
    )  # fmt: skip
    return Endpoint(route, handle, f"list_{path.rpartition('/')[2]}".replace("-", "_"), summary)


def _one(path: str, noun: str, response: type[Document], read: _Read) -> Endpoint:
    async def handle(call: Call[None]) -> HttpAnswer:
        entries = await read(inventory_of(call), await vault_of(call), call)
        return call.ok(one(entries, call.caller, call.path[route.path_parameters[0]], noun).answer)

    route = Route("GET", path, f"One {noun}", Role.FAILOVERS_READ, owner=Owner.VAULT, response=response, query=(VAULT,), refusals=(409,))
    return Endpoint(route, handle, f"get_{noun}".lower().replace(" ", "_"), route.summary)


def _both(path: str, by: str, noun: str, summary: str, response: type[Document], read: _Read) -> tuple[Endpoint, Endpoint]:
    return _list(path, summary, response, read), _one(f"{path}/{{{by}}}", noun, response, read)


ENDPOINTS = (
    *_both("/fabrics", "id", "fabric", "The fabrics of a vault, by name", answers.Fabric, lambda reads, vault, _: reads.fabrics(vault)),
    *_both(
        "/clouds", "id", "cloud", "The clouds (protection containers) of a vault, by name", answers.Cloud,
        lambda reads, vault, _: reads.clouds(vault),
    ),
    *_both(
        "/recovery-services-providers", "id", "Recovery Services provider", "The Recovery Services providers, with the version rule",
        answers.RecoveryServicesProvider, lambda reads, vault, _: reads.providers(vault),
    ),
    _list(
        "/protected-items", "The protected items of a vault, by name", answers.ProtectedItem,
        lambda reads, vault, call: reads.items(vault, item_filter(call.query)), ITEM_FILTERS,
    ),
    _one("/protected-items/{id}", "protected item", answers.ProtectedItem, lambda reads, vault, _: reads.items(vault)),
    _list(
        "/protected-items/{id}/recovery-points", "The recovery points of an item, newest first", answers.RecoveryPoint,
        lambda reads, vault, call: reads.points(vault, call.caller, call.path["id"]),
    ),
    *_both(
        "/protectable-items", "id", "protectable item", "The machines that can be protected, by name", answers.ProtectableItem,
        lambda reads, vault, _: reads.protectable(vault),
    ),
    *_both(
        "/recovery-plans", "name", "recovery plan", "The recovery plans of a vault, by name", answers.RecoveryPlan,
        lambda reads, vault, _: reads.plans(vault),
    ),
    _list(
        "/jobs", "The jobs of a vault, newest first", answers.Job,
        lambda reads, vault, call: reads.jobs(vault, job_filter(call.query)), JOB_FILTERS,
    ),
    _one("/jobs/{id}", "job", answers.Job, lambda reads, vault, _: reads.jobs(vault)),
    *_both(
        "/replication-policies", "name", "replication policy", "The replication policies of a vault, by name", answers.ReplicationPolicy,
        lambda reads, vault, _: reads.policies(vault),
    ),
    *_both(
        "/network-mappings", "name", "network mapping", "The network mappings of a vault, by name", answers.NetworkMapping,
        lambda reads, vault, _: reads.network_mappings(vault),
    ),
)  # fmt: skip
