"""What Azure lists for the mappings: subscriptions, vaults, storage accounts, protection containers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.arm.api_versions import SITE_RECOVERY, STORAGE_ACCOUNTS, SUBSCRIPTIONS, VAULTS
from shared.values.reading import Json

if TYPE_CHECKING:
    from shared.arm.clients import AzureClients


class Estate:
    """Azure, as far as the mappings list it; every method raises `CallFailure`."""

    def __init__(self, clients: "AzureClients") -> None:
        self._clients = clients

    async def subscriptions(self) -> Sequence[Json]:
        """List the subscriptions in which this app has any role."""
        return await self._clients.read_all("/subscriptions", api_version=SUBSCRIPTIONS)

    async def vaults(self, subscription_id: str) -> Sequence[Json]:
        """List the Recovery Services vaults of a subscription."""
        path = f"/subscriptions/{subscription_id}/providers/Microsoft.RecoveryServices/vaults"
        return await self._clients.read_all(path, api_version=VAULTS)

    async def accounts(self, subscription_id: str) -> Sequence[Json]:
        """List the storage accounts of a subscription."""
        path = f"/subscriptions/{subscription_id}/providers/Microsoft.Storage/storageAccounts"
        return await self._clients.read_all(path, api_version=STORAGE_ACCOUNTS)

    async def containers(self, vault_id: str) -> Sequence[Json]:
        """List the protection containers of a vault."""
        return await self._clients.read_all(f"{vault_id}/replicationProtectionContainers", api_version=SITE_RECOVERY)

    async def fabrics(self, vault_id: str) -> Sequence[Json]:
        """List the fabrics of a vault."""
        return await self._clients.read_all(f"{vault_id}/replicationFabrics", api_version=SITE_RECOVERY)

    async def subscription(self, subscription_id: str) -> Json:
        """Read a subscription."""
        return (await self._clients.read(f"/subscriptions/{subscription_id}", api_version=SUBSCRIPTIONS)).body

    async def resource(self, resource_id: str, api_version: str) -> Json:
        """Read a resource by its id."""
        return (await self._clients.read(resource_id, api_version=api_version)).body
