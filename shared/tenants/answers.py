"""A tenant as `GET /tenants/{tenant}` answers it (docs/design/inventory.md, "Tenants")."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.access.registry import Tenant, TenantKind, TenantSettings
from shared.operations.model.models import JsonObject


class TenantBody(BaseModel):
    """A customer of the provider, or the provider, and what is its own."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    name: str
    display_name: str
    kind: TenantKind
    subscriptions: tuple[str, ...]
    vault_id: str | None
    clouds: tuple[str, ...] = Field(description="The clouds (protection containers) of another's vault that are its own.")
    settings: TenantSettings


def tenant_body(tenant: Tenant) -> JsonObject:
    """Write a tenant; the Entra tenant is the registry's own affair."""
    body = TenantBody(
        name=tenant.name,
        display_name=tenant.display_name,
        kind=tenant.kind,
        subscriptions=tenant.subscriptions,
        vault_id=tenant.vault_id,
        clouds=tenant.clouds,
        settings=tenant.settings,
    )
    return body.model_dump(mode="json", by_alias=True)
