"""The steps of an order, each recognised by what it is to bring about (docs/design/data-centers.md, "The steps").

checking ► user ► account ► subscription ► activation ► addOn ► service ► quota ► link ► subscribe ► syncing ► registering
    └─────────┴──────┴──────────┴── a refusal, or a cancellation ──┴──────┴───────┴────────┴──► undoing
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from shared.access.records.azure_pack_subscriptions import Access, MappedSubscription
from shared.azure_pack.subscriptions import Subscription
from shared.clock import from_text, to_text
from shared.data_centers.admission import Admitting, wanted_resources
from shared.data_centers.passwords.accounts import keep_password
from shared.data_centers.records.record import AddOnOf, DataCenterState, PlanReference, QuotaSync, SecretOf, SecretState, UserReference
from shared.data_centers.records.state import Watch
from shared.data_centers.rules.quotas import resources_of
from shared.data_centers.steps.claim import DataCenterClaim, stop
from shared.data_centers.steps.quotas import (
    CLOCK_MARGIN,
    begin_sync,
    ensure_link,
    ensure_quota,
    ensure_subscribed,
    has_service,
    plan_of,
    watch,
)
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.installations.reach.accounts import Account
from shared.operations.model.models import Intent
from shared.operations.running.outcomes import Next, Outcome, Wait

UNDOING: Final = "undoing"
_STEPS: Final = 12
_CONFLICT: Final = 409


@dataclass(frozen=True, slots=True)
class OrderSteps:
    """The steps of an order."""

    admitting: Admitting
    secret_lifetime: timedelta

    async def checking(self, dc: DataCenterClaim) -> Outcome:
        """Read what the order needs to know, and write down whether the user was there."""
        if dc.order.adopt is not None:
            return await self._adopting(dc)
        found = await self.admitting.look(dc.order, dc.record.tenant, dc.gateway)
        refusal, plan, user = found.refusal, found.plan, dc.order.user
        if refusal is not None or plan is None or user is None:
            return stop(dc, refusal or Problem(ErrorCode.NOT_FOUND, "The plan was not found.", "plan"), UNDOING)
        dc.state.user_was_there = found.user_there
        dc.state.plan, dc.state.user, dc.state.subscription = plan.id, user.name, str(dc.subscription)
        personal = AddOnOf(id=dc.add_on, display_name=f"{dc.record.tenant} {dc.record.id}", personal=True)
        await dc.write(
            plan=PlanReference(id=plan.id, display_name=plan.display_name),
            user=UserReference(name=user.name, email=user.address, created_by_us=not found.user_there),
            subscription_id=str(dc.subscription),
            add_ons=(personal, *found.add_ons),
            wanted={str(name): number for name, number in wanted_resources(dc.order).items()},
        )
        dc.percent(1, _STEPS)
        return Next("user")

    async def user(self, dc: DataCenterClaim) -> Outcome:
        """Create the user, unless it is there; the lock of its name keeps other orders from making the same one."""
        lock, name = f"azurePackUser|{dc.record.installation}/{dc.user.lower()}", dc.user
        held = await dc.tools.locks.take([lock], dc.id)
        if held is not None:
            return Wait(dc.clock.now() + timedelta(seconds=15))
        dc.claim.hold(lock)
        if await dc.tools.store.owner_of_user(dc.record.installation, name) is None:
            dc.state.user_claimed = True
        owner = await dc.tools.store.claim_user(dc.record.installation, name, dc.record.tenant)
        if owner != dc.record.tenant:
            dc.claim.drop(lock)
            return stop(dc, Problem(ErrorCode.USER_NOT_AVAILABLE, f"The user '{name}' is not available.", "user.name"), UNDOING)
        if not dc.state.user_was_there:
            dc.mark("user")
            outcome = await self._create_user(dc)
            if outcome is not None:
                dc.claim.drop(lock)
                return outcome
        dc.claim.drop(lock)
        dc.percent(2, _STEPS)
        return Next("account")

    async def _create_user(self, dc: DataCenterClaim) -> Outcome | None:
        name, email = dc.user, dc.record.user.email if dc.record.user else ""
        conflicts: list[bool] = []

        async def send() -> None:
            try:
                await dc.gateway.create_user(name, email)
            except CallFailure as failure:
                conflicts.append(failure.status == _CONFLICT)
                raise

        async def there(intent: Intent) -> bool:
            if any(conflicts) and intent.lost == 0:
                return False  # the first send met a user that already existed
            return await is_made_by_us(dc, name, email, intent)

        reason = "a user's name is unique: a second POST answers 409, and the look compares e-mail and time"
        try:
            await dc.once("createUser", send, there, reason, preparation=True)
        except CallFailure as failure:
            if failure.status != _CONFLICT:
                raise
            dc.unmark("user")
            message = f"The user '{name}' exists at the installation. Send user.existing to give it the subscription."
            return stop(dc, Problem(ErrorCode.USER_EXISTS, message, "user.name"), UNDOING)
        return None

    async def account(self, dc: DataCenterClaim) -> Outcome:
        """Make the sign-in of a user that this attempt made: the password into Key Vault, then to the provider's service."""
        if dc.gateway.connection.hook is not None and "user" in dc.state.made:
            await make_account(dc, self.secret_lifetime, preparation=True)
        dc.percent(3, _STEPS)
        return Next("subscription")

    async def subscription(self, dc: DataCenterClaim) -> Outcome:
        """Create the subscription; from its intent on the order can no longer be canceled."""
        plan, name, user = dc.state.plan or "", dc.record.name, dc.user
        dc.mark("subscription")

        async def there(_intent: Intent) -> bool:
            return is_same(await dc.gateway.subscription(dc.subscription), user, plan)

        await dc.once(
            "createSubscription",
            lambda: dc.gateway.create_subscription(dc.subscription, name, user, plan),
            there,
            "the order chooses the subscription's id: a second POST of it answers 409",
        )
        dc.percent(4, _STEPS)
        return watch(dc, Watch.ACTIVATION, "addOn")

    async def add_on(self, dc: DataCenterClaim) -> Outcome:
        """Create the personal add-on, private: a public one could be taken by every customer of the plan."""
        add_on, name = dc.add_on, f"{dc.record.tenant} {dc.record.id}"
        dc.mark("addOn")

        async def there(_intent: Intent) -> bool:
            return await dc.gateway.add_on(add_on) is not None

        reason = "the order chooses the add-on's id: a second POST of it answers 409"
        await dc.once("createAddOn", lambda: dc.gateway.create_add_on(add_on, name), there, reason)
        dc.percent(5, _STEPS)
        return Next("service")

    async def service(self, dc: DataCenterClaim) -> Outcome:
        """Add the service of machines to the personal add-on."""
        plan, add_on = await plan_of(dc), dc.add_on

        async def there(_intent: Intent) -> bool:
            return has_service(await dc.gateway.add_on(add_on))

        reason = "an add-on has a service once: a second POST answers 409"
        await dc.once("addService", lambda: dc.gateway.add_service(add_on, plan.instance or ""), there, reason)
        dc.percent(6, _STEPS)
        return Next("quota")

    async def quota(self, dc: DataCenterClaim) -> Outcome:
        """Set the quota of the personal add-on."""
        await ensure_quota(dc, wanted_resources(dc.order), await plan_of(dc))
        dc.percent(7, _STEPS)
        return Next("link")

    async def link(self, dc: DataCenterClaim) -> Outcome:
        """Link the personal add-on to the plan."""
        dc.mark("link")
        await ensure_link(dc, dc.state.plan or "", dc.add_on)
        dc.percent(8, _STEPS)
        return Next("subscribe")

    async def subscribe(self, dc: DataCenterClaim) -> Outcome:
        """Subscribe the subscription to the personal add-on, then to the general ones."""
        done = []
        for add_on in dc.record.add_ons:
            dc.mark(f"subscribed/{add_on.id}")
            done.append(await ensure_subscribed(dc, add_on))
        await dc.write(add_ons=tuple(done))
        dc.percent(9, _STEPS)
        return begin_sync(dc, wanted_resources(dc.order), await plan_of(dc), "registering")

    async def registering(self, dc: DataCenterClaim) -> Outcome:
        """Make the subscription the tenant's, and the data center active."""
        record, now = dc.record, to_text(dc.clock.now())
        wanted = MappedSubscription(str(dc.subscription), record.installation, record.tenant, record.name, Access.PROVIDER, record.id)
        mapped = await dc.tools.subscriptions.add(wanted)
        if mapped.tenant != record.tenant:
            return stop(dc, Problem(ErrorCode.ALREADY_MAPPED, "The subscription belongs to another tenant.", "subscriptionId"), UNDOING)
        dc.state.changed = True
        await dc.write(
            state=DataCenterState.ACTIVE,
            resources=record.wanted or record.resources,
            wanted=None,
            quota_sync=QuotaSync(state="InSync", since=now),
            left_behind=(),
        )
        return dc.ended(
            subscriptionId=dc.record.subscription_id,
            plan=shown_plan(dc),
            resources=dc.record.resources,
            welcome=welcome(dc),
        )

    async def _adopting(self, dc: DataCenterClaim) -> Outcome:
        """Take over what another system made: it is read and recorded, nothing is written to Azure Pack."""
        adopt = dc.order.adopt
        if adopt is None:
            raise ValueError("The order adopts nothing.")
        found = await dc.gateway.subscription(UUID(adopt.subscription_id))
        if found is None or found.account_admin is None:
            message = f"The subscription {adopt.subscription_id} was not found at the installation."
            return stop(dc, Problem(ErrorCode.NOT_FOUND, message, "adopt.subscriptionId"), UNDOING)
        owner = await dc.tools.store.claim_user(dc.record.installation, found.account_admin, dc.record.tenant)
        if owner != dc.record.tenant:
            message = f"The user of the subscription {adopt.subscription_id} is not available."
            return stop(dc, Problem(ErrorCode.USER_NOT_AVAILABLE, message, "adopt.subscriptionId"), UNDOING)
        plan = await plan_of(dc, found.plan_id or "")
        held = {(one.add_on_id or "").lower(): one for one in found.add_on_references}
        if adopt.add_on_id is not None and adopt.add_on_id.lower() not in held:
            message = f"The subscription does not have the add-on '{adopt.add_on_id}'."
            return stop(dc, Problem(ErrorCode.NOT_FOUND, message, "adopt.addOnId"), UNDOING)
        add_ons = []
        quota = None
        for one in await dc.gateway.add_ons():
            reference = held.get(one.id.lower())
            if reference is not None:
                personal = adopt.add_on_id is not None and one.id.lower() == adopt.add_on_id.lower()
                quota = one.service_quotas[0] if personal and one.service_quotas else quota
                add_ons.append(
                    AddOnOf(id=one.id, display_name=one.display_name or one.id, personal=personal, instance_id=reference.add_on_instance_id)
                )
        resources = {str(name): number for name, number in resources_of(plan, quota, dc.rules).items()}
        user = await dc.gateway.user(found.account_admin)
        await dc.write(
            name=dc.order.name or found.name or dc.record.id,
            plan=PlanReference(id=plan.id, display_name=plan.display_name),
            user=UserReference(name=found.account_admin, email=(user.email if user else None) or found.account_admin),
            subscription_id=adopt.subscription_id,
            add_ons=tuple(add_ons),
            wanted=resources,
        )
        dc.state.subscription, dc.state.user, dc.state.plan = adopt.subscription_id, found.account_admin, plan.id
        return Next("registering")


async def make_account(dc: DataCenterClaim, lifetime: timedelta, *, preparation: bool) -> None:
    """Put a password into Key Vault and give it to the provider's service: the same call again changes nothing."""
    reference, password = await keep_password(dc)
    dc.mark("account")
    account = Account(
        email=dc.record.user.email if dc.record.user else "",
        display_name=dc.record.name,
        installation=dc.record.installation,
        tenant=dc.record.tenant,
        data_center=dc.record.id,
    )

    async def there(_intent: Intent) -> bool:
        return False  # the same PUT again sets the same password

    reason = "the same account with the same password again changes nothing"
    await dc.once("putAccount", lambda: dc.gateway.put_account(dc.user, account, password), there, reason, preparation=preparation)
    expires = to_text(dc.clock.wall() + lifetime)
    await dc.tools.store.note_secret(dc.record)
    await dc.write(secret=SecretOf(state=SecretState.WAITING, expires_at=expires, operation=dc.id, reference=reference))


def welcome(dc: DataCenterClaim) -> dict[str, str | bool | None]:
    """Return what a welcome mail needs; the address of the secret is added when the event is sent, and is never stored."""
    user, secret = dc.record.user, dc.record.secret
    mine = secret.operation == dc.id and secret.state is SecretState.WAITING
    return {
        "portalUrl": dc.settings.portal_url,
        "userName": user.name if user else None,
        "email": user.email if user else None,
        "userCreated": "user" in dc.state.made,
        "subscriptionName": dc.record.name,
        "secretUrl": None,
        "secretExpiresAt": secret.expires_at if mine else None,
    }


async def is_made_by_us(dc: DataCenterClaim, name: str, email: str, intent: Intent | None) -> bool:
    """Return whether a user is the one that this operation made: by its e-mail and, where it shows when it was made, by that."""
    found = await dc.gateway.user(name)
    if found is None or (found.email or "").lower() != email.lower():
        return False
    began = from_text(intent.at) if intent is not None else dc.claim.operation.created_at
    return found.created_date is None or found.created_date >= began - CLOCK_MARGIN


def is_same(found: Subscription | None, user: str, plan: str) -> bool:
    """Return whether a subscription is the one that was meant; raises `CallFailure` where the id is another's."""
    if found is None:
        return False
    if (found.account_admin or "").lower() != user.lower() or (found.plan_id or "").lower() != plan.lower():
        message = f"The subscription {found.id} exists and has another user or plan."
        raise CallFailure(FailureKind.REFUSED, code="Conflict", message=message, status=_CONFLICT)
    return True


def shown_plan(dc: DataCenterClaim) -> dict[str, str] | None:
    """Return the plan of the data center as answers show it."""
    return {"id": dc.record.plan.id, "displayName": dc.record.plan.display_name} if dc.record.plan else None
