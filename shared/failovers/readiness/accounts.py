"""Which tenants' protected items name a storage account, over the vaults of all tenants."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.access.ownership import owner_of
from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.arm.reading import id_key
from shared.failovers.vault.facts import ProtectedItemFacts
from shared.failovers.vault.gateway import SiteRecoveryGateway
from shared.reads.timed import TimedReads

ITEMS = "replicationProtectedItems"
MOST_VAULTS = 200
"""In how many vaults one answer looks. An account that a further vault names lies outside of that tenant's subscriptions: check 2 fails."""
_SIDE_BY_SIDE = 8


@dataclass(frozen=True, slots=True)
class AccountUsers:
    """The tenants whose items name each account, by the account's key; `unread` is Azure's code of a vault that was not read."""

    by_account: Mapping[str, frozenset[str]]
    unread: str | None = None

    def of(self, account: ResourceId) -> frozenset[str]:
        """Return the tenants whose items name an account."""
        return self.by_account.get(account.key, frozenset())


async def account_users(gateway: SiteRecoveryGateway, registry: Registry, own: ResourceId, reads: TimedReads) -> AccountUsers:
    """Read who uses which account, in a tenant's vault and in those that other tenants have for their own."""
    vaults = {own.key: own}
    for vault in await registry.vaults(MOST_VAULTS):
        vaults.setdefault(vault, ResourceId.parse(vault))
    gate = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def items(vault: ResourceId) -> list[ProtectedItemFacts]:
        async with gate:
            found = await reads.of(f"{vault.key}/{ITEMS}", lambda: gateway.children(vault, ITEMS))
        return [ProtectedItemFacts.from_arm(item) for item in found or ()]

    lists = await asyncio.gather(*(items(vault) for vault in vaults.values()))
    users = await _users(registry, [item for found in lists for item in found])
    keys = [f"{vault}/{ITEMS}" for vault in vaults]
    return AccountUsers(users, next((reads.codes[key] for key in keys if key in reads.codes and key not in reads.missing), None))


async def _users(registry: Registry, items: Iterable[ProtectedItemFacts]) -> dict[str, frozenset[str]]:
    users: dict[str, frozenset[str]] = {}
    for item in items:
        for account in (item.target.storage_account_id, item.target.log_storage_account_id):
            key = id_key(account)
            if key is not None and (owner := await owner_of(registry, item.id)) is not None:
                users[key] = users.get(key, frozenset()) | {owner}
    return users
