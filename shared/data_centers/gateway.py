"""The calls to Azure Pack that data centers need: the library's, with failures as the core reads them. The one module that calls it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from shared.azure_pack.admin.models import NewAddOn, NewSubscription, NewUser, ServiceReference, User
from shared.azure_pack.odata.literals import Key
from shared.azure_pack.quotas import SERVICE
from shared.azure_pack.subscriptions import AddOn, Plan, ServiceQuota, Subscription
from shared.azure_pack.vmm.client import Vmm
from shared.azure_pack.vmm.jobs import Job
from shared.azure_pack.vmm.machines import Machine, Started
from shared.azure_pack.vmm.models import UsageComponent
from shared.errors import CallFailure, ErrorCode, FailureKind
from shared.installations.plans import PlanFacts, facts_of
from shared.installations.reach.accounts import Account
from shared.installations.reach.connections import Connection
from shared.installations.reach.failures import translated
from shared.installations.resources import CLOUD_RESOURCES, Resource
from shared.values.hidden import Hidden

_DIMENSIONS: Final = dict(zip(("VMCount", "CPUCount", "MemoryMB", "StorageGB"), CLOUD_RESOURCES, strict=True))


@dataclass(frozen=True, slots=True)
class Usage:
    """What is used of a subscription's limits, and the limits that its providers show."""

    used: dict[Resource, int]
    limits: dict[Resource, int]


@dataclass(frozen=True, slots=True)
class Gateway:
    """Calls one installation; each method raises `CallFailure`. Reads of one thing return None where it is not there.

    `by_admin_service`: machines are reached by the administrator's VMM service, whatever the installation's document has.
    """

    connection: Connection
    by_admin_service: bool = False

    @property
    def of_admin_service(self) -> "Gateway":
        """The gateway that reaches machines by the administrator's VMM service."""
        return Gateway(self.connection, by_admin_service=True)

    # users

    async def user(self, name: str) -> User | None:
        """Return a user."""
        try:
            with translated():
                return await self.connection.admin.user(name)
        except CallFailure as failure:
            _require_not_found(failure)
            return None

    async def create_user(self, name: str, email: str) -> None:
        """Create a user."""
        with translated():
            await self.connection.admin.create_user(NewUser(name=name, email=email))

    async def delete_user(self, name: str) -> None:
        """Delete a user that has no subscription."""
        with translated():
            await self.connection.admin.delete_user(name)

    # plans and add-ons

    async def plan(self, id_or_name: str) -> PlanFacts | None:
        """Return a plan by its id, else the one of that display name; raises `LookupError` for two of the name."""
        try:
            with translated():
                return facts_of(await self.connection.admin.plan(id_or_name))
        except CallFailure as failure:
            _require_not_found(failure)
        wanted = id_or_name.lower()
        with translated():
            named = [plan async for plan in self.connection.admin.plans() if (plan.display_name or "").lower() == wanted]
        if len(named) > 1:
            raise LookupError(f"{len(named)} plans have the display name '{id_or_name}'. Give the plan's id.")
        return facts_of(named[0]) if named else None

    async def raw_plan(self, plan: str) -> Plan | None:
        """Return a plan by its id, with its links."""
        try:
            with translated():
                return await self.connection.admin.plan(plan)
        except CallFailure as failure:
            _require_not_found(failure)
            return None

    async def add_ons(self) -> tuple[AddOn, ...]:
        """Return all add-ons."""
        with translated():
            return tuple([one async for one in self.connection.admin.add_ons()])

    async def add_on(self, add_on: str) -> AddOn | None:
        """Return an add-on."""
        try:
            with translated():
                return await self.connection.admin.add_on(add_on)
        except CallFailure as failure:
            _require_not_found(failure)
            return None

    async def create_add_on(self, add_on: str, display_name: str) -> None:
        """Create a private add-on."""
        with translated():
            await self.connection.admin.create_add_on(NewAddOn(id=add_on, display_name=display_name))

    async def add_service(self, add_on: str, instance: str) -> None:
        """Add the service of machines to an add-on."""
        with translated():
            await self.connection.admin.add_service(add_on, ServiceReference(name=SERVICE, instance_id=instance))

    async def update_quota(self, add_on: str, quota: ServiceQuota) -> None:
        """Set the quota of an add-on."""
        with translated():
            await self.connection.admin.update_quota(add_on, (quota,))

    async def synchronize_add_on(self, add_on: str) -> None:
        """Bring the subscriptions of an add-on up to date."""
        with translated():
            await self.connection.admin.synchronize_add_on(add_on)

    async def delete_add_on(self, add_on: str) -> None:
        """Delete an add-on."""
        with translated():
            await self.connection.admin.delete_add_on(add_on)

    async def link(self, plan: str, add_on: str) -> None:
        """Link an add-on to a plan."""
        with translated():
            await self.connection.admin.link(plan, add_on)

    async def unlink(self, plan: str, add_on: str) -> None:
        """Remove an add-on from a plan."""
        with translated():
            await self.connection.admin.unlink(plan, add_on)

    # subscriptions

    async def subscriptions_of(self, user: str) -> tuple[Subscription, ...]:
        """Return a user's subscriptions, of all pages and in any state."""
        wanted = user.lower()
        with translated():
            found = [one async for one in self.connection.admin.subscriptions(user=user)]
        return tuple(one for one in found if (one.account_admin or "").lower() == wanted)

    async def subscription(self, subscription: UUID) -> Subscription | None:
        """Return a subscription."""
        try:
            with translated():
                return await self.connection.admin.subscription(subscription)
        except CallFailure as failure:
            _require_not_found(failure)
            return None

    async def create_subscription(self, subscription: UUID, name: str, user: str, plan: str) -> None:
        """Create a subscription."""
        new = NewSubscription(subscription_id=subscription, friendly_name=name, account_admin=user, plan_id=plan)
        with translated():
            await self.connection.admin.create_subscription(new)

    async def suspend(self, subscription: UUID) -> None:
        """Suspend a subscription."""
        with translated():
            await self.connection.admin.suspend(subscription)

    async def activate(self, subscription: UUID) -> None:
        """Make a subscription active."""
        with translated():
            await self.connection.admin.activate(subscription)

    async def migrate(self, subscription: UUID, plan: str) -> None:
        """Move a subscription to another plan."""
        with translated():
            await self.connection.admin.migrate(subscription, plan)

    async def delete_subscription(self, subscription: UUID, *, force: bool) -> None:
        """Delete a subscription; `force` leaves its machines behind."""
        with translated():
            await self.connection.admin.delete_subscription(subscription, force=force)

    async def subscribe(self, subscription: UUID, add_on: str) -> None:
        """Subscribe a subscription to an add-on."""
        with translated():
            await self.connection.admin.subscribe(subscription, add_on)

    async def unsubscribe(self, subscription: UUID, add_on: str, instance: str) -> None:
        """Remove an instance of an add-on from a subscription."""
        with translated():
            await self.connection.admin.unsubscribe(subscription, add_on, instance)

    async def synchronize(self, subscription: UUID) -> None:
        """Bring the providers up to date with a subscription's quota."""
        with translated():
            await self.connection.admin.synchronize(subscription)

    async def usage(self, subscription: UUID, user: str, cloud: UUID) -> Usage | None:
        """Return what is used of a subscription's limits; None where the providers do not show it."""
        try:
            with translated():
                found = await self._vmm(subscription, user).usage(cloud)
        except CallFailure as failure:
            if not is_unreadable(failure):
                raise
            return None
        known = {_DIMENSIONS[one.quota_dimension]: one for one in found if one.quota_dimension in _DIMENSIONS}
        return Usage(_whole(known, "role_usage"), _whole(known, "role_quota")) if known else None

    # machines

    async def machines(self, subscription: UUID, user: str) -> tuple[Machine, ...]:
        """Return a subscription's machines; forbidden where the administrator's VMM service shows one that is not known to be of it."""
        with translated():
            return tuple([one async for one in self._vmm(subscription, user).machines()])

    async def machine(self, subscription: UUID, user: str, key: Key) -> Machine | None:
        """Return a machine; forbidden where the administrator's VMM service shows it with another owner, or none."""
        try:
            with translated():
                return await self._vmm(subscription, user).machine(key)
        except CallFailure as failure:
            _require_not_found(failure)
            return None

    async def operate(self, subscription: UUID, user: str, key: Key, operation: str) -> Started[Machine]:
        """Begin an operation on a machine."""
        with translated():
            return await self._vmm(subscription, user).operate(key, operation)

    async def delete_machine(self, subscription: UUID, user: str, key: Key) -> Started[None]:
        """Begin the deletion of a machine."""
        with translated():
            return await self._vmm(subscription, user).delete_machine(key)

    async def job(self, subscription: UUID, user: str, key: Key, age: timedelta) -> Job | None:
        """Return a job; within a minute one that is not found is not there yet."""
        try:
            with translated():
                return await self._vmm(subscription, user).job(key, age=age)
        except CallFailure as failure:
            _require_not_found(failure)
            return None

    def _vmm(self, subscription: UUID, user: str) -> Vmm:
        return self.connection.machines(subscription, user, by_admin_service=self.by_admin_service)

    # accounts

    async def put_account(self, user: str, account: Account, password: Hidden) -> None:
        """Make a sign-in, or set its password; without a hook nothing."""
        if self.connection.hook is not None:
            with translated():
                await self.connection.hook.put(user, account, password)

    async def delete_account(self, user: str) -> None:
        """Delete a sign-in; without a hook nothing."""
        if self.connection.hook is not None:
            with translated():
                await self.connection.hook.delete(user)


def is_unreadable(failure: CallFailure) -> bool:
    """Return whether a read is refused for good, as for the machines of a suspended subscription: not for its rate, and not for now."""
    return failure.is_refusal or failure.code == ErrorCode.AZURE_PACK_FORBIDDEN


def _require_not_found(failure: CallFailure) -> None:
    """Raise any other failure than that something is not there."""
    if failure.kind is not FailureKind.NOT_FOUND:
        raise failure


def _whole(found: dict[Resource, UsageComponent], name: str) -> dict[Resource, int]:
    values = {resource: getattr(one, name) for resource, one in found.items()}
    return {resource: int(value) for resource, value in values.items() if value is not None}
