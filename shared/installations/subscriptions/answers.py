"""Subscriptions of Azure Pack as they are answered; nothing of a certificate but its thumbprint and its end."""

from pydantic import Field

from shared.access.records.azure_pack_subscriptions import Access
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
