"""A tenant and a hosting plan as they are answered (docs/design/tenants.md)."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.access.plans import PlanRecord
from shared.access.records.claims import RELEASE_HOLDS
from shared.access.records.plan import HostingPlan, PlanImage, PlanSize
from shared.access.records.rows import TenantRecord
from shared.access.records.tenant import Backend, Quotas, RegisteredCaller, Shape, Tenant, TenantKind, TenantNetwork, TenantSettings
from shared.clock import from_text, to_text
from shared.operations.model.models import JsonObject
from shared.quotas.counting import Dimension
from shared.quotas.usage import Usage
from shared.web.conditional import tag_of

_PRIVATE = frozenset({"tenantId", "callers", "keyVaultUrl"})
"""Members that a tenant's own reader does not get."""


class _Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, defer_build=True)


class UsageBody(_Body):
    """What a tenant has of a quota; `used` is null where it could not be counted, `limit` where there is none."""

    name: Dimension
    used: int | None
    reserved: int
    limit: int | None


class TenantBody(_Body):
    """A customer of the provider, or the provider, and what is its own."""

    name: str
    display_name: str
    state: str | None = Field(None, description="Of a deleted tenant `deleted`; only for `Admin`.")
    kind: TenantKind | None = None
    backend: Backend | None = None
    shape: Shape | None = None
    plan: str | None = None
    tenant_id: str | None = Field(None, description="Its Entra tenant; only for `Admin`.")
    callers: tuple[RegisteredCaller, ...] = Field((), description="Apps and groups that act for it; only for `Admin`.")
    subscriptions: tuple[str, ...] = ()
    vault_id: str | None = None
    clouds: tuple[str, ...] = Field((), description="The clouds (protection containers) of another's vault that are its own.")
    storage_accounts: tuple[str, ...] = ()
    networks: tuple[TenantNetwork, ...] = ()
    region: str | None = None
    key_vault_url: str | None = Field(None, description="Where its secret references may point; only for `Admin`.")
    quotas: Quotas = Quotas()
    settings: TenantSettings = TenantSettings()
    created_at: str | None = None
    last_updated_at: str | None = None
    updated_by: str | None = Field(None, description="Who wrote it last; only for `Admin`.")
    usage: tuple[UsageBody, ...] | None = Field(None, description="With `include=usage`: what it has of each quota.")
    effective_at: str | None = Field(None, description="Of a PUT: when the change is in effect everywhere.")
    warnings: tuple[str, ...] = Field((), description="Of a PUT: what was accepted and looks wrong.")


class PlanMapping(_Body):
    """A cloud of a plan with its tenant, null where it has none; a tenant of the plan without a cloud has a row with null."""

    cloud: str | None
    tenant: str | None


class HostingPlanBody(_Body):
    """What the provider sells; `tenants` and `mapping` only for `Admin`, and not in lists."""

    name: str
    display_name: str
    description: str
    backend: Backend
    shape: Shape | None
    clouds: tuple[str, ...]
    regions: tuple[str, ...]
    sizes: tuple[PlanSize, ...]
    images: tuple[PlanImage, ...]
    disk_skus: tuple[str, ...]
    ports: bool
    quotas: Quotas
    created_at: str | None = None
    last_updated_at: str | None = None
    updated_by: str | None = None
    tenants: int | None = None
    mapping: tuple[PlanMapping, ...] | None = None


def tag_of_tenant(tenant: Tenant) -> str:
    """Return the ETag of a tenant: of its document alone."""
    return tag_of(tenant.model_dump(mode="json", by_alias=True))


def tag_of_plan(plan: HostingPlan) -> str:
    """Return the ETag of a hosting plan: of its document alone."""
    return tag_of(plan.model_dump(mode="json", by_alias=True))


def tenant_body(record: TenantRecord, *, admin: bool) -> JsonObject:
    """Write a tenant as it is answered; `admin` adds what its own readers do not get."""
    if record.deleted:
        return {"name": record.tenant.name, "displayName": record.tenant.display_name, "state": "deleted"}
    body = record.tenant.model_dump(mode="json", by_alias=True)
    body = {name: value for name, value in body.items() if admin or name not in _PRIVATE}
    body |= {"createdAt": record.created_at, "lastUpdatedAt": record.updated_at}
    return body | ({"updatedBy": record.updated_by} if admin else {})


def usage_body(usage: Usage) -> JsonObject:
    """Write what a tenant has of a quota."""
    return UsageBody(name=usage.name, used=usage.used, reserved=usage.reserved, limit=usage.limit).model_dump(mode="json", by_alias=True)


def written_body(record: TenantRecord, warnings: tuple[str, ...]) -> JsonObject:
    """Write the answer to a PUT: the tenant, when it is in effect everywhere, and what looks wrong."""
    updated = from_text(record.updated_at) if record.updated_at else None
    effective = to_text(updated + RELEASE_HOLDS) if updated else None
    return tenant_body(record, admin=True) | {"effectiveAt": effective, "warnings": list(warnings)}


def plan_body(record: PlanRecord, *, admin: bool) -> JsonObject:
    """Write a hosting plan as it is answered."""
    body = record.plan.model_dump(mode="json", by_alias=True)
    body |= {"createdAt": record.created_at, "lastUpdatedAt": record.updated_at}
    return body | ({"updatedBy": record.updated_by} if admin else {})
