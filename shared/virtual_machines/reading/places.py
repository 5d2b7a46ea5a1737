"""Which resource a caller names: by its name in a path, with `service` and `subscriptionId` to narrow it down, or by its ARM id."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from shared.access.principal import not_found
from shared.access.records.tenant import Tenant
from shared.arm.ids import ResourceId
from shared.errors import ErrorCode, Problem, Refused
from shared.values.reading import same_text
from shared.web.requests import QueryParameter

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}", re.ASCII)
Find = Callable[[str, str], Awaitable[tuple[ResourceId, ...]]]
"""Finds the ids of a name in a subscription."""

PLACE = (
    QueryParameter("service", "The service that it is in.", max_length=90),
    QueryParameter("subscriptionId", "The subscription that it is in.", max_length=36),
)


@dataclass(frozen=True, slots=True)
class Named:
    """A resource as a caller named it; `kind` is what messages call it, `type` its type in Azure."""

    kind: str
    type: str
    name: str
    service: str | None = None
    subscription_id: str | None = None

    @staticmethod
    def of(kind: str, type: str, name: str, query: Mapping[str, str]) -> "Named":
        """Return what a path and its query name."""
        return Named(kind, type, name, query.get("service"), query.get("subscriptionId"))

    @property
    def missing(self) -> Refused:
        """The refusal where it does not exist, or is another tenant's."""
        return not_found(f"{self.kind} '{self.name}'", in_azure=True)

    def as_sent(self) -> dict[str, str]:
        """Return the members by which a repeated request is compared."""
        members = {"target": self.name, "service": self.service, "subscriptionId": self.subscription_id}
        return {name: value for name, value in members.items() if value is not None}


def subscriptions_of(tenant: Tenant, wanted: str | None) -> tuple[str, ...]:
    """Return the tenant's subscriptions, or the one that the caller named; refuses with `NotFound` one that is not the tenant's."""
    if wanted is None:
        return tenant.subscriptions
    if wanted.lower() not in tenant.subscriptions:
        raise not_found(f"subscription '{wanted}'", target="subscriptionId")
    return (wanted.lower(),)


async def locate(tenant: Tenant, named: Named, find: Find) -> ResourceId:
    """Return the id of what a caller named; refuses with `NotFound`, and with `AmbiguousName` where several have the name."""
    if "/" in named.name:
        return _by_id(tenant, named)
    if _NAME.fullmatch(named.name) is None:
        raise named.missing
    subscriptions = subscriptions_of(tenant, named.subscription_id)
    if named.service is not None and len(subscriptions) == 1:
        return _in_service(named, subscriptions[0], named.service)
    found = [one for ids in await asyncio.gather(*(find(subscription, named.name) for subscription in subscriptions)) for one in ids]
    if named.service is not None:
        found = [one for one in found if same_text(one.resource_group, named.service)]
    if not found:
        raise named.missing
    if len(found) > 1:
        message = f"Several have the name '{named.name}'. Add service and subscriptionId to the query."
        details = [Problem(ErrorCode.AMBIGUOUS_NAME, f"One is {one}.", str(one)) for one in sorted(found, key=str)]
        raise Refused(ErrorCode.AMBIGUOUS_NAME, message, target=named.name, details=details)
    return found[0]


def _by_id(tenant: Tenant, named: Named) -> ResourceId:
    try:
        found = ResourceId.parse(named.name)
    except ValueError:
        raise named.missing from None
    if not same_text(found.type, named.type) or found.subscription_id not in tenant.subscriptions:
        raise named.missing
    return found


def _in_service(named: Named, subscription: str, service: str) -> ResourceId:
    provider, kind = named.type.split("/")
    path = f"/subscriptions/{subscription}/resourceGroups/{service}/providers/{provider}/{kind}/{named.name}"
    try:
        return ResourceId.parse(path)
    except ValueError:
        raise named.missing from None
