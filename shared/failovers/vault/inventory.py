"""The inventory of a vault for callers: what is read, who owns it, and in which order it is listed.

A list and a single read return the same objects, because both read the vault's own list. What another tenant owns, by the narrowest
mapping, is not visible to a caller who does not reach that tenant, nor is its id shown beside others (docs/design/inventory.md).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from shared.access.ownership import owner_of
from shared.access.principal import Principal, not_found, require_reach
from shared.access.registry import Registry
from shared.access.vaults import cloud_key
from shared.arm.ids import ResourceId
from shared.arm.reading import own_id
from shared.errors import CallFailure, ErrorCode, FailureKind, Refused, as_seen_in_azure, azure_code
from shared.failovers.vault import views
from shared.failovers.vault.answers import (
    Cloud,
    Fabric,
    NetworkMapping,
    ProtectableItem,
    ProtectedItem,
    RecoveryPlan,
    RecoveryServicesProvider,
    ReplicationPolicy,
)
from shared.failovers.vault.facts import PlanFacts, ProtectedItemFacts, ProviderFacts, RecoveryPointFacts
from shared.failovers.vault.gateway import Json, SiteRecoveryGateway
from shared.failovers.vault.job_facts import JobFacts
from shared.failovers.vault.listing import Entry, ItemFilter, JobFilter, Vault, one
from shared.failovers.vault.owners import owner_of_plan, owner_of_scope, owners_of_jobs
from shared.operations.model.identity import inverted
from shared.values.reading import an_object, last_segment, text

T = TypeVar("T")
_Named = Fabric | Cloud | RecoveryServicesProvider | ReplicationPolicy | NetworkMapping | RecoveryPlan | ProtectedItem | ProtectableItem


@dataclass(frozen=True, slots=True)
class Inventory:
    """Reads inventories. Raises `Refused` (NotFound, AzureRefused), and `CallFailure` for what may pass."""

    gateway: SiteRecoveryGateway
    registry: Registry

    async def vault(self, caller: Principal, vault_id: str | None, tenant: str | None = None) -> Vault:
        """Find the vault that is meant: the one named, else the one of the tenant named, else the caller's tenant's.

        A vault is reached by its owner, and by each tenant that a cloud in it is mapped to.
        """
        if tenant is not None and (not caller.reaches(tenant) or await self.registry.by_name(tenant) is None):
            raise not_found(f"tenant '{tenant}'", target="tenant")
        if vault_id is not None:
            found = ResourceId.parse(vault_id)
            if not caller.is_admin and await self.registry.shares(caller.tenant, vault_id):
                return Vault(found, caller.tenant)
            owned = require_reach(caller, await owner_of(self.registry, found), f"vault '{found}'", target="vaultId")
            return Vault(found, owned, everything=caller.is_admin)
        owner = await self.registry.by_name(tenant or caller.tenant)
        if owner is None or owner.default_vault is None:
            raise Refused(
                ErrorCode.NOT_FOUND, f"The tenant '{tenant or caller.tenant}' has no vault. Name one with vaultId.", target="vaultId"
            )
        return Vault(ResourceId.parse(owner.default_vault), owner.name, everything=caller.is_admin)

    async def owner_of(self, scope: ResourceId) -> str | None:
        """Return whose an item or a recovery plan is; raises as `Inventory` does."""
        return await asked(owner_of_scope(self.registry, self.gateway, scope))

    async def require_owner(self, caller: Principal, scope: ResourceId, *, target: str) -> str:
        """Return the owner of an item or a plan that the caller named; raises `Refused` (NotFound) where the caller does not reach it."""
        return require_reach(caller, await self.owner_of(scope), f"{scope.type} '{scope}'", target=target)

    async def fabrics(self, vault: Vault) -> list[Entry]:
        """Read the vault's fabrics."""
        return await self._entries(vault, "replicationFabrics", views.fabric_view)

    async def clouds(self, vault: Vault) -> list[Entry]:
        """Read the vault's clouds (protection containers), with the policies that are associated with them."""
        mappings = await self.mappings(vault)
        return await self._entries(vault, "replicationProtectionContainers", lambda body: views.cloud_view(body, mappings))

    async def providers(self, vault: Vault) -> list[Entry]:
        """Read the vault's Recovery Services providers, each with the rule of the least version."""
        return await self._entries(
            vault, "replicationRecoveryServicesProviders", lambda body: views.provider_view(ProviderFacts.from_arm(body))
        )

    async def policies(self, vault: Vault) -> list[Entry]:
        """Read the vault's replication policies, with the clouds that they are associated with."""
        mappings = await self.mappings(vault)
        return await self._entries(vault, "replicationPolicies", lambda body: views.policy_view(body, mappings))

    async def network_mappings(self, vault: Vault) -> list[Entry]:
        """Read the vault's network mappings."""
        return await self._entries(vault, "replicationNetworkMappings", views.network_mapping_view)

    async def plans(self, vault: Vault) -> list[Entry]:
        """Read the vault's recovery plans."""
        plans = await self._plan_facts(vault)
        return [
            _entry(plan.id, await owner_of_plan(self.registry, plan), views.plan_view(await self._seen_of(plan, vault))) for plan in plans
        ]

    async def _seen_of(self, plan: PlanFacts, vault: Vault) -> PlanFacts:
        """Return a plan without the members that its reader must not know of: those of other tenants in a mixed one."""
        members = [[one for one in group.members if vault.sees(await self._owner(one))] for group in plan.groups]
        return replace(plan, groups=tuple(replace(group, members=tuple(seen)) for group, seen in zip(plan.groups, members, strict=True)))

    async def _plan_facts(self, vault: Vault) -> list[PlanFacts]:
        return [PlanFacts.from_arm(body) for body in await asked(self.gateway.children(vault.id, "replicationRecoveryPlans"))]

    async def mappings(self, vault: Vault) -> list[Json]:
        """Read which policies are associated with which clouds, as ARM has it; of clouds that are seen, and without others as targets."""
        found: list[Json] = await asked(self.gateway.children(vault.id, "replicationProtectionContainerMappings"))
        return [await self._paired(mapping, vault) for mapping in found if vault.sees(await self._owner(own_id(mapping)))]

    async def _paired(self, mapping: Json, vault: Vault) -> Json:
        properties = dict(an_object(mapping, "properties"))
        target = text(properties, "targetProtectionContainerId")
        if target is None or cloud_key(target) is None or vault.sees(await self._owner(target)):
            return mapping
        hidden = {"targetProtectionContainerId": None, "targetProtectionContainerFriendlyName": None}
        return {**mapping, "properties": properties | hidden}

    async def items(self, vault: Vault, wanted: ItemFilter | None = None) -> list[Entry]:
        """Read the vault's protected items."""
        found = await self._without_others_jobs(await self._item_facts(vault), vault)
        owned = [(item, await self._owner(item.id)) for item in found]
        return [
            _entry(item.id, owner, views.item_view(item, owner or "", str(vault.id)))
            for item, owner in owned
            if wanted is None or wanted.takes(item, owner)
        ]

    async def _item_facts(self, vault: Vault) -> list[ProtectedItemFacts]:
        return [ProtectedItemFacts.from_arm(body) for body in await asked(self.gateway.children(vault.id, "replicationProtectedItems"))]

    async def _without_others_jobs(self, items: list[ProtectedItemFacts], vault: Vault) -> list[ProtectedItemFacts]:
        """Leave out the job of an item where it is another's, such as that of a mixed plan: it could not be read either."""
        if vault.everything or all(item.scenario is None for item in items) or not await self._is_shared(vault):
            return items
        owners = await self._owners_of_jobs(vault, await self._job_facts(vault), items)
        seen = {name.lower() for name, owner in owners.items() if vault.sees(owner)}
        return [replace(item, scenario=None) if item.scenario and item.scenario.job.lower() not in seen else item for item in items]

    async def points(self, vault: Vault, caller: Principal, item: str) -> list[Entry]:
        """Read the recovery points of an item that the caller reaches, the newest first; `item` is the last segment of its id."""
        id_ = await self.item_id(vault, caller, item)
        found = await asked(self.gateway.children(id_, "recoveryPoints"))
        owner = await self._owner(str(id_))
        points = [RecoveryPointFacts.from_arm(point) for point in found]
        return [Entry(_newest(point.time, point.id), last_segment(point.id), owner, views.point_view(point)) for point in points]

    async def item_id(self, vault: Vault, caller: Principal, item: str) -> ResourceId:
        """Find the ARM id of a protected item that the caller reaches by its last segment; raises `Refused` (NotFound)."""
        found = one(await self.items(vault), caller, item, "protected item")
        return ResourceId.parse(found.id)

    async def protectable(self, vault: Vault) -> list[Entry]:
        """Read the machines that can be protected, of all clouds of the vault: Azure lists them cloud by cloud only."""
        found = [views.protectable_view(body) for body in await self.protectable_bodies(vault)]
        for number, item in enumerate(found):
            if item.protected_item_id is not None and not vault.sees(await self._owner(item.protected_item_id)):
                found[number] = item.model_copy(update={"protected_item_id": None})
        return [_entry(item.id, await self._owner(item.id), item) for item in found]

    async def protectable_bodies(self, vault: Vault) -> list[Json]:
        """Read the same, as ARM has it."""
        return await self.protectable_in(await asked(self.gateway.children(vault.id, "replicationProtectionContainers")))

    async def protectable_in(self, clouds: Sequence[Mapping[str, object]]) -> list[Json]:
        """Read the machines that can be protected of some clouds, as ARM has them."""
        lists = await asyncio.gather(*(self._protectable(ResourceId.parse(own_id(cloud))) for cloud in clouds))
        return [body for found in lists for body in found]

    async def jobs(self, vault: Vault, wanted: JobFilter | None = None) -> list[Entry]:
        """Read the vault's jobs, the newest first."""
        found, whole = await self._job_facts(vault), await self._owner(str(vault.id))
        owners = await self._owners_of_jobs(vault, found, await self._item_facts(vault)) if await self._is_shared(vault) else {}
        return [
            Entry(_newest(job.started_at, job.name), job.name, owners.get(job.name, whole), views.job_row(job))
            for job in found
            if wanted is None or wanted.takes(job)
        ]

    async def _job_facts(self, vault: Vault) -> list[JobFacts]:
        return [JobFacts.from_arm(job) for job in await asked(self.gateway.children(vault.id, "replicationJobs"))]

    async def _owners_of_jobs(self, vault: Vault, jobs: list[JobFacts], items: list[ProtectedItemFacts]) -> Mapping[str, str | None]:
        return await owners_of_jobs(self.registry, vault.id, jobs, items, await self._plan_facts(vault))

    async def _is_shared(self, vault: Vault) -> bool:
        return await self.registry.is_shared(str(vault.id))

    async def _protectable(self, cloud: ResourceId) -> list[Json]:
        try:
            return await self.gateway.children(cloud, "replicationProtectableItems")
        except CallFailure as failure:
            # the containers of some fabrics (Azure's own) have no such list
            if failure.kind in {FailureKind.NOT_FOUND, FailureKind.REFUSED} and failure.status not in {401, 403}:
                return []
            raise _refused(failure) from failure

    async def _entries(self, vault: Vault, kind: str, view: Callable[[Json], _Named]) -> list[Entry]:
        found = await asked(self.gateway.children(vault.id, kind))
        return [_entry(own_id(body), await self._owner(own_id(body)), view(body)) for body in found]

    async def _owner(self, thing: str) -> str | None:
        return await owner_of(self.registry, thing)


async def asked(call: Awaitable[T]) -> T:
    """Await a read of Azure; what it definitely refuses is raised as `Refused`, what may pass as the `CallFailure` that it is."""
    try:
        return await call
    except CallFailure as failure:
        if not failure.is_refusal:
            raise
        with as_seen_in_azure():
            raise _refused(failure) from failure


def _refused(failure: CallFailure) -> Exception:
    if failure.kind is FailureKind.NOT_FOUND:
        return Refused(ErrorCode.NOT_FOUND, "The vault was not found in Azure.", target="vaultId", details=(failure.problem,))
    if failure.kind is FailureKind.REFUSED:
        return Refused(azure_code(failure), f"Azure refused the read: {failure.message}", details=(failure.problem,))
    return failure


def _entry(id_: str, owner: str | None, answer: _Named) -> Entry:
    """Return a thing that is listed by its name."""
    return Entry(f"{answer.name.lower()}|{id_.lower()}", last_segment(id_), owner, answer, id_)


def _newest(at: datetime | None, name: str) -> str:
    return f"{inverted(at) if at is not None else '~'}|{name.lower()}"
