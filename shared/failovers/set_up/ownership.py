"""The tenant that owns a change of a vault's set-up, and the resources of a shared vault that the change may reach.

A machine must belong to the tenant. So must its targets (networks, resource groups, storage accounts), except for the provider's Admin in
the provider's vault, who replicates the machines of every tenant to that tenant's own targets (docs/azure/site-recovery.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared.access.ownership import owner_of
from shared.access.principal import not_found
from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.arm.reading import id_key, own_id, resource_id
from shared.errors import ErrorCode, Refused
from shared.failovers.set_up.reads import ListedReads, Reads
from shared.failovers.set_up.requests import (
    Change,
    Kind,
    PolicyRequest,
    ProtectionOptions,
    ProtectManyRequest,
    ProtectRequest,
    RecoveryPlanRequest,
)
from shared.failovers.set_up.state import SetUpChange
from shared.failovers.set_up.tenant_view import TenantView
from shared.failovers.vault.facts import PlanFacts
from shared.failovers.vault.owners import owner_of_plan
from shared.values.reading import an_object

_IN_CLOUDS = frozenset({Kind.ITEM, Kind.PLAN})
"""The kinds that can belong to one tenant in a vault that several share; the others belong to the owner of the vault."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """Decides which tenant owns a change, before locks or refusals could name another tenant's resources."""

    reads: Reads
    registry: Registry

    async def confine(self, wanted: SetUpChange, tenant: str, *, everything: bool) -> tuple[SetUpChange, str]:
        """Return a change, confined to the resources of the tenant that owns it, with that tenant.

        `tenant` is the caller's. With `everything` the caller reaches the whole vault: then the changed resources decide, and a change of
        several tenants' resources belongs to the owner of the vault and is not confined. Raises `Refused` (NotFound for another tenant's
        resource, InvalidRequest) and `CallFailure`.
        """
        if everything and await self.registry.is_shared(str(wanted.vault)):
            owners = await self._owners(wanted)
            if len(owners) != 1 or wanted.kind not in _IN_CLOUDS:
                return wanted, tenant
            tenant = next(iter(owners))
        anywhere = await self.anywhere(tenant, everything=everything)
        await self._require_own(wanted, tenant, anywhere=anywhere)
        return replace(wanted, only=None if anywhere else tenant), tenant

    async def anywhere(self, tenant: str, *, everything: bool) -> bool:
        """Return whether the targets of a change may belong to any tenant."""
        return everything and tenant == (await self.registry.provider()).name

    async def _owners(self, wanted: SetUpChange) -> frozenset[str]:
        if wanted.kind is Kind.PLAN:
            return frozenset(filter(None, await self._owners_of_plan(wanted)))
        if wanted.kind is not Kind.ITEM:
            return frozenset()
        if wanted.change is Change.CREATE:
            named = [one.protectable_item_id or one.cloud or str(wanted.vault) for one in _machines(wanted)]
        else:
            items = await self.reads.children(wanted.vault, "replicationProtectedItems")
            named = [own_id(item) for item in items if own_id(item).rpartition("/")[2].lower() == wanted.name.lower()]
        found = frozenset([owner for id_ in named if (owner := await owner_of(self.registry, id_))])
        if len(found) > 1:
            message = "The machines belong to several tenants. Send one request for each tenant."
            raise Refused(ErrorCode.INVALID_REQUEST, message, target="items")
        return found

    async def _owners_of_plan(self, wanted: SetUpChange) -> set[str | None]:
        found: set[str | None] = set()
        if wanted.change is Change.PUT:
            groups = wanted.read(RecoveryPlanRequest).groups
            found = {await owner_of(self.registry, member) for group in groups for member in group.members}
        there = await ListedReads(self.reads).find(_plan(wanted))
        return found | ({await owner_of_plan(self.registry, PlanFacts.from_arm(there))} if there is not None else set())

    async def _require_own(self, wanted: SetUpChange, tenant: str, *, anywhere: bool) -> None:
        if wanted.kind not in _IN_CLOUDS and await owner_of(self.registry, wanted.vault) != tenant:
            raise not_found(f"{wanted.kind} '{wanted.name}'")
        if wanted.kind is Kind.ITEM and wanted.change is Change.CREATE:
            for number, machine in enumerate(_machines(wanted)):
                at = "" if wanted.is_single else f"items[{number}]."
                await self._require_own_machine(machine, tenant, at)
                if not anywhere:
                    await self.require_own_targets(machine, tenant, at)
        if wanted.kind is Kind.POLICY and wanted.change is Change.PUT and not anywhere:
            account = wanted.read(PolicyRequest).storage_account_id
            await self._require_all({"storageAccountId": account}, tenant)
        if not await self.registry.is_shared(str(wanted.vault)):
            return
        if wanted.kind is Kind.PLAN:
            await TenantView(ListedReads(self.reads), self.registry, tenant).find(_plan(wanted))
        if wanted.kind is Kind.POLICY and wanted.change is Change.DELETE:
            await self._require_unused_by_others(wanted, tenant)

    async def _require_own_machine(self, machine: ProtectRequest, tenant: str, at: str) -> None:
        named = {
            "protectableItemId": machine.protectable_item_id,
            "virtualMachineId": machine.virtual_machine_id,
            "cloud": machine.cloud,
        }
        await self._require_all(named, tenant, at)

    async def require_own_targets(self, options: ProtectionOptions, tenant: str, at: str) -> None:
        """Refuse (NotFound) options of a protection that name a target of another tenant; `at` is the prefix of their fields."""
        await self._require_all(options.targets, tenant, at)

    async def _require_all(self, named: Mapping[str, str | None], tenant: str, at: str = "") -> None:
        for field, id_ in named.items():
            if id_ is not None and await owner_of(self.registry, id_) != tenant:
                raise not_found(f"{field} '{id_}'", target=f"{at}{field}")

    async def _require_unused_by_others(self, wanted: SetUpChange, tenant: str) -> None:
        policy = id_key(f"{wanted.vault}/replicationPolicies/{wanted.name}")
        mappings = await self.reads.children(wanted.vault, "replicationProtectionContainerMappings")
        clouds = [own_id(one) for one in mappings if id_key(resource_id(an_object(one, "properties"), "policyId")) == policy]
        if any([await owner_of(self.registry, cloud) != tenant for cloud in clouds]):
            message = "The policy is associated with clouds of other tenants. Only Admin can delete it."
            raise Refused(ErrorCode.ACTION_NOT_ALLOWED, message, target=wanted.name)


def _machines(wanted: SetUpChange) -> tuple[ProtectRequest, ...]:
    return wanted.read(ProtectManyRequest).items


def _plan(wanted: SetUpChange) -> ResourceId:
    return ResourceId.parse(f"{wanted.vault}/replicationRecoveryPlans/{wanted.name}")
