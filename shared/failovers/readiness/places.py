"""Reads where a tenant's machines would run: networks, storage accounts, resource groups, subscriptions."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass

from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from shared.arm import reading
from shared.arm.ids import ResourceId
from shared.failovers.readiness.accounts import AccountUsers, account_users
from shared.failovers.readiness.setup import ACCOUNT, NETWORK, Group, Placed
from shared.failovers.vault.facts import ProtectedItemFacts
from shared.failovers.vault.gateway import SiteRecoveryGateway
from shared.reads.timed import TimedReads
from shared.values.reading import Json, an_object, is_guid, text

SUBSCRIPTIONS = "/subscriptions"
_GROUP = re.compile(r"/?subscriptions/([^/]+)/resourceGroups/([^/]+)/?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Targets:
    """The networks and storage accounts that are targets; `unread` is Azure's code where it is not known who else uses the accounts."""

    places: tuple[Placed, ...]
    unread: str | None


@dataclass(frozen=True, slots=True)
class Places:
    """Reads places for one tenant."""

    gateway: SiteRecoveryGateway
    registry: Registry
    reads: TimedReads

    async def targets(self, tenant: Tenant, vault: ResourceId, items: Iterable[ProtectedItemFacts]) -> Targets:
        """Read the networks and storage accounts that are targets of the tenant, each once, with the other tenants that use them."""
        named: dict[str, tuple[ResourceId, str]] = {}
        listed = [(account, ACCOUNT) for account in tenant.storage_accounts]
        for item in items:
            listed += [(id_, NETWORK) for id_ in (item.target.network_id,) if id_]
            listed += [(id_, ACCOUNT) for id_ in (item.target.storage_account_id,) if id_]
        for id_, kind in listed:
            if (found := _id(id_)) is not None:
                named.setdefault(found.key, (found, kind))
        users = AccountUsers({})
        if any(kind == ACCOUNT for _, kind in named.values()):
            users = await account_users(self.gateway, self.registry, vault, self.reads)
        places = await asyncio.gather(*(self._placed(found, kind, users) for found, kind in named.values()))
        return Targets(tuple(places), users.unread)

    async def groups(self, items: Iterable[ProtectedItemFacts]) -> tuple[Group, ...]:
        """Read the resource groups of the targets, each once."""
        named = {group.lower(): group for item in items if (group := _group(item.target.resource_group_id)) is not None}
        return tuple(await asyncio.gather(*(self._group(group) for group in named.values())))

    async def unreadable(self, tenant: Tenant) -> tuple[str, ...] | None:
        """Return those of the tenant's subscriptions in which this app has no role, None where they were not read."""
        found = await self.reads.of(SUBSCRIPTIONS, self.gateway.subscriptions)
        if found is None:
            return None
        readable = {(text(one, "subscriptionId") or "").lower() for one in found}
        return tuple(one for one in tenant.subscriptions if one.lower() not in readable)

    async def _group(self, group: str) -> Group:
        body = await self.reads.of(group.lower(), lambda: self.gateway.resource_group(group))
        return Group(group, region_of(body), self.reads.codes.get(group.lower()), missing=group.lower() in self.reads.missing)

    async def _placed(self, found: ResourceId, kind: str, users: AccountUsers) -> Placed:
        used_by: frozenset[str] = frozenset()
        body: Json | None
        if kind == NETWORK:
            body = await self.reads.of(found.key, lambda: self.gateway.network(found))
            missing = body is None and found.key not in self.reads.codes
        else:
            body = await self.reads.of(found.key, lambda: self.gateway.storage_account(found))
            missing = found.key in self.reads.missing
            claimant = await self.registry.owner_of_storage(str(found))
            used_by = users.of(found) | ({claimant.name} if claimant is not None else frozenset())
        return Placed(
            str(found),
            kind,
            found.subscription_id,
            region_of(body),
            used_by=tuple(sorted(used_by)),
            sku=text(an_object(body or {}, "sku"), "name"),
            classic=found.provider.lower().startswith("microsoft.classic"),
            missing=missing,
            code=self.reads.codes.get(found.key),
        )


def region_of(body: Json | None) -> str | None:
    """Return the region of a resource by ARM's name, None where it was not read."""
    return reading.region_of(body or {}) or None


def _id(text_: str | None) -> ResourceId | None:
    try:
        return ResourceId.parse(text_) if text_ is not None else None
    except ValueError:
        return None


def _group(text_: str | None) -> str | None:
    """Return the path of a resource group as ARM writes it, or None for another text."""
    found = _GROUP.fullmatch(text_ or "")
    return f"/subscriptions/{found[1].lower()}/resourceGroups/{found[2]}" if found and is_guid(found[1]) else None
