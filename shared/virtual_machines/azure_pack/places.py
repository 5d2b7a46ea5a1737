"""Where a tenant's machines on Azure Pack are, and which one a caller names: by VMM's id, or by a name that only one has."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from shared.access.principal import not_found
from shared.access.records.azure_pack_subscriptions import MappedSubscription
from shared.access.records.tenant import Tenant
from shared.azure_pack.subscriptions import SubscriptionState
from shared.azure_pack.vmm.machines import Machine
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused
from shared.installations.subscriptions.reading import refusal, silent
from shared.values.reading import is_guid
from shared.virtual_machines.azure_pack.gateway import PackGateways, PackMachines
from shared.virtual_machines.azure_pack.requests import not_supported
from shared.virtual_machines.reading.places import Named
from shared.web.documents import wrong

READS_SECONDS = 4.5


@dataclass(frozen=True, slots=True)
class FoundMachine:
    """A machine and the subscription that it is in."""

    place: PackMachines
    machine: Machine


@dataclass(frozen=True, slots=True)
class PackPlaces:
    """Finds machines. What Azure Pack does not answer in five seconds is refused with `ServiceUnavailable`."""

    gateways: PackGateways

    async def subscriptions(self, tenant: Tenant, query: Mapping[str, str]) -> list[MappedSubscription]:
        """Return the tenant's subscriptions, or the one that a query names; refuses with `NotFound` one that is not the tenant's."""
        if query.get("service") is not None:
            raise not_supported("Machines on Azure Pack are in a subscription. Send subscriptionId instead of service.", "service")
        rows, wanted = await self.gateways.of_tenant(tenant.name), query.get("subscriptionId")
        if wanted is None:
            return list(rows)
        found = [row for row in rows if row.id == wanted.lower()]
        if not found:
            raise not_found(f"subscription '{wanted}'", target="subscriptionId")
        return found

    async def only(self, tenant: Tenant, subscription: str | None) -> MappedSubscription:
        """Return the subscription of a creation: the one that is named, else the tenant's only one; refuses with 400 otherwise."""
        query = {"subscriptionId": subscription} if subscription is not None else {}
        found = await self.subscriptions(tenant, query)
        if len(found) != 1:
            message = "The tenant has no subscription on Azure Pack. Import one, or order a data center."
            raise wrong("subscriptionId", "The tenant has several subscriptions: name one." if found else message)
        return found[0]

    async def machine(self, tenant: Tenant, named: Named) -> FoundMachine:
        """Return the machine that a caller names; refuses with `NotFound`, and with `AmbiguousName` where several have the name."""
        query = {"service": named.service, "subscriptionId": named.subscription_id}
        rows = await self.subscriptions(tenant, {name: value for name, value in query.items() if value is not None})
        async with reading_pack():
            found = [one for part in await asyncio.gather(*(self._in(row, named.name) for row in rows)) for one in part]
        if not found:
            raise named.missing
        if len(found) > 1:
            ids = sorted(str(one.machine.id) for one in found)
            details = [Problem(ErrorCode.AMBIGUOUS_NAME, f"One is {one}.", one) for one in ids]
            message = f"Several machines have the name '{named.name}'. Name one by its id."
            raise Refused(ErrorCode.AMBIGUOUS_NAME, message, target=named.name, details=details)
        return found[0]

    async def _in(self, row: MappedSubscription, name: str) -> list[FoundMachine]:
        place = await self.gateways.open(row)
        machines = await (place.by_id(UUID(name)) if is_guid(name) else place.named(name))
        return [FoundMachine(place, one) for one in machines]


def require_open(place: PackMachines) -> None:
    """Refuse with `DataCenterSuspended` a write while the subscription is suspended, or its data center is not active."""
    if place.mapped.closed or place.state is SubscriptionState.SUSPENDED:
        message = "The subscription is suspended, or its data center is being suspended, resumed or deleted. Nothing in it can be changed."
        raise Refused(ErrorCode.DATA_CENTER_SUSPENDED, message, target=place.mapped.id)


@asynccontextmanager
async def reading_pack(seconds: float = READS_SECONDS) -> AsyncIterator[None]:
    """Read Azure Pack for a caller who waits; each failure is raised as the refusal that the caller reads."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise silent() from None
    except CallFailure as failure:
        if failure.kind is FailureKind.NOT_FOUND:
            raise not_found("resource") from failure
        if failure.code == ErrorCode.AZURE_PACK_FORBIDDEN:
            message = "Azure Pack does not let the subscription be read; it may be suspended."
            raise Refused(ErrorCode.DATA_CENTER_SUSPENDED, message) from failure
        raise refusal(failure) from failure
