"""Whose the things are that a change of a vault names: its owner's own, or anybody's in the vault of the provider, who serves them all."""

from collections.abc import Mapping

from shared.access.ownership import owner_of
from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.site_recovery.set_up.requests import ProtectionOptions
from shared.site_recovery.set_up.vault_now import wrong


async def owns(registry: Registry, vault: ResourceId, named: str) -> bool:
    """Say whether the owner of a vault may have it work with a thing, by the thing's ARM id."""
    owner = await owner_of(registry, vault)
    return owner == (await registry.provider()).name or (owner is not None and owner == await owner_of(registry, named))


async def require_own(registry: Registry, vault: ResourceId, named: Mapping[str, str | None]) -> None:
    """Refuse ids (by their fields) that are not the vault's owner's, whether or not they are there."""
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
