"""Whose the things are that a change of a vault names.

A machine must be the vault's owner's own. Where it goes (networks, groups, storage accounts) must be so too, but in the vault of the
provider, who replicates every tenant's machines to that tenant's own targets (facts/site-recovery.md, "Hosters and CSP partners").
"""

from collections.abc import Mapping

from shared.access.ownership import owner_of
from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.site_recovery.set_up.requests import ProtectionOptions
from shared.site_recovery.set_up.vault_now import wrong


async def owns(registry: Registry, vault: ResourceId, named: str) -> bool:
    """Say whether a thing, by its ARM id, and a vault are one tenant's."""
    owner = await owner_of(registry, vault)
    return owner is not None and owner == await owner_of(registry, named)


async def require_own(registry: Registry, vault: ResourceId, named: Mapping[str, str | None]) -> None:
    """Refuse targets (ids by their fields) that a vault's owner may not use, whether or not they are there."""
    if await owner_of(registry, vault) == (await registry.provider()).name:
        return
    for field, id_ in named.items():
        if id_ is not None and not await owns(registry, vault, id_):
            raise wrong(field, f"{id_} is not the tenant's own.")


async def require_own_options(registry: Registry, vault: ResourceId, options: ProtectionOptions, at: str) -> None:
    """Refuse options of a protection (their fields begin with `at`) that name what is not the vault's owner's."""
    named = {
        f"{at}network": options.network,
        f"{at}resourceGroupId": options.resource_group_id,
        f"{at}storageAccountId": options.storage_account_id,
    }
    await require_own(registry, vault, named)
