"""What only the administrator sees and sends: users, and the bodies of new users, add-ons and subscriptions."""

from collections.abc import Sequence
from enum import IntEnum, StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field

from shared.azure_pack.subscriptions import OfferState, SyncState, SyncStateField
from shared.azure_pack.wire.model import Input, Model, Moment, choice


class UserState(StrEnum):
    """Whether a user may sign in."""

    PENDING_VALIDATION = "PendingValidation"
    ACTIVE = "Active"
    SUSPENDED = "Suspended"
    DELETE_PENDING = "DeletePending"
    UNKNOWN = "Unknown"


class OfferType(IntEnum):
    """How a subscription was acquired; Microsoft's page asks for 0."""

    TRIAL = 0
    BUY = 1


_USER = choice(UserState, UserState.PENDING_VALIDATION, UserState.ACTIVE, UserState.SUSPENDED, UserState.DELETE_PENDING)
_USER_NUMBERS = {UserState.PENDING_VALIDATION: 0, UserState.ACTIVE: 1, UserState.SUSPENDED: 2, UserState.DELETE_PENDING: 3}
_OFFER_NUMBERS = {OfferState.PRIVATE: 0, OfferState.PUBLIC: 1, OfferState.DECOMMISSIONED: 2}
_NO_ACCOUNT = UUID(int=0)


class User(Model):
    """A user of Azure Pack. It has no password: sign-ins are kept elsewhere."""

    name: str
    email: str | None = None
    state: Annotated[UserState, BeforeValidator(_USER)] = UserState.UNKNOWN
    created_date: Moment | None = None
    activation_sync_state: SyncStateField = SyncState.UNKNOWN
    last_error_message: str | None = None
    subscription_count: int | None = None


class NewUser(Input):
    """A user to create."""

    name: str
    email: str
    state: int = _USER_NUMBERS[UserState.ACTIVE]


class NewAddOn(Input):
    """An add-on to create, with an id of the caller's; private ones are seen by administrators only."""

    id: str
    display_name: str
    description: str | None = None
    state: int = _OFFER_NUMBERS[OfferState.PRIVATE]
    max_occurrences_per_plan: int = 1


class ServiceReference(Input):
    """A service of a plan or an add-on, as the plan's quota names it."""

    name: str
    instance_id: str


class NewSubscription(Input):
    """A subscription to create, with a new id of the caller's: sent twice, it is refused the second time."""

    subscription_id: UUID
    friendly_name: str
    account_admin: str = Field(alias="AccountAdminLiveEmailId")
    plan_id: str
    co_admins: Sequence[str] = Field(default=(), alias="CoAdminNames")
    offer_category: str | None = None
    offer_info: str | None = None
    offer_type: OfferType = OfferType.TRIAL
    reason_code: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return the AzureProvisioningInfo: `AccountId` is the empty GUID, each `Puid` the user's name (dn448778)."""
        return {
            "SubscriptionId": str(self.subscription_id),
            "FriendlyName": self.friendly_name,
            "AccountAdminLiveEmailId": self.account_admin,
            "AccountAdminLivePuid": self.account_admin,
            "ServiceAdminLiveEmailId": self.account_admin,
            "ServiceAdminLivePuid": self.account_admin,
            "AccountId": str(_NO_ACCOUNT),
            "PlanId": self.plan_id,
            "CoAdminNames": list(self.co_admins),
            "OfferCategory": self.offer_category,
            "OfferInfo": self.offer_info,
            "OfferType": int(self.offer_type),
            "ReasonCode": self.reason_code,
            "Status": 1,
        }


def user_number(state: UserState) -> int:
    """Return the number of a user's state; raises `ValueError` for `UNKNOWN`."""
    if state not in _USER_NUMBERS:
        raise ValueError("A user cannot be given an unknown state.")
    return _USER_NUMBERS[state]
