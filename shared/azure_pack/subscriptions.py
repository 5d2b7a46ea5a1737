"""Subscriptions, plans and add-ons, as the tenant and the administrator see them."""

from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from pydantic import BeforeValidator, Field

from shared.azure_pack.wire.model import Input, Model, Moment, choice


class SubscriptionState(StrEnum):
    """Whether a subscription can be used."""

    NONE = "None"
    ACTIVE = "Active"
    SUSPENDED = "Suspended"
    DELETE_PENDING = "DeletePending"
    UNKNOWN = "Unknown"


class SyncState(StrEnum):
    """Whether the resource providers have what the service reports."""

    IN_SYNC = "InSync"
    SYNCING = "Syncing"
    OUT_OF_SYNC = "OutOfSync"
    UNKNOWN = "Unknown"


class OfferState(StrEnum):
    """Who sees a plan or an add-on; a private add-on is for the administrator's use only."""

    PRIVATE = "Private"
    PUBLIC = "Public"
    DECOMMISSIONED = "Decommissioned"
    UNKNOWN = "Unknown"


class ConfigState(StrEnum):
    """Whether a plan or an add-on has been configured. The numbers are inferred."""

    NOT_CONFIGURED = "NotConfigured"
    CONFIGURED = "Configured"
    UNKNOWN = "Unknown"


_SUBSCRIPTION = choice(
    SubscriptionState,
    SubscriptionState.NONE,
    SubscriptionState.ACTIVE,
    SubscriptionState.SUSPENDED,
    SubscriptionState.DELETE_PENDING,
)
_SYNC = choice(SyncState, SyncState.IN_SYNC, SyncState.SYNCING, SyncState.OUT_OF_SYNC)
_OFFER = choice(OfferState, OfferState.PRIVATE, OfferState.PUBLIC, OfferState.DECOMMISSIONED)
_CONFIG = choice(ConfigState, ConfigState.NOT_CONFIGURED, ConfigState.CONFIGURED)

SubscriptionStateField = Annotated[SubscriptionState, BeforeValidator(_SUBSCRIPTION)]
SyncStateField = Annotated[SyncState, BeforeValidator(_SYNC)]
OfferStateField = Annotated[OfferState, BeforeValidator(_OFFER)]
ConfigStateField = Annotated[ConfigState, BeforeValidator(_CONFIG)]
UNLIMITED: Final = -1
"""`MaxSubscriptionsPerAccount` and `MaxOccurrencesPerPlan` without a limit."""


class AddOnReference(Model):
    """An add-on of a subscription: the add-on, and this instance of it."""

    add_on_id: str | None = None
    add_on_instance_id: str | None = None
    acquisition_time: Moment | None = None


class SubscriptionService(Model):
    """A service of a subscription, such as `systemcenter`."""

    type: str | None = None
    state: str | None = None
    quota_sync_state: SyncStateField = SyncState.UNKNOWN
    activation_sync_state: SyncStateField = SyncState.UNKNOWN


class Subscription(Model):
    """A subscription."""

    id: UUID = Field(alias="SubscriptionID")
    name: str | None = Field(default=None, alias="SubscriptionName")
    account_admin: str | None = Field(default=None, alias="AccountAdminLiveEmailId")
    service_admin: str | None = Field(default=None, alias="ServiceAdminLiveEmailId")
    co_admins: tuple[str, ...] = Field(default=(), alias="CoAdminNames")
    add_on_references: tuple[AddOnReference, ...] = ()
    state: SubscriptionStateField = SubscriptionState.UNKNOWN
    quota_sync_state: SyncStateField = SyncState.UNKNOWN
    activation_sync_state: SyncStateField = SyncState.UNKNOWN
    plan_id: str | None = None
    services: tuple[SubscriptionService, ...] = ()
    last_error_message: str | None = None
    offer_friendly_name: str | None = None
    offer_category: str | None = None
    created: Moment | None = None


class ServiceSetting(Model):
    """One setting of a quota; `value` may be XML (`shared.azure_pack.quotas`)."""

    key: str
    value: str | None = None


class ServiceQuota(Model):
    """The quota of one service of a plan or an add-on."""

    service_name: str
    service_instance_id: str | None = None
    config_state: ConfigStateField = ConfigState.UNKNOWN
    quota_sync_state: SyncStateField = SyncState.UNKNOWN
    settings: tuple[ServiceSetting, ...] = ()

    def setting(self, key: str) -> str | None:
        """Return the value of a setting; None where it is missing or empty."""
        return next((each.value for each in self.settings if each.key == key and each.value), None)

    def as_json(self) -> dict[str, object]:
        """Return what a quota update sends."""
        return {
            "ServiceName": self.service_name,
            "ServiceInstanceId": self.service_instance_id,
            "Settings": [{"Key": each.key, "Value": each.value} for each in self.settings],
        }


class Plan(Model):
    """A hosting plan."""

    id: str
    display_name: str | None = None
    description: str | None = None
    state: OfferStateField = OfferState.UNKNOWN
    config_state: ConfigStateField = ConfigState.UNKNOWN
    quota_sync_state: SyncStateField = SyncState.UNKNOWN
    last_error_message: str | None = None
    max_subscriptions_per_account: int = UNLIMITED
    service_quotas: tuple[ServiceQuota, ...] = ()
    add_on_references: tuple[AddOnReference, ...] = ()
    subscription_count: int | None = None


class AddOn(Model):
    """An add-on of plans."""

    id: str
    display_name: str | None = None
    state: OfferStateField = OfferState.UNKNOWN
    config_state: ConfigStateField = ConfigState.UNKNOWN
    quota_sync_state: SyncStateField = SyncState.UNKNOWN
    last_error_message: str | None = None
    max_occurrences_per_plan: int = UNLIMITED
    service_quotas: tuple[ServiceQuota, ...] = ()
    associated_plans: tuple[str, ...] = ()


class Usage(Model):
    """What a subscription uses of one resource."""

    display_name: str | None = None
    usage: float | None = None
    limit: float | None = None
    units_display_name: str | None = None
    service_display_name: str | None = None


class ManagementCertificate(Model):
    """A client certificate that a subscription accepts. The members are those of the classic service management API (inferred)."""

    thumbprint: str = Field(alias="SubscriptionCertificateThumbprint")
    public_key: str | None = Field(default=None, alias="SubscriptionCertificatePublicKey")
    data: str | None = Field(default=None, alias="SubscriptionCertificateData")
    created: Moment | None = None


class AddOnSubscription(Input):
    """The body that subscribes to an add-on."""

    add_on_id: str
    add_on_instance_id: str | None = None
