"""Lists, reads and forgets a tenant's Azure Pack subscriptions."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.access.principal import not_found
from shared.access.records.azure_pack_subscriptions import AzurePackSubscriptions, MappedSubscription
from shared.azure_pack.subscriptions import Usage
from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, FailureKind, Refused, refusal_of
from shared.installations.reach.failures import refusal_problem
from shared.installations.subscriptions.answers import AzurePackSubscription
from shared.installations.subscriptions.importing import Imports
from shared.installations.subscriptions.reach import SubscriptionReach
from shared.installations.subscriptions.views import observed_body, subscription_body
from shared.values.reading import is_guid
from shared.web.lists import Page

_READ_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class SubscriptionReader:
    """Reads subscriptions."""

    subscriptions: AzurePackSubscriptions
    reach: SubscriptionReach
    imports: Imports
    clock: Clock

    async def page(self, tenant: str, page: Page) -> tuple[list[AzurePackSubscription], str | None]:
        """Return a page of a tenant's subscriptions, by id, without a call to Azure Pack."""
        rows = sorted([row async for row in self.subscriptions.of_tenant(tenant)], key=_place)
        later = [row for row in rows if page.after is None or _place(row) > page.after]
        shown, now = later[: page.top], self.clock.wall()
        last = _place(shown[-1]) if len(later) > len(shown) else None
        return [subscription_body(row, now) for row in shown], last

    def shown(self, rows: Sequence[MappedSubscription]) -> list[AzurePackSubscription]:
        """Return subscriptions as their rows have them."""
        return [subscription_body(row, self.clock.wall()) for row in rows]

    async def one(self, tenant: str, subscription: str) -> AzurePackSubscription:
        """Return a subscription as Azure Pack shows it; refuses with `NotFound`, and with `ServiceUnavailable` without an answer."""
        mapped = await self.find(tenant, subscription)
        try:
            async with asyncio.timeout(_READ_SECONDS):
                reached = await self.reach.open(mapped)
                found = await reached.subscription()
                usage: tuple[Usage, ...] = await reached.usage()
        except TimeoutError:
            raise silent() from None
        except CallFailure as failure:
            raise refusal(failure) from failure
        return observed_body(mapped, found, usage, self.clock.wall(), self.clock.now())

    async def find(self, tenant: str, subscription: str) -> MappedSubscription:
        """Return the row of a tenant's subscription; refuses with `NotFound`."""
        if is_guid(subscription):
            async for row in self.subscriptions.of_tenant(tenant):
                if row.id == subscription.lower():
                    return row
        raise not_found(f"subscription '{subscription}'")

    async def forget(self, tenant: str, subscription: str) -> None:
        """Forget an imported subscription and its certificate; refuses with `NotFound`, and with `TenantBusy` a data center's."""
        mapped = await self.find(tenant, subscription)
        if mapped.data_center is not None:
            message = f"The subscription is that of the data center '{mapped.data_center}'. Delete the data center instead."
            raise Refused(ErrorCode.TENANT_BUSY, message, target=mapped.id)
        await self.subscriptions.remove(mapped.installation, mapped.id, tenant)
        if mapped.certificate is not None:
            await self.imports.drop_unused(tenant, [mapped.certificate.secret])


def _place(row: MappedSubscription) -> str:
    return f"{row.id}|{row.installation}"


def silent() -> Refused:
    """Return the refusal of a read that Azure Pack does not answer in time."""
    return Refused(ErrorCode.SERVICE_UNAVAILABLE, "Azure Pack does not answer at present. Send the request again later.", retry_after=5)


def refusal(failure: CallFailure) -> Refused:
    """Return the refusal of a read for a caller who waits: 503 for what only time mends, 409 for what Azure Pack refuses."""
    if failure.kind is FailureKind.REFUSED:
        return refusal_of(refusal_problem(failure))
    if failure.code in {ErrorCode.SIGN_IN_FAILED, ErrorCode.AZURE_PACK_FORBIDDEN}:
        return Refused(ErrorCode(failure.code), failure.message)
    return silent()
