"""Subscriptions of Azure Pack as they are answered; nothing of a certificate but its thumbprint and its end."""

from datetime import datetime

from pydantic import Field

from shared.access.records.azure_pack_subscriptions import Access, MappedSubscription
from shared.azure_pack.subscriptions import Subscription, Usage
from shared.clock import from_text, to_text
from shared.values.documents import Document


class CertificateBody(Document):
    """The certificate that a subscription is reached with."""

    thumbprint: str
    not_after: str
    expires_in_days: int


class UsageBody(Document):
    """What a subscription uses of a resource; `limit` is null where there is none."""

    resource: str
    used: float
    limit: float | None


class AzurePackSubscription(Document):
    """A tenant's subscription; a list has no `state` and what follows from it, because it asks Azure Pack nothing."""

    id: str
    name: str
    installation: str
    access: Access = Field(description="provider: with the installation's sign-in; certificate: with an imported one.")
    data_center: str | None
    state: str | None = None
    plan: str | None = None
    services: tuple[str, ...] | None = None
    add_ons: tuple[str, ...] | None = None
    quota_sync: str | None = None
    certificate: CertificateBody | None
    usage: tuple[UsageBody, ...] | None = None
    observed_at: str | None = None


def subscription_body(mapped: MappedSubscription, now: datetime) -> AzurePackSubscription:
    """Return a subscription as its row has it."""
    return AzurePackSubscription(
        id=mapped.id, name=mapped.name, installation=mapped.installation, access=mapped.access, data_center=mapped.data_center,
        certificate=_certificate(mapped, now),
    )  # fmt: skip


def observed_body(
    mapped: MappedSubscription, found: Subscription, usage: tuple[Usage, ...], now: datetime, at: datetime
) -> AzurePackSubscription:
    """Return a subscription with what Azure Pack shows of it; `now` is wall time, `at` when it was read."""
    shown = {
        "name": found.name or mapped.name,
        "state": str(found.state),
        "plan": found.plan_id,
        "services": tuple(one.type for one in found.services if one.type),
        "add_ons": tuple(one.add_on_id for one in found.add_on_references if one.add_on_id),
        "quota_sync": str(found.quota_sync_state),
        "usage": tuple(UsageBody(resource=one.display_name or "", used=one.usage or 0.0, limit=one.limit) for one in usage),
        "observed_at": to_text(at),
    }
    return subscription_body(mapped, now).model_copy(update=shown)


def _certificate(mapped: MappedSubscription, now: datetime) -> CertificateBody | None:
    if mapped.certificate is None:
        return None
    ends = from_text(mapped.certificate.not_after)
    return CertificateBody(
        thumbprint=mapped.certificate.thumbprint, not_after=mapped.certificate.not_after, expires_in_days=(ends - now).days
    )
