"""Writes the answers of subscriptions."""

from datetime import datetime

from shared.access.records.azure_pack_subscriptions import MappedSubscription
from shared.azure_pack.subscriptions import Subscription, Usage
from shared.clock import from_text, to_text
from shared.installations.subscriptions.answers import AzurePackSubscription, CertificateBody, UsageBody


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
