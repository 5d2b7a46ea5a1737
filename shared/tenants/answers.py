"""A tenant and a hosting plan as they are answered (docs/design/tenants.md)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from shared.access.records.plan import HostingPlan, PlanImage, PlanSize
from shared.access.records.tenant import Backend, Quotas, RegisteredCaller, Shape, Tenant, TenantKind, TenantNetwork, TenantSettings
from shared.clock import from_text, to_text
from shared.operations.model.models import JsonObject
from shared.quotas.counting import Dimension
from shared.web.conditional import tag_of

if TYPE_CHECKING:
    from shared.access.plans import PlanRecord
    from shared.access.records.rows import TenantRecord
    from shared.quotas.usage import Usage


_PRIVATE = {"tenant_id", "callers", "key_vault_url"}
"""Members that a tenant's own reader does not get."""


def _without_additional(schema: dict[str, JsonValue]) -> None:
    schema.pop("additionalProperties", None)  # the description names what this version answers


class _Body(BaseModel):
    """An answer with the members that were set; those of a newer version are kept."""

    model_config = ConfigDict(
        extra="allow", alias_generator=to_camel, populate_by_name=True, defer_build=True, json_schema_extra=_without_additional
    )

    def as_json(self) -> JsonObject:
        """Return the JSON, members in camelCase."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


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
    quotas: Quotas = Field(default_factory=Quotas)
    settings: TenantSettings = Field(default_factory=TenantSettings)
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


class PlanUsage(_Body):
    """How many tenants are on a hosting plan, and which cloud of it is whose."""

    tenants: int
    mapping: tuple[PlanMapping, ...]


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


def tenant_body(record: "TenantRecord", usage: "Sequence[Usage] | None" = None, *, admin: bool) -> TenantBody:
    """Return a tenant as it is answered, with its usage where that is given; `admin` adds what its own readers do not get."""
    if record.deleted:
        return TenantBody(name=record.tenant.name, display_name=record.tenant.display_name, state="deleted")
    hidden = set[str]() if admin else _PRIVATE
    body = record.tenant.model_dump(mode="json", by_alias=True, exclude=hidden) | _written(record, admin=admin)
    found = TenantBody.model_validate(body)
    if usage is None:
        return found
    counted = tuple(UsageBody(name=one.name, used=one.used, reserved=one.reserved, limit=one.limit) for one in usage)
    return found.model_copy(update={"usage": counted})


def written_body(record: "TenantRecord", warnings: tuple[str, ...]) -> TenantBody:
    """Return the answer to a PUT: the tenant, when it is in effect everywhere, and what looks wrong."""
    from shared.access.records.claims import RELEASE_HOLDS

    updated = from_text(record.updated_at) if record.updated_at else None
    effective = to_text(updated + RELEASE_HOLDS) if updated else None
    return tenant_body(record, admin=True).model_copy(update={"effective_at": effective, "warnings": warnings})


def plan_body(record: "PlanRecord", usage: PlanUsage | None = None, *, admin: bool) -> HostingPlanBody:
    """Return a hosting plan as it is answered, with its usage where that is given."""
    body = record.plan.model_dump(mode="json", by_alias=True) | _written(record, admin=admin)
    return HostingPlanBody.model_validate(body | (usage.as_json() if usage is not None else {}))


def _written(record: "TenantRecord | PlanRecord", *, admin: bool) -> JsonObject:
    """Return when a document was written, and for `admin` by whom."""
    body: JsonObject = {"createdAt": record.created_at, "lastUpdatedAt": record.updated_at}
    return body | ({"updatedBy": record.updated_by} if admin else {})
