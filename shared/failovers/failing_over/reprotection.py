"""Where an A2A item is protected to on its way back: read from the item, its containers and their mapping."""

from collections.abc import Sequence

from shared.arm.failures import in_doubt
from shared.arm.ids import ResourceId
from shared.arm.reading import id_key, own_id, resource_id
from shared.errors import CallFailure, FailureKind
from shared.failovers.failing_over.rules.payloads import SwitchTo
from shared.failovers.vault.facts import ProtectedItemFacts
from shared.failovers.vault.gateway import SiteRecoveryGateway, vault_of
from shared.values.reading import Json, an_object, text


async def reprotect_target(gateway: SiteRecoveryGateway, item: ProtectedItemFacts) -> SwitchTo:
    """Return the target of an item's switch of protection: the container it lies in, its VM's resource group, the policy of the way back.

    The policy is that of a mapping from the recovery container to this one, else the item's own. Raises `CallFailure` (REFUSED) where
    the item names too little.
    """
    here = ResourceId.parse(item.id).parent
    recovery = item.recovery_container_id
    if here is None or recovery is None or item.source_vm_id is None:
        message = f"{item.name} has no recovery container or no source VM in Azure, so its reprotection has no target"
        raise CallFailure(FailureKind.REFUSED, code="ReprotectNotPossible", message=message)
    mappings = await _mappings(gateway, vault_of(ResourceId.parse(item.id)))
    policy = next((found for mapping in mappings if (found := _policy_back(mapping, recovery, here))), item.policy_id)
    source = ResourceId.parse(item.source_vm_id)
    group = f"/subscriptions/{source.subscription_id}/resourceGroups/{source.resource_group}"
    staging = next((disk.staging_account_id for disk in item.disks if disk.staging_account_id), "")
    return SwitchTo(container_id=str(here), resource_group_id=group, policy_id=policy or "", staging_account_id=staging)


async def _mappings(gateway: SiteRecoveryGateway, vault: ResourceId) -> Sequence[Json]:
    """Read the mappings of a vault; a 404 counts as not read, because the vault exists."""
    try:
        return await gateway.children(vault, "replicationProtectionContainerMappings")
    except CallFailure as failure:
        if failure.kind is not FailureKind.NOT_FOUND:
            raise
        raise in_doubt("NotRead", f"The mappings of {vault} were not found. The read is retried.") from failure


def _policy_back(mapping: Json, recovery: str, here: ResourceId) -> str | None:
    properties = an_object(mapping, "properties")
    mapped_from = (id_key(own_id(mapping)) or "").partition("/replicationprotectioncontainermappings/")[0]
    to = id_key(text(properties, "targetProtectionContainerId"))
    return resource_id(properties, "policyId") if mapped_from == id_key(recovery) and to == here.key else None
