"""Calls of the registry's services, as entry points make them."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from shared.access.plans import HostingPlans, PlanRecord
from shared.access.principal import Principal
from shared.access.records.azure_pack_subscriptions import AzurePackSubscriptions
from shared.access.records.rows import TenantRows
from shared.access.registrar import Registrar
from shared.access.registry import Registry
from shared.access.roles import Role
from shared.clock import RandomIds
from shared.errors import CallFailure, FailureKind, Refused
from shared.operations.model.models import Actor
from shared.operations.model.store import Store
from shared.storage.tables import Table
from shared.tenants.documents import TenantDocuments, WrittenTenant
from shared.tenants.hosting_plans import HostingPlanDocuments
from shared.tenants.locations import Locations
from shared.tenants.requests import HostingPlanRequest, TenantRequest
from shared.tenants.shapes import VaultShapes
from shared.values.reading import Json
from shared.web.conditional import Condition
from shared.web.documents import parse
from tests.support.clocks import ManualClock

ENTRA = "11111111-0000-4000-8000-000000000001"
UNREADABLE = "99999999-0000-4000-8000-000000000009"


def caller(tenant: str = "contoso", *roles: Role, provider: bool = True) -> Principal:
    """A caller; by default the provider's administrator."""
    return Principal(Actor("user", "an-admin", "Admin"), tenant, ENTRA, frozenset(roles or Role), provider, is_person=True)


async def refusal(call: Awaitable[object]) -> Refused:
    """Return the refusal of a call."""
    with pytest.raises(Refused) as found:
        await call
    return found.value


@dataclass
class Documents:
    """The services over one registry; `locations` are those of each subscription."""

    table: Table
    tenants: TenantDocuments
    plans: HostingPlanDocuments
    store: Store
    packs: AzurePackSubscriptions
    clock: ManualClock

    async def put(self, name: str, /, condition: Condition | None = None, **body: Any) -> WrittenTenant:
        """Write a tenant, whatever is there."""
        request = parse(TenantRequest, dict(body))
        return await self.tenants.put(caller(), name, request, condition or Condition())

    async def change(self, name: str, /, **body: Any) -> WrittenTenant:
        """Write a tenant over any."""
        return await self.put(name, Condition(tag="*"), **body)

    async def put_plan(self, name: str, /, condition: Condition | None = None, **body: Any) -> PlanRecord:
        """Write a hosting plan."""
        request = parse(HostingPlanRequest, dict(body))
        return (await self.plans.put(caller(), name, request, condition or Condition()))[0]


def make_documents(table: Table, store: Store, packs: AzurePackSubscriptions, clock: ManualClock) -> Documents:
    """Put the services together."""

    async def locations(subscription_id: str) -> Sequence[Json]:
        if subscription_id == UNREADABLE:
            raise CallFailure(FailureKind.REFUSED, code="AuthorizationFailed", message="no", status=403)
        return [{"name": "westeurope"}, {"name": "northeurope"}]

    async def fabrics(vault_id: str) -> Sequence[Json]:
        kind = "VMM" if vault_id.endswith("/vmm") else "HyperVSite"
        return [{"properties": {"customDetails": {"instanceType": kind}}}]

    registry, plans = Registry(table, clock, 0), HostingPlans(table, clock, RandomIds())
    rows, registrar = TenantRows(table, RandomIds()), Registrar(table, clock, RandomIds())
    own_key_vault, shapes = "https://farshore.vault.azure.net/", VaultShapes(fabrics)
    tenants = TenantDocuments(
        registrar, registry, rows, plans, store, packs, Locations(locations), "vault.azure.net", own_key_vault, None, shapes
    )
    return Documents(table, tenants, HostingPlanDocuments(plans, registry), store, packs, clock)
