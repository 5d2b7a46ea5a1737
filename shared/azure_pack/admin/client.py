"""The administrator's API (30004)."""

from collections.abc import AsyncIterator, Callable, Sequence
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid4

from shared.azure_pack.admin.models import NewAddOn, NewSubscription, NewUser, ServiceReference, User, UserState, user_number
from shared.azure_pack.authorization import Authorization
from shared.azure_pack.odata.documents import read_document, single
from shared.azure_pack.odata.paging import counted_pages
from shared.azure_pack.subscriptions import AddOn, AddOnReference, Plan, ServiceQuota, Subscription
from shared.azure_pack.tenant import subscribe, synchronize, unsubscribe
from shared.azure_pack.transport import Transport
from shared.azure_pack.vmm.client import Vmm
from shared.azure_pack.vmm.machines import Update
from shared.azure_pack.wire.calls import Endpoint, segment

_ADMIN_VMM: Final = "/services/systemcenter/SC2012R2/VMM/Microsoft.Management.Odata.svc"
_SYNC: Final = {"sync": "True"}


class Via(StrEnum):
    """How the administrator's token reaches virtual machines."""

    ADMIN_SUBSCRIPTION = "adminSubscription"
    """The tenants' path below the admin API: `/{subscription}/services/systemcenter/vmm`. Second-hand: one client does so."""
    ADMIN = "admin"
    """The admin VMM service, which has the machines of all subscriptions."""


class AdminClient:
    """Calls the admin API with an administrator's token. Deletions go on after their answer, 202."""

    def __init__(self, base_url: str, transport: Transport, authorization: Authorization, new_id: Callable[[], UUID] = uuid4) -> None:
        self._endpoint = Endpoint(base_url, transport, authorization, new_id)

    # users

    async def users(self) -> AsyncIterator[User]:
        """Return all users."""
        async for entity in counted_pages(self._endpoint, "/users"):
            yield User.read(entity)

    async def user(self, name: str) -> User:
        """Return one user; raises `AzurePackError`."""
        return User.read(single(await self._endpoint.read(f"/users/{segment(name)}")))

    async def create_user(self, user: NewUser) -> User:
        """Create a user, which gives it no sign-in."""
        return User.read(single(read_document((await self._endpoint.call("POST", "/users", json=user.as_json())).body)))

    async def update_user(self, name: str, state: UserState) -> None:
        """Set a user's state."""
        await self._endpoint.call("PUT", f"/users/{segment(name)}", json={"Name": name, "State": user_number(state)})

    async def delete_user(self, name: str, *, delete_subscriptions: bool = False, force: bool = False) -> None:
        """Delete a user. `force` deletes its subscriptions too, and leaves what they hold behind."""
        params = {"deleteSubscriptions": str(delete_subscriptions), "force": str(force)}
        await self._endpoint.call("DELETE", f"/users/{segment(name)}", params=params)

    # plans and add-ons

    async def plans(self) -> AsyncIterator[Plan]:
        """Return all plans."""
        async for entity in counted_pages(self._endpoint, "/plans"):
            yield Plan.read(entity)

    async def plan(self, plan: str) -> Plan:
        """Return one plan."""
        return Plan.read(single(await self._endpoint.read(f"/plans/{segment(plan)}")))

    async def link(self, plan: str, add_on: str) -> None:
        """Link an add-on to a plan, so that the plan's subscriptions can have it."""
        await self._endpoint.call("POST", f"/plans/{segment(plan)}/addons", json={"AddOnId": add_on})

    async def unlink(self, plan: str, add_on: str) -> None:
        """Remove an add-on from a plan."""
        await self._endpoint.call("DELETE", f"/plans/{segment(plan)}/addons/{segment(add_on)}")

    async def add_ons(self) -> AsyncIterator[AddOn]:
        """Return all add-ons."""
        async for entity in counted_pages(self._endpoint, "/addons"):
            yield AddOn.read(entity)

    async def add_on(self, add_on: str) -> AddOn:
        """Return one add-on."""
        return AddOn.read(single(await self._endpoint.read(f"/addons/{segment(add_on)}")))

    async def create_add_on(self, add_on: NewAddOn) -> None:
        """Create an add-on, which has no service yet."""
        await self._endpoint.call("POST", "/addons", json=add_on.as_json())

    async def add_service(self, add_on: str, service: ServiceReference) -> None:
        """Add a service to an add-on; its quota comes after."""
        await self._endpoint.call("POST", f"/addons/{segment(add_on)}/services", json=service.as_json())

    async def update_quota(self, add_on: str, quotas: Sequence[ServiceQuota]) -> None:
        """Set the quotas of an add-on's services; no subscription changes by it."""
        body = {"ServiceQuotas": [each.as_json() for each in quotas]}
        await self._endpoint.call("PUT", f"/addons/{segment(add_on)}/quota", json=body)

    async def synchronize_add_on(self, add_on: str) -> None:
        """Bring the add-on's subscriptions up to date with its quota."""
        await self._endpoint.call("PUT", f"/addons/{segment(add_on)}/quota", params=_SYNC)

    async def delete_add_on(self, add_on: str) -> None:
        """Delete an add-on that is neither linked nor subscribed."""
        await self._endpoint.call("DELETE", f"/addons/{segment(add_on)}")

    # subscriptions

    async def subscriptions(
        self, *, user: str | None = None, plan: str | None = None, add_on: str | None = None
    ) -> AsyncIterator[Subscription]:
        """Return subscriptions, all or those of a user, a plan or an add-on. The names of the filters are inferred."""
        given = {"userId": user, "planId": plan, "addOnId": add_on}
        params = {name: value for name, value in given.items() if value is not None}
        async for entity in counted_pages(self._endpoint, "/subscriptions", params):
            yield Subscription.read(entity)

    async def subscription(self, subscription: UUID) -> Subscription:
        """Return one subscription."""
        return Subscription.read(single(await self._endpoint.read(f"/subscriptions/{subscription}")))

    async def create_subscription(self, subscription: NewSubscription) -> None:
        """Create a subscription, which is activated after the answer."""
        await self._endpoint.call("POST", "/subscriptions", json=subscription.as_json())

    async def suspend(self, subscription: UUID) -> None:
        """Suspend a subscription; its machines run on."""
        await self._change(subscription, "Suspended")

    async def activate(self, subscription: UUID) -> None:
        """Make a suspended subscription active."""
        await self._change(subscription, "Active")

    async def migrate(self, subscription: UUID, plan: str) -> None:
        """Move a subscription to another plan."""
        body = {"SubscriptionId": str(subscription), "PlanId": plan}
        await self._endpoint.call("PATCH", f"/subscriptions/{subscription}", json=body, params={"migrate": "true"})

    async def delete_subscription(self, subscription: UUID, *, force: bool = False) -> None:
        """Delete a subscription. `force` does not wait for its resource providers, and leaves its machines behind."""
        await self._endpoint.call("DELETE", f"/subscriptions/{subscription}", params={"force": str(force)})

    async def subscribe(self, subscription: UUID, add_on: str) -> AddOnReference:
        """Subscribe a subscription to an add-on that is linked to its plan; each call adds one more instance."""
        return await subscribe(self._endpoint, subscription, add_on)

    async def unsubscribe(self, subscription: UUID, add_on: str, instance: str) -> None:
        """Remove one instance of an add-on from a subscription."""
        await unsubscribe(self._endpoint, subscription, add_on, instance)

    async def synchronize(self, subscription: UUID) -> None:
        """Bring the resource providers up to date with a subscription's quota."""
        await synchronize(self._endpoint, subscription)

    def machines(self, subscription: UUID | None, via: Via = Via.ADMIN_SUBSCRIPTION, *, update: Update = "PUT") -> Vmm:
        """Return the machines of a subscription, or with `Via.ADMIN` also those of all; raises `ValueError` for none elsewhere.

        `update` is the method that changes a machine (inferred).
        """
        if via is Via.ADMIN:
            return Vmm(self._endpoint.below(_ADMIN_VMM), update=update, owner=subscription, brackets=True)
        if subscription is None:
            raise ValueError("Only the admin VMM service shows the machines of all subscriptions.")
        return Vmm(self._endpoint.below(f"/{subscription}/services/systemcenter/vmm"), update=update)

    async def _change(self, subscription: UUID, status: str) -> None:
        body = {"SubscriptionId": str(subscription), "Status": status}
        await self._endpoint.call("PATCH", f"/subscriptions/{subscription}", json=body)
