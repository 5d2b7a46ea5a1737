"""The writes that a set-up request needs, decided from what Azure has: when the request is accepted, and again by its first step.

Raises `Refused` for what cannot be done, and `CallFailure` where Azure cannot be read.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.arm.reading import id_key, own_id, resource_id
from shared.errors import ErrorCode, Problem, Refused
from shared.failovers.failing_over.rules import payloads
from shared.failovers.failing_over.rules.kept_settings import provider_details
from shared.failovers.set_up import plan_rules, policy_rules, rules
from shared.failovers.set_up.plan_rules import LostAction
from shared.failovers.set_up.reads import ListedReads, Reads
from shared.failovers.set_up.requests import (
    AZURE,
    Change,
    ConfirmRequest,
    Kind,
    NetworkMappingRequest,
    PolicyRequest,
    ProtectManyRequest,
    ProtectRequest,
    RecoveryPlanRequest,
    UpdateItemRequest,
)
from shared.failovers.set_up.rules import Write
from shared.failovers.set_up.snapshot import VaultSnapshot, cloud_of, fabric_of, policy_of, read_vault, wrong
from shared.failovers.set_up.state import SetUpChange, hyper_v_item
from shared.failovers.set_up.tenant_view import TenantView
from shared.failovers.vault.facts import ProtectedItemFacts
from shared.failovers.vault.gateway import Json, require_shown
from shared.failovers.vault.limits import is_vm_name, machine_of
from shared.failovers.vault.names import AllowedOperation, Provider
from shared.values.reading import an_object, objects, text, texts

_DETAILS = "providerSpecificDetails"


@dataclass(frozen=True, slots=True)
class Planner:
    """Decides on the writes of a change."""

    gateway: Reads
    registry: Registry

    def _confined(self, wanted: SetUpChange) -> "Planner":
        """Return a planner that reads only what the tenant of a request may know, by the registry as it is now."""
        listed = ListedReads(self.gateway)
        return replace(self, gateway=listed if wanted.only is None else TenantView(listed, self.registry.reread(), wanted.only))

    async def scopes(self, wanted: SetUpChange) -> tuple[str, ...]:
        """Return the ARM ids of the resources that a request changes; an item is found by its name."""
        if wanted.kind is Kind.ITEM and wanted.change is not Change.CREATE:
            return ((await self._confined(wanted)._item(wanted)).id,)  # noqa: SLF001  # of this class
        return wanted.known_scopes()

    async def writes(self, wanted: SetUpChange) -> list[Write]:
        """Return the writes that a request needs, none where everything is as requested."""
        return await self._confined(wanted)._writes(wanted)  # noqa: SLF001  # of this class

    async def _writes(self, wanted: SetUpChange) -> list[Write]:
        match wanted.kind, wanted.change:
            case Kind.POLICY, Change.PUT:
                return await self._put_policy(wanted)
            case Kind.POLICY, _:
                return await self._delete_policy(wanted)
            case Kind.NETWORK_MAPPING, Change.PUT:
                return await self._put_network_mapping(wanted)
            case Kind.NETWORK_MAPPING, _:
                found = await self._network_mapping(wanted)
                return [Write("DELETE", own_id(found), own_id(found), "network mapping")]
            case Kind.ITEM, Change.CREATE:
                return await self._protect(wanted)
            case Kind.ITEM, Change.UPDATE:
                found = await self._item_body(wanted)
                require_shown(found, _DETAILS)
                item, asked = ProtectedItemFacts.from_arm(found), wanted.read(UpdateItemRequest)
                body = payloads.rename_target(item, asked.target_vm_name, asked.target_vm_size, provider_details(found))
                return [Write("PATCH", item.id, item.id, f"target of {item.friendly_name or item.name}", body)]
            case Kind.ITEM, _:
                item = await self._item(wanted)
                _require_confirmed(item, wanted.read(ConfirmRequest))
                _require_allowed(item)
                return [rules.stop_protecting(item)]
            case Kind.PLAN, Change.PUT:
                return await self._put_plan(wanted)
            case _:
                plan = f"{wanted.vault}/replicationRecoveryPlans/{wanted.name}"
                _there(await self.gateway.find(ResourceId.parse(plan)), "recovery plan", wanted.name)
                return [Write("DELETE", plan, plan, "recovery plan")]

    async def _put_policy(self, wanted: SetUpChange) -> list[Write]:
        asked = wanted.read(PolicyRequest)
        policy = f"{wanted.vault}/replicationPolicies/{wanted.name}"
        there, mappings, clouds = await asyncio.gather(
            self.gateway.find(ResourceId.parse(policy)),
            self.gateway.children(wanted.vault, "replicationProtectionContainerMappings"),
            self.gateway.children(wanted.vault, "replicationProtectionContainers"),
        )
        require_shown(there, _DETAILS)
        provider = policy_rules.provider_of(asked, there)
        kind = text(an_object(an_object(there or {}, "properties"), _DETAILS), "instanceType")
        if provider is None or (kind is not None and kind.lower() != provider.lower()):
            raise wrong("provider", f"The policy exists and is one of {kind}; its provider cannot be changed.")
        _require_fits(asked, provider, there)
        known = {id_key(own_id(cloud)) for cloud in clouds}
        for number, cloud in enumerate(asked.clouds or ()):
            for field, value in (("cloud", cloud.cloud), ("target", cloud.target)):
                if value != AZURE and id_key(value) not in known:
                    raise wrong(f"clouds[{number}].{field}", f"The vault has no cloud {value}.")
            if provider is Provider.A2A and cloud.target == AZURE:
                raise wrong(
                    f"clouds[{number}].target", "A policy of A2A needs the ARM id of the protection container of the other region or zone."
                )
        made = policy_rules.put_policy(policy, asked, provider, there)
        return [*([made] if made else []), *_associations(asked, provider, policy, mappings)]

    async def _delete_policy(self, wanted: SetUpChange) -> list[Write]:
        policy = f"{wanted.vault}/replicationPolicies/{wanted.name}"
        there, mappings, items = await asyncio.gather(
            self.gateway.find(ResourceId.parse(policy)),
            self.gateway.children(wanted.vault, "replicationProtectionContainerMappings"),
            self.gateway.children(wanted.vault, "replicationProtectedItems"),
        )
        _there(there, "replication policy", wanted.name)
        used = [item for body in items if id_key((item := ProtectedItemFacts.from_arm(body)).policy_id) == id_key(policy)]
        if used:
            names = ", ".join(item.friendly_name or item.name for item in used[:5])
            raise Refused(ErrorCode.ACTION_NOT_ALLOWED, f"{len(used)} protected items use the policy: {names}.", target=wanted.name)
        own = [mapping for mapping in mappings if policy_of(mapping) == id_key(policy)]
        return [*(rules.dissociate(mapping, policy, 0) for mapping in own), Write("DELETE", policy, policy, "replication policy", stage=1)]

    async def _network_mapping(self, wanted: SetUpChange) -> Json:
        found = await self.gateway.children(wanted.vault, "replicationNetworkMappings")
        known = next((one for one in found if own_id(one).rpartition("/")[2].lower() == wanted.name.lower()), None)
        return _there(known, "network mapping", wanted.name)

    async def _put_network_mapping(self, wanted: SetUpChange) -> list[Write]:
        asked = wanted.read(NetworkMappingRequest)
        return await (self._map_virtual_network(wanted, asked) if asked.is_between_azure else self._map_vmm_network(wanted, asked))

    async def _map_vmm_network(self, wanted: SetUpChange, asked: NetworkMappingRequest) -> list[Write]:
        primary, recovery = ResourceId.parse(asked.primary_network), ResourceId.parse(asked.recovery_network)
        if not primary.key.startswith(f"{wanted.vault.key}/"):
            raise wrong("primaryNetwork", f"{primary} is not a network of this vault.")
        network, target, there = await asyncio.gather(
            self.gateway.find(primary), self.gateway.network(recovery), self._same_mapping(wanted, f"{primary}/")
        )
        if network is None:
            raise wrong("primaryNetwork", f"The vault has no network {primary}.")
        if target is None:
            raise wrong("recoveryNetwork", f"Azure has no network {recovery}.")
        fabric = AZURE if recovery.provider.lower() == "microsoft.network" else str(recovery.parent)
        made = rules.put_network_mapping(f"{primary}/replicationNetworkMappings/{wanted.name}", asked.recovery_network, fabric, there)
        return [made] if made else []

    async def _map_virtual_network(self, wanted: SetUpChange, asked: NetworkMappingRequest) -> list[Write]:
        """Map a virtual network: the mapping lies below the fabric of its region, and names the fabric of the other region."""
        fabrics, source, target = await asyncio.gather(
            self.gateway.children(wanted.vault, "replicationFabrics"),
            self.gateway.network(ResourceId.parse(asked.primary_network)),
            self.gateway.network(ResourceId.parse(asked.recovery_network)),
        )
        primary = fabric_of(fabrics, "primaryNetwork", asked.primary_network, source)
        recovery = fabric_of(fabrics, "recoveryNetwork", asked.recovery_network, target)
        if id_key(primary) == id_key(recovery):
            raise wrong("recoveryNetwork", "Both networks are in one region. Give a network of the region that machines are replicated to.")
        there = await self._same_mapping(wanted, f"{primary}/")
        mapping = rules.azure_mapping_id(primary, wanted.name)
        made = rules.map_virtual_network(mapping, asked.primary_network, asked.recovery_network, recovery, there)
        return [made] if made else []

    async def _same_mapping(self, wanted: SetUpChange, below: str) -> Json | None:
        """Return the existing mapping of the requested name; refuse one that belongs to another primary network."""
        mappings = await self.gateway.children(wanted.vault, "replicationNetworkMappings")
        same = next((one for one in mappings if own_id(one).rpartition("/")[2].lower() == wanted.name.lower()), None)
        if same is not None and not own_id(same).lower().startswith(below.lower()):
            raise wrong(
                "primaryNetwork", "The mapping of this name belongs to another primary network. Delete it first, or choose another name."
            )
        return same

    async def _protect(self, wanted: SetUpChange) -> list[Write]:
        machines = wanted.read(ProtectManyRequest).items
        vault = await read_vault(self.gateway, wanted.vault)
        return [
            await self._protect_one(vault, machine, "" if wanted.is_single else f"items[{number}].")
            for number, machine in enumerate(machines)
        ]

    async def _protect_one(self, vault: VaultSnapshot, machine: ProtectRequest, at: str) -> Write:
        provider = Provider.HYPER_V_REPLICA_AZURE if machine.protectable_item_id else Provider.A2A
        policy = vault.policy(machine.policy, provider, f"{at}policy")
        if machine.protectable_item_id is not None:
            found = ResourceId.parse(machine.protectable_item_id)
            if not found.key.startswith(f"{vault.id.key}/"):
                raise wrong(f"{at}protectableItemId", f"{found} is not a machine of this vault.")
            body = await self.gateway.find(found)
            if body is None:
                raise Refused(ErrorCode.SOURCE_NOT_FOUND, f"The vault has no machine {found}.", target=f"{at}protectableItemId")
            vault.require_new(found.key, f"{at}protectableItemId")
            _require_ready(body, f"{at}protectableItemId")
            vault.require_associated(str(found.parent), policy, f"{at}policy")
            _require_vm_name(machine, body, f"{at}targetVmName")
            return rules.protect_hyper_v(hyper_v_item(str(found)), machine, body, policy)
        vm = ResourceId.parse(machine.virtual_machine_id or "")
        body = await self.gateway.machine(vm)
        if body is None:
            raise Refused(ErrorCode.SOURCE_NOT_FOUND, f"Azure has no virtual machine {vm}.", target=f"{at}virtualMachineId")
        vault.require_new(vm.key, f"{at}virtualMachineId")
        cloud, recovery = vault.pair(machine, body, policy, at)
        return rules.protect_azure(f"{cloud}/replicationProtectedItems/{rules.item_name(vm)}", machine, _disks(body), recovery, policy)

    async def _item(self, wanted: SetUpChange) -> ProtectedItemFacts:
        return ProtectedItemFacts.from_arm(await self._item_body(wanted))

    async def _item_body(self, wanted: SetUpChange) -> Json:
        items = await self.gateway.children(wanted.vault, "replicationProtectedItems")
        body = next((item for item in items if own_id(item).rpartition("/")[2].lower() == wanted.name.lower()), None)
        return _there(body, "protected item", wanted.name)

    async def _put_plan(self, wanted: SetUpChange) -> list[Write]:
        asked = wanted.read(RecoveryPlanRequest)
        plan = f"{wanted.vault}/replicationRecoveryPlans/{wanted.name}"
        there, items = await asyncio.gather(
            self.gateway.find(ResourceId.parse(plan)), self.gateway.children(wanted.vault, "replicationProtectedItems")
        )
        require_shown(there, "groups")
        known = {item.key: item for item in (ProtectedItemFacts.from_arm(body) for body in items)}
        members: dict[str, ProtectedItemFacts] = {}
        for number, group in enumerate(asked.groups):
            for place, member in enumerate(group.members):
                item = known.get(id_key(member) or member)
                if item is None:
                    raise wrong(f"groups[{number}].members[{place}]", f"The vault has no protected item {member}.")
                members[item.key] = item
        primary, recovery = _sides(asked, list(members.values()))
        if there is not None:
            properties = an_object(there, "properties")
            for field, now, then in (("primary", "primaryFabricId", primary), ("recovery", "recoveryFabricId", recovery)):
                found = resource_id(properties, now)
                if found is not None and found.rpartition("/")[2].lower() != then.rpartition("/")[2].lower():
                    raise wrong(field, f"The plan goes {'from' if field == 'primary' else 'to'} {found}; that cannot be changed.")
        groups, lost = plan_rules.plan_groups(asked.groups, members, there)
        if lost and not asked.drop_actions:
            raise _loses_actions(wanted.name, lost)
        return [plan_rules.put_plan(plan, primary, recovery, groups, there)]


def _associations(asked: PolicyRequest, provider: Provider, policy: str, mappings: list[Json]) -> list[Write]:
    if asked.clouds is None:
        return []
    own = {cloud_of(mapping): mapping for mapping in mappings if policy_of(mapping) == id_key(policy)}
    wanted = {id_key(cloud.cloud) for cloud in asked.clouds}
    made = [
        rules.associate(cloud.cloud, cloud.target, policy, provider, policy, 1) for cloud in asked.clouds if id_key(cloud.cloud) not in own
    ]
    return [*made, *(rules.dissociate(mapping, policy, 1) for cloud, mapping in own.items() if cloud not in wanted)]


def _sides(asked: RecoveryPlanRequest, members: list[ProtectedItemFacts]) -> tuple[str, str]:
    """Return the primary and the recovery fabric of a plan: those named, else those of its members, which must agree."""
    primaries = {id_key(fabric): fabric for item in members if (fabric := item.id.rsplit("/", 4)[0])}
    recoveries = {fabric.lower(): fabric for item in members if (fabric := _recovery_fabric(item))}
    if asked.primary is None and len(primaries) != 1:
        raise wrong(
            "primary", f"The members are in {len(primaries)} fabrics; the members of a plan are in one. Split the plan, or give the fabric."
        )
    if asked.recovery is None and len(recoveries) != 1:
        raise wrong(
            "recovery",
            f"The members go to {len(recoveries)} fabrics; the members of a plan are in one. Split the plan, or give the fabric.",
        )
    return asked.primary or next(iter(primaries.values())), asked.recovery or next(iter(recoveries.values()))


def _recovery_fabric(item: ProtectedItemFacts) -> str:
    """Return the recovery fabric of an item as a plan's input names it.

    An item that is replicated to Azure names an internal fabric of its own there, which the vault does not list.
    """
    to_azure = {Provider.HYPER_V_REPLICA_AZURE, Provider.IN_MAGE_AZURE_V2, Provider.IN_MAGE_RCM}
    return AZURE if item.provider in to_azure else item.recovery_fabric_id or AZURE


def _require_fits(asked: PolicyRequest, provider: Provider, existing: Json | None) -> None:
    """Refuse (InvalidRequest) a policy that its provider does not allow, also together with what the existing policy has."""
    found = asked.faults(provider)
    apart = policy_rules.spacing_fault(asked, policy_rules.settings_of(asked, provider, existing))
    if apart is not None and not found:
        found = [apart]
    if found:
        details = tuple(Problem(ErrorCode.INVALID_REQUEST, message, field) for field, message in found)
        raise Refused(ErrorCode.INVALID_REQUEST, found[0][1], target=found[0][0], details=details)


def _loses_actions(plan: str, lost: Sequence[LostAction]) -> Refused:
    names = ", ".join(action.name for action in lost)
    message = (
        f"{len(lost)} scripts or manual actions of the recovery plan would lose their group: {names}. "
        "Keep the members of each group together, or set dropActions to true to remove these actions."
    )
    details = tuple(Problem("ActionLosesItsGroup", f"'{action.name}' belongs to {action.group}.", action.name) for action in lost)
    return Refused(ErrorCode.ACTION_NOT_ALLOWED, message, target=plan, details=details)


def _require_confirmed(item: ProtectedItemFacts, given: ConfirmRequest) -> None:
    names = {item.name.lower(), item.friendly_name.lower()}
    if given.confirm.lower() not in names:
        raise wrong("confirm", f"'{given.confirm}' is not the name of the item. Give the name of the item whose protection is to end.")


def _require_allowed(item: ProtectedItemFacts) -> None:
    allowed = item.allowed_operations
    if allowed is not None and AllowedOperation.DISABLE_PROTECTION not in allowed:
        details = tuple(Problem(one, f"{one} is allowed now", "action") for one in allowed)
        message = f"Azure does not allow disabling the protection of {item.friendly_name or item.name} now."
        raise Refused(ErrorCode.ACTION_NOT_ALLOWED, message, target=item.name, details=details)


def _require_ready(machine: Json, field: str) -> None:
    errors = texts(an_object(machine, "properties"), "protectionReadinessErrors")
    if errors:
        details = tuple(Problem("NotReady", error, field) for error in errors)
        raise Refused(ErrorCode.CHECKS_FAILED, f"The machine cannot be protected: {'; '.join(errors)}", target=field, details=details)


def _require_vm_name(request: ProtectRequest, machine: Json, field: str) -> None:
    """Refuse a machine whose name Azure would not accept for the one that a failover makes."""
    name = request.target_vm_name or machine_of(machine).name
    if not is_vm_name(name):
        raise wrong(field, f"'{name}' is not a name of a machine in Azure. Give targetVmName: 1 to 63 letters, digits and hyphens.")


def _there(found: Json | None, what: str, name: str) -> Json:
    if found is None:
        raise Refused(ErrorCode.NOT_FOUND, f"The vault has no {what} '{name}'.")
    return found


def _disks(vm: Json) -> list[str]:
    storage = an_object(an_object(vm, "properties"), "storageProfile")
    disks = [an_object(storage, "osDisk"), *objects(storage, "dataDisks")]
    return [found for disk in disks if (found := resource_id(an_object(disk, "managedDisk"), "id"))]
