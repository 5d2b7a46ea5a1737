"""Whose a resource is: the narrowest mapping of the registry first (docs/design/http.md, "Ownership")."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shared.access.principal import Principal, require_reach
from shared.access.vaults import cloud_key, vault_key
from shared.arm.ids import subscription_of
from shared.errors import ErrorCode, Refused

if TYPE_CHECKING:
    from shared.access.registry import Registry
    from shared.arm.ids import ResourceId


async def owner_of(registry: "Registry", resource_id: "ResourceId | str") -> str | None:
    """Return the name of the tenant that an ARM id belongs to: by its cloud, else its vault, else its subscription.

    None is returned where it has no owner, or is no ARM id. Raises `RegistryError` where the registry gives it to two tenants.
    """
    text = str(resource_id)
    if tenant := await registry.owner_of_cloud(text):
        return tenant.name
    if vault_key(text) and (tenant := await registry.owner_of_vault(text)):
        return tenant.name
    try:
        subscription = subscription_of(text)
    except ValueError:
        return None
    found = await registry.owner_of_subscription(subscription)
    return found.name if found else None


async def is_owned(registry: "Registry", tenant: str, resource_id: str) -> bool:
    """Return whether a tenant owns what an ARM id names.

    What lies in a vault and in no cloud of it, such as a recovery plan, may be that of any tenant which has a cloud in the vault: only its
    members show whose it is.
    """
    if await owner_of(registry, resource_id) == tenant:
        return True
    return cloud_key(resource_id) is None and await registry.shares(tenant, resource_id)


async def require_still_owned(registry: "Registry", tenant: str, ids: Iterable["ResourceId | str"]) -> None:
    """Refuse with `OwnerChanged` unless the tenant of an earlier operation owns all that it was about, read without a cache."""
    fresh = registry.uncached()
    for id_ in ids:
        if not await is_owned(fresh, tenant, str(id_)):
            message = f"'{id_}' is no longer the resource of the tenant '{tenant}', of which this operation is."
            raise Refused(ErrorCode.OWNER_CHANGED, message, target=str(id_))


async def require_owner(
    registry: "Registry", principal: Principal, resource_id: "ResourceId | str", kind: str, *, target: str | None = None
) -> str:
    """Return the owner of an ARM id that the caller named, or refuse with `NotFound` where it is another tenant's or has no owner.

    `kind` is what to call it ("virtual machine"), `target` the field that named it.
    """
    return require_reach(principal, await owner_of(registry, resource_id), f"{kind} '{resource_id}'", target=target)
