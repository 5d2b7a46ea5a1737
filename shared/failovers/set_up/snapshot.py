"""A snapshot of what protecting machines needs of a vault: its policies, their associations, its items and fabrics."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.arm.ids import ResourceId
from shared.arm.reading import id_key, own_id, region_of, resource_id
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused
from shared.failovers.set_up.reads import Reads
from shared.failovers.set_up.requests import ProtectRequest
from shared.failovers.vault.facts import ProtectedItemFacts
from shared.failovers.vault.gateway import Json
from shared.failovers.vault.names import Provider
from shared.values.reading import an_object, text


@dataclass(frozen=True, slots=True)
class VaultSnapshot:
    """A vault at one moment. Its methods raise `Refused`, with the field that is wrong."""

    id: ResourceId
    policies: list[Json]
    mappings: list[Json]
    items: list[ProtectedItemFacts]
    fabrics: list[Json]

    def policy(self, named: str, provider: Provider, field: str) -> str:
        """Return the ARM id of the vault's policy of a name or an id; it must be one of the provider."""
        name = named.rpartition("/")[2].lower()
        found = next((one for one in self.policies if own_id(one).rpartition("/")[2].lower() == name), None)
        if found is None or ("/" in named and id_key(own_id(found)) != id_key(named)):
            raise wrong(field, f"The vault has no replication policy {named}.")
        kind = text(an_object(an_object(found, "properties"), "providerSpecificDetails"), "instanceType") or ""
        if kind.lower() != provider.lower():
            raise wrong(field, f"The policy {named} is one of {kind}; the machine needs one of {provider}.")
        return own_id(found)

    def require_new(self, machine: str, field: str) -> None:
        """Refuse a machine that is protected already."""
        for item in self.items:
            if machine in {id_key(item.protectable_item_id), id_key(item.source_vm_id)}:
                message = f"The machine is protected already, as {item.friendly_name or item.name}."
                raise Refused(ErrorCode.ACTION_NOT_ALLOWED, message, target=field)

    def require_associated(self, cloud: str, policy: str, field: str) -> None:
        """Refuse a policy that is not associated with the machine's cloud."""
        if not any(cloud_of(mapping) == id_key(cloud) and policy_of(mapping) == id_key(policy) for mapping in self.mappings):
            raise wrong(
                field, f"The policy is not associated with the cloud {cloud.rpartition('/')[2]}. Add the cloud to the policy's clouds."
            )

    def pair(self, machine: ProtectRequest, vm: Json, policy: str, at: str) -> tuple[str, str]:
        """Return the container of a machine in Azure and its target container, by the associations of the policy."""
        region = _shown_location(vm, machine.virtual_machine_id or "the machine")
        regions = {id_key(own_id(one)): _region(one) for one in self.fabrics}
        found = [
            (own_id(mapping).rsplit("/", 2)[0], resource_id(an_object(mapping, "properties"), "targetProtectionContainerId") or "")
            for mapping in self.mappings
            if policy_of(mapping) == id_key(policy)
        ]
        fits = [pair for pair in found if regions.get(id_key(pair[0].rsplit("/", 2)[0])) == region]
        if machine.cloud is not None:
            fits = [pair for pair in fits if id_key(pair[0]) == id_key(machine.cloud)]
        if len(fits) != 1:
            message = f"The policy is associated with {len(fits)} containers in {region} that fit; exactly one is needed."
            raise wrong(f"{at}cloud" if machine.cloud or len(fits) > 1 else f"{at}policy", message)
        return fits[0]


async def read_vault(gateway: Reads, vault: ResourceId) -> VaultSnapshot:
    """Read a vault; raises `CallFailure`."""
    policies, mappings, items, fabrics = await asyncio.gather(
        gateway.children(vault, "replicationPolicies"),
        gateway.children(vault, "replicationProtectionContainerMappings"),
        gateway.children(vault, "replicationProtectedItems"),
        gateway.children(vault, "replicationFabrics"),
    )
    return VaultSnapshot(vault, policies, mappings, [ProtectedItemFacts.from_arm(item) for item in items], fabrics)


def wrong(field: str, message: str) -> Refused:
    """Return the refusal of a field with its reason."""
    return Refused(ErrorCode.INVALID_REQUEST, message, target=field, details=(Problem(ErrorCode.INVALID_REQUEST, message, field),))


def cloud_of(mapping: Json) -> str | None:
    """Return the key of the cloud of an association."""
    return id_key(own_id(mapping).rsplit("/", 2)[0])


def policy_of(mapping: Json) -> str | None:
    """Return the key of the policy of an association."""
    return id_key(resource_id(an_object(mapping, "properties"), "policyId"))


def _region(fabric: Json) -> str:
    return region_of(an_object(an_object(fabric, "properties"), "customDetails"))


def fabric_of(fabrics: Sequence[Json], field: str, network: str, body: Json | None) -> str:
    """Return the ARM id of the fabric of a virtual network's region; `body` is the network, None where Azure has none of that id."""
    if body is None:
        raise wrong(field, f"Azure has no network {network}.")
    region = _shown_location(body, network)
    found = next((own_id(one) for one in fabrics if _region(one) == region), None)
    if found is None:
        raise wrong(field, f"The vault has no fabric of the region {region}.")
    return found


def _shown_location(body: Mapping[str, object], id_: str) -> str:
    """Return the region of a resource; one that Azure does not show now is no region, and is read again."""
    region = region_of(body)
    if not region:
        raise CallFailure(FailureKind.IN_DOUBT, code="NoLocation", message=f"Azure shows no location of {id_}")
    return region
